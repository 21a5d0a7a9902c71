// The rules: what of the traffic, of whom, when, and what happens to it.
'use strict';
'require dom';
'require form';
'require fs';
'require nfa';
'require uci';
'require ui';
'require view';

const SECONDS = 3;

/* A list of names that are looked up while somebody types; what was typed and is none is not taken. */
const Names = form.DynamicList.extend({
	validate: function(section_id, value) {
		return value && value === this.unknown ? _('Nobody knows this name: pick one of those shown.') : true;
	},

	renderWidget: function() {
		const node = form.DynamicList.prototype.renderWidget.apply(this, arguments);
		const dl = node.matches('.cbi-dynlist') ? node : node.querySelector('.cbi-dynlist');
		const input = dl.querySelector('.add-item input');
		const picks = E('div', { 'class': 'nfa-picks' });
		let waits = null;

		const pick = (row) => {
			dom.callClassMethod(dl, 'addItem', dl, row.name, row.name, true);
			input.value = '';
			dom.content(picks, null);
		};
		const look = () => nfa.ask('catalogue', { kind: this.kind, text: input.value.trim(), limit: 12 }).then((told) => {
			const typed = input.value;

			this.unknown = told.rows.some((row) => row.name.toLowerCase() == typed.toLowerCase()) ? null : typed;
			input.dispatchEvent(new Event('blur'));
			dom.content(picks, told.rows.length ? told.rows.map((row) => E('button', {
				'class': 'btn cbi-button', 'type': 'button', 'title': row.category || '',
				'click': (ev) => {
					ev.preventDefault();
					pick(row);
				}
			}, [ row.label ])) : [ E('em', [ _('Nothing in the catalogue has this in its name.') ]) ]);
		}).catch((error) => dom.content(picks, [ E('em', [ error.message ]) ]));

		if (input)
			input.addEventListener('input', () => {
				clearTimeout(waits);
				waits = setTimeout(look, 250);
			});

		return E('div', [ node, picks ]);
	}
});

/* Criteria, alternatives with an empty line between them, checked by the daemon while somebody
   types. */
const Criteria = form.TextValue.extend({
	rows: 3,
	monospace: true,

	cfgvalue: function(section_id) {
		return L.toArray(uci.get('nfa', section_id, 'criteria')).join('\n\n') || null;
	},

	split: function(text) {
		return text.split(/\n\s*\n/).map((one) => one.replace(/\s+/g, ' ').trim()).filter((one) => one);
	},

	write: function(section_id, value) {
		uci.set('nfa', section_id, 'criteria', this.split(value));
	},

	validate: function(section_id, value) {
		return this.wrong && this.wrong.value === value ? this.wrong.told : true;
	},

	renderWidget: function() {
		const node = form.TextValue.prototype.renderWidget.apply(this, arguments);
		const area = node.querySelector('textarea');
		const box = E('div', { 'class': 'nfa-criteria' });
		let waits = null;

		const check = () => {
			const value = area.value;

			return Promise.all(this.split(value).map((one) => nfa.ask('criteria', { text: one }))).then((told) => {
				if (area.value !== value)
					return;

				const errors = [].concat(...told.map((one) => one.errors));
				const warnings = [].concat(...told.map((one) => one.warnings));
				const live = told.reduce((sum, one) => sum + (one.live_flows || 0), 0);

				this.wrong = errors.length ? { value: value, told: errors[0].split('\n')[0] } : null;
				/* The message, and below it the line with the caret, which must not be broken. */
				dom.content(box, errors.concat(warnings).map((text) => E('div', [
					E('div', { 'class': 'nfa-bad' }, [ text.split('\n')[0] ]),
					E('pre', { 'class': 'nfa-caret' }, [ text.split('\n').slice(1).join('\n') ])
				])).concat(told.length && !errors.length
					? E('div', { 'class': warnings.length ? '' : 'nfa-good' }, [ _('Understood. Live flows that match now: %d').format(live) ]) : []));
				area.dispatchEvent(new Event('blur'));
			}).catch((error) => dom.content(box, [ E('em', [ error.what == 'off'
				? _('nfa does not run: criteria are checked when they are applied.') : error.message ]) ]));
		};

		area.addEventListener('input', () => {
			clearTimeout(waits);
			waits = setTimeout(check, 300);
		});
		if (area.value)
			check();

		return E('div', [ node, box ]);
	}
});

/* As the daemon calls them: by name, and with a number where a name came before. */
function actionNames() {
	const names = {}, taken = {};

	uci.sections('nfa', 'rule').forEach((section, i) => {
		const own = section.name || (section['.anonymous'] ? 'rule' + i : section['.name']);
		let name = own;

		for (let number = 2; taken[name]; number++)
			name = own + ' ' + number;
		taken[name] = true;
		names[section['.name']] = name;
	});

	return names;
}

function named(type) {
	return uci.sections('nfa', type).map((section) => section.name || section['.name']);
}

function join(section, options) {
	return [].concat(...options.map((option) => L.toArray(section[option])));
}

return view.extend({
	load: function() {
		return Promise.all([ nfa.hints(), uci.load('nfa') ]);
	},

	showText: function(format) {
		return fs.exec('/etc/init.d/nfa', [ 'rules' ].concat(format ? [ '--format', format ] : [])).then((done) => {
			ui.showModal(_('Firewall text of the rules in force'), [
				E('pre', { 'class': 'nfa-pre' }, [ done.stdout || done.stderr || _('The rules in force need none.') ]),
				E('div', { 'class': 'right button-row' }, [ E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Close') ]) ])
			]);
		});
	},

	render: function(loaded) {
		const names = loaded[0];
		const deeds = { reject: _('reject'), drop: _('drop'), allow: _('let pass, no later rule') };
		const classes = { bulk: _('lowest priority'), besteffort: _('usual priority'), video: _('higher priority'), voice: _('highest priority') };
		let m, s, o;

		m = new form.Map('nfa');
		s = m.section(form.GridSection, 'rule');
		s.anonymous = true;
		s.addremove = true;
		s.sortable = true;
		s.nodescriptions = true;
		s.addbtntitle = _('Add a rule');
		s.modaltitle = _('Rule');

		s.tab('what', _('What'));
		s.tab('does', _('What happens'));
		s.tab('who', _('Who and when'));
		s.tab('more', _('More'));

		const column = (option, title, text) => {
			o = s.option(form.DummyValue, option, title);
			o.modalonly = false;
			o.textvalue = text;
		};
		const has = (kind, tab, option, title, description) => {
			o = s.taboption(tab, kind, option, title, description);
			o.modalonly = true;
			o.optional = true;
			return o;
		};

		column('_name', _('Name'), (sid) => E('span', [ actionNames()[sid] || sid ]));
		column('_what', _('What'), (sid) => {
			const section = uci.get('nfa', sid);
			const what = join(section, [ 'application', 'category', 'protocol', 'criteria' ]);
			const who = join(section, [ 'device', 'group' ]).map((one) => names[String(one).toLowerCase()] || one);
			return E('span', [ what.join(', ') || _('everything'), who.length ? E('small', [ ' ' + _('of %s').format(who.join(', ')) ]) : '' ]);
		});
		column('_does', _('What happens'), (sid) => {
			const section = uci.get('nfa', sid);
			return E('span', [ [
				deeds[section.action], classes[section['class']], join(section, [ 'set' ]).map((set) => _('set %s').format(set)).join(', '),
				section.mark && _('mark %s').format(section.mark), section.log == '1' && _('log'), join(section, [ 'schedule' ]).join(', ')
			].filter((part) => part).join(', ') || _('nothing') ]);
		});
		/* What is off is not among the daemon's; nor is what waits to be applied, or was refused. */
		column('_matches', _('Matches'), (sid) => E('span', {
			'class': 'nfa-count', 'data-rule': actionNames()[sid] || '', 'data-none': uci.get('nfa', sid, 'enabled') == '0' ? _('off') : '—'
		}));

		o = s.option(form.Flag, 'enabled', _('On'));
		o.modalonly = false;
		o.editable = true;
		o['default'] = o.enabled;

		has(form.Value, 'what', 'name', _('Name')).rmempty = true;
		has(Names, 'what', 'application', _('Applications'), _('Type a part of the name and pick.')).kind = 'application';
		has(Names, 'what', 'category', _('Categories')).kind = 'category';
		has(Names, 'what', 'protocol', _('Protocols')).kind = 'protocol';
		has(Criteria, 'what', 'criteria', _('Own criteria'), _('Such as protocol == \'quic\' && other_port == 443; alternatives have an empty line between them.'));

		has(form.ListValue, 'does', 'action', _('Packets'));
		o.value('', _('pass'));
		Object.keys(deeds).forEach((deed) => o.value(deed, deeds[deed]));
		has(form.ListValue, 'does', 'class', _('Priority'), _('For SQM with the script nfa_cake_ct, and for Wi-Fi.'));
		o.value('', _('as it is'));
		Object.keys(classes).forEach((one) => o.value(one, classes[one]));
		has(form.Flag, 'does', 'log', _('Log matches'));
		has(form.DynamicList, 'does', 'set', _('Fill sets'), _('Firewall rules may name them: nfa.NAME.v4 and nfa.NAME.v6.'));
		o.datatype = 'maxlength(24)';

		has(form.DynamicList, 'who', 'device', _('Devices'), _('None: all of them.'));
		nfa.offer(o, names);
		has(form.DynamicList, 'who', 'group', _('Groups'), _('As in the settings.'));
		named('group').forEach((group) => o.value(group));
		has(form.DynamicList, 'who', 'schedule', _('Schedules'), _('None: always. As in the settings.'));
		named('schedule').forEach((schedule) => o.value(schedule));
		has(form.DynamicList, 'who', 'exemption', _('But not'), _('Addresses, hardware addresses, groups or criteria.'));

		has(form.Flag, 'more', 'remember', _('Remember servers'), _('New connections to where flows of the rule went are treated alike from their first packet on.'));
		has(form.Flag, 'more', 'kill', _('End connections'), _('The kernel forgets a connection when it matches, so that the firewall sees it anew.'));
		has(form.Flag, 'more', 'halt', _('Last rule'), _('No later rule is looked at.'));
		has(form.Value, 'more', 'priority', _('Order'), _('Rules with lower numbers come first; rules of one number in the order of this page.'));
		o.datatype = 'uinteger';
		has(form.Value, 'more', 'mark', _('Mark'), _('A value and a mask, such as 0x100/0xff00.'));
		has(form.Value, 'more', 'table', _('Routing table'), _('New connections with the mark take it.'));
		o.datatype = 'uinteger';
		has(form.Value, 'more', 'interface', _('Interface'));

		const notice = E('div');
		const refresh = () => nfa.ask('status').then((status) => {
			document.querySelectorAll('.nfa-count').forEach((node) => {
				const rule = status.rules.find((rule) => rule.name == node.getAttribute('data-rule'));
				const text = !rule ? node.getAttribute('data-none') : !rule.enabled ? _('off') : _('%d, now %d').format(rule.matches, rule.live) + (rule.in_force ? '' : ' (' + _('not at this time') + ')');

				if (node.textContent != text)
					node.textContent = text;
				node.title = rule && rule.last_s != null ? _('last %s ago').format(nfa.time(rule.last_s)) : '';
			});
		});

		return m.render().then((node) => {
			const text = (title, format) => E('button', { 'class': 'btn cbi-button', 'click': ui.createHandlerFn(this, 'showText', format) }, [ title ]);

			window.setTimeout(() => nfa.every(SECONDS, refresh, notice), 0);

			return nfa.page(_('Rules'), _('From the first to the last; of classes the last one that matches counts. Nothing is in force before it is applied.'), [
				nfa.findings(), node,
				E('div', { 'class': 'nfa-bar' }, [ _('Show the text of the firewall:'), text('nft', ''), text('iptables', 'iptables'), text('ip6tables', 'ip6tables') ]),
				notice
			]);
		});
	}
});
