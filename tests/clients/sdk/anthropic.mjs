// SPDX-License-Identifier: MIT
// anthropic.mjs - Anthropic's SDK, as ask.mjs uses it.
import { createRequire } from "node:module";

const require = createRequire(process.env.PACKAGES + "/here.js");
const { Anthropic } = require("@anthropic-ai/sdk");
const model = "claude-sonnet-4-6";

export const client = (base, apiKey, maxRetries) =>
	new Anthropic({ baseURL: base + "/api", apiKey, maxRetries });

const ask = (text) => ({
	model, max_tokens: 1024, messages: [{ role: "user", content: text }],
});

const told = (m) => ({
	text: m.content.map((c) => c.text ?? "").join(""),
	finish: m.stop_reason,
	input: m.usage.input_tokens,
	output: m.usage.output_tokens,
});

export const whole = async (c, text, signal) =>
	told(await c.messages.create(ask(text), { signal }));

export async function stream(c, text, signal, show) {
	const s = c.messages.stream(ask(text), { signal });
	s.on("text", show);
	return told(await s.finalMessage());
}

export const count = async (c, text) => {
	const { max_tokens, ...asked } = ask(text);
	const n = await c.messages.countTokens(asked);
	return { input: n.input_tokens };
};

export async function tools(c) {
	const asked = {
		...ask("how is the weather?"),
		tools: [{
			name: "weather",
			input_schema: {
				type: "object",
				properties: { city: { type: "string" } },
			},
		}],
	};
	const first = await c.messages.create(asked);
	const call = first.content.find((b) => b.type === "tool_use");
	asked.messages.push({ role: "assistant", content: first.content }, {
		role: "user",
		content: [{
			type: "tool_result",
			tool_use_id: call.id,
			content: "sunny in " + call.input.city,
		}],
	});
	return told(await c.messages.create(asked));
}
