// The catalogue: which names rules may use, and what a name or an address belongs to.
'use strict';
'require dom';
'require nfa';
'require uci';
'require view';

const PAGE = 50;

return view.extend({
	load: function() {
		return Promise.all([
			nfa.hints(), L.resolveDefault(uci.load('nfa')),
			L.resolveDefault(nfa.ask('catalogue', { kind: 'category', limit: 200 }), { rows: [] })
		]);
	},

	render: function(loaded) {
		const names = loaded[0];
		const notice = E('div'), count = E('small'), found = E('div', { 'class': 'nfa-found' });
		const query = { kind: 'application', limit: PAGE };
		const kinds = { application: _('application'), category: _('category'), protocol: _('protocol') };
		let rows = [], waits = null, next = null;

		const list = nfa.list([
			{ title: _('Name'), text: (row) => row.label },
			{ title: _('In rules'), sign: (row) => row.name, node: (row) => E('code', [ row.name ]) },
			{ title: _('Category'), text: (row) => row.category },
			{ title: _('Kind'), text: (row) => kinds[row.kind] }
		], (row) => row.kind + ' ' + row.name);
		const more = E('button', { 'class': 'btn cbi-button', 'hidden': '' }, [ _('Show more') ]);

		const ask = (cursor) => nfa.ask('catalogue', Object.assign({ cursor: cursor || null }, query)).then((told) => {
			rows = cursor ? rows.concat(told.rows) : told.rows;
			next = told.next;
			list.update(rows);
			more.hidden = next == null;
			count.textContent = _('%d of %d').format(rows.length, told.matching);
			dom.content(notice, null);
		}).catch((error) => dom.content(notice, [ nfa.trouble(error) ]));
		more.addEventListener('click', () => ask(next));

		const text = E('input', { 'type': 'search', 'class': 'cbi-input-text', 'name': 'text', 'placeholder': _('Search…'), 'aria-label': _('Search') });
		text.addEventListener('input', () => {
			clearTimeout(waits);
			waits = setTimeout(() => {
				query.text = text.value.trim();
				ask();
			}, 300);
		});
		const select = (choices, set) => {
			const node = E('select', { 'class': 'cbi-input-select' }, choices.map((choice) => E('option', { 'value': choice[0] }, [ choice[1] ])));
			node.addEventListener('change', () => {
				set(node.value);
				ask();
			});
			return node;
		};
		const kind = select([ [ 'application', _('applications') ], [ 'category', _('categories') ], [ 'protocol', _('protocols') ] ], (value) => { query.kind = value; });
		const category = select([ [ '', _('every category') ] ].concat(loaded[2].rows.map((row) => [ row.name, row.name ])), (value) => { query.category = value; });

		const what = E('input', { 'class': 'cbi-input-text', 'name': 'what', 'placeholder': 'www.youtube.com, 192.0.2.1', 'aria-label': _('Name or address') });
		const look = () => (what.value.trim() ? nfa.ask('search', { what: what.value.trim(), limit: 10 }).then((told) => {
			const lines = [
				told.catalogue
					? _('%s belongs to %s, category %s.').format(told.what, nfa.short(told.catalogue.application), told.catalogue.category)
					: _('%s belongs to no application of the catalogue.').format(told.what),
				_('Live flows: %d, in sets: %d').format(told.live_flows, told.in_sets)
			].concat(told.members.map((member) => _('In %s since %s, left: %s').format(
				member.set, nfa.time(member.age_s), member.remaining_s == null ? _('stays') : nfa.time(member.remaining_s))),
			told.flows.map((flow) => '%s → %s (%s)'.format(nfa.device(names, flow.local_ip, flow.local_mac), flow.host || flow.other_ip, nfa.short(flow.application) || flow.protocol || '?')));

			dom.content(found, [ E('div', { 'class': 'nfa-card' }, lines.map((line) => E('div', [ line ]))) ]);
		}).catch((error) => dom.content(found, [ nfa.trouble(error) ])) : Promise.resolve());
		what.addEventListener('keydown', (ev) => ev.key == 'Enter' && look());

		ask();

		return nfa.page(_('Applications'), null, [
			notice,
			E('h3', [ _('What is this name or address?') ]),
			E('div', { 'class': 'nfa-bar' }, [ what, E('button', { 'class': 'btn cbi-button cbi-button-action nfa-look', 'click': look }, [ _('Look up') ]) ]),
			found,
			E('h3', [ _('Catalogue') ]),
			E('div', { 'class': 'nfa-bar' }, [ text, kind, category, count ]),
			list.node, E('div', { 'class': 'nfa-empty' }, [ more ])
		]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
