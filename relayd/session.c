/* SPDX-License-Identifier: MIT */
/* session.c - which conversation a request belongs to. */
#include "relayd/session.h"

#include <stdio.h>

#include <sodium.h>

#include "proto/cursor.h"

/* Of the content so much at either end of each part is looked at: a hash of
 * all of it would cost more than the rest of the request. */
#define SAMPLE 512
/* Of what was said so much is looked through for the first of it. */
#define FIRST_MAX (8 * 1024)
/* What gateways put before the first block of a system prompt; it differs
 * from request to request. */
#define NONCE "x-anthropic-billing-header"

enum family {
	FAMILY_CLAUDE,
	FAMILY_SESSION,
	FAMILY_CONVERSATION,
	FAMILY_THREAD,
	FAMILY_CACHE_KEY,
	FAMILY_PROMPT,
	FAMILY_CONTENT,
	FAMILY_ANSWER,
};

/* Exactly one of header and want says where. */
struct source {
	enum family family;
	const char *header;
	size_t header_len;
	enum want want;
};

#define HEADER(text)                                                           \
	.header = (text), .header_len = sizeof(text) - 1, .want = WANT_COUNT
#define BODY(nr) .want = (nr)

static const struct source sources[SESSION_SOURCES] = {
#define X(name, family_, place, what)                                          \
	[SESSION_##name] = { .family = FAMILY_##family_, place(what) },
#include "relayd/session.def"
#undef X
	[SESSION_CONTENT] = { .family = FAMILY_CONTENT, .want = WANT_COUNT },
	[SESSION_ANSWER] = { .family = FAMILY_ANSWER, .want = WANT_PREVIOUS },
};

/* Bits: a header's name of that length may be one of these. */
#define LENGTH_HEADER(text) | UINT64_C(1) << (sizeof(text) - 1)
#define LENGTH_BODY(nr)
static const uint64_t lengths = 0
#define X(name, family, place, what) LENGTH_##place(what)
#include "relayd/session.def"
#undef X
    ;

const char *
session_source_text(enum session_source s, const struct dialect *d)
{
	if (s == SESSION_NONE)
		return "none";
	if (s == SESSION_CONTENT)
		return "content";
	if (sources[s].header)
		return sources[s].header;
	return d->wants[sources[s].want].path;
}

void
session_text(uint64_t id, char out[SESSION_TEXT])
{
	snprintf(out, SESSION_TEXT, "%016llx", (unsigned long long)id);
}

enum err
session_read(struct str text, uint64_t *out)
{
	uint64_t id = 0;
	int digit;

	if (text.len != SESSION_TEXT - 1)
		return ERR_SYNTAX;
	for (size_t i = 0; i < text.len; i++) {
		digit = str_hex_digit(text.at[i]);
		if (digit < 0)
			return ERR_SYNTAX;
		id = id << 4 | (unsigned)digit;
	}
	*out = id;
	return OK;
}

/* --- hashing --------------------------------------------------------------- */

/* A chain: what was hashed so far is the beginning of what comes next. */
static uint64_t
mix(const struct session_ask *ask, uint64_t so_far, struct str what)
{
	uint8_t block[8 + SESSION_NAME_MAX], hash[crypto_shorthash_BYTES];
	struct str part = str_first(what, SESSION_NAME_MAX);

	_Static_assert(crypto_shorthash_KEYBYTES == SESSION_SECRET,
	    "the secret is a key of SipHash");
	memcpy(block, &so_far, 8);
	if (part.len)
		memcpy(block + 8, part.at, part.len);
	crypto_shorthash(hash, block, 8 + part.len, ask->secret);
	memcpy(&so_far, hash, 8);
	return so_far;
}

/* Whose it is, and from what; 0 stands for no session. */
static uint64_t
begin(const struct session_ask *ask, enum family family)
{
	uint64_t h = mix(ask, (uint64_t)family + 1, ask->key_id);

	return mix(ask, h, str_of(ask->dialect->name));
}

static uint64_t
never_none(uint64_t h)
{
	return h ? h : 1;
}

/* --- names ----------------------------------------------------------------- */

/* The session's part of what Claude Code says as user id: old versions say
 * user_HASH_account_UUID_session_UUID, newer ones a JSON object in the string.
 * Others who use the field name a user with it, which is no session. */
static struct str
of_user_id(struct str text)
{
	const struct str mark = STR("_session_");
	ptrdiff_t at;

	if (raw_is_object(text))
		return raw_text(cursor_find(text, STR("session_id")));
	if (!str_starts(text, STR("user_")))
		return STR("");
	at = str_find(text, mark);
	return at < 0 ? STR("") : str_skip(text, (size_t)at + mark.len);
}

/* Gemini CLI counts its prompts behind the name of the session. */
static struct str
of_prompt_id(struct str text)
{
	ptrdiff_t at = str_find(text, STR("########"));

	return at < 0 ? STR("") : str_first(text, (size_t)at);
}

/* What a value of the body says; *text keeps the bytes. */
static struct str
of_body(const struct session_ask *ask, enum want want, struct buf *text)
{
	const struct span *v = &ask->scan->found[want];
	struct str raw = str_at(ask->body.at + v->from, v->to - v->from);

	/* A conversation is a name, or an object that has one. */
	if (v->type == SPAN_OBJECT && want == WANT_CONVERSATION)
		return raw_text(cursor_find(raw, STR("id")));
	if (v->type != SPAN_STRING || raw.len > 2 * SESSION_NAME_MAX)
		return STR("");
	buf_clear(text);
	if (span_text(ask->body, v, text))
		return STR("");
	if (want == WANT_USER_ID)
		return of_user_id(buf_str(text));
	if (want == WANT_PROMPT_ID)
		return of_prompt_id(buf_str(text));
	return buf_str(text);
}

/* The header of the best source, in one walk over the fields. */
static enum session_source
find_header(const struct http1_head *head, struct str *out_value)
{
	enum session_source best = SESSION_CONTENT;

	for (size_t i = 0; i < head->count; i++) {
		const struct header *f = &head->fields[i];

		if (f->name.len >= 64 || !(lengths >> f->name.len & 1) ||
		    !f->value.len || f->value.len > SESSION_NAME_MAX)
			continue;
		for (unsigned s = SESSION_NONE + 1; s < best; s++) {
			if (sources[s].header_len != f->name.len ||
			    !str_ieq(f->name, str_of(sources[s].header)))
				continue;
			best = s;
			*out_value = f->value;
			break;
		}
	}
	return best;
}

/* --- content --------------------------------------------------------------- */

static struct str
raw_of(const struct session_ask *ask, enum want want)
{
	const struct span *v = &ask->scan->found[want];

	if (v->type == SPAN_ABSENT)
		v = &ask->scan->found[want + 1];
	if (v->type == SPAN_ABSENT)
		return STR("");
	return str_at(ask->body.at + v->from, v->to - v->from);
}

/* Without a first block that is another one each time. */
static struct str
steady_system(struct str system)
{
	struct cursor c;
	struct member block;

	if (!raw_is_array(system) ||
	    str_find(str_first(system, SAMPLE), STR(NONCE)) < 0)
		return system;
	cursor_init(&c, system);
	if (!cursor_next(&c, &block))
		return system;
	return str_skip(system,
	    (size_t)(block.value.at + block.value.len - system.at));
}

/* The first thing that a user says: all of it when it is no list.  To go to
 * the end of a long one would be to read the body twice: then its beginning
 * has to do, which stays the same as well. */
static struct str
first_said(struct str messages)
{
	struct cursor c;
	struct member m;
	struct str first = STR("");

	if (!raw_is_array(messages))
		return messages;
	messages = str_first(messages, FIRST_MAX);
	cursor_init(&c, messages);
	for (int i = 0; i < 8 && cursor_next(&c, &m); i++) {
		if (!i)
			first = m.value;
		if (str_eq(raw_text(cursor_find(m.value, STR("role"))),
			STR("user")))
			return m.value;
	}
	return first.len || messages.len < FIRST_MAX ? first : messages;
}

static uint64_t
mix_sample(const struct session_ask *ask, uint64_t h, struct str part)
{
	size_t tail = part.len > 2 * SAMPLE ? part.len - SAMPLE : SAMPLE;
	uint64_t len = part.len;

	h = mix(ask, h, str_at((const char *)&len, sizeof(len)));
	h = mix(ask, h, str_first(part, SAMPLE));
	return mix(ask, h, str_skip(part, tail));
}

/* The prompt, the tools, and what was said first stay the same for as long as
 * a conversation goes on. */
static uint64_t
of_content(const struct session_ask *ask)
{
	struct str said = first_said(raw_of(ask, WANT_MESSAGES));
	uint64_t h = begin(ask, FAMILY_CONTENT);

	if (raw_says_nothing(said))
		return 0;
	h = mix_sample(ask, h, steady_system(raw_of(ask, WANT_SYSTEM)));
	h = mix_sample(ask, h, raw_of(ask, WANT_TOOLS));
	return never_none(mix_sample(ask, h, said));
}

/* --- all of it ------------------------------------------------------------- */

uint64_t
session_of_answer(const struct session_ask *ask, struct str id)
{
	if (!id.len || id.len > SESSION_NAME_MAX)
		return 0;
	return never_none(mix(ask, begin(ask, FAMILY_ANSWER), id));
}

uint64_t
session_of_previous(const struct session_ask *ask)
{
	struct buf text;
	uint64_t id;

	if (ask->scan->found[WANT_PREVIOUS].type != SPAN_STRING)
		return 0;
	buf_init(&text, 4 * SESSION_NAME_MAX);
	id = session_of_answer(ask, of_body(ask, WANT_PREVIOUS, &text));
	buf_fini(&text);
	return id;
}

struct session
session_of(const struct session_ask *ask)
{
	struct str value = STR("");
	enum session_source header = find_header(ask->head, &value), s;
	struct session found = { .id = 0, .source = SESSION_NONE };
	struct buf text;

	buf_init(&text, 4 * SESSION_NAME_MAX);
	for (s = SESSION_NONE + 1; s < header; s++) {
		if (sources[s].want == WANT_COUNT ||
		    ask->scan->found[sources[s].want].type == SPAN_ABSENT)
			continue;
		value = of_body(ask, sources[s].want, &text);
		if (value.len && value.len <= SESSION_NAME_MAX)
			break;
	}
	if (s != SESSION_CONTENT) {
		found.id =
		    never_none(mix(ask, begin(ask, sources[s].family), value));
		found.source = s;
	} else if (ask->by_content && (found.id = of_content(ask))) {
		found.source = SESSION_CONTENT;
	}
	buf_fini(&text);
	return found;
}

/* --- turns ----------------------------------------------------------------- */

/* What a tool answered, in the words of the dialects. */
static bool
is_of_tool(struct str message)
{
	struct cursor c;
	struct member part;
	struct str content = cursor_find(message, STR("content"));

	if (!content.len)
		content = cursor_find(message, STR("parts"));
	if (str_eq(raw_text(cursor_find(message, STR("role"))), STR("tool")) ||
	    str_ends(raw_text(cursor_find(message, STR("type"))),
		STR("_output")))
		return true;
	if (!raw_is_array(content))
		return false;
	cursor_init(&c, content);
	while (cursor_next(&c, &part))
		if (str_eq(raw_text(cursor_find(part.value, STR("type"))),
			STR("tool_result")) ||
		    cursor_find(part.value, STR("functionResponse")).len)
			return true;
	return false;
}

bool
session_is_turn(const struct scan *s, struct str body)
{
	const struct session_ask ask = { .scan = s, .body = body };
	struct str messages = raw_of(&ask, WANT_MESSAGES);
	struct member m, last = { .value = STR("") };
	struct cursor c;

	if (!raw_is_array(messages))
		return true;
	cursor_init(&c, messages);
	while (cursor_next(&c, &m))
		last = m;
	return !is_of_tool(last.value);
}
