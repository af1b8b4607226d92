// SPDX-License-Identifier: MIT
// chat.mjs - OpenAI's SDK and its Chat Completions, as ask.mjs uses them.
import { createRequire } from "node:module";

const require = createRequire(process.env.PACKAGES + "/here.js");
const { OpenAI } = require("openai");
const model = "gpt-5.5";

export const client = (base, apiKey, maxRetries) =>
	new OpenAI({ baseURL: base + "/openai/v1", apiKey, maxRetries });

const ask = (text) => ({
	model, messages: [{ role: "user", content: text }],
});

const told = (r) => ({
	text: r.choices[0].message.content,
	finish: r.choices[0].finish_reason,
	input: r.usage.prompt_tokens,
	output: r.usage.completion_tokens,
});

export const whole = async (c, text, signal) =>
	told(await c.chat.completions.create(ask(text), { signal }));

async function chunks(c, asked, signal, show) {
	const said = { text: "", finish: null, choiceless: 0 };
	const all = await c.chat.completions.create(
		{ ...asked, stream: true }, { signal });
	for await (const chunk of all) {
		const choice = chunk.choices[0];
		if (!choice)
			said.choiceless++;
		if (choice?.delta.content) {
			said.text += choice.delta.content;
			show(choice.delta.content);
		}
		said.finish = choice?.finish_reason ?? said.finish;
		if (chunk.usage) {
			said.input = chunk.usage.prompt_tokens;
			said.output = chunk.usage.completion_tokens;
		}
	}
	return said;
}

export const stream = (c, text, signal, show) => chunks(c,
	{ ...ask(text), stream_options: { include_usage: true } },
	signal, show);

// One who did not ask for the usage.
export const bare = (c, text) => chunks(c, ask(text), undefined, () => {});

export async function tools(c) {
	const asked = {
		...ask("how is the weather?"),
		tools: [{
			type: "function",
			function: {
				name: "weather",
				parameters: {
					type: "object",
					properties: { city: { type: "string" } },
				},
			},
		}],
	};
	const first = await c.chat.completions.create(asked);
	const message = first.choices[0].message;
	const call = message.tool_calls[0];
	asked.messages.push(message, {
		role: "tool",
		tool_call_id: call.id,
		content: "sunny in " + JSON.parse(call.function.arguments).city,
	});
	return told(await c.chat.completions.create(asked));
}
