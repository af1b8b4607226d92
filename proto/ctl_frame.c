/* SPDX-License-Identifier: MIT */
/* ctl_frame.c - frames of the control socket, read and written (the second
 * half of ctl.h).  Never looks into params or data. */
#include "proto/ctl.h"

/* --- reading --------------------------------------------------------------- */

enum err
ctl_line(struct str held, struct str *out_line, size_t *out_eat)
{
	ptrdiff_t end = str_chr(str_first(held, CTL_FRAME_MAX), '\n');

	if (end < 0)
		return held.len >= CTL_FRAME_MAX ? ERR_LIMIT : ERR_AGAIN;
	*out_line = str_at(held.at, (size_t)end);
	*out_eat = (size_t)end + 1;
	return OK;
}

static enum err
read_id(const struct json *v, struct ctl_id *out, struct why *out_why)
{
	struct str text;

	*out = (struct ctl_id){ .is_null = true };
	if (!v || json_type(v) == JSON_NULL)
		return OK;
	/* What is no UTF-8 would come back as something else, and longer. */
	if (json_as_str(v, &text) == OK && text.len <= sizeof(out->text) &&
	    json_is_utf8(text)) {
		out->is_null = false;
		out->is_text = true;
		out->len = text.len;
		if (text.len)
			memcpy(out->text, text.at, text.len);
		return OK;
	}
	if (json_as_i64(v, &out->number) == OK) {
		out->is_null = false;
		return OK;
	}
	return why_set(out_why, ERR_VALUE, "id",
	    "an id is a whole number or a text of at most %d bytes of UTF-8",
	    CTL_ID_MAX);
}

static enum err
read_result(const struct json *result, struct ctl_frame *out,
    struct why *out_why)
{
	enum err e;

	out->kind = CTL_RESULT;
	e = json_may_i64(result, "rev", 0, INT64_C(1) << 53, &out->rev,
	    out_why);
	if (!e)
		e = json_may_str(result, "next", &out->next, out_why);
	out->data = json_at(result, "data");
	return e;
}

static enum err
read_error(const struct json *error, struct ctl_frame *out, struct why *out_why)
{
	const struct json *data = json_at(error, "data");
	enum err e;

	out->kind = CTL_ERROR;
	e = json_want_i64(error, "code", INT32_MIN, INT32_MAX, &out->code,
	    out_why);
	if (!e)
		e = json_want_str(error, "message", &out->message, out_why);
	if (!e && data && json_type(data) == JSON_OBJECT) {
		e = json_may_str(data, "code", &out->error, out_why);
		if (!e)
			e = json_may_str(data, "field", &out->field, out_why);
	}
	return e;
}

static enum err
read_event(const struct json *params, struct ctl_frame *out,
    struct why *out_why)
{
	int64_t most = INT64_C(1) << 53;
	enum err e;

	out->kind = CTL_EVENT;
	e = json_want_i64(params, "sub", 0, most, &out->sub, out_why);
	if (!e)
		e = json_want_i64(params, "seq", 0, most, &out->seq, out_why);
	if (!e)
		e = json_may_i64(params, "lost", 0, most, &out->lost, out_why);
	out->data = json_at(params, "data");
	return e;
}

static enum err
read_call(const struct json *root, struct ctl_frame *out, struct why *out_why)
{
	const struct json *params = json_at(root, "params");
	enum err e = json_want_str(root, "method", &out->method, out_why);

	if (e)
		return why_set(out_why, ERR_VALUE, "method",
		    "a frame has a method, a result or an error");
	if (params && json_type(params) != JSON_OBJECT)
		return why_set(out_why, ERR_VALUE, "params",
		    "params must be an object: parameters have names");
	if (out->id.is_null && str_eq(out->method, STR("event")))
		return read_event(params, out, out_why);
	out->kind = CTL_CALL;
	out->params = params;
	return OK;
}

static enum err
read_frame(const struct json *root, struct ctl_frame *out, struct why *out_why)
{
	const struct json *result = json_at(root, "result");
	const struct json *error = json_at(root, "error");
	struct str version = STR("");
	enum err e;

	out->id.is_null = true;
	if (json_type(root) != JSON_OBJECT)
		return why_set(out_why, ERR_VALUE, "",
		    "a frame is one object; batches are not taken");
	e = read_id(json_at(root, "id"), &out->id, out_why);
	if (e)
		return e;
	e = json_may_str(root, "jsonrpc", &version, out_why);
	if (e || !str_eq(version, STR("2.0")))
		return why_set(out_why, ERR_VALUE, "jsonrpc",
		    "a frame says \"jsonrpc\":\"2.0\"");
	if (result && json_type(result) == JSON_OBJECT)
		return read_result(result, out, out_why);
	if (error && json_type(error) == JSON_OBJECT)
		return read_error(error, out, out_why);
	return read_call(root, out, out_why);
}

enum err
ctl_frame_read(struct str line, struct ctl_frame *out, struct why *out_why)
{
	enum err e;

	*out = (struct ctl_frame){ .kind = CTL_CALL };
	out->id.is_null = true;
	e = json_parse(line, CTL_FRAME_MAX, &out->root, out_why);
	if (e)
		return ERR_SYNTAX;
	e = read_frame(out->root, out, out_why);
	if (e) {
		ctl_frame_fini(out);
		return ERR_VALUE;
	}
	return OK;
}

void
ctl_frame_fini(struct ctl_frame *f)
{
	json_free(f->root);
	*f = (struct ctl_frame){ .kind = f->kind, .id = f->id };
}

bool
ctl_frame_is(const struct ctl_frame *f, enum err e)
{
	return f->kind == CTL_ERROR && str_ieq(f->error, str_of(err_name(e)));
}

/* --- writing --------------------------------------------------------------- */

static void
begin(struct json_out *j, struct buf *to)
{
	json_begin(j, to);
	json_open(j, '{');
	json_say(j, "jsonrpc", STR("2.0"));
}

/* Close the frame and end its line; nothing is left behind on failure. */
static enum err
end(struct json_out *j)
{
	enum err e;

	json_close(j, '}');
	e = json_end(j);
	if (!e)
		e = buf_addc(j->to, '\n');
	if (!e && buf_len(j->to) - j->had > CTL_FRAME_MAX)
		e = ERR_LIMIT;
	if (e)
		buf_chop(j->to, buf_len(j->to) - j->had);
	return e;
}

static void
say_id(struct json_out *j, const struct ctl_id *id)
{
	if (id->is_null)
		json_say_null(j, "id");
	else if (id->is_text)
		json_say(j, "id", str_at(id->text, id->len));
	else
		json_say_i64(j, "id", id->number);
}

void
ctl_call_begin(struct json_out *j, struct buf *to, int64_t id,
    const struct ctl_row *row)
{
	char name[64];
	size_t len = 0;

	while (row->method[len] && len < sizeof(name)) {
		name[len] = row->method[len] == '_' ? '.' : row->method[len];
		len++;
	}
	begin(j, to);
	json_say_i64(j, "id", id);
	json_say(j, "method", str_at(name, len));
	json_put_key(j, "params");
	json_open(j, '{');
}

enum err
ctl_call_end(struct json_out *j)
{
	json_close(j, '}');
	return end(j);
}

enum err
ctl_result(struct buf *to, const struct ctl_id *id, uint64_t rev,
    struct str data, struct str next)
{
	struct json_out j;

	begin(&j, to);
	say_id(&j, id);
	json_put_key(&j, "result");
	json_open(&j, '{');
	if (rev)
		json_say_i64(&j, "rev", (int64_t)rev);
	json_put_key(&j, "data");
	json_put_raw(&j, data);
	if (next.len)
		json_say(&j, "next", next);
	json_close(&j, '}');
	return end(&j);
}

/* "ERR_STALE" is "stale" to the other side. */
static void
say_error_name(struct json_out *j, enum err e)
{
	char name[32];
	size_t len = 0;

	for (const char *c = err_name(e); *c && len < sizeof(name); c++)
		name[len++] = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	json_say(j, "code", str_at(name, len));
}

enum err
ctl_error(struct buf *to, const struct ctl_id *id, int code, enum err e,
    const struct why *why)
{
	const char *text = why && why->text[0] ? why->text : err_text(e);
	struct json_out j;

	begin(&j, to);
	say_id(&j, id);
	json_put_key(&j, "error");
	json_open(&j, '{');
	json_say_i64(&j, "code", code);
	json_say(&j, "message", str_of(text));
	json_put_key(&j, "data");
	json_open(&j, '{');
	say_error_name(&j, e);
	json_say(&j, "field", str_of(why ? why->field : ""));
	json_put_key(&j, "args");
	json_open(&j, '[');
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
	return end(&j);
}

enum err
ctl_event(struct buf *to, int64_t sub, uint64_t seq, uint64_t lost,
    struct str data)
{
	struct json_out j;

	begin(&j, to);
	json_say(&j, "method", STR("event"));
	json_put_key(&j, "params");
	json_open(&j, '{');
	json_say_i64(&j, "sub", sub);
	json_say_i64(&j, "seq", (int64_t)seq);
	json_say_i64(&j, "lost", (int64_t)lost);
	json_put_key(&j, "data");
	json_put_raw(&j, data);
	json_close(&j, '}');
	return end(&j);
}
