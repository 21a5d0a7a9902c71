// Runs nfa.uc as JavaScript, which it is but for its import and one loop, with a socket that we play.
// An expression: the list of what went wrong. `source` stands in front of it.
(() => {
	const wrong = [];
	const expect = (what, found, wanted) => {
		if (JSON.stringify(found) !== JSON.stringify(wanted))
			wrong.push(`${what}: ${JSON.stringify(found)}, expected ${JSON.stringify(wanted)}`);
	};
	const loop = 'for (let name, args in TABLE)';
	if (!source.includes(loop) || !/^import \* as socket from 'socket';$/m.test(source))
		return ['nfa.uc is not as this test knows it'];
	const text = source.replace(/^import .*$/m, '').replace(loop, 'for (const [name, args] of Object.entries(TABLE))');

	/* Chunks are what comes at each turn: a text, '' for the end, null for nothing in time. */
	const play = (chunks, connects = true) => {
		const seen = { sent: '', closed: 0, waits: [] };
		let millis = 0;
		const sock = {
			send: (line) => { seen.sent += line; return line.length; },
			recv: () => chunks.shift(),
			close: () => { seen.closed++; },
		};
		const socket = {
			POLLIN: 1,
			connect: (path) => { seen.path = path; return connects ? sock : null; },
			poll: (wait, pair) => {
				seen.waits.push(wait);
				const there = chunks.length && chunks[0] !== null;
				millis += there ? 100 : wait;
				return [[pair[0], there ? 1 : 0]];
			},
		};
		const shims = {
			socket,
			sprintf: (format, value) => {
				if (format !== '%J\n')
					throw new Error(format);
				return `${JSON.stringify(value)}\n`;
			},
			length: (value) => (value === null || value === undefined ? null : value.length),
			substr: (value, offset) => value.slice(offset),
			clock: () => [Math.floor(millis / 1000), millis % 1000 * 1000000],
			json: JSON.parse,
		};
		const plugin = new Function(...Object.keys(shims), text)(...Object.values(shims));
		return { seen, methods: plugin.nfa };
	};

	let { seen, methods } = play(['{"nfa":"1","result":{', '"flows":[]}}\n']);
	expect('the answer', methods.flows.call({ args: { limit: 5, text: 'a"b', ubus_rpc_session: 'secret' } }), { nfa: '1', result: { flows: [] } });
	expect('the request', seen.sent, '{"method":"flows","limit":5,"text":"a\\"b"}\n');
	expect('where', seen.path, '/var/run/nfa.sock');
	expect('it hangs up', seen.closed, 1);
	expect('one patience for all turns', seen.waits, [500, 400]);
	expect('every method takes what its table says', methods.search.args, { what: '', limit: 0 });

	({ seen, methods } = play([], false));
	expect('no daemon', methods.status.call({ args: {} }), { error: { at: '', message: 'nfa does not run', what: 'off' } });

	for (const chunks of [[null], ['{"nfa"', null], ['{"nfa"', ''], ['not JSON\n'], ['']]) {
		({ seen, methods } = play(chunks.slice()));
		expect(`an answer such as ${JSON.stringify(chunks)}`, methods.status.call({ args: {} }).error.what, 'slow');
		expect('it hangs up then too', seen.closed, 1);
	}

	({ seen, methods } = play(Array(20).fill(' ')));
	methods.status.call({ args: {} });
	expect('drops that never end', seen.waits.length, 5);
	return wrong;
})()
