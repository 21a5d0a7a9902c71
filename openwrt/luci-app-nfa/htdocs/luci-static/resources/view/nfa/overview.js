// What the traffic is now, what is done about it, and how nfa is.
'use strict';
'require dom';
'require nfa';
'require uci';
'require view';

const SECONDS = 3;
const ROWS = 8;

/* What a rule does to traffic, in a word; nothing for one that only fills sets. */
function deed(section) {
	return {
		reject: _('blocked'),
		drop: _('blocked'),
		bulk: _('can wait'),
		besteffort: _('as usual'),
		video: _('preferred'),
		voice: _('first')
	}[section.action == 'reject' || section.action == 'drop' ? section.action : section['class']] ||
		(section.mark ? _('routed') : null);
}

return view.extend({
	load: function() {
		return Promise.all([ nfa.hints(), L.resolveDefault(uci.load('nfa')), L.resolveDefault(uci.load('firewall')) ]);
	},

	health: function(status) {
		const line = (good, words) => E('li', { 'class': good ? 'nfa-good' : 'nfa-bad' }, [ words ]);
		const lines = status.interfaces.map((one) => line(one.capturing, one.capturing
			? _('%s is watched').format(one.name)
			: _('%s is not watched: %s').format(one.name, one.trouble)));
		const lost = status.interfaces.reduce((sum, one) => sum + one.dropped, 0);
		const bad = status.sets.filter((set) => set.full || set.refused || (set.state != 'ready' && set.managed));

		lines.push(line(!lost, lost ? _('%d packets were lost for want of time').format(lost) : _('no packet was lost')));
		lines.push(line(!bad.length && status.netfilter, bad.length
			? _('sets in trouble: %s').format(bad.map((set) => set.name).join(', '))
			: (status.netfilter ? _('sets in order: %d').format(status.sets.length) : _('the kernel keeps no sets for us'))));
		if (status.flows.evicted)
			lines.push(line(false, _('%d flows found no room: raise the most flows in the settings').format(status.flows.evicted)));

		const offload = uci.sections('firewall', 'defaults')[0] || {};
		if (offload.flow_offloading_hw == '1')
			lines.push(line(false, _('hardware offloading is on: only the first packets of a flow are seen, volumes are too small; switch it off in the firewall if that matters')));
		else if (offload.flow_offloading == '1')
			lines.push(line(false, _('software offloading is on: volumes are too small; rules work')));

		if (status.config.refused)
			lines.push(line(false, _('the last configuration was refused, the one before is in force')));
		[ status.last_error, status.last_warning ].filter((entry) => entry && entry.age_s < 3600).forEach((entry) => {
			lines.push(line(false, _('%s ago: %s').format(nfa.time(entry.age_s), entry.message) + (entry.hint ? ' — ' + entry.hint : '')));
		});

		return lines;
	},

	render: function(loaded) {
		const names = loaded[0];
		const notice = E('div'), tiles = E('div', { 'class': 'nfa-tiles' }), health = E('ul', { 'class': 'nfa-health' });
		const chart = nfa.chart();
		const nothing = _('Nothing yet: use the network for a moment.');
		const apps = nfa.bars(_('Applications'), nothing);
		const kinds = nfa.bars(_('Categories'), nothing);
		const clients = nfa.bars(_('Devices'), nothing);
		const rules = nfa.bars(_('Rules at work'), _('No rule matches anything now.'));
		const live = E('div', { 'class': 'hidden', 'hidden': '' }, [
			tiles, chart.node,
			E('div', { 'class': 'nfa-cols', 'style': 'margin-top:1em' }, [
				apps.node, kinds.node, clients.node, rules.node,
				E('div', { 'class': 'nfa-card nfa-all' }, [ E('h4', [ _('Health') ]), health ])
			])
		]);
		const done = {};

		uci.sections('nfa', 'rule').forEach((section) => {
			done[section.name || section['.name']] = deed(section);
		});

		const row = (of) => (one) => ({ name: of(one), value: one.bytes, text: nfa.size(one.bytes) });
		const tile = (value, words) => E('div', { 'class': 'nfa-tile' }, [ E('b', [ value ]), E('small', [ words ]) ]);

		let turn = 0;
		const refresh = () => Promise.all([
			nfa.ask('status'),
			nfa.ask('top', { by: 'category', limit: ROWS }),
			turn++ % 3 ? null : nfa.ask('history'),
			nfa.ask('top', { by: 'client', limit: 40 })
		]).then((told) => {
			const status = told[0], devices = nfa.devices(names, told[3].rows);

			live.hidden = false;
			live.classList.remove('hidden');
			dom.content(tiles, [
				tile(String(status.flows.live), _('flows now')),
				tile(String(devices.filter((one) => one.live).length), _('devices at it')),
				tile(String(status.pace.packets_per_s), _('packets a second')),
				tile(status.pace.cpu_percent + ' %', _('of a processor')),
				tile(nfa.size(status.memory.resident_kib * 1024), _('memory'))
			]);
			apps.update(status.applications.filter((one) => one.bytes).map(row((one) => nfa.short(one.name))));
			kinds.update(told[1].rows.filter((one) => one.bytes).map(row((one) => nfa.short(one.name))));
			clients.update(devices.slice(0, ROWS));
			rules.update(status.rules.filter((rule) => rule.live || rule.last_s < 60).map((rule) => ({
				name: done[rule.name] ? '%s: %s'.format(rule.name, done[rule.name]) : rule.name,
				value: rule.live,
				text: _('now: %d').format(rule.live)
			})));
			if (told[2])
				chart.update(told[2]);
			dom.content(health, this.health(status));
		}).catch((error) => {
			live.hidden = true;
			throw error;
		});

		nfa.every(SECONDS, refresh, notice);

		return nfa.page(_('What the network is used for'), null, [ notice, nfa.findings(), live ]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
