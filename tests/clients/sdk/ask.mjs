// SPDX-License-Identifier: MIT
// ask.mjs - one use of an SDK; says as JSON what the SDK made of it.
//
//	node ask.mjs DIALECT USE
//
// BASE, KEY and PACKAGES (where node_modules is) stand in the environment,
// RETRIES is what the SDK may do by itself.
import { createHash } from "node:crypto";

const [dialect, use] = process.argv.slice(2);
const said = { sent: [] };

// What the SDK believes to send, before anybody could change it.
const fetch = globalThis.fetch;
globalThis.fetch = (url, init) => {
	const hash = createHash("sha256").update(init?.body ?? "");
	said.sent.push(hash.digest("hex"));
	return fetch(url, init);
};

const sdk = await import(`./${dialect}.mjs`);
const client = sdk.client(process.env.BASE, process.env.KEY,
	Number(process.env.RETRIES ?? 0));
const aborter = new AbortController();
const signal = aborter.signal;

const uses = {
	whole: () => sdk.whole(client, "say something", signal),
	large: () => sdk.whole(client, "5 MB: " + "x".repeat(5 << 20), signal),
	tools: () => sdk.tools(client),
	stream: () => sdk.stream(client, "say something", signal, (text) => {
		said.shown = (said.shown ?? "") + text;
	}),
	bare: () => sdk.bare(client, "say something"),
	count: () => sdk.count(client, "say something"),
	// Abort at the first text, or when told by a line on stdin.
	abort: () => sdk.stream(client, "say something", signal, () => {
		aborter.abort();
	}),
	hang: () => {
		process.stdin.once("data", () => {
			process.stdin.unref();
			aborter.abort();
		});
		return sdk.whole(client, "say something", signal);
	},
};

try {
	Object.assign(said, await uses[use]());
} catch (e) {
	const headers = e.headers ?? {};
	const header = (name) => headers.get?.(name) ?? headers[name];
	said.error = {
		kind: e.constructor.name,
		status: e.status,
		message: e.message,
		body: e.error,
		retry: header("x-should-retry"),
		after: header("retry-after"),
		id: e.requestID ?? header("request-id"),
	};
}
process.stdout.write(JSON.stringify(said) + "\n");
