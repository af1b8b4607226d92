/* SPDX-License-Identifier: MIT */
/* route.c - method and path to dialect and operation.
 *
 * Clients are set up by people: a base URL with one slash too many, with a /v1
 * that the client adds again, or without the one that it leaves to the URL,
 * means the same as the right one. */
#include "relayd/route.h"

#include "relayd/assist.h"

#define GET	 "GET"
#define GET_HEAD "GET|HEAD"
#define POST	 "POST"
/* The credential column. */
#define OPEN .open = true
#define KEY  .open = false
#define BODY .in_body = true

static const struct route rows[] = {
#define X(methods_, pattern_, dia_, op_, credential_)                          \
	{ .methods = methods_,                                                 \
		.pattern = (pattern_),                                         \
		.dialect = &dialect_##dia_,                                    \
		.op = OP_##op_,                                                \
		credential_ },
#include "relayd/route.def"
#undef X
};

const struct route *
route_at(unsigned i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}

/* Slashes collapsed, none at the end, an escaped colon (of Gemini's actions)
 * undone; all other escapes stay as they are. */
static enum err
clean_path(struct str path, struct buf *out)
{
	size_t i = 0;

	while (i < path.len) {
		char c = path.at[i];
		enum err e;

		if (c == '/' && buf_len(out) && out->mem[out->end - 1] == '/') {
			i++;
			continue;
		}
		if (c == '%' && i + 3 <= path.len &&
		    str_ieq(str_at(path.at + i, 3), STR("%3A"))) {
			c = ':';
			i += 2;
		}
		e = buf_addc(out, c);
		if (e)
			return e;
		i++;
	}
	if (buf_len(out) > 1 && out->mem[out->end - 1] == '/')
		buf_chop(out, 1);
	return OK;
}

/* A base URL ends with a version, and the client adds its own: that counts. */
static struct str
without_double_version(struct buf *text)
{
	static const char *const twice[] = { "/v1/v1/", "/v1/v1beta/",
		"/v1beta/v1beta/" };
	struct str s = buf_str(text);

	for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
		ptrdiff_t at = str_find(s, str_of(twice[i]));
		size_t first = strcspn(twice[i] + 1, "/") + 1;
		char *mem;

		if (at < 0)
			continue;
		mem = text->mem + text->start + at;
		memmove(mem, mem + first, s.len - (size_t)at - first);
		buf_chop(text, first);
		return buf_str(text);
	}
	return s;
}

/* The byte at the front of a path, of which *out_len bytes spell it. */
static unsigned char
first_byte(struct str path, size_t *out_len)
{
	int high, low;

	*out_len = 1;
	if (path.at[0] != '%' || path.len < 3)
		return (unsigned char)path.at[0];
	high = str_hex_digit(path.at[1]);
	low = str_hex_digit(path.at[2]);
	if (high < 0 || low < 0)
		return '%';
	*out_len = 3;
	return (unsigned char)(high << 4 | low);
}

/* Is there a segment "." or "..", in any spelling of it and of its ends?  The
 * name of a model becomes part of the address at the account, which must not
 * lead elsewhere. */
static bool
has_dots(struct str path)
{
	size_t len, segment_len = 0;
	bool only_dots = true;

	for (; path.len; path = str_skip(path, len)) {
		unsigned char c = first_byte(path, &len);

		if (c != '/' && c != '\\' && c != ':') {
			only_dots = only_dots && c == '.';
			segment_len++;
			continue;
		}
		if (only_dots && (segment_len == 1 || segment_len == 2))
			return true;
		only_dots = true;
		segment_len = 0;
	}
	return only_dots && (segment_len == 1 || segment_len == 2);
}

/* Would undoing the escapes of a name begin a query or a fragment, end the
 * address early, or show another escape? */
static bool
leads_elsewhere(struct str name)
{
	size_t len;

	for (; name.len; name = str_skip(name, len)) {
		unsigned char c = first_byte(name, &len);

		if (c < 0x20 || c == 0x7f || c == '?' || c == '#' ||
		    (c == '%' && len > 1))
			return true;
	}
	return false;
}

/* A name that hardly matters: one segment, in place of ID. */
static bool
skip_id(const char **pattern, struct str *path, struct str *out_id)
{
	struct str rest = *path, id = str_cut(&rest, '/');

	if (!id.len)
		return false;
	*out_id = id;
	*path = str_skip(*path, id.len);
	*pattern += strlen("ID");
	return true;
}

/* The kind of account that a prefix stands for, or NULL. */
static const char *
kind_of(struct str path)
{
	static const struct {
		const char *prefix, *kind;
	} pools[] = {
#define X(prefix_, kind_) { .prefix = (prefix_), .kind = (kind_) },
#include "relayd/route_pool.def"
#undef X
	};

	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
		if (str_starts(path, str_of(pools[i].prefix)))
			return pools[i].kind;
	return NULL;
}

/* Is this where the path should say the version, and does not? */
static bool
lacks_version(const char *pattern, struct str path)
{
	return strncmp(pattern, "/v1/", 4) == 0 && path.at[0] == '/' &&
	    !str_starts(path, STR("/v1/"));
}

/* Does the path fit the row's pattern, but for a version that it lacks? */
static bool
fits(const struct route *r, struct str path, struct routed *out)
{
	const char *pattern = r->pattern;
	struct str name = path;

	/* No path of ours has an M, an I or a colon of its own. */
	while (name.len && *pattern != 'M' && *pattern != ':') {
		if (lacks_version(pattern, name))
			pattern += strlen("/v1");
		if (*pattern == 'I' && skip_id(&pattern, &name, &out->id))
			continue;
		if (*pattern != name.at[0])
			break;
		pattern++;
		name = str_skip(name, 1);
	}
	if (*pattern == ':' && name.len > 1 && name.at[0] == ':') {
		out->action = str_skip(name, 1);
		return true;
	}
	if (*pattern != 'M')
		return !*pattern && !name.len;
	if (str_ends(str_of(pattern), STR(":action"))) {
		const char *colon = memrchr(name.at, ':', name.len);

		if (!colon)
			return false;
		out->action =
		    str_at(colon + 1, (size_t)(name.at + name.len - colon) - 1);
		name.len = (size_t)(colon - name.at);
	}
	out->model = name;
	return name.len > 0;
}

static bool
allows(const char *methods, struct str method)
{
	struct str rest = str_of(methods);

	while (rest.at)
		if (str_eq(str_cut(&rest, '|'), method))
			return true;
	return false;
}

/* Only some of what Google has there is passed on, and each in its way. */
static bool
fits_method(const struct route *r, struct str method, struct str action)
{
	const struct assist_method *m;

	if (r->op != OP_ASSIST || !action.at)
		return true;
	m = assist_method_find(action);
	return !m || str_eq(method, str_of(m->http));
}

/* Gemini's verbs; OP_SINK stands for "none that is known". */
static enum op
action_op(struct routed *r, struct str query)
{
	struct str rest = query;

	const struct assist_method *m = assist_method_find(r->action);

	if (r->enveloped && (!m || m->op == OP_ASSIST))
		return m ? OP_ASSIST : OP_SINK;
	if (str_eq(r->action, STR("generateContent")))
		return OP_GENERATE;
	if (str_eq(r->action, STR("streamGenerateContent"))) {
		r->stream = true;
		while (rest.at)
			if (str_eq(str_cut(&rest, '&'), STR("alt=sse")))
				r->sse = true;
		return OP_GENERATE;
	}
	if (str_eq(r->action, STR("countTokens")))
		return OP_COUNT_TOKENS;
	if (!r->enveloped &&
	    (str_eq(r->action, STR("embedContent")) ||
		str_eq(r->action, STR("batchEmbedContents"))))
		return OP_EMBED;
	return OP_SINK;
}

/* In whose words to refuse a path that is none of ours. */
static const struct dialect *
nearest(struct str path)
{
	if (str_starts(path, STR("/gemini")) ||
	    str_starts(path, STR("/v1beta")) ||
	    str_starts(path, STR("/v1internal")) ||
	    str_starts(path, STR("/antigravity/v1")))
		return &dialect_gemini;
	if (str_starts(path, STR("/openai")) ||
	    str_find(path, STR("/responses")) >= 0 ||
	    str_find(path, STR("/chat/")) >= 0 ||
	    str_starts(path, STR("/backend-api")))
		return &dialect_openai_responses;
	return &dialect_anthropic;
}

enum fault
route_find(struct str method, struct str path, struct str query,
    struct buf *text, struct routed *out, const struct dialect **out_dialect)
{
	bool known = false;
	struct str cleaned;

	*out = (struct routed){ .route = NULL };
	*out_dialect = &dialect_anthropic;
	if (clean_path(path, text) || has_dots(buf_str(text))) {
		*out_dialect = nearest(path);
		return FAULT_ROUTE;
	}
	cleaned = without_double_version(text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct route *r = &rows[i];

		out->model = out->action = (struct str){ .at = NULL, .len = 0 };
		out->id = out->model;
		if (!fits(r, cleaned, out))
			continue;
		known = true;
		*out_dialect = r->dialect;
		if (!allows(r->methods, method) ||
		    !fits_method(r, method, out->action))
			continue;
		out->route = r;
		out->op = r->op;
		out->enveloped = r->op == OP_ASSIST;
		out->kind = kind_of(cleaned);
		if (out->action.at)
			out->op = action_op(out, query);
		/* It becomes part of an address, and no name has escapes. */
		if (out->enveloped && str_chr(out->id, '%') >= 0)
			return FAULT_ROUTE;
		if (leads_elsewhere(out->enveloped ? out->id : out->model))
			return FAULT_ROUTE;
		if (out->op == OP_SINK && r->op != OP_SINK)
			return FAULT_ROUTE;
		return FAULT_NONE;
	}
	if (known)
		return FAULT_METHOD;
	*out_dialect = nearest(path);
	return FAULT_ROUTE;
}
