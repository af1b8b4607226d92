/* SPDX-License-Identifier: MIT */
/* control_call.c - calls: a line checked against ctl.def, handed to its
 * handler, and the answer.  The handlers stand in relayd/ctl/. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/log.h"

/* What is left of a frame when its own words are off. */
#define DATA_MAX (CTL_FRAME_MAX - 1024)
/* A page is cut while there is still room for one more row of any size. */
#define PAGE_MAX (CTL_FRAME_MAX / 2)

static ctl_handler *const handlers[] = {
#define X(method, words, role, parameters, help) ctl_##method,
#include "proto/ctl.def"
#undef X
};

/* --- checking -------------------------------------------------------------- */

static enum err
check_type(const struct json *v, const struct ctl_param *param, char *name,
    struct why *out_why)
{
	struct str text;
	int64_t number;
	bool flag;

	switch (param->type) {
	case CTL_TEXT:
	case CTL_WHEN:
	case CTL_SECRET:
	case CTL_CONTENT:
		if (json_as_str(v, &text))
			return why_set(out_why, ERR_VALUE, name, "%s is a text",
			    name);
		return OK;
	case CTL_NUMBER:
		if (json_as_i64(v, &number) || number < 0)
			return why_set(out_why, ERR_VALUE, name,
			    "%s is a whole number, 0 or more", name);
		return OK;
	case CTL_FLAG:
		if (json_as_bool(v, &flag))
			return why_set(out_why, ERR_VALUE, name,
			    "%s is true or false", name);
		return OK;
	case CTL_FIELDS:
		break;
	}
	if (json_type(v) != JSON_OBJECT)
		return why_set(out_why, ERR_VALUE, name, "%s is an object",
		    name);
	for (const struct json *m = json_first(v); m; m = json_next(m))
		if (json_as_str(m, &text))
			return why_set(out_why, ERR_VALUE, name,
			    "the members of %s are texts", name);
	return OK;
}

/* Names on the wire are lower case; positional ones stand in the table in
 * upper case. */
static void
wire_name(struct str name, char out[48])
{
	size_t i;

	for (i = 0; i < name.len && i < 47; i++) {
		char c = name.at[i];

		out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	out[i] = '\0';
}

enum err
ctl_check_member(const struct ctl_row *row, const struct json *m,
    struct why *out_why)
{
	struct ctl_param param;
	char name[48];

	wire_name(json_key(m), name);
	if (!str_eq(json_key(m), str_of(name)) ||
	    !ctl_param_find(row, str_of(name), &param))
		return why_set(out_why, ERR_UNKNOWN, name,
		    "there is no parameter %s here", name);
	if (json_type(m) == JSON_NULL)
		return OK;
	return check_type(m, &param, name, out_why);
}

static enum err
check_params(const struct ctl_row *row, const struct json *params,
    struct why *out_why)
{
	struct ctl_param_cursor at = { .begun = false };
	struct ctl_param param;
	char name[48];
	enum err e;

	for (const struct json *m = json_first(params); m; m = json_next(m)) {
		e = ctl_check_member(row, m, out_why);
		if (e)
			return e;
	}
	while (ctl_param_next(row, &at, &param)) {
		const struct json *v;

		wire_name(param.name, name);
		v = json_at(params, name);
		if (param.required && (!v || json_type(v) == JSON_NULL))
			return why_set(out_why, ERR_VALUE, name,
			    "the parameter %s is missing", name);
	}
	return OK;
}

struct audit_who
ctl_who(const struct ctl_call *c)
{
	return (struct audit_who){ .uid = c->peer.uid,
		.pid = c->peer.pid,
		.method = ctl_row(c->method)->method };
}

enum err
ctl_check_rev(const struct ctl_call *c, uint64_t rev, struct why *out_why)
{
	if (c->if_rev && c->if_rev != rev)
		return why_set(out_why, ERR_STALE, "if_rev",
		    "it has been changed meanwhile and is at revision %llu",
		    (unsigned long long)rev);
	return OK;
}

/* --- parameters ------------------------------------------------------------ */

struct str
ctl_text(const struct ctl_call *c, const char *name)
{
	const struct json *v = json_at(c->params, name);
	struct str s = STR("");

	if (v && json_as_str(v, &s))
		return STR("");
	return s;
}

int64_t
ctl_number(const struct ctl_call *c, const char *name)
{
	const struct json *v = json_at(c->params, name);
	int64_t n = 0;

	return v && json_as_i64(v, &n) == OK ? n : 0;
}

bool
ctl_flag(const struct ctl_call *c, const char *name)
{
	const struct json *v = json_at(c->params, name);
	bool b = false;

	return v && json_as_bool(v, &b) == OK && b;
}

bool
ctl_has(const struct ctl_call *c, const char *name)
{
	const struct json *v = json_at(c->params, name);

	return v && json_type(v) != JSON_NULL;
}

bool
ctl_has_room(const struct ctl_call *c, unsigned n)
{
	return n < c->limit && buf_len(&c->data) < PAGE_MAX;
}

bool
ctl_may_see(const struct ctl_call *c, struct str owner)
{
	return c->peer.role > CTL_SELF || peer_owns(&c->peer, owner);
}

/* --- answering ------------------------------------------------------------- */

static void
call_free(struct ctl_call *c)
{
	if (c->conn)
		control_call_ended(c->conn, c);
	if (c->abandon)
		LIST_REMOVE(c, waiting);
	buf_wipe(&c->data);
	ctl_frame_fini(&c->frame);
	free(c);
}

/* A call without an id is a wish, not a question. */
static bool
is_heard(const struct ctl_call *c)
{
	return c->conn && !c->frame.id.is_null;
}

void
ctl_refuse(struct ctl_call *c, enum err e, const struct why *why)
{
	/* The room is there: calls under way are counted for it. */
	if (is_heard(c) &&
	    ctl_error(control_out(c->conn), &c->frame.id, CTL_CODE_OURS, e,
		why))
		abort();
	call_free(c);
}

void
ctl_refusef(struct ctl_call *c, enum err e, const char *field, const char *fmt,
    ...)
{
	struct why why;
	va_list ap;

	(void)why_set(&why, e, field, "%s", "");
	va_start(ap, fmt);
	vsnprintf(why.text, sizeof(why.text), fmt, ap);
	va_end(ap);
	ctl_refuse(c, e, &why);
}

/* Who changed what: every call that needs more than a look, once it is done. */
static void
log_change(const struct ctl_call *c)
{
	static const char *const names[] = { "name", "key", "user" };
	const struct ctl_row *row = ctl_row(c->method);
	struct ctl_param rehearsed;
	struct log_line l;

	if (c->dry_run)
		return;
	/* What can be rehearsed is a change, whoever may make it. */
	if (row->role < CTL_OPS &&
	    !ctl_param_find(row, STR("dry_run"), &rehearsed))
		return;
	log_begin(&l, LOG_INFO, "control");
	log_cstr(&l, "method", row->method);
	log_i64(&l, "uid", (int64_t)c->peer.uid);
	log_i64(&l, "pid", (int64_t)c->peer.pid);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (ctl_has(c, names[i]))
			log_str(&l, names[i], ctl_text(c, names[i]));
	log_end(&l);
}

void
ctl_answer(struct ctl_call *c, uint64_t rev, struct str next)
{
	struct str data;
	enum err e = json_end(&c->out);

	log_change(c);
	data = buf_len(&c->data) ? buf_str(&c->data) : STR("null");
	if (!e && is_heard(c))
		e = ctl_result(control_out(c->conn), &c->frame.id, rev, data,
		    next);
	if (e)
		ctl_refusef(c, e, "", "the answer is too long for one frame");
	else
		call_free(c);
}

void
ctl_wait(struct ctl_call *c, void (*abandon)(struct ctl_call *take_c),
    void *state)
{
	c->abandon = abandon;
	c->state = state;
	control_call_waits(c->daemon->control, c);
}

void
ctl_subscribe(struct ctl_call *c, const struct ctl_filter *filter)
{
	int64_t nr = c->conn ? control_sub_add(c->conn, filter) : 0;

	if (!nr) {
		ctl_refusef(c, ERR_LIMIT, "",
		    "a connection has at most %d subscriptions",
		    CONTROL_SUBS_MAX);
		return;
	}
	json_open(&c->out, '{');
	json_say_i64(&c->out, "sub", nr);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

enum err
ctl_unsubscribe(struct ctl_call *c, int64_t sub)
{
	return c->conn && control_sub_drop(c->conn, sub) ? OK : ERR_UNKNOWN;
}

/* --- from a line to a handler ---------------------------------------------- */

/* What was no frame is answered without an id; what was one and had none did
 * not ask for an answer. */
static void
refuse_line(struct ctl_conn *conn, const struct ctl_id *id, int code,
    enum err e, const struct why *why)
{
	bool is_frame = code != CTL_CODE_SYNTAX && code != CTL_CODE_REQUEST;

	if (is_frame && id->is_null)
		return;
	if (ctl_error(control_out(conn), id, code, e, why))
		abort();
}

static void
start_call(struct ctl_conn *conn, struct daemon *d, const struct peer *peer,
    enum ctl_method method, const struct ctl_frame *take_frame)
{
	struct ctl_call *c = xcalloc(1, sizeof(*c));
	int64_t limit;

	c->daemon = d;
	c->method = method;
	c->peer = *peer;
	c->frame = *take_frame;
	c->params = c->frame.params;
	c->if_rev = (uint64_t)ctl_number(c, "if_rev");
	c->dry_run = ctl_flag(c, "dry_run");
	c->cursor = ctl_text(c, "cursor");
	limit = ctl_number(c, "limit");
	c->limit =
	    limit > 0 && limit < CTL_ROWS_MAX ? (unsigned)limit : CTL_ROWS_MAX;
	buf_init(&c->data, DATA_MAX);
	json_begin(&c->out, &c->data);
	control_call_begun(conn, c);
	handlers[method](c);
}

void
control_take_line(struct ctl_conn *conn, struct daemon *d,
    const struct peer *peer, struct str line)
{
	struct ctl_frame frame;
	enum ctl_method method;
	const struct ctl_row *row;
	struct why why = { .text = "" };
	enum err e = ctl_frame_read(line, &frame, &why);

	if (e || frame.kind != CTL_CALL) {
		refuse_line(conn, &frame.id,
		    e == ERR_SYNTAX ? CTL_CODE_SYNTAX : CTL_CODE_REQUEST,
		    e ? e : ERR_VALUE, &why);
		if (!e)
			ctl_frame_fini(&frame);
		return;
	}
	method = ctl_method_find(frame.method);
	row = method < CTL_METHODS ? ctl_row(method) : NULL;
	if (!row) {
		(void)why_set(&why, ERR_UNKNOWN, "method",
		    "there is no method %.*s",
		    STR_ARG(str_first(frame.method, 60)));
		refuse_line(conn, &frame.id, CTL_CODE_METHOD, ERR_UNKNOWN,
		    &why);
	} else if (row->role > peer->role) {
		(void)why_set(&why, ERR_DENIED, "",
		    "this needs the role %s, yours is %s",
		    ctl_role_name(row->role), ctl_role_name(peer->role));
		refuse_line(conn, &frame.id, CTL_CODE_OURS, ERR_DENIED, &why);
	} else if (check_params(row, frame.params, &why)) {
		refuse_line(conn, &frame.id, CTL_CODE_PARAMS, ERR_VALUE, &why);
	} else {
		start_call(conn, d, peer, method, &frame);
		return;
	}
	ctl_frame_fini(&frame);
}
