// A stand-in for LuCI's client core, by its public documentation (openwrt.github.io/luci/jsapi): as
// far as nfa's pages use it, with its sharp edges, such as plain texts being taken for HTML.
'use strict';
(() => {
	// -- texts ------------------------------------------------------------------------------

	const escaped = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' };
	const conversions = {
		s: (value) => String(value),
		d: (value) => String(Math.floor(+value || 0)),
		f: (value, precision) => (+value || 0).toFixed(precision === undefined ? 6 : precision),
		h: (value) => String(value).replace(/[&<>"']/g, (c) => escaped[c]),
	};
	String.prototype.format = function(...values) {
		return this.replace(/%(?:%|(?:\.(\d+))?([a-z]))/g, (all, precision, kind) => {
			if (all === '%%')
				return '%';
			if (!conversions[kind])
				throw new Error(`the stand-in knows no ${all}`);
			return conversions[kind](values.shift(), precision);
		});
	};

	window._ = (text) => {
		window.asked_texts.add(text);
		return window.translations[text] || text;
	};
	window.asked_texts = new Set();

	// -- classes ----------------------------------------------------------------------------

	class Base {
		static extend(properties) {
			const Parent = this;
			class Class extends Parent {}
			Object.assign(Class.prototype, properties);
			Object.defineProperty(Class.prototype, '__base__', { value: Parent.prototype });
			return Class;
		}

		constructor(...values) {
			if (typeof this.__init__ === 'function')
				this.__init__(...values);
		}
	}

	// -- nodes ------------------------------------------------------------------------------

	const instances = new WeakMap();
	const dom = {
		elem: (value) => typeof value === 'object' && value !== null && 'nodeType' in value,

		append(node, children) {
			if (Array.isArray(children)) {
				for (const child of children) {
					if (dom.elem(child))
						node.appendChild(child);
					else if (child !== null && child !== undefined)
						node.appendChild(document.createTextNode(String(child)));
				}
			} else if (typeof children === 'function') {
				return dom.append(node, children(node));
			} else if (dom.elem(children)) {
				node.appendChild(children);
			} else if (children !== null && children !== undefined) {
				node.innerHTML = String(children); // as LuCI does: a plain text is HTML
			}
			return node.lastChild;
		},

		content(node, children) {
			while (node.firstChild)
				node.removeChild(node.firstChild);
			return dom.append(node, children);
		},

		attr(node, attributes) {
			for (const [key, value] of Object.entries(attributes || {})) {
				if (value === null || value === undefined)
					continue;
				if (typeof value === 'function')
					node.addEventListener(key, value);
				else
					node.setAttribute(key, value);
			}
		},

		create(tag, attributes, children) {
			if (!(attributes instanceof Object) || Array.isArray(attributes) || dom.elem(attributes))
				[attributes, children] = [null, attributes];
			const node = document.createElement(tag);
			dom.attr(node, attributes);
			dom.append(node, children);
			return node;
		},

		parent: (node, selector) => node.closest(selector),
		matches: (node, selector) => dom.elem(node) && node.matches(selector),
		bindClassInstance: (node, instance) => instances.set(node, instance),

		findClassInstance(node) {
			while (node && !instances.has(node))
				node = node.parentNode;
			return node ? instances.get(node) : null;
		},

		callClassMethod(node, method, ...values) {
			const instance = dom.findClassInstance(node);
			return instance && typeof instance[method] === 'function' ? instance[method](...values) : null;
		},
	};
	window.E = dom.create;

	// -- the server -------------------------------------------------------------------------

	let number = 0;
	async function ubus(object, method, values) {
		const request = { jsonrpc: '2.0', id: ++number, method: 'call', params: [L.env.sessionid, object, method, values] };
		const reply = await fetch('/ubus', { method: 'POST', body: JSON.stringify(request) });
		const { result, error } = await reply.json();
		if (error)
			throw new Error(`RPC call to ${object}/${method} failed: ${error.message}`);
		return result;
	}

	const rpc = {
		declare({ object, method, params = [], expect, reject }) {
			return async (...given) => {
				const values = {};
				params.forEach((name, i) => {
					if (given[i] !== undefined && given[i] !== null)
						values[name] = given[i];
				});
				const [code, answer] = await ubus(object, method, values);
				if (code !== 0 && reject)
					throw new Error(`RPC call to ${object}/${method} failed with ubus code ${code}`);
				let told = code === 0 ? answer : code;
				for (const [key, fallback] of Object.entries(expect || {})) {
					if (code === 0 && key !== '')
						told = answer[key];
					if (told === undefined || typeof told !== typeof fallback)
						told = fallback;
				}
				return told;
			};
		},
	};

	const exec = rpc.declare({ object: 'file', method: 'exec', params: ['command', 'params', 'env'], reject: true });
	const fs = { exec: (command, values, env) => exec(command, values, env) };

	// -- polling: every second those whose turn it is ------------------------------------------

	const queue = [];
	let second = 0;
	const poll = {
		add(call, interval) {
			queue.push({ call, interval: interval || L.env.pollinterval, busy: false });
		},
		remove(call) {
			const at = queue.findIndex((entry) => entry.call === call);
			if (at >= 0)
				queue.splice(at, 1);
		},
	};
	setInterval(() => {
		second++;
		for (const entry of queue) {
			if (second % entry.interval === 0 && !entry.busy) {
				entry.busy = true;
				Promise.resolve(entry.call()).finally(() => { entry.busy = false; });
			}
		}
	}, 1000);

	// -- configuration ------------------------------------------------------------------------

	const load = rpc.declare({ object: 'uci', method: 'get', params: ['config'], expect: { values: {} }, reject: true });
	const state = { values: {}, created: {}, changed: {}, deleted: {}, order: {}, count: 0 };
	const of = (kind, config) => (state[kind][config] = state[kind][config] || {});
	const uci = {
		async load(configs) {
			for (const config of L.toArray(configs))
				state.values[config] = state.values[config] || await load(config);
			return L.toArray(configs);
		},
		unload(configs) {
			for (const config of L.toArray(configs))
				['values', 'created', 'changed', 'deleted', 'order'].forEach((kind) => delete state[kind][config]);
		},
		sections(config, type, call) {
			const all = { ...state.values[config], ...of('created', config) };
			const list = Object.keys(all).filter((sid) => !(of('deleted', config)[sid] === true));
			const shown = list.map((sid) => {
				const section = { ...all[sid], ...of('changed', config)[sid] };
				for (const gone of Object.keys(of('deleted', config)[sid] || {}))
					delete section[gone];
				return section;
			}).filter((section) => !type || section['.type'] === type);
			shown.sort((a, b) => a['.index'] - b['.index']);
			if (call)
				shown.forEach((section) => call(section, section['.name']));
			return shown;
		},
		get(config, sid, option) {
			const section = uci.sections(config).find((one) => one['.name'] === sid);
			return !section ? null : option === undefined ? section : section[option] === undefined ? null : section[option];
		},
		set(config, sid, option, value) {
			if (value === null || value === undefined || value === '')
				return uci.unset(config, sid, option);
			const text = Array.isArray(value) ? value.map(String) : String(value);
			if (of('created', config)[sid]) {
				state.created[config][sid][option] = text;
			} else {
				(of('changed', config)[sid] = of('changed', config)[sid] || {})[option] = text;
				if (of('deleted', config)[sid])
					delete state.deleted[config][sid][option];
			}
		},
		unset(config, sid, option) {
			if (of('created', config)[sid]) {
				delete state.created[config][sid][option];
			} else if ((state.values[config][sid] || {})[option] !== undefined) {
				delete (of('changed', config)[sid] || {})[option];
				(of('deleted', config)[sid] = of('deleted', config)[sid] || {})[option] = true;
			}
		},
		add(config, type, name) {
			const sid = name || `new${Date.now().toString(16)}${++state.count}`;
			of('created', config)[sid] = { '.name': sid, '.type': type, '.anonymous': !name, '.create': name || null, '.index': 1000 + state.count };
			return sid;
		},
		remove(config, sid) {
			if (of('created', config)[sid])
				delete state.created[config][sid];
			else
				of('deleted', config)[sid] = true;
		},
		move(config, sid, other, after) {
			const list = uci.sections(config).map((section) => section['.name']).filter((name) => name !== sid);
			list.splice(list.indexOf(other) + (after ? 1 : 0), 0, sid);
			list.forEach((name, i) => {
				(state.created[config] && state.created[config][name] || state.values[config][name])['.index'] = i;
			});
			state.order[config] = list;
		},
		async save() {
			for (const config of Object.keys(state.values)) {
				const names = {};
				for (const [sid, section] of Object.entries(of('created', config))) {
					const values = Object.fromEntries(Object.entries(section).filter(([key]) => !key.startsWith('.')));
					const [code, answer] = await ubus('uci', 'add', { config, type: section['.type'], name: section['.create'] || undefined, values });
					if (code)
						throw new Error(`uci add: ubus code ${code}`);
					names[sid] = answer.section;
				}
				for (const [section, values] of Object.entries(of('changed', config)))
					await ubus('uci', 'set', { config, section, values });
				for (const [section, options] of Object.entries(of('deleted', config)))
					await ubus('uci', 'delete', options === true ? { config, section } : { config, section, options: Object.keys(options) });
				if (state.order[config])
					await ubus('uci', 'order', { config, sections: state.order[config].map((sid) => names[sid] || sid) });
			}
			const configs = Object.keys(state.values);
			uci.unload(configs);
			return uci.load(configs);
		},
		changes: rpc.declare({ object: 'uci', method: 'changes', expect: { changes: {} } }),
		apply: rpc.declare({ object: 'uci', method: 'apply', params: ['timeout', 'rollback'], reject: true }),
		confirm: rpc.declare({ object: 'uci', method: 'confirm', reject: true }),
		revert: rpc.declare({ object: 'uci', method: 'revert', params: ['config'] }),
	};

	// -- views --------------------------------------------------------------------------------

	const View = Base.extend({
		__init__() {
			const place = document.getElementById('view');
			dom.content(place, E('div', { class: 'spinning' }, ['Loading view…']));
			return Promise.resolve(this.load()).then((loaded) => this.render(loaded)).then((nodes) => {
				dom.content(place, nodes);
				dom.append(place, this.addFooter());
				document.body.dataset.ready = '1';
			}).catch(L.error);
		},
		load() {},
		render() {},
		maps: () => document.getElementById('maincontent').querySelectorAll('.cbi-map'),
		handleSave() {
			return Promise.all([...this.maps()].map((node) => dom.callClassMethod(node, 'save')));
		},
		handleSaveApply(event, mode) {
			return this.handleSave(event).then(() => L.ui.changes.apply(mode === '0'));
		},
		handleReset() {
			return Promise.all([...this.maps()].map((node) => dom.callClassMethod(node, 'reset')));
		},
		addFooter() {
			const footer = E('div', { class: 'cbi-page-actions' }, []);
			const button = (handler, kind, text) => {
				if (this[handler])
					dom.append(footer, [E('button', { class: `btn cbi-button ${kind}`, click: L.ui.createHandlerFn(this, handler, '0') }, [text]), ' ']);
			};
			if (![...this.maps()].length)
				return footer;
			button('handleSaveApply', 'cbi-button-apply important', 'Save & Apply');
			button('handleSave', 'cbi-button-save', 'Save');
			button('handleReset', 'cbi-button-reset', 'Reset');
			return footer;
		},
	});

	// -- modules ------------------------------------------------------------------------------

	const modules = { baseclass: Base, dom, rpc, fs, poll, uci, view: View };
	window.luci_modules = modules;
	window.luci_base = Base;

	/* The names in the directives at the head of a script, in front of which only comments stand. */
	function needed(source) {
		const head = /^(?:\s+|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/|;|'use strict'|'require[ \t]+([^' \t]+)(?:[ \t]+as[ \t]+(\w+))?')/;
		const names = [];
		for (let found; (found = head.exec(source)); source = source.slice(found[0].length)) {
			if (found[1])
				names.push([found[1], found[2] || found[1].replace(/[^a-zA-Z0-9_]/g, '_')]);
		}
		return names;
	}

	const loading = {};
	function require_(name) {
		if (modules[name])
			return Promise.resolve(modules[name]);
		loading[name] = loading[name] || (async () => {
			const reply = await fetch(`/luci-static/resources/${name.replace(/\./g, '/')}.js`);
			if (!reply.ok)
				throw new Error(`no module ${name}`);
			const source = await reply.text();
			const names = needed(source);
			const found = [];
			for (const [module] of names)
				found.push(await require_(module));
			const make = new Function('window', 'document', 'L', '_', 'E', ...names.map((pair) => pair[1]),
				`${source}\n//# sourceURL=/luci-static/resources/${name}.js\n`);
			const Class = make(window, document, L, window._, window.E, ...found);
			if (!(Class && Class.prototype instanceof Base))
				throw new Error(`"${name}" factory yields invalid constructor`);
			return (modules[name] = new Class());
		})();
		return loading[name];
	}

	window.L = {
		env: { sessionid: window.session_id, pollinterval: 5, apply_display: 0.2 },
		require: require_,
		bind: (call, self, ...values) => call.bind(self, ...values),
		url: (...parts) => `/cgi-bin/luci/${parts.join('/')}`,
		resource: (...parts) => `/luci-static/resources/${parts.join('/')}`,
		toArray: (value) => (value === null || value === undefined ? []
			: Array.isArray(value) ? value
				: typeof value === 'object' ? [value] : String(value).trim() === '' ? [] : String(value).trim().split(/\s+/)),
		resolveDefault: (promise, fallback) => Promise.resolve(promise).catch(() => fallback),
		error(error) {
			window.page_errors.push(String(error.stack || error));
			L.ui.addNotification(null, E('p', [String(error)]), 'danger');
		},
		dom, Class: Base,
	};
	window.page_errors = [];
	window.addEventListener('error', (event) => window.page_errors.push(String(event.message)));
	window.addEventListener('unhandledrejection', (event) => window.page_errors.push(String(event.reason && event.reason.stack || event.reason)));
})();
