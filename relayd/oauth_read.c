/* SPDX-License-Identifier: MIT */
/* oauth_read.c - what providers and people answer at a sign-in or refresh.
 * All of it is foreign: nothing is believed to have a form. */
#include <stdlib.h>

#include "proto/enc.h"
#include "proto/json.h"
#include "proto/url.h"

#include "relayd/oauth.h"
#include "relayd/provider.h"

/* Longer ones are no words of a language. */
#define WORD_MAX 32

/* --- pasted answers ------------------------------------------------------------ */

/* Without control bytes, blanks and what terminals put around pasted text. */
static enum err
clean(struct str pasted, struct buf *out)
{
	enum err e = OK;

	for (size_t i = 0; !e && i < pasted.len; i++) {
		struct str rest = str_skip(pasted, i);

		if (str_starts(rest, STR("\x1b[200~")) ||
		    str_starts(rest, STR("\x1b[201~"))) {
			i += 5;
			continue;
		}
		if ((unsigned char)pasted.at[i] > ' ' && pasted.at[i] != 0x7f)
			e = buf_addc(out, pasted.at[i]);
	}
	return e;
}

static enum err
refuse_state(const struct oauth_flow *f, struct str state, struct why *out_why)
{
	if (str_eq(state, str_of(f->state)))
		return OK;
	return why_set(out_why, ERR_STALE, "answer",
	    "this answer belongs to another sign-in (its state differs); open "
	    "the address shown last, or begin again");
}

/* The value of a parameter, decoded; empty when there is none. */
static enum err
query_value(struct str query, struct str name, struct buf *out)
{
	struct str value;

	buf_clear(out);
	if (!url_query_get(query, name, &value))
		return OK;
	return enc_unpercent(out, value);
}

static enum err
read_address(const struct oauth_flow *f, struct str query, struct buf *out_code,
    struct why *out_why)
{
	struct buf value;
	enum err e;

	buf_init(&value, OAUTH_PASTE_MAX);
	e = query_value(query, STR("error"), &value);
	if (!e && buf_len(&value)) {
		struct str word = str_first(buf_str(&value), 60);

		e = why_set(out_why, ERR_DENIED, "answer",
		    "the provider did not grant it: %.*s; the address can be "
		    "opened again",
		    STR_ARG(word));
	}
	if (!e)
		e = query_value(query, STR("state"), &value);
	if (!e && buf_len(&value))
		e = refuse_state(f, buf_str(&value), out_why);
	if (!e)
		e = query_value(query, STR("code"), &value);
	if (!e)
		e = buf_add(out_code, buf_str(&value));
	if (e == ERR_SYNTAX)
		why_set(out_why, e, "answer",
		    "the pasted address is cut or damaged");
	buf_wipe(&value);
	return e;
}

static enum err
read_clean(const struct oauth_flow *f, struct str text, struct buf *out_code,
    struct why *out_why)
{
	ptrdiff_t query = str_chr(text, '?');
	struct str code;

	if (query >= 0 || str_starts(text, STR("code="))) {
		struct str rest = str_skip(text, (size_t)(query + 1));

		return read_address(f, str_cut(&rest, '#'), out_code, out_why);
	}
	if (str_chr(text, '#') >= 0) {
		enum err e;

		code = str_cut(&text, '#');
		e = refuse_state(f, text, out_why);
		return e ? e : buf_add(out_code, code);
	}
	return buf_add(out_code, str_cut(&text, '&'));
}

enum err
oauth_paste(const struct oauth_flow *f, struct str pasted, struct buf *out_code,
    struct why *out_why)
{
	size_t had = buf_len(out_code);
	struct buf text;
	struct str code;
	enum err e;

	buf_init(&text, OAUTH_PASTE_MAX);
	e = clean(pasted, &text);
	if (!e)
		e = read_clean(f, buf_str(&text), out_code, out_why);
	buf_wipe(&text);
	if (e == ERR_LIMIT)
		return why_set(out_why, e, "answer",
		    "this is longer than any answer of a sign-in");
	if (e)
		return e;
	code = str_skip(buf_str(out_code), had);
	if (code.len < 4 || str_find(code, STR("://")) >= 0) {
		buf_chop(out_code, code.len);
		return why_set(out_why, ERR_SYNTAX, "answer",
		    "there is no code in this; paste what the page shows "
		    "(CODE#STATE), or the whole address the browser was sent "
		    "to");
	}
	return OK;
}

/* --- errors -------------------------------------------------------------------- */

/* "error":"word", or "error":{"code"|"type":"word"}, or "code":"word". */
static struct str
error_word(const struct json *answer, struct str *out_text)
{
	static const char *const words[] = { "code", "type" };
	static const char *const texts[] = { "error_description", "message",
		"detail" };
	const struct json *error = json_at(answer, "error");
	struct str word = STR("");

	*out_text = STR("");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!out_text->len &&
		    json_as_str(json_at(error, texts[i]), out_text))
			(void)!json_as_str(json_at(answer, texts[i]), out_text);
	}
	if (error && json_as_str(error, &word) == OK)
		return word;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (json_as_str(json_at(error, words[i]), &word) == OK ||
		    json_as_str(json_at(answer, words[i]), &word) == OK)
			return word;
	return STR("");
}

static bool
is_final(struct str word)
{
	static const char *const words[] = {
		"invalid_grant",
		"refresh_token_expired",
		"refresh_token_reused",
		"refresh_token_invalidated",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq(word, str_of(words[i])))
			return true;
	return false;
}

bool
oauth_is_for_a_while(unsigned status)
{
	return status == 408 || status == 429 || status >= 500;
}

/* At most `max` bytes of an upstream's words, fit for a log and a terminal:
 * what is no printable ASCII becomes a '?', and a word as long as a token is
 * may be the token that was sent. */
static void
put_words(struct str said, size_t max, char *out)
{
	size_t len = 0;

	while (said.len && len < max) {
		struct str word = str_cut(&said, ' ');

		if (word.len > WORD_MAX)
			word = STR("****");
		if (len)
			out[len++] = ' ';
		for (size_t i = 0; i < word.len && len < max; i++)
			out[len++] = word.at[i] > ' ' && word.at[i] < 0x7f
			    ? word.at[i]
			    : '?';
	}
	out[len] = '\0';
}

static enum err
refused(unsigned status, struct str word, struct str text, struct why *out_why)
{
	enum err e = is_final(word)	   ? ERR_DENIED
	    : oauth_is_for_a_while(status) ? ERR_AGAIN
					   : ERR_VALUE;
	char about[60 + 1], words[140 + 1];

	put_words(word, sizeof(about) - 1, about);
	put_words(text, sizeof(words) - 1, words);
	return why_set(out_why, e, "", "%u%s%s%s%s", status,
	    about[0] ? " " : "", about, words[0] ? ": " : "", words);
}

/* --- tokens -------------------------------------------------------------------- */

static enum err
take_token(const struct json *answer, const char *key, struct buf *out)
{
	struct str value;

	if (json_as_str(json_at(answer, key), &value) || !value.len)
		return OK;
	/* It becomes a header's value. */
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] <= ' ' || value.at[i] >= 0x7f)
			return ERR_SYNTAX;
	buf_wipe(out);
	return buf_add(out, value);
}

static enum err
read_tokens(const struct oauth *o, const struct json *answer,
    struct oauth_grant *io, struct why *out_why)
{
	struct str scopes;
	int64_t n;
	enum err e;

	buf_wipe(&io->access);
	e = take_token(answer, "access_token", &io->access);
	if (!e)
		e = take_token(answer, "refresh_token", &io->refresh);
	if (!e && !buf_len(&io->access))
		e = ERR_SYNTAX;
	if (e)
		return why_set(out_why, ERR_SYNTAX, "",
		    "the answer holds no token");
	io->life_s = io->until_wall_ms = 0;
	if (json_as_i64(json_at(answer, "expires_in"), &n) == OK && n > 0 &&
	    n < INT32_MAX)
		io->life_s = n;
	if (json_as_str(json_at(answer, "scope"), &scopes) == OK)
		oauth_grant_say(io, GRANT_scopes, scopes);
	return o->read ? o->read(answer, io) : OK;
}

enum err
oauth_read(const struct oauth_flow *f, unsigned status, struct str body,
    struct oauth_grant *io, struct why *out_why)
{
	struct json *answer = NULL;
	struct str word, text;
	enum err e;

	e = json_parse(body, OAUTH_ANSWER_MAX, &answer, NULL);
	if (e && status >= 200 && status < 300)
		return why_set(out_why, ERR_SYNTAX, "",
		    "the answer is no JSON");
	word = error_word(answer, &text);
	if (status < 200 || status > 299)
		e = refused(status, word, text, out_why);
	else
		e = read_tokens(f->provider->oauth, answer, io, out_why);
	json_free(answer);
	return e;
}

/* --- device flow ----------------------------------------------------------------- */

static enum err
take_text(const struct json *answer, const char *key, struct buf *out)
{
	struct str value;

	if (json_as_str(json_at(answer, key), &value))
		return OK;
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] <= ' ' || value.at[i] >= 0x7f)
			return ERR_SYNTAX;
	buf_clear(out);
	return buf_add(out, value);
}

static void
take_seconds(const struct json *answer, const char *key, int64_t most,
    int64_t *io)
{
	int64_t n;

	if (json_as_i64(json_at(answer, key), &n) == OK && n > 0)
		*io = n < most ? n : most;
}

enum err
oauth_device_read(const struct oauth_flow *f, unsigned status, struct str body,
    struct oauth_device *out, struct why *out_why)
{
	const struct oauth *o = f->provider->oauth;
	struct json *answer = NULL;
	struct str word, text;
	enum err e;

	if (o->device_read)
		return o->device_read(f, status, body, out, out_why);
	e = json_parse(body, OAUTH_ANSWER_MAX, &answer, NULL);
	word = error_word(answer, &text);
	if (status < 200 || status > 299) {
		e = refused(status, word, text, out_why);
		goto out_free;
	}
	if (!e)
		e = take_text(answer, "device_code", &out->code);
	if (!e)
		e = take_text(answer, "user_code", &out->user_code);
	if (!e)
		e = take_text(answer, "verification_uri", &out->url);
	if (!e)
		e = take_text(answer, "verification_uri_complete",
		    &out->url_whole);
	take_seconds(answer, "interval", 60, &out->interval_s);
	take_seconds(answer, "expires_in", 1800, &out->life_s);
	if (e || !buf_len(&out->code) || !buf_len(&out->url))
		e = why_set(out_why, ERR_SYNTAX, "",
		    "the answer holds no code to type");
out_free:
	json_free(answer);
	return e;
}

static enum err
poll_read(const struct oauth_flow *f, unsigned status, struct str body,
    int64_t *io_interval_s, struct oauth_grant *out, struct why *out_why)
{
	struct json *answer = NULL;
	struct str word, text;
	enum err e = OK;

	if (status >= 200 && status < 300)
		return oauth_read(f, status, body, out, out_why);
	if (json_parse(body, OAUTH_ANSWER_MAX, &answer, NULL))
		return refused(status, STR(""), STR(""), out_why);
	word = error_word(answer, &text);
	if (str_eq(word, STR("slow_down"))) {
		/* RFC 8628 3.5: five seconds more, from now on. */
		*io_interval_s += 5;
		take_seconds(answer, "interval", 60, io_interval_s);
		e = ERR_AGAIN;
	} else if (str_eq(word, STR("authorization_pending"))) {
		e = ERR_AGAIN;
	} else if (str_eq(word, STR("expired_token"))) {
		e = why_set(out_why, ERR_TIMEOUT, "",
		    "the code was not used in time");
	} else if (str_eq(word, STR("access_denied"))) {
		e = why_set(out_why, ERR_DENIED, "",
		    "the provider did not grant it: access_denied");
	} else {
		e = refused(status, word, text, out_why);
	}
	json_free(answer);
	return e;
}

enum err
oauth_poll_read(const struct oauth_flow *f, unsigned status, struct str body,
    int64_t *io_interval_s, struct oauth_grant *out, struct why *out_why)
{
	const struct oauth *o = f->provider->oauth;
	int64_t was_s = *io_interval_s;
	enum err e;

	e = o->poll_read
	    ? o->poll_read(status, body, io_interval_s, out, out_why)
	    : poll_read(f, status, body, io_interval_s, out, out_why);
	/* Too often, and no pace was told. */
	if (status == 429 && *io_interval_s == was_s)
		*io_interval_s = was_s + 5 < 60 ? was_s + 5 : 60;
	return e;
}

/* --- files of the providers' own clients ------------------------------------------- */

/* How their files are known, and what kind of account they make.  A kind's own
 * `import` reads it. */
static const struct {
	const char *member, *client, *kind;
} files[] = {
	{ "claudeAiOauth", "Claude Code", "claude-oauth" },
	{ "tokens", "Codex CLI", "codex-oauth" },
	{ "expiry_date", "Gemini CLI", "gemini-oauth" },
};

enum err
oauth_import(struct str file, const struct provider **out_kind,
    struct oauth_grant *out, struct why *out_why)
{
	struct json *root = NULL;
	const struct provider *p;
	enum err e;

	if (json_parse(file, OAUTH_ANSWER_MAX, &root, NULL))
		return why_set(out_why, ERR_SYNTAX, "from",
		    "this is no JSON, as all files with tokens are");
	e = why_set(out_why, ERR_UNKNOWN, "from",
	    "this is no file of a client that is known here (Claude Code: "
	    ".credentials.json, Codex CLI: auth.json, Gemini CLI: "
	    "oauth_creds.json)");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (!json_at(root, files[i].member))
			continue;
		p = provider_find(str_of(files[i].kind));
		if (!p || !p->oauth || !p->oauth->import) {
			e = why_set(out_why, ERR_UNSUPPORTED, "from",
			    "this is %s's file; this relayd has no accounts of "
			    "the kind %s",
			    files[i].client, files[i].kind);
			break;
		}
		e = p->oauth->import(root, out, out_why);
		if (!e)
			*out_kind = p;
		break;
	}
	json_free(root);
	return e;
}
