/* SPDX-License-Identifier: MIT */
/* outbound.c - the heads that relayd writes. */
#include "relayd/outbound.h"

#include "relayd/headrule.h"

enum way {
	KEEP,
	DROP,
	OURS
};

static const struct rule {
	struct str name;
	enum way up, down;
} rules[] = {
#define X(name_, up_, down_)                                                   \
	{ .name = { .at = (name_), .len = sizeof(name_) - 1 },                 \
		.up = (up_),                                                   \
		.down = (down_) },
#include "relayd/headers.def"
#undef X
};

static const struct rule *
rule_of(struct str name)
{
	const struct rule *end = rules + sizeof(rules) / sizeof(rules[0]);
	size_t from = 0, to = (size_t)(end - rules);

	/* The first of that length; most names have none of ours beside. */
	while (from < to) {
		size_t middle = (from + to) / 2;

		if (rules[middle].name.len < name.len)
			from = middle + 1;
		else
			to = middle;
	}
	for (const struct rule *r = rules + from;
	     r < end && r->name.len == name.len; r++)
		if (str_ieq(r->name, name))
			return r;
	return NULL;
}

bool
is_credential_field(struct str name)
{
	return str_ieq(name, STR("authorization")) ||
	    str_ieq(name, STR("x-api-key")) ||
	    str_ieq(name, STR("x-goog-api-key")) ||
	    str_ieq(name, STR("api-key"));
}

/* What of ours has been written already. */
struct written {
	bool host, credential, length, encoding, agent, listed;
};

/* Twenty of these make a head: no format strings here. */
static enum err
put(struct buf *out, struct str name, struct str value)
{
	size_t room;
	enum err e;
	char *at;

	e = buf_room(out, name.len + value.len + 4, &at, &room);
	if (e)
		return e;
	at = mempcpy(at, name.at, name.len);
	at = mempcpy(at, ": ", 2);
	if (value.len)
		at = mempcpy(at, value.at, value.len);
	memcpy(at, "\r\n", 2);
	buf_grew(out, name.len + value.len + 4);
	return OK;
}

/* Does the head's Connection name fields that end here?  Mostly it says no
 * more than keep-alive or close. */
static bool
names_fields(const struct http1_head *h)
{
	const struct header *f = http1_find(h, STR("connection"));

	return f && !str_ieq(f->value, STR("keep-alive")) &&
	    !str_ieq(f->value, STR("close"));
}

static enum err
put_credential(const struct account *a, const struct ask *ask, struct buf *out)
{
	struct str auth =
	    a->rec.auth.len ? a->rec.auth : str_of(a->provider->auth);

	enum err e;

	if (!str_eq(auth, STR("bearer")))
		return put(out, auth, ask->credential);
	e = buf_add(out, STR("Authorization: Bearer "));
	if (!e)
		e = buf_add(out, ask->credential);
	if (!e)
		e = buf_add(out, STR("\r\n"));
	return e;
}

/* Streams are asked for uncompressed: pings and errors could not be put into a
 * compressed one.  Other answers may come as gzip when the client takes it. */
static const char *
encoding_for(const struct ask *ask)
{
	if (!ask->stream &&
	    http1_has_token(ask->head, STR("accept-encoding"), STR("gzip")))
		return "gzip";
	return "identity";
}

static enum err
put_ours(const struct account *a, const struct ask *ask, struct str name,
    struct str value, struct written *w, struct buf *out)
{
	if (is_credential_field(name)) {
		if (w->credential)
			return OK;
		w->credential = true;
		return put_credential(a, ask, out);
	}
	if (str_ieq(name, STR("host"))) {
		w->host = true;
		return put(out, name, str_of(a->host_field));
	}
	if (str_ieq(name, STR("content-length"))) {
		if (w->length || !ask->has_body)
			return OK;
		w->length = true;
		return http1_put_number(out, name, ask->length);
	}
	if (str_ieq(name, STR("accept-encoding"))) {
		if (w->encoding)
			return OK;
		w->encoding = true;
		return put(out, name, str_of(encoding_for(ask)));
	}
	if (str_ieq(name, STR("user-agent"))) {
		w->agent = true;
		return put(out, name,
		    a->rec.user_agent.len ? a->rec.user_agent : value);
	}
	/* Content-Encoding: only when the body goes on as it came. */
	return ask->encoding.len ? put(out, name, value) : OK;
}

/* A list of the client's, with the token that the account needs in it. */
static enum err
put_list(const struct account *a, const struct ask *ask, const struct header *f,
    struct written *w, struct buf *out)
{
	struct str name = str_of(a->provider->list_name);
	struct str token = str_of(a->provider->list_token);
	enum err e;

	if (w->listed || http1_has_token(ask->head, name, token)) {
		w->listed = true;
		return put(out, f->name, f->value);
	}
	w->listed = true;
	e = buf_addf(out, "%.*s: ", STR_ARG(f->name));
	if (!e)
		e = buf_add(out, f->value);
	if (!e && f->value.len)
		e = buf_addc(out, ',');
	if (!e)
		e = buf_add(out, token);
	return e ? e : buf_add(out, STR("\r\n"));
}

static bool
is_list(const struct account *a, struct str name)
{
	return a->provider->list_name &&
	    str_ieq(name, str_of(a->provider->list_name));
}

/* A list that several fields make together: what is added joins the client's
 * instead of taking its place. */
static bool
is_joined(struct str name)
{
	return str_ieq(name, STR("anthropic-beta"));
}

/* Does the operator want the client's field not to be sent? */
static bool
is_unwanted(const struct account *a, struct str name)
{
	struct headrule r;

	return a->rec.headers.len && headrule_find(a->rec.headers, name, &r) &&
	    (r.removes || !is_joined(name));
}

/* Is a field of that name among these lines? */
static bool
has_line(struct str lines, struct str name)
{
	while (lines.len) {
		struct str line = str_cut(&lines, '\n');

		if (str_istarts(line, name) && line.len > name.len &&
		    line.at[name.len] == ':')
			return true;
	}
	return false;
}

/* What the operator adds; `own` is what the kind has written, which stands. */
static enum err
put_added(const struct account *a, size_t own, struct buf *out)
{
	struct str rest = a->rec.headers;
	size_t end = buf_len(out);
	struct headrule r;
	enum err e = OK;

	while (!e && headrule_next(&rest, &r)) {
		struct str lines = str_skip(str_first(buf_str(out), end), own);

		if (!r.removes && !has_line(lines, r.name))
			e = put(out, r.name, r.value);
	}
	return e;
}

/* What the client did not send and we need. */
static enum err
put_missing(const struct account *a, const struct ask *ask,
    const struct written *w, struct buf *out)
{
	enum err e = OK;
	size_t own;

	if (!w->host)
		e = put(out, STR("Host"), str_of(a->host_field));
	if (!e && !w->credential)
		e = put_credential(a, ask, out);
	if (!e && !w->listed && a->provider->list_name)
		e = put(out, str_of(a->provider->list_name),
		    str_of(a->provider->list_token));
	own = buf_len(out);
	if (!e && a->provider->own_fields)
		e = a->provider->own_fields(a, ask, out);
	if (!e && a->rec.headers.len)
		e = put_added(a, own, out);
	if (!e && !w->encoding)
		e = put(out, STR("Accept-Encoding"), str_of(encoding_for(ask)));
	if (!e && !w->agent && a->rec.user_agent.len)
		e = put(out, STR("User-Agent"), a->rec.user_agent);
	if (!e && !w->length && ask->has_body)
		e = http1_put_number(out, STR("Content-Length"), ask->length);
	return e;
}

/* A list of models has its own place beside what is asked otherwise; people
 * paste bases with and without what stands in front of it. */
static enum err
put_target(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	struct str base = str_of(a->base);
	enum err e;

	if (ask->op == OP_LIST_MODELS && a->provider->list) {
		struct str path = str_of(a->provider->list->path);

		if (str_starts(path, STR("/v1/"))) {
			if (str_ends(base, STR("/messages")))
				base.len -= 9;
			if (str_ends(base, STR("/v1")))
				base.len -= 3;
		}
		e = buf_add(out, base);
		return e ? e : buf_add(out, path);
	}
	e = buf_add(out, base);
	return e ? e : a->provider->target(a, ask, out, out_why);
}

/* A kind that writes its fields itself: to be signed, say. */
static enum err
put_own_head(const struct account *a, const struct ask *ask, struct buf *out,
    struct why *out_why)
{
	struct buf target;
	enum err e;

	buf_init(&target, HTTP1_HEAD_MAX);
	e = put_target(a, ask, &target, out_why);
	if (!e)
		e = buf_addf(out, "%.*s ", STR_ARG(ask->head->method));
	if (!e)
		e = buf_add(out, buf_str(&target));
	if (!e)
		e = buf_add(out, STR(" HTTP/1.1\r\n"));
	if (!e)
		e = a->provider->head(a, ask, buf_str(&target), out, out_why);
	if (!e)
		e = http1_put_end(out);
	buf_fini(&target);
	return e;
}

enum err
outbound_request(const struct account *a, const struct ask *ask,
    struct buf *out, struct why *out_why)
{
	const struct http1_head *h = ask->head;
	struct written w = { .host = false };
	bool named = names_fields(h);
	enum err e;

	if (a->provider->head) {
		e = put_own_head(a, ask, out, out_why);
		if (e == ERR_LIMIT)
			why_set(out_why, e, "head",
			    "the request head is too large");
		return e;
	}
	e = buf_add(out, h->method);
	if (!e)
		e = buf_addc(out, ' ');
	if (!e)
		e = put_target(a, ask, out, out_why);
	if (!e)
		e = buf_add(out, STR(" HTTP/1.1\r\n"));
	for (size_t i = 0; !e && i < h->count; i++) {
		const struct header *f = &h->fields[i];
		const struct rule *r = rule_of(f->name);

		if (r && r->up == DROP)
			continue;
		if (r && r->up == OURS)
			e = put_ours(a, ask, f->name, f->value, &w, out);
		else if (is_unwanted(a, f->name))
			continue;
		else if (is_list(a, f->name))
			e = put_list(a, ask, f, &w, out);
		else if (!named ||
		    !http1_has_token(h, STR("connection"), f->name))
			e = put(out, f->name, f->value);
	}
	if (!e)
		e = put_missing(a, ask, &w, out);
	if (!e)
		e = http1_put_end(out);
	if (e == ERR_LIMIT)
		why_set(out_why, e, "head", "the request head is too large");
	return e;
}

enum err
outbound_answer(const struct http1_head *answer, bool decoded, const char *type,
    struct buf *out)
{
	bool named = names_fields(answer);
	enum err e = OK;

	if (type)
		e = put(out, STR("content-type"), str_of(type));
	for (size_t i = 0; !e && i < answer->count; i++) {
		const struct header *f = &answer->fields[i];
		const struct rule *r = rule_of(f->name);

		if (r && r->down == DROP)
			continue;
		/* It speaks of the body that came, not of the one that goes. */
		if (type &&
		    (str_ieq(f->name, STR("content-type")) ||
			str_istarts(f->name, STR("x-amzn-"))))
			continue;
		if (r && r->down == OURS &&
		    (decoded || !str_ieq(r->name, STR("content-encoding"))))
			continue;
		if (!named ||
		    !http1_has_token(answer, STR("connection"), f->name))
			e = put(out, f->name, f->value);
	}
	return e;
}
