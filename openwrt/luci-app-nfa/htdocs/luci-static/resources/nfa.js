// What the pages of nfa have in common: asking the daemon, names of devices, tables, bars and charts.
'use strict';
'require baseclass';
'require dom';
'require fs';
'require poll';
'require rpc';
'require uci';
'require ui';

/* LuCI takes a plain text for HTML where it takes a list of texts for texts. Names come from the
   network: everything shown here is given in lists. */

const PARAMS = {
	status: [],
	flows: [ 'limit', 'cursor', 'sort', 'client', 'rule', 'text', 'criteria' ],
	sets: [ 'limit', 'cursor', 'set' ],
	search: [ 'what', 'limit' ],
	why: [ 'flow' ],
	top: [ 'by', 'client', 'limit' ],
	history: [],
	matches: [ 'limit', 'cursor', 'rule', 'client' ],
	catalogue: [ 'limit', 'cursor', 'kind', 'text', 'category' ],
	findings: [ 'limit' ],
	criteria: [ 'text' ]
};

const calls = {};
Object.keys(PARAMS).forEach(function(method) {
	calls[method] = rpc.declare({ object: 'nfa', method: method, params: PARAMS[method] });
});

const callHints = rpc.declare({ object: 'luci-rpc', method: 'getHostHints', expect: { '': {} } });

/* Columns of a chart while there are fewer measures. */
const CHART_LEAST = 18;
const SVG = 'http://www.w3.org/2000/svg';
const STYLE = [
	'.nfa{overflow-wrap:anywhere}',
	'.nfa [hidden]{display:none!important}',
	'.nfa-bar{display:flex;flex-wrap:wrap;gap:.5em;align-items:center;margin:.5em 0 1em}',
	'.nfa-bar input,.nfa-bar select{margin:0;max-width:16em;width:auto;flex:1 1 8em}',
	'.nfa-bar .btn{margin:0}',
	'.nfa-bar small{margin-left:auto}',
	'.nfa-tiles,.nfa-cols{display:grid;gap:1em;grid-template-columns:repeat(auto-fit,minmax(8.5em,1fr));margin-bottom:1em}',
	'.nfa-cols{grid-template-columns:repeat(auto-fit,minmax(min(17em,100%),1fr))}',
	'.nfa-tile,.nfa-card{border:1px solid rgba(128,128,128,.35);border-radius:6px;padding:.6em .8em;min-width:0}',
	'.nfa-tile b{display:block;font-size:1.5em;line-height:1.3}',
	'.nfa-tile small,.nfa small{opacity:.75}',
	'.nfa-card h4{margin:0 0 .5em;padding:0;border:0;font-size:1em}',
	'.nfa-row{position:relative;display:flex;justify-content:space-between;gap:.8em;padding:.2em .4em;margin:.15em 0}',
	'.nfa-row i{position:absolute;left:0;top:0;bottom:0;background:var(--primary-color-medium,#3a7bd5);opacity:.22;border-radius:3px;transition:width .4s}',
	'.nfa-row span{position:relative;min-width:0}',
	'.nfa-row span+span{white-space:nowrap;opacity:.85}',
	'.nfa-chart{width:100%;height:7em;display:block}',
	'.nfa-chart .down{fill:var(--primary-color-medium,#3a7bd5);opacity:.35}',
	'.nfa-chart .up{fill:none;stroke:var(--success-color-medium,#4c9f4c);stroke-width:1.5;vector-effect:non-scaling-stroke}',
	'.nfa-key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .3em 0 .8em;background:var(--primary-color-medium,#3a7bd5);opacity:.5}',
	'.nfa-key.up{background:var(--success-color-medium,#4c9f4c);opacity:1}',
	'.nfa-list{width:100%;border-collapse:collapse;table-layout:fixed}',
	'.nfa-list th.wide{width:28%}',
	'.nfa-list th.num{width:8em}',
	'.nfa-list th,.nfa-list td{text-align:left;padding:.35em .5em;border-bottom:1px solid rgba(128,128,128,.25);vertical-align:top}',
	'.nfa-list th{white-space:nowrap}',
	'.nfa-list .num{text-align:right;white-space:nowrap}',
	'.nfa-list td small{display:block}',
	'.nfa-list tr.pick{cursor:pointer}',
	'.nfa-list tr.pick:hover,.nfa-list tr.pick:focus{background:rgba(128,128,128,.12)}',
	'.nfa-tag{display:inline-block;border:1px solid rgba(128,128,128,.5);border-radius:3px;padding:0 .4em;margin:0 .3em .2em 0;font-size:.9em}',
	'.nfa-good,.nfa-bad{position:relative;padding-left:1.5em;display:block}',
	'.nfa-good::before,.nfa-bad::before{content:"\\2713";position:absolute;left:0;color:var(--success-color-high,#3c8c3c);font-weight:bold}',
	'.nfa-bad::before{content:"!";color:var(--error-color-high,#d33)}',
	'.nfa-health{list-style:none;margin:0;padding:0}',
	'.nfa-health li{padding-left:1.5em;margin:.25em 0}',
	'.nfa-all{grid-column:1/-1}',
	'.nfa-empty{text-align:center;padding:1.5em 1em}',
	'.nfa pre,.nfa-pre{white-space:pre-wrap;overflow-x:auto;max-height:60vh;text-align:left}',
	'.nfa-caret{white-space:pre;overflow-x:auto;margin:.3em 0 0;padding:.4em}',
	'.nfa-picks{display:flex;flex-wrap:wrap;gap:.3em;margin-top:.3em}',
	'.nfa-picks .btn{padding:.1em .6em;margin:0}',
	'@media(max-width:700px){',
	'.nfa-bar input,.nfa-bar select{max-width:none;flex-basis:40%}',
	'.nfa-list thead{display:none}',
	'.nfa-list tr{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);border-bottom:1px solid rgba(128,128,128,.4);padding:.3em 0}',
	'.nfa-list td{border:0;padding:.1em .5em}',
	'.nfa-list td.wide{grid-column:1/-1}',
	'.nfa-list td:empty{display:none}',
	'.nfa-list .num{text-align:left;white-space:normal}',
	'}'
].join('');

/* The text of a cell or a node; one that stays as it is costs nothing. */
function fill(td, now) {
	if (td.shown === now)
		return;

	td.shown = td.textContent = now;
}

return baseclass.extend({
	/* Asks the daemon. Fails with an Error whose `what` is 'off' where no daemon runs. */
	ask: function(method, args) {
		const list = PARAMS[method].map((name) => (args && args[name] !== '' ? args[name] : null));

		return calls[method].apply(null, list).then(function(reply) {
			if (reply && reply.result)
				return reply.result;

			const told = (reply && reply.error) || {};
			const error = new Error(told.message || _('no answer'));
			error.what = told.what || (typeof(reply) == 'object' ? 'refused' : 'off');
			throw error;
		});
	},

	/* Calls again and again while somebody looks, and at once when he looks again. Tells what
	   became of it to `shown`, if it is a node. */
	every: function(seconds, refresh, notice) {
		const turn = () => refresh().then(() => dom.content(notice, null)).catch((error) => {
			dom.content(notice, [ this.trouble(error) ]);
		});

		poll.add(() => (document.hidden ? Promise.resolve() : turn()), seconds);
		document.addEventListener('visibilitychange', () => document.hidden || turn());
		return turn();
	},

	/* Names of the devices of the LAN, by address and hardware address. */
	hints: function() {
		return L.resolveDefault(callHints(), {}).then((hints) => {
			const names = {};

			this.hosts = hints;

			for (let mac in hints) {
				const host = hints[mac];
				const name = host.name && host.name.replace(/\.(lan|local)$/, '');
				const own = name || (host.ipaddrs || [])[0] || mac;

				names[mac.toLowerCase()] = own;
				(host.ipaddrs || []).concat(host.ip6addrs || []).forEach((ip) => {
					if (name)
						names[ip] = name;
				});
			}

			return names;
		});
	},

	/* Offers the devices of the LAN as choices of an option. */
	offer: function(option, names) {
		Object.keys(this.hosts).forEach((mac) => option.value(mac.toLowerCase(),
			'%s (%s)'.format(names[mac.toLowerCase()], (this.hosts[mac].ipaddrs || [])[0] || mac)));
	},

	/* The device of a flow, a match or a volume. */
	device: function(names, ip, mac) {
		return names[ip] || (mac && names[mac.toLowerCase()]) || ip;
	},

	style: function() {
		return E('style', [ STYLE ]);
	},

	size: function(bytes) {
		const units = [ 'B', 'kB', 'MB', 'GB', 'TB' ];
		let unit = 0;

		for (bytes = +bytes || 0; bytes >= 1000 && unit < 4; unit++)
			bytes /= 1000;

		return (bytes >= 100 || !unit ? Math.round(bytes) : bytes.toFixed(1)) + ' ' + units[unit];
	},

	time: function(seconds) {
		if (seconds == null)
			return '';
		if (seconds < 60)
			return _('%d s').format(seconds);
		if (seconds < 3600)
			return _('%d min').format(Math.floor(seconds / 60));
		if (seconds < 86400)
			return _('%d h %d min').format(Math.floor(seconds / 3600), Math.floor(seconds % 3600 / 60));
		return _('%d d %d h').format(Math.floor(seconds / 86400), Math.floor(seconds % 86400 / 3600));
	},

	clock: function(millis) {
		return new Date(millis).toLocaleTimeString();
	},

	/* An application's tag as people write it. */
	short: function(tag) {
		return !tag ? '' : /unclassified$/.test(tag) ? _('not named') : tag.replace(/^[^.]*\./, '');
	},

	/* Volumes of the addresses of one device together, the largest first. */
	devices: function(names, rows) {
		const known = {};

		rows.forEach((row) => {
			const name = this.device(names, row.name, row.mac);
			const one = known[name] = known[name] || { name: name, addresses: [], value: 0, live: 0, sent: 0, received: 0 };

			one.mac = one.mac || row.mac;
			one.addresses.push(row.name);
			one.value += row.bytes;
			one.live += row.live;
			one.sent += row.local_bytes;
			one.received += row.other_bytes;
			one.text = this.size(one.value);
		});

		return Object.values(known).sort((a, b) => b.value - a.value);
	},

	tags: function(names) {
		return (names || []).map((name) => E('span', { 'class': 'nfa-tag' }, [ name ]));
	},

	/* A table whose rows are kept by their key and changed in place. Columns have `title`, `text`
	   (a row's text) or `node` with `sign` (a text that changes when the node is to be made anew),
	   `kind` (classes). `pick` is called with the row that is clicked. */
	list: function(columns, key, pick) {
		const body = E('tbody');
		const known = new Map();
		const node = E('table', { 'class': 'nfa-list' }, [
			E('thead', [ E('tr', columns.map((column) => E('th', { 'class': column.kind || '' }, [ column.title ]))) ]),
			body
		]);

		const make = function() {
			const tr = E('tr', columns.map((column) => E('td', { 'class': column.kind || '' })));

			if (pick) {
				tr.className = 'pick';
				tr.tabIndex = 0;
				tr.addEventListener('click', () => pick(tr.row));
				tr.addEventListener('keydown', (ev) => ev.key == 'Enter' && pick(tr.row));
			}

			return tr;
		};

		return {
			node: node,
			update: function(rows) {
				const seen = new Set();
				let at = body.firstChild;

				rows.forEach(function(row) {
					const id = key(row);
					let tr = known.get(id);

					if (seen.has(id))
						return;
					if (!tr)
						known.set(id, tr = make());

					seen.add(id);
					tr.row = row;

					for (let i = 0; i < columns.length; i++) {
						const column = columns[i], td = tr.childNodes[i];

						if (column.text)
							fill(td, column.text(row) || '');
						else if (td.sign !== (td.sign = column.sign(row)))
							dom.content(td, [].concat(column.node(row)));
					}

					if (tr === at)
						at = at.nextSibling;
					else
						body.insertBefore(tr, at);
				});

				known.forEach(function(tr, id) {
					if (!seen.has(id)) {
						known.delete(id);
						tr.remove();
					}
				});
			}
		};
	},

	/* Rows with a bar behind them: each has `name`, `value`, `text`. */
	bars: function(title, empty) {
		const node = E('div', { 'class': 'nfa-card' }, [ E('h4', [ title ]), E('div') ]);
		const body = node.lastChild;

		return {
			node: node,
			update: function(rows) {
				const most = rows.reduce((most, row) => Math.max(most, row.value), 1);

				while (body.childNodes.length > rows.length)
					body.lastChild.remove();
				if (!rows.length)
					return dom.content(body, [ E('em', [ empty ]) ]);

				rows.forEach(function(row, i) {
					let line = body.childNodes[i];

					if (!line || !line.classList.contains('nfa-row')) {
						const made = E('div', { 'class': 'nfa-row' }, [ E('i'), E('span'), E('span') ]);
						line ? body.replaceChild(made, line) : body.appendChild(made);
						line = made;
					}

					line.childNodes[0].style.width = (100 * row.value / most).toFixed(1) + '%';
					fill(line.childNodes[1], row.name);
					fill(line.childNodes[2], row.text);
				});
			}
		};
	},

	/* What went down and up in the last minutes. */
	chart: function() {
		const svg = document.createElementNS(SVG, 'svg');
		const top = E('small');
		const shapes = [ [ 'polygon', 'down' ], [ 'polyline', 'up' ] ].map(function(shape) {
			const made = document.createElementNS(SVG, shape[0]);
			made.setAttribute('class', shape[1]);
			return svg.appendChild(made);
		});

		svg.setAttribute('class', 'nfa-chart');
		svg.setAttribute('preserveAspectRatio', 'none');
		svg.setAttribute('role', 'img');
		svg.setAttribute('aria-label', _('Traffic of the last quarter of an hour'));

		return {
			node: E('div', { 'class': 'nfa-card' }, [
				E('h4', [ _('Traffic of the last quarter of an hour'),
					E('span', { 'class': 'nfa-key' }), _('down'), E('span', { 'class': 'nfa-key up' }), _('up') ]),
				svg, top
			]),
			update: (history) => {
				const rows = history.rows, width = Math.max(rows.length, CHART_LEAST), first = width - rows.length;
				const most = rows.reduce((most, row) => Math.max(most, row.local_bytes, row.other_bytes), 1);
				const line = (name) => rows.map((row, i) => `${first + i},${(39 - 38 * row[name] / most).toFixed(1)}`);

				svg.setAttribute('viewBox', `0 0 ${width - 1} 40`);
				shapes[0].setAttribute('points', rows.length
					? [ `${first},40` ].concat(line('other_bytes'), [ `${first + rows.length - 1},40` ]).join(' ') : '');
				shapes[1].setAttribute('points', line('local_bytes').join(' '));
				fill(top, rows.length
					? _('Highest: %s/s').format(this.size(most / history.interval_s))
					: _('The first measures come within seconds.'));
			}
		};
	},

	/* What is wrong, and what to do about it. */
	trouble: function(error) {
		if (error.what != 'off')
			return E('div', { 'class': 'alert-message warning' }, [ error.message ]);

		const on = [ '1', 'on', 'true', 'yes', 'enabled' ].includes(uci.get('nfa', 'globals', 'enabled'));
		const box = E('div', { 'class': 'alert-message nfa-empty' });

		dom.content(box, on ? [
			E('h4', [ _('nfa is switched on, but does not run') ]),
			E('p', [ _('If it was just switched on, wait some seconds. Else the configuration or the system log says why.') ]),
			this.findings()
		] : [
			E('h4', [ _('nfa is switched off') ]),
			E('p', [ _('Switch it on, and within a minute the traffic of your network has names. Nothing is blocked or changed until a rule says so, and nothing leaves this router.') ]),
			E('button', {
				'class': 'btn cbi-button cbi-button-apply important nfa-enable',
				'click': ui.createHandlerFn(this, function() {
					uci.set('nfa', 'globals', 'enabled', '1');
					return this.keep(true);
				})
			}, [ _('Switch nfa on') ])
		]);

		return box;
	},

	/* Saves what was set; `apply`: and puts it in force. */
	keep: function(apply) {
		return uci.save().then(() => (apply ? ui.changes.apply(true) : ui.changes.init()));
	},

	/* What is wrong in the configuration as it is applied; nothing where all is well. */
	findings: function() {
		const box = E('div');

		fs.exec('/etc/init.d/nfa', [ 'check' ]).then(function(done) {
			const told = ((done.stderr || '') + (done.code ? (done.stdout || '') : '')).trim();

			if (told)
				dom.content(box, [ E('div', { 'class': 'alert-message warning nfa-findings' }, [
					E('h4', [ _('The configuration has mistakes') ]),
					E('p', [ _('What is named here is not in force; the rest is, or what ran before. Mend it and apply again.') ]),
					E('pre', { 'class': 'nfa-pre' }, [ told.replace(/\/etc\/config\//g, '') ])
				]) ]);
		}).catch(() => null);

		return box;
	},

	/* A dialogue with what can be saved, or saved and applied. */
	dialogue: function(title, content, save) {
		const button = (text, kind, apply) => E('button', {
			'class': 'btn cbi-button ' + kind,
			'click': ui.createHandlerFn(this, function() {
				if (save() === false)
					return;
				ui.hideModal();
				return this.keep(apply);
			})
		}, [ text ]);

		ui.showModal(title, [].concat(content, E('div', { 'class': 'right button-row' }, [
			E('button', { 'class': 'btn cbi-button', 'click': ui.hideModal }, [ _('Cancel') ]), ' ',
			button(_('Save'), 'cbi-button-neutral', false), ' ',
			button(_('Save & Apply'), 'cbi-button-apply important', true)
		])));
	},

	/* A page: title, what is wrong, and what is shown. */
	page: function(title, about, content) {
		return E('div', { 'class': 'nfa' }, [
			this.style(), E('h2', [ title ]), about ? E('div', { 'class': 'cbi-map-descr' }, [ about ]) : ''
		].concat(content));
	}
});
