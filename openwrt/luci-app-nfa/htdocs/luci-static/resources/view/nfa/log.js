// What happened: which flows matched which rules, and what went wrong.
'use strict';
'require nfa';
'require uci';
'require view';

const SECONDS = 4;
const PAGE = 100;

return view.extend({
	load: function() {
		return Promise.all([ nfa.hints(), L.resolveDefault(uci.load('nfa')) ]);
	},

	render: function(loaded) {
		const names = loaded[0];
		const notice = E('div'), empty = E('p', { 'class': 'nfa-empty', 'hidden': '' }), well = E('p', { 'hidden': '' }, [ _('Nothing is wrong.') ]);
		const rule = E('select', { 'class': 'cbi-input-select', 'aria-label': _('Rule') }, [ E('option', { 'value': '' }, [ _('every rule') ]) ]);
		let paused = false;

		uci.sections('nfa', 'rule').forEach((section) => {
			const name = section.name || section['.name'];
			rule.appendChild(E('option', { 'value': name }, [ name ]));
		});

		const matches = nfa.list([
			{ title: _('Time'), text: (row) => nfa.clock(row.at) },
			{ title: _('Rule'), sign: (row) => row.rule, node: (row) => nfa.tags([ row.rule ]) },
			{ title: _('Device'), text: (row) => nfa.device(names, row.local_ip) },
			{ title: _('Application'), text: (row) => nfa.short(row.application) || row.protocol || '?' },
			{ title: _('Server'), kind: 'wide', text: (row) => (row.host || row.other_ip) + ':' + row.other_port }
		], (row) => row.number);
		const findings = nfa.list([
			{ title: _('Last'), text: (row) => (row.at ? _('%s ago').format(nfa.time(row.age_s)) : _('configuration')) },
			{ title: _('Kind'), text: (row) => (row.severity == 'error' ? _('error') : _('warning')) },
			{
				title: _('Message'), kind: 'wide', sign: (row) => row.message + row.count,
				node: (row) => [
					E('span', { 'style': 'white-space:pre-wrap' }, [ row.message ]), row.count > 1 ? E('small', [ _('%d times').format(row.count) ]) : '',
					row.hint ? E('small', [ row.hint ]) : ''
				]
			}
		], (row) => row.severity + row.message);

		const refresh = () => (paused ? Promise.resolve() : Promise.all([
			nfa.ask('matches', { limit: PAGE, rule: rule.value }), nfa.ask('findings', { limit: 50 })
		]).then((told) => {
			const wrong = told[1].config.findings.concat(told[1].log);

			matches.update(told[0].matches);
			findings.update(wrong);
			empty.hidden = told[0].matches.length > 0;
			empty.textContent = _('No flow has matched a rule yet.');
			well.hidden = wrong.length > 0;
		}));
		const pause = E('button', { 'class': 'btn cbi-button', 'click': () => {
			paused = !paused;
			pause.textContent = paused ? _('Go on') : _('Pause');
			return refresh();
		} }, [ _('Pause') ]);

		rule.addEventListener('change', refresh);
		nfa.every(SECONDS, refresh, notice);

		return nfa.page(_('Log'), _('The last 256 matches of rules; they are in memory only and go with a restart.'), [
			notice, nfa.findings(),
			E('h3', [ _('Matches') ]), E('div', { 'class': 'nfa-bar' }, [ rule, pause ]), matches.node, empty,
			E('h3', [ _('Errors and warnings') ]), findings.node, well
		]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
