// The kernel's sets: what is in them, for how long yet, and why.
'use strict';
'require nfa';
'require uci';
'require view';

const SECONDS = 5;
const PAGE = 100;

return view.extend({
	load: function() {
		return Promise.all([ nfa.hints(), L.resolveDefault(uci.load('nfa')) ]);
	},

	render: function(loaded) {
		const names = loaded[0];
		const notice = E('div'), title = E('h3'), more = E('button', { 'class': 'btn cbi-button', 'hidden': '' }, [ _('Show more') ]);
		const empty = E('p', { 'class': 'nfa-empty', 'hidden': '' }), none = E('p', { 'class': 'nfa-empty', 'hidden': '' });
		const states = {
			ready: _('in order'),
			missing: _('nobody has made it yet'),
			foreign: _('made by somebody else with another key'),
			unsupported: _('the kernel cannot'),
			unknown: _('not looked at yet')
		};
		let picked = null, limit = PAGE;

		const members = nfa.list([
			{ title: _('Member'), kind: 'wide', text: (row) => row.member },
			{ title: _('Since'), kind: 'num', text: (row) => nfa.time(row.age_s) },
			{ title: _('Left'), kind: 'num', text: (row) => (row.remaining_s == null ? _('stays') : nfa.time(row.remaining_s)) },
			{ title: _('Flows'), kind: 'num', text: (row) => (row.live_flows ? String(row.live_flows) : _('remembered')) },
			{
				title: _('Because of'), kind: 'wide',
				text: (row) => (row.because ? [
					nfa.device(names, row.because.client), nfa.short(row.because.application) || row.because.protocol, row.because.rule
				].filter((part) => part).join(' · ') : '')
			}
		], (row) => row.set + ' ' + row.home + ' ' + row.member);

		const look = () => (picked ? nfa.ask('sets', { set: picked, limit: limit }).then((told) => {
			title.textContent = _('%s, members: %d').format(told.set, told.count);
			more.hidden = told.next == null || limit >= 500;
			none.hidden = told.members.length > 0;
			none.textContent = _('Nothing is in it now.');
			members.update(told.members);
		}) : Promise.resolve());

		more.addEventListener('click', () => {
			limit += PAGE;
			look();
		});

		const list = nfa.list([
			{ title: _('Set'), text: (set) => set.name },
			{ title: _('Where'), text: (set) => set.home },
			{ title: _('Members'), kind: 'num', text: (set) => set.elements + (set.most ? ' / ' + set.most : '') },
			{ title: _('State'), kind: 'wide', text: (set) => (set.full ? _('full') : states[set.state] || set.state) }
		], (set) => set.home + ' ' + set.name, (set) => {
			picked = set.name;
			limit = PAGE;
			return look();
		});

		nfa.every(SECONDS, () => nfa.ask('sets').then((told) => {
			list.update(told.sets);
			empty.hidden = told.sets.length > 0;
			empty.textContent = _('No rule fills a set. A rule with a set makes one that firewall rules may name, such as nfa.youtube.v4.');
			return look();
		}), notice);

		return nfa.page(_('Sets'), _('Addresses that firewall rules, routing and traffic shaping may use. Pick a set to see what is in it.'),
			[ notice, list.node, empty, title, members.node, none, E('div', { 'class': 'nfa-empty' }, [ more ]) ]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
