// rpcd's object `nfa`: hands each call to nfa's control socket and its answer back, in one short try.

'use strict';

import * as socket from 'socket';

const SOCKET = '/var/run/nfa.sock';
// rpcd does one thing at a time: LuCI must not stand still because of us.
const PATIENCE_MS = 500;
const ANSWER_BYTES_MAX = 1048577;
const CHUNK_BYTES = 65536;

// Method -> what it takes, as examples of the types. Methods of the control socket are called the
// same (docs/control.md). tests/luci reads this table as JSON.
const TABLE = {
	"status": {},
	"flows": { "limit": 0, "cursor": "", "sort": "", "client": "", "rule": "", "text": "", "criteria": "" },
	"sets": { "limit": 0, "cursor": 0, "set": "" },
	"search": { "what": "", "limit": 0 },
	"why": { "flow": "" },
	"top": { "by": "", "client": "", "limit": 0 },
	"history": {},
	"matches": { "limit": 0, "cursor": 0, "rule": "", "client": "" },
	"catalogue": { "limit": 0, "cursor": 0, "kind": "", "text": "", "category": "" },
	"findings": { "limit": 0 },
	"criteria": { "text": "" },
	"reload": {}
};

function failed(what, message) {
	return { error: { at: '', message: message, what: what } };
}

function ask(request) {
	const sock = socket.connect(SOCKET);

	if (!sock)
		return failed('off', 'nfa does not run');

	const line = sprintf('%J\n', request);
	let answer = '';
	let left = PATIENCE_MS;

	if (sock.send(line) != length(line)) {
		sock.close();
		return failed('slow', 'nfa does not listen');
	}

	while (left > 0 && substr(answer, -1) != '\n' && length(answer) < ANSWER_BYTES_MAX) {
		const began = clock(true);
		const ready = socket.poll(left, [ sock, socket.POLLIN ]);
		const chunk = (length(ready) && ready[0][1]) ? sock.recv(CHUNK_BYTES) : null;

		if (!length(chunk))
			break;

		const now = clock(true);
		answer += chunk;
		left -= (now[0] - began[0]) * 1000 + (now[1] - began[1]) / 1000000;
	}

	sock.close();

	try {
		return json(answer);
	}
	catch (e) {
		return failed('slow', 'nfa did not answer in time');
	}
}

const methods = {};

for (let name, args in TABLE) {
	const method = name, known = args;

	methods[method] = {
		args: known,
		call: function(req) {
			const request = { method: method };

			for (let key in known)
				if (req.args[key] != null)
					request[key] = req.args[key];

			return ask(request);
		}
	};
}

return { nfa: methods };
