// SPDX-License-Identifier: MIT
// responses.mjs - OpenAI's SDK and its Responses, as ask.mjs uses them.
import { createRequire } from "node:module";

const require = createRequire(process.env.PACKAGES + "/here.js");
const { OpenAI } = require("openai");
const model = "gpt-5.5";

export const client = (base, apiKey, maxRetries) =>
	new OpenAI({ baseURL: base + "/openai/v1", apiKey, maxRetries });

const ask = (text) => ({
	model, store: false, input: [{ role: "user", content: text }],
});

const told = (r) => ({
	text: r.output_text ?? r.output
		.flatMap((item) => item.content ?? [])
		.map((part) => part.text ?? "").join(""),
	finish: r.status,
	input: r.usage.input_tokens,
	output: r.usage.output_tokens,
});

export const whole = async (c, text, signal) =>
	told(await c.responses.create(ask(text), { signal }));

export async function stream(c, text, signal, show) {
	const events = await c.responses.create(
		{ ...ask(text), stream: true }, { signal });
	let done;
	for await (const e of events) {
		if (e.type === "response.output_text.delta")
			show(e.delta);
		if (e.type === "response.completed")
			done = e.response;
		// The SDK hands these to its user as events.
		if (e.type === "error" || e.type === "response.failed")
			throw new Error(JSON.stringify(e));
	}
	return done ? told(done) : { finish: null };
}

export async function tools(c) {
	const asked = {
		...ask("how is the weather?"),
		tools: [{
			type: "function",
			name: "weather",
			parameters: {
				type: "object",
				properties: { city: { type: "string" } },
			},
		}],
	};
	const first = await c.responses.create(asked);
	const call = first.output.find((i) => i.type === "function_call");
	asked.input.push(...first.output, {
		type: "function_call_output",
		call_id: call.call_id,
		output: "sunny in " + JSON.parse(call.arguments).city,
	});
	return told(await c.responses.create(asked));
}
