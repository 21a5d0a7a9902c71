// The box of nfa on LuCI's status page.
'use strict';
'require baseclass';
'require nfa';

return baseclass.extend({
	title: _('Traffic'),

	load: function() {
		return Promise.all([
			L.resolveDefault(nfa.ask('status'), null),
			this.names || nfa.hints(),
			L.resolveDefault(nfa.ask('top', { by: 'client', limit: 40 }), { rows: [] })
		]);
	},

	render: function(loaded) {
		const status = loaded[0], names = this.names = loaded[1];

		/* Who has not switched it on need not read of it here. */
		if (!status)
			return null;

		const largest = (rows) => rows.slice(0, 5).map((row) => row.name + ' ' + row.text).join(', ') || '—';
		const apps = status.applications.filter((row) => row.bytes).map((row) => ({ name: nfa.short(row.name), text: nfa.size(row.bytes) }));
		const lines = [
			[ _('Applications'), largest(apps) ],
			[ _('Devices'), largest(nfa.devices(names, loaded[2].rows)) ],
			[ _('Flows now'), String(status.flows.live) ],
			[ _('Rules at work'), status.rules.filter((rule) => rule.live).map((rule) => rule.name + ' (' + rule.live + ')').join(', ') || '—' ]
		];

		if (status.last_error && status.last_error.age_s < 3600)
			lines.push([ _('Last error'), status.last_error.message ]);

		return E('table', { 'class': 'table nfa' }, lines.map((line) => E('tr', { 'class': 'tr' }, [
			E('td', { 'class': 'td left', 'width': '33%' }, [ line[0] ]),
			E('td', { 'class': 'td left' }, [ line[1] ])
		])));
	}
});
