// A stand-in for LuCI's `ui`: dialogues, notifications, widgets, and the changes that wait to be
// applied. See luci.js.
'use strict';
(() => {
	const { dom, uci } = window.luci_modules;
	const Base = window.luci_base;
	const E = window.E;

	/* A widget: a frame with an id, and the instance bound to it. */
	const Element = Base.extend({
		__init__(value, options) {
			this.value = value;
			this.options = options || {};
		},
		bind(frame, input, ...events) {
			this.node = frame;
			this.input = input;
			for (const event of events)
				input.addEventListener(event, () => {
					this.check();
					frame.dispatchEvent(new CustomEvent('widget-change', { bubbles: true }));
				});
			dom.bindClassInstance(frame, this);
			return frame;
		},
		getValue() {
			return this.input.value;
		},
		/* What is wrong with the value, as the option's own check says it. */
		check() {
			const value = this.getValue();
			const told = typeof this.options.validate === 'function' ? this.options.validate(Array.isArray(value) ? value.join(' ') : value) : true;
			const good = told === true || (this.options.optional && (value === '' || value === null));
			this.node.classList.toggle('cbi-input-invalid', !good);
			this.node.dataset.error = good ? '' : told;
			return good;
		},
		isValid() {
			return this.check();
		},
	});

	const Textfield = Element.extend({
		render() {
			const input = E('input', { type: 'text', class: 'cbi-input-text', id: `widget.${this.options.id}`, placeholder: this.options.placeholder });
			input.value = this.value === null || this.value === undefined ? '' : this.value;
			return this.bind(E('div', { id: this.options.id }, [input]), input, 'keyup', 'blur');
		},
	});

	const Textarea = Element.extend({
		render() {
			const area = E('textarea', { class: 'cbi-input-textarea', id: `widget.${this.options.id}`, rows: this.options.rows });
			area.value = this.value === null || this.value === undefined ? '' : this.value;
			if (this.options.monospace)
				area.style.fontFamily = 'monospace';
			return this.bind(E('div', { id: this.options.id }, [area]), area, 'keyup', 'blur');
		},
	});

	const Checkbox = Element.extend({
		render() {
			const input = E('input', { type: 'checkbox', id: `widget.${this.options.id}` });
			input.checked = this.value === this.options.value_enabled;
			return this.bind(E('div', { id: this.options.id, class: 'cbi-checkbox' }, [input]), input, 'change');
		},
		getValue() {
			return this.input.checked ? this.options.value_enabled : this.options.value_disabled;
		},
	});

	const Select = Element.extend({
		__init__(value, choices, options) {
			Object.assign(this, { value, choices, options: options || {} });
		},
		render() {
			const select = E('select', { class: 'cbi-input-select', id: `widget.${this.options.id}`, multiple: this.options.multiple ? '' : null },
				Object.entries(this.choices).map(([value, text]) => E('option', { value }, [text])));
			const wanted = L.toArray(this.value);
			if (this.options.multiple)
				[...select.options].forEach((option) => { option.selected = wanted.includes(option.value); });
			else
				select.value = this.value === null || this.value === undefined ? '' : this.value;
			return this.bind(E('div', { id: this.options.id }, [select]), select, 'change');
		},
		getValue() {
			return this.options.multiple ? [...this.input.selectedOptions].map((option) => option.value) : this.input.value;
		},
	});

	const DynamicList = Element.extend({
		__init__(values, choices, options) {
			Object.assign(this, { values: L.toArray(values), choices, options: options || {} });
		},
		render() {
			const input = E('input', { type: 'text', class: 'cbi-input-text', placeholder: this.options.placeholder, list: this.choices ? `list.${this.options.id}` : null });
			const dl = E('div', { class: 'cbi-dynlist', id: this.options.id }, [
				E('div', { class: 'add-item control-group' }, [input, E('button', { class: 'btn cbi-button cbi-button-add', type: 'button' }, ['+'])]),
			]);
			if (this.choices)
				dl.appendChild(E('datalist', { id: `list.${this.options.id}` }, Object.entries(this.choices).map(([value, text]) => E('option', { value }, [text]))));
			const add = () => {
				if (input.value)
					this.addItem(dl, input.value, null, true);
				input.value = '';
			};
			dl.querySelector('.add-item .btn').addEventListener('click', add);
			input.addEventListener('keydown', (event) => event.key === 'Enter' && add());
			dl.addEventListener('click', (event) => {
				const item = event.target.closest('.item');
				if (item && !event.target.closest('.add-item'))
					item.remove();
			});
			this.bind(dl, input, 'keyup', 'blur');
			for (const value of this.values)
				this.addItem(dl, value, this.choices && this.choices[value]);
			return dl;
		},
		addItem(dl, value, text, flash) {
			const values = [...dl.querySelectorAll('.item > input')].map((hidden) => hidden.value);
			if (!values.includes(value))
				dl.insertBefore(E('div', { class: flash ? 'item flash' : 'item', tabindex: 0 }, [
					E('span', {}, [text ? text : value]), E('input', { type: 'hidden', value }),
				]), dl.querySelector('.add-item'));
			dl.dispatchEvent(new CustomEvent('cbi-dynlist-change', { bubbles: true }));
		},
		/* As LuCI does: only what is being typed is checked, and may be nothing. */
		check() {
			const told = this.input.value && this.options.validate(this.input.value);
			const good = !told || told === true;
			this.node.classList.toggle('cbi-input-invalid', !good);
			this.node.dataset.error = good ? '' : told;
			return good;
		},
		getValue() {
			// What was typed and not added counts too, as in LuCI.
			const typed = this.node.querySelector('.add-item > input').value.trim();
			const values = [...this.node.querySelectorAll('.item > input')].map((hidden) => hidden.value);
			return typed && !values.includes(typed) ? [...values, typed] : values;
		},
	});

	const changes = {
		async init() {
			const all = await uci.changes();
			const count = Object.values(all).reduce((sum, list) => sum + list.length, 0);
			const sign = document.getElementById('changes');
			sign.textContent = count ? `Unsaved Changes: ${count}` : '';
			sign.hidden = !count;
		},
		async apply(checked) {
			ui.showModal(null, [E('p', { class: 'spinning' }, ['Applying configuration changes…'])]);
			try {
				await uci.apply(checked ? 20 : 0, Boolean(checked));
				if (checked)
					await uci.confirm();
			} catch (error) {
				if (!/ubus code 5/.test(error)) // nothing was to be applied
					throw error;
			}
			document.dispatchEvent(new CustomEvent('uci-applied'));
			setTimeout(() => window.location.reload(), L.env.apply_display * 1000);
		},
	};

	const ui = {
		showModal(title, children, ...classes) {
			const modal = document.querySelector('#modal_overlay .modal');
			modal.setAttribute('class', ['modal', ...classes].join(' '));
			dom.content(modal, E('h4', {}, title));
			dom.append(modal, children);
			document.body.classList.add('modal-overlay-active');
			return modal;
		},
		hideModal() {
			document.body.classList.remove('modal-overlay-active');
		},
		addNotification(title, children, ...classes) {
			const box = E('div', { class: ['alert-message', ...classes].join(' ') }, [E('h4', {}, title)]);
			dom.append(box, children);
			document.getElementById('maincontent').prepend(box);
			return box;
		},
		createHandlerFn(self, handler, ...values) {
			const call = typeof handler === 'string' ? self[handler] : handler;
			return (event) => {
				const button = event.currentTarget;
				button.classList.add('spinning');
				button.disabled = true;
				Promise.resolve(call.apply(self, [...values, event])).catch(L.error).finally(() => {
					button.classList.remove('spinning');
					button.disabled = false;
				});
			};
		},
		changes, Textfield, Textarea, Checkbox, Select, DynamicList,
	};
	window.luci_modules.ui = ui;
	L.ui = ui;
})();
