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
	show: function(box, device) {
		const apps = nfa.bars(_('Its live traffic'), _('It does nothing now.'));
		const past = nfa.bars(_('Rules that matched lately'), _('None.'));

		return Promise.all([
			nfa.ask('top', { by: 'application', client: device.mac || device.addresses[0], limit: 10 }),
			nfa.ask('matches', { limit: 256 })
		]).then((told) => {
			const rules = {};

			told[1].matches.filter((match) => device.addresses.includes(match.local_ip)).forEach((match) => {
				rules[match.rule] = (rules[match.rule] || 0) + 1;
			});
			apps.update(told[0].rows.map((row) => ({ name: nfa.short(row.name), value: row.bytes, text: nfa.size(row.bytes) })));
			past.update(Object.keys(rules).map((rule) => ({ name: rule, value: rules[rule], text: String(rules[rule]) })));
			dom.content(box, [
				E('h3', [ device.name ]),
				E('div', { 'class': 'nfa-cols' }, [ apps.node, past.node ]),
				E('a', { 'class': 'btn cbi-button', 'href': L.url('admin/services/nfa/flows') + '?text=' + encodeURIComponent(device.addresses[0]) }, [ _('Its flows') ])
			]);
		});
	},

	render: function(loaded) {
		const names = loaded[0];
		const notice = E('div'), box = E('div', { 'class': 'nfa-device' }), empty = E('p', { 'class': 'nfa-empty', 'hidden': '' });
		let picked = null;

		const list = nfa.list([
			{ title: _('Device'), sign: (one) => one.name + one.mac, node: (one) => [ one.name, E('small', [ one.mac || '' ]) ] },
			{ title: _('Flows now'), kind: 'num', text: (one) => _('now: %d').format(one.live) },
			{ title: _('Address'), kind: 'wide', text: (one) => one.addresses.join(', ') },
			{ title: _('Sent'), kind: 'num', text: (one) => '↑ ' + nfa.size(one.sent) },
			{ title: _('Received'), kind: 'num', text: (one) => '↓ ' + nfa.size(one.received) }
		], (one) => one.name, (one) => {
			picked = one;
			return this.show(box, one).then(() => box.scrollIntoView({ behavior: 'smooth', block: 'nearest' }));
		});

		nfa.every(SECONDS, () => nfa.ask('top', { by: 'client', limit: 200 }).then((told) => {
			list.update(nfa.devices(names, told.rows));
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
