// SPDX-License-Identifier: MIT
// gemini.mjs - Google's SDK, as ask.mjs uses it.
import { createRequire } from "node:module";

const require = createRequire(process.env.PACKAGES + "/here.js");
const { GoogleGenAI } = require("@google/genai");
const model = "gemini-2.5-pro";

// It asks no second time unless told to.
export const client = (base, apiKey) => new GoogleGenAI({
	apiKey, httpOptions: { baseUrl: base + "/gemini" },
});

const ask = (text) => ({
	model, contents: [{ role: "user", parts: [{ text }] }],
});

const told = (r) => ({
	text: r.text,
	finish: r.candidates[0].finishReason,
	input: r.usageMetadata.promptTokenCount,
	output: r.usageMetadata.candidatesTokenCount,
});

export const whole = async (c, text, signal) =>
	told(await c.models.generateContent(
		{ ...ask(text), config: { abortSignal: signal } }));

export async function stream(c, text, signal, show) {
	const said = { text: "", finish: null };
	const all = await c.models.generateContentStream(
		{ ...ask(text), config: { abortSignal: signal } });
	for await (const chunk of all) {
		if (chunk.text) {
			said.text += chunk.text;
			show(chunk.text);
		}
		const finish = chunk.candidates?.[0]?.finishReason;
		if (finish)
			Object.assign(said, told(chunk),
				{ text: said.text, finish });
	}
	return said;
}

export const count = async (c, text) => {
	const n = await c.models.countTokens(ask(text));
	return { input: n.totalTokens };
};

export async function tools(c) {
	const asked = {
		...ask("how is the weather?"),
		config: {
			tools: [{
				functionDeclarations: [{
					name: "weather",
					parametersJsonSchema: {
						type: "object",
						properties: { city: { type: "string" } },
					},
				}],
			}],
		},
	};
	const first = await c.models.generateContent(asked);
	const call = first.functionCalls[0];
	asked.contents.push(first.candidates[0].content, {
		role: "user",
		parts: [{
			functionResponse: {
				name: call.name,
				response: { output: "sunny in " + call.args.city },
			},
		}],
	});
	return told(await c.models.generateContent(asked));
}
