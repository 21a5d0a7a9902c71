// Live flows: filtered, sorted, paused; from one of them a rule, an exemption, an explanation.
'use strict';
'require dom';
'require nfa';
'require uci';
'require ui';
'require view';

const SECONDS = 3;
/* Rows at first, what more each time, and the most of an answer. */
const ROWS = 50;
const ROWS_MORE = 150;
const ROWS_MAX = 500;

function parameter(name) {
	return new URLSearchParams(window.location.search).get(name) || '';
}

return view.extend({
	load: function() {
		return Promise.all([ nfa.hints(), L.resolveDefault(uci.load('nfa')) ]);
	},

	/* A rule about what a flow is. */
	makeRule: function(flow) {
		const choice = (value, text) => E('option', { 'value': value }, [ text ]);
		const what = E('select', { 'class': 'cbi-input-select', 'name': 'what' });
		const who = E('select', { 'class': 'cbi-input-select', 'name': 'who' }, [ choice('', _('every device')) ]);
		const deed = E('select', { 'class': 'cbi-input-select', 'name': 'deed' }, [
			choice('reject', _('block')), choice('bulk', _('lowest priority')), choice('video', _('higher priority')),
			choice('voice', _('highest priority')), choice('log', _('only log'))
		]);
		const name = E('input', { 'class': 'cbi-input-text', 'name': 'name', 'maxlength': 60 });
		const app = nfa.short(flow.application);

		if (flow.application) {
			what.appendChild(choice('application', _('application %s').format(app)));
			if (flow.category)
				what.appendChild(choice('category', _('category %s').format(flow.category)));
		}
		if (flow.host)
			what.appendChild(choice('criteria', _('host %s').format(flow.host)));
		if (flow.protocol)
			what.appendChild(choice('protocol', _('protocol %s').format(flow.protocol)));
		if (!what.firstChild)
			what.appendChild(choice('address', _('address %s').format(flow.other_ip)));
		if (flow.local_mac || flow.local_ip)
			who.appendChild(choice(flow.local_mac || flow.local_ip, nfa.device(this.names, flow.local_ip, flow.local_mac)));

		const suggest = () => {
			name.value = '%s: %s'.format(what.selectedOptions[0].textContent, deed.selectedOptions[0].textContent).slice(0, 60);
		};
		[ what, deed ].forEach((select) => select.addEventListener('change', suggest));
		suggest();

		const line = (title, node) => E('div', { 'class': 'cbi-value' }, [
			E('label', { 'class': 'cbi-value-title' }, [ title ]), E('div', { 'class': 'cbi-value-field' }, [ node ])
		]);

		nfa.dialogue(_('Make a rule'), [
			line(_('What'), what), line(_('Whose'), who), line(_('Do'), deed), line(_('Name'), name)
		], () => {
			const sid = uci.add('nfa', 'rule');
			const set = (option, value) => uci.set('nfa', sid, option, value);
			/* Criteria quote with either mark: a name with both is none that DNS knows. */
			const quoted = (flow.host || '').replace(/['\\]/g, '');

			set('name', name.value.replace(/[^ -~\u00a0-\uffff]/g, ' ').trim() || _('Rule'));
			switch (what.value) {
			case 'application': set('application', [ app ]); break;
			case 'category': set('category', [ flow.category ]); break;
			case 'protocol': set('protocol', [ flow.protocol ]); break;
			case 'criteria': set('criteria', [ "detected_hostname == '%s' || dns_hostname == '%s';".format(quoted, quoted) ]); break;
			default: set('criteria', [ 'other_ip == %s;'.format(flow.other_ip) ]);
			}
			if (who.value)
				set('device', [ who.value ]);
			if (deed.value == 'reject')
				set('action', 'reject');
			else if (deed.value != 'log')
				set('class', deed.value);
			if (deed.value == 'reject' || deed.value == 'log')
				set('log', '1');
		});
	},

	/* No rule holds for the device of a flow any more. */
	exempt: function(flow) {
		const device = flow.local_mac || flow.local_ip;

		nfa.dialogue(_('Exempt this device'), [
			E('p', [ _('No rule will hold for %s any more. Settings, Exemptions takes it back.').format(nfa.device(this.names, flow.local_ip, flow.local_mac) + ' (' + device + ')') ])
		], () => {
			if (!uci.get('nfa', 'exempt_devices')) {
				uci.add('nfa', 'exemption', 'exempt_devices');
				uci.set('nfa', 'exempt_devices', 'name', _('Exempt devices'));
			}

			const devices = L.toArray(uci.get('nfa', 'exempt_devices', 'device'));
			uci.set('nfa', 'exempt_devices', 'device', devices.filter((one) => one != device).concat(device));
		});
	},

	/* All that is known of a flow. */
	explain: function(flow) {
		const words = E('div', [ E('em', { 'class': 'spinning' }, [ _('Asking…') ]) ]);
		const button = (text, deed) => E('button', { 'class': 'btn cbi-button', 'click': () => deed.call(this, flow) }, [ text ]);
		const facts = [
			[ _('Device'), '%s, %s%s'.format(nfa.device(this.names, flow.local_ip, flow.local_mac), flow.local_ip, flow.local_mac ? ', ' + flow.local_mac : '') ],
			[ _('To'), '%s %s %d'.format(flow.transport, flow.other_ip, flow.other_port) ],
			[ _('Name'), flow.host || '—' ],
			[ _('Application'), '%s (%s)'.format(nfa.short(flow.application) || '—', flow.category || '—') ],
			[ _('Protocol'), flow.protocol || '—' ],
			[ _('Volume'), _('%s sent, %s received').format(nfa.size(flow.local_bytes), nfa.size(flow.other_bytes)) ],
			[ _('Since'), nfa.clock(flow.first_seen_at) ]
		];

		ui.showModal(_('This flow'), [
			E('table', { 'class': 'nfa nfa-list nfa-facts' }, facts.map((fact) => E('tr', [ E('th', [ fact[0] ]), E('td', [ fact[1] ]) ]))),
			E('h5', [ _('Rules, in their order') ]), words,
			E('div', { 'class': 'right button-row' }, [
				button(_('Make a rule'), this.makeRule), ' ', button(_('Exempt this device'), this.exempt), ' ',
				E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Close') ])
			])
		]);

		return nfa.ask('why', { flow: flow.id }).then((why) => {
			const shown = why.words.map((line, i) => {
				const tests = (why.actions[i].tests || []).filter((test) => test.decided).map((test) => test.text).join(', ');
				return E('li', { 'class': why.actions[i].matches ? 'nfa-good' : '' }, [ line, tests ? E('small', [ ' ' + tests ]) : '' ]);
			});
			dom.content(words, shown.length
				? [ E('ul', { 'class': 'nfa-health' }, [].concat(shown)) ]
				: [ E('p', [ _('There are no rules yet.') ]) ]);
		}).catch((error) => dom.content(words, [ E('p', [ error.message ]) ]));
	},

	render: function(loaded) {
		const names = this.names = loaded[0];
		const notice = E('div'), count = E('small');
		const query = { limit: ROWS, sort: 'newest', text: parameter('text'), rule: parameter('rule') };
		let paused = false, waits = null;

		const list = nfa.list([
			{ title: _('Device'), text: (flow) => nfa.device(names, flow.local_ip, flow.local_mac) },
			{
				title: _('Application'),
				sign: (flow) => flow.application + ' ' + flow.protocol,
				node: (flow) => [ nfa.short(flow.application) || flow.protocol || '?', E('small', [ flow.application ? flow.protocol || '' : '' ]) ]
			},
			{ title: _('Server'), kind: 'wide', text: (flow) => (flow.host || flow.other_ip) + ':' + flow.other_port },
			{ title: _('Since'), kind: 'num', text: (flow) => nfa.clock(flow.first_seen_at) },
			{ title: _('Volume'), kind: 'num', text: (flow) => nfa.size(flow.local_bytes + flow.other_bytes) },
			{ title: _('Rules'), kind: 'wide', sign: (flow) => flow.rules.join('\n'), node: (flow) => nfa.tags(flow.rules) }
		], (flow) => flow.id, (flow) => this.explain(flow));
		const empty = E('p', { 'class': 'nfa-empty', 'hidden': '' });
		const more = E('button', { 'class': 'btn cbi-button', 'hidden': '', 'click': () => {
			query.limit = Math.min(query.limit + ROWS_MORE, ROWS_MAX);
			return refresh();
		} }, [ _('Show more') ]);

		const refresh = () => nfa.ask('flows', query).then((told) => {
			list.update(told.flows);
			count.textContent = _('%d of %d flows').format(told.matching, told.live);
			more.hidden = told.flows.length < query.limit || query.limit >= ROWS_MAX;
			empty.hidden = told.flows.length > 0;
			empty.textContent = told.live
				? _('No flow fits the filter.')
				: _('No flow yet. Open a page on some device: it shows up here within seconds.');
		});
		const turn = () => (paused ? Promise.resolve() : refresh());
		const ask = () => refresh().catch((error) => dom.content(notice, [ nfa.trouble(error) ]));

		const filter = E('input', {
			'type': 'search', 'class': 'cbi-input-text', 'name': 'text', 'value': query.text,
			'placeholder': _('Name, application, address…'), 'aria-label': _('Filter')
		});
		filter.addEventListener('input', () => {
			clearTimeout(waits);
			waits = setTimeout(() => {
				query.text = filter.value.trim();
				query.limit = ROWS;
				ask();
			}, 300);
		});

		const rule = E('select', { 'class': 'cbi-input-select', 'name': 'rule', 'aria-label': _('Rule') }, [
			E('option', { 'value': '' }, [ _('every rule') ])
		].concat(uci.sections('nfa', 'rule').map((section) => section.name || section['.name']).map((name) =>
			E('option', { 'value': name, 'selected': name == query.rule ? '' : null }, [ name ]))));
		rule.addEventListener('change', () => {
			query.rule = rule.value;
			ask();
		});

		const sort = E('select', { 'class': 'cbi-input-select', 'name': 'sort', 'aria-label': _('Order') }, [
			[ 'newest', _('newest first') ], [ 'seen', _('last seen first') ],
			[ 'bytes', _('largest first') ], [ 'packets', _('most packets first') ]
		].map((order) => E('option', { 'value': order[0] }, [ order[1] ])));
		sort.addEventListener('change', () => {
			query.sort = sort.value;
			ask();
		});

		const pause = E('button', { 'class': 'btn cbi-button nfa-pause', 'click': () => {
			paused = !paused;
			pause.textContent = paused ? _('Go on') : _('Pause');
			return turn();
		} }, [ _('Pause') ]);

		nfa.every(SECONDS, turn, notice);

		return nfa.page(_('Flows'), _('Connections as they are now. Pick one to see why rules match it, or to make a rule of it.'), [
			notice,
			E('div', { 'class': 'nfa-bar' }, [ filter, rule, sort, pause, count ]),
			list.node, empty,
			E('div', { 'class': 'nfa-empty' }, [ more ])
		]);
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null
});
