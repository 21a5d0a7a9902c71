// The devices of the LAN: what each does, how much, and which rules it meets.
'use strict';
'require dom';
'require nfa';
'require uci';
'require view';

const SECONDS = 5;

return view.extend({
	load: function() {
		return Promise.all([ nfa.hints(), L.resolveDefault(uci.load('nfa')) ]);
	},

	/* One device, below the list. */
	show: function(box, client) {
		const apps = nfa.bars(_('Its live traffic'), _('It does nothing now.'));
		const past = nfa.bars(_('Rules that matched lately'), _('None.'));

		return Promise.all([
			nfa.ask('top', { by: 'application', client: client.name, limit: 10 }),
			nfa.ask('matches', { client: client.name, limit: 200 })
		]).then((told) => {
			const rules = {};

			told[1].matches.forEach((match) => {
				rules[match.rule] = (rules[match.rule] || 0) + 1;
			});
			apps.update(told[0].rows.map((row) => ({ name: nfa.short(row.name), value: row.bytes, text: nfa.size(row.bytes) })));
			past.update(Object.keys(rules).map((rule) => ({ name: rule, value: rules[rule], text: String(rules[rule]) })));
			dom.content(box, [
				E('h3', [ nfa.device(this.names, client.name, client.mac) ]),
				E('div', { 'class': 'nfa-cols' }, [ apps.node, past.node ]),
				E('a', { 'class': 'btn cbi-button', 'href': L.url('admin/services/nfa/flows') + '?text=' + encodeURIComponent(client.name) }, [ _('Its flows') ])
			]);
		});
	},

	render: function(loaded) {
		const names = this.names = loaded[0];
		const notice = E('div'), box = E('div', { 'class': 'nfa-device' }), empty = E('p', { 'class': 'nfa-empty', 'hidden': '' });
		let picked = null;

		const list = nfa.list([
			{
				title: _('Device'),
				sign: (client) => client.name + client.mac,
				node: (client) => [ nfa.device(names, client.name, client.mac), E('small', [ client.mac || '' ]) ]
			},
			{ title: _('Address'), kind: 'wide', text: (client) => client.name },
			{ title: _('Flows now'), kind: 'num', text: (client) => String(client.live) },
			{ title: _('Sent'), kind: 'num', text: (client) => '↑ ' + nfa.size(client.local_bytes) },
			{ title: _('Received'), kind: 'num', text: (client) => '↓ ' + nfa.size(client.other_bytes) }
		], (client) => client.name, (client) => {
			picked = client;
			return this.show(box, client).then(() => box.scrollIntoView({ behavior: 'smooth', block: 'nearest' }));
		});

		nfa.every(SECONDS, () => nfa.ask('top', { by: 'client', limit: 100 }).then((told) => {
			list.update(told.rows);
			empty.hidden = told.rows.length > 0;
			empty.textContent = _('No device has used the network yet.');
			return picked && this.show(box, picked);
		}), notice);

		return nfa.page(_('Devices'), _('Volumes since nfa started. Pick a device to see what it does.'), [ notice, list.node, empty, box ]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
