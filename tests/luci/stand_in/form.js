// A stand-in for LuCI's `form`: maps, sections and options over UCI. See luci.js.
'use strict';
(() => {
	const { dom, uci, ui } = window.luci_modules;
	const Base = window.luci_base;
	const E = window.E;

	const datatypes = {
		uinteger: (value) => /^\d+$/.test(value) || 'Expecting: positive integer value',
		cidr: (value) => /^[0-9a-fA-F.:]+\/\d+$/.test(value) || 'Expecting: valid IP address/prefix',
		range: (value, least, most) => (/^\d+$/.test(value) && +value >= +least && +value <= +most) || `Expecting: value between ${least} and ${most}`,
		maxlength: (value, most) => value.length <= +most || `Expecting: value with at most ${most} characters`,
	};
	function follows(datatype, value) {
		const [, name, values] = /^(\w+)(?:\((.*)\))?$/.exec(datatype);
		return L.toArray(value).map((one) => datatypes[name](one, ...(values || '').split(','))).find((told) => told !== true) || true;
	}

	const Map_ = Base.extend({
		__init__(config, title, description) {
			Object.assign(this, { config, title, description, children: [], data: uci });
		},
		section(Class, ...values) {
			const section = new Class(this, ...values);
			this.children.push(section);
			return section;
		},
		findElement(name, value) {
			return this.root.querySelector(`[${name}="${CSS.escape(value)}"]`);
		},
		async load() {
			await uci.load(this.config);
		},
		async render() {
			await this.load();
			return this.renderContents();
		},
		async renderContents() {
			this.root = this.root || E('div', { class: 'cbi-map', id: `cbi-${this.config}` });
			dom.bindClassInstance(this.root, this);
			dom.content(this.root, null);
			if (this.title)
				dom.append(this.root, [E('h2', { name: 'content' }, this.title)]);
			for (const section of this.children)
				dom.append(this.root, [await section.render()]);
			return this.root;
		},
		reset() {
			return this.renderContents();
		},
		async parse() {
			for (const section of this.children)
				await section.parse();
		},
		async save(call, silent) {
			try {
				await this.parse();
			} catch (error) {
				if (!silent)
					ui.showModal('Save error', [E('p', [error.message]), E('button', { class: 'btn', click: ui.hideModal }, ['Dismiss'])]);
				throw error;
			}
			await uci.save();
			await this.load();
			await this.renderContents();
			await ui.changes.init();
		},
	});

	// -- options --------------------------------------------------------------------------------

	const Value = Base.extend({
		__init__(map, section, option, title, description) {
			Object.assign(this, { map, section, option, title, description, keylist: [], vallist: [], rmempty: true, default: null, optional: false, tab: null });
		},
		value(key, text) {
			this.keylist.push(String(key));
			this.vallist.push(text === undefined ? key : text);
		},
		choices() {
			return this.keylist.length ? Object.fromEntries(this.keylist.map((key, i) => [key, this.vallist[i]])) : null;
		},
		cbid(sid) {
			return `cbid.${this.map.config}.${sid}.${this.option}`;
		},
		cfgvalue(sid) {
			return uci.get(this.map.config, sid, this.option);
		},
		write(sid, value) {
			uci.set(this.map.config, sid, this.option, value);
		},
		remove(sid) {
			uci.unset(this.map.config, sid, this.option);
		},
		validate: () => true,
		textvalue(sid) {
			let value = this.cfgvalue(sid);
			value = value === null || value === undefined ? this.default : value;
			value = Array.isArray(value) ? value.join(' ') : value;
			return value === null || value === undefined ? null : '%h'.format(value);
		},
		options(sid) {
			return {
				id: this.cbid(sid), optional: this.optional || this.rmempty, placeholder: this.placeholder,
				rows: this.rows, monospace: this.monospace,
				validate: (value) => {
					if (this.datatype && value !== '' && follows(this.datatype, value) !== true)
						return follows(this.datatype, value);
					return this.validate(sid, value);
				},
			};
		},
		shown(value) {
			return value === null || value === undefined ? this.default : value;
		},
		renderWidget(sid, index, value) {
			const shown = this.shown(value);
			const text = Array.isArray(shown) ? shown.join(' ') : shown;
			return new ui.Textfield(text, this.options(sid)).render();
		},
		element(sid) {
			return dom.findClassInstance(this.map.findElement('id', this.cbid(sid)));
		},
		formvalue(sid) {
			return this.element(sid).getValue();
		},
		render(sid, index, in_table) {
			const widget = this.renderWidget(sid, index, this.cfgvalue(sid));
			if (in_table)
				return widget;
			return E('div', { class: 'cbi-value', 'data-name': this.option }, [
				E('label', { class: 'cbi-value-title', for: `widget.${this.cbid(sid)}` }, [this.title]),
				E('div', { class: 'cbi-value-field' }, [widget, this.description ? E('div', { class: 'cbi-value-description' }, [this.description]) : '']),
			]);
		},
		parse(sid) {
			if (!this.map.findElement('id', this.cbid(sid)))
				return;
			const element = this.element(sid);
			if (!element.isValid())
				throw new Error(`Option "${this.title}" contains an invalid input value. ${element.node.dataset.error}`);
			this.take(sid, this.cfgvalue(sid), element.getValue());
		},
		take(sid, before, value) {
			if (value !== '' && value !== null && !(Array.isArray(value) && !value.length)) {
				if (JSON.stringify(L.toArray(before)) !== JSON.stringify(L.toArray(value)) || Array.isArray(before) !== Array.isArray(value))
					this.write(sid, value);
			} else if (this.rmempty || this.optional) {
				this.remove(sid);
			} else {
				throw new Error(`Option "${this.title}" must not be empty.`);
			}
		},
	});

	const Flag = Value.extend({
		enabled: '1',
		disabled: '0',
		__init__(...values) {
			Value.prototype.__init__.apply(this, values);
			this.default = this.disabled;
		},
		renderWidget(sid, index, value) {
			return new ui.Checkbox(this.shown(value), { ...this.options(sid), value_enabled: this.enabled, value_disabled: this.disabled }).render();
		},
		textvalue(sid) {
			return this.shown(this.cfgvalue(sid)) === this.enabled ? 'Yes' : 'No';
		},
		take(sid, before, value) {
			if (value === this.default && (this.optional || this.rmempty))
				this.remove(sid);
			else if (value !== before)
				this.write(sid, value);
		},
	});

	const ListValue = Value.extend({
		renderWidget(sid, index, value) {
			return new ui.Select(this.shown(value), this.choices() || {}, this.options(sid)).render();
		},
	});

	const MultiValue = Value.extend({
		renderWidget(sid, index, value) {
			return new ui.Select(this.shown(value), this.choices() || {}, { ...this.options(sid), multiple: true }).render();
		},
	});

	const DynamicList = Value.extend({
		renderWidget(sid, index, value) {
			return new ui.DynamicList(this.shown(value), this.choices(), this.options(sid)).render();
		},
	});

	const TextValue = Value.extend({
		renderWidget(sid, index, value) {
			return new ui.Textarea(this.shown(value), this.options(sid)).render();
		},
	});

	const DummyValue = Value.extend({
		renderWidget(sid) {
			return E('div', { id: `view.${this.cbid(sid)}` }, [this.textvalue(sid)]);
		},
		parse() {},
	});

	// -- sections -------------------------------------------------------------------------------

	const Section = Base.extend({
		option(Class, ...values) {
			const option = new Class(this.map, this, ...values);
			this.children.push(option);
			return option;
		},
		taboption(tab, Class, ...values) {
			if (!(this.tabs || {})[tab])
				throw new Error(`no tab "${tab}"`);
			const option = this.option(Class, ...values);
			option.tab = tab;
			return option;
		},
		tab(name, title) {
			this.tabs = this.tabs || {};
			this.tabs[name] = title;
		},
		/* Options of a section one below the other, behind tabs if there are. */
		renderOptions(sid, children) {
			if (!this.tabs)
				return children.map((option, i) => option.render(sid, i, false));
			const panes = Object.keys(this.tabs).map((tab, i) => E('div', { class: 'cbi-section-pane', 'data-tab': tab, hidden: i ? '' : null },
				children.filter((option) => option.tab === tab).map((option, n) => option.render(sid, n, false))));
			const menu = E('ul', { class: 'cbi-tabmenu' }, Object.entries(this.tabs).map(([tab, title], i) => E('li', { class: i ? 'cbi-tab-disabled' : 'cbi-tab', 'data-tab': tab }, [
				E('a', { href: '#', click: (event) => {
					event.preventDefault();
					panes.forEach((pane) => { pane.hidden = pane.dataset.tab !== tab; });
					[...menu.children].forEach((item) => item.setAttribute('class', item.dataset.tab === tab ? 'cbi-tab' : 'cbi-tab-disabled'));
				} }, [title]),
			])));
			return [menu, ...panes];
		},
		async parse() {
			for (const sid of this.sids()) {
				for (const option of this.children)
					option.parse(sid);
			}
		},
	});

	const NamedSection = Section.extend({
		__init__(map, sid, type, title, description) {
			Object.assign(this, { map, sid, sectiontype: type, title, description, children: [] });
		},
		sids() {
			return [this.sid];
		},
		async render() {
			return E('div', { class: 'cbi-section' }, [
				this.title ? E('h3', {}, this.title) : '',
				E('div', { class: 'cbi-section-node' }, this.renderOptions(this.sid, this.children)),
			]);
		},
	});

	const GridSection = Section.extend({
		__init__(map, type, title, description) {
			Object.assign(this, { map, sectiontype: type, title, description, children: [] });
		},
		sids() {
			return uci.sections(this.map.config, this.sectiontype).map((section) => section['.name']);
		},
		async parse() {
			for (const sid of this.sids()) {
				for (const option of this.children.filter((one) => one.editable))
					option.parse(sid);
			}
		},
		async render() {
			const columns = this.children.filter((option) => !option.modalonly && option.tab === null);
			const button = (kind, text, call) => E('button', { class: `btn cbi-button ${kind}`, click: ui.createHandlerFn(this, call) }, [text]);
			const move = (sid, by) => () => {
				const sids = this.sids();
				const other = sids[sids.indexOf(sid) + by];
				if (other !== undefined)
					uci.move(this.map.config, sid, other, by > 0);
				return this.map.renderContents();
			};
			const rows = this.sids().map((sid, index) => E('tr', { class: 'tr cbi-section-table-row', 'data-sid': sid }, [
				...columns.map((option) => {
					const shown = option.editable ? option.render(sid, index, true) : option.textvalue(sid);
					return E('td', { class: 'td cbi-value-field', 'data-title': option.title, 'data-name': option.option }, shown === null ? E('em', ['none']) : shown);
				}),
				E('td', { class: 'td cbi-section-table-cell nowrap cbi-section-actions' }, [
					this.sortable ? button('drag-handle', '☰', move(sid, 1)) : '', ' ',
					button('cbi-button-edit', 'Edit', () => this.edit(sid)), ' ',
					this.addremove ? button('cbi-button-remove', 'Delete', async () => {
						uci.remove(this.map.config, sid);
						await this.map.save(null, true);
					}) : '',
				]),
			]));
			return E('div', { class: 'cbi-section', id: `cbi-${this.map.config}-${this.sectiontype}` }, [
				this.title ? E('h3', {}, this.title) : '',
				this.description ? E('div', { class: 'cbi-section-descr' }, this.description) : '',
				E('table', { class: 'table cbi-section-table' }, [
					E('tr', { class: 'tr cbi-section-table-titles' }, [...columns.map((option) => E('th', { class: 'th' }, [option.title])), E('th', { class: 'th' })]),
					...rows,
					rows.length ? '' : E('tr', { class: 'tr placeholder' }, [E('td', { class: 'td' }, [E('em', ['This section contains no values yet'])])]),
				]),
				this.addremove ? E('div', { class: 'cbi-section-create' }, [button('cbi-button-add', this.addbtntitle || 'Add', () => {
					const sid = uci.add(this.map.config, this.sectiontype);
					this.adding = sid;
					return this.edit(sid);
				})]) : '',
			]);
		},
		/* The options of a section in a dialogue, by a map of its own: as LuCI clones them. */
		async edit(sid) {
			const map = new Map_(this.map.config);
			const section = map.section(NamedSection, sid, this.sectiontype);
			section.tabs = this.tabs;
			for (const option of this.children.filter((one) => one.modalonly !== false)) {
				const clone = section.option(option.constructor, option.option, option.title, option.description);
				for (const [key, value] of Object.entries(option)) {
					if (!['map', 'section', 'option', 'title', 'description'].includes(key))
						clone[key] = value;
				}
			}
			const node = await map.render();
			const title = typeof this.modaltitle === 'function' ? this.modaltitle(sid) : this.modaltitle;
			ui.showModal(title, [node, E('div', { class: 'right button-row' }, [
				E('button', { class: 'btn cbi-button', click: () => {
					if (this.adding === sid)
						uci.remove(this.map.config, sid);
					ui.hideModal();
				} }, ['Dismiss']), ' ',
				E('button', { class: 'btn cbi-button cbi-button-positive important', click: ui.createHandlerFn(this, async () => {
					try {
						await map.save(null, true);
					} catch (error) {
						return; // the fields say what is wrong
					}
					ui.hideModal();
					await this.map.load();
					await this.map.renderContents();
				}) }, ['Save']),
			])], 'cbi-modal');
		},
	});

	window.luci_modules.form = { Map: Map_, NamedSection, GridSection, Value, Flag, ListValue, MultiValue, DynamicList, TextValue, DummyValue };
})();
