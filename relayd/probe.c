/* SPDX-License-Identifier: MIT */
/* probe.c - a small request of relayd's own to an account. */
#include "relayd/probe.h"

#include <sodium.h>

#include "proto/json.h"

#include "relayd/assist.h"
#include "relayd/loop.h"
#include "relayd/outbound.h"
#include "relayd/reshape.h"

#define BODY_MAX (64 * 1024)
#define HEAD_MAX (2 * HTTP1_HEAD_MAX)

/* Who asks: relayd, and it says so. */
static void
introduce(struct probe *p, const struct dialect *dialect, const char *method)
{
	static const struct header fields[] = {
		{ .name = { .at = "Content-Type", .len = 12 },
		    .value = { .at = "application/json", .len = 16 } },
		{ .name = { .at = "Accept", .len = 6 },
		    .value = { .at = "application/json", .len = 16 } },
		{ .name = { .at = "User-Agent", .len = 10 },
		    .value = { .at = "relayd", .len = 6 } },
		{ .name = { .at = "anthropic-version", .len = 17 },
		    .value = { .at = "2023-06-01", .len = 10 } },
	};
	size_t count = sizeof(fields) / sizeof(fields[0]);

	p->head = (struct http1_head){ .method = str_of(method), .minor = 1 };
	if (dialect != &dialect_anthropic)
		count--;
	for (size_t i = 0; i < count; i++)
		p->head.fields[i] = fields[i];
	p->head.count = count;
}

static enum err
shape(struct probe *p, const struct account *a, struct str body,
    struct why *out_why)
{
	struct buf plan;
	enum err e = OK;

	buf_init(&plan, BODY_MAX);
	if (a->provider->plan)
		e = a->provider->plan(a, &p->ask, &plan, out_why);
	if (!e && buf_len(&plan))
		e = a->provider->body(buf_str(&plan), body, &p->body, out_why);
	else if (!e)
		e = buf_add(&p->body, body);
	buf_wipe(&plan);
	return e;
}

/* What libcurl writes itself. */
static bool
is_its_own(struct str line)
{
	return str_istarts(line, STR("host:")) ||
	    str_istarts(line, STR("content-length:")) ||
	    str_istarts(line, STR("accept-encoding:"));
}

/* The head that was written, as an address and lines for libcurl. */
static enum err
take_head(struct probe *p, const struct account *a)
{
	struct str rest = buf_str(&p->text), first, target;
	unsigned count = 0;
	enum err e;

	first = str_cut(&rest, '\n');
	(void)str_cut(&first, ' ');
	target = str_cut(&first, ' ');
	e = buf_addf(&p->url, "%s://%s%.*s", a->tls ? "https" : "http",
	    a->host_field, STR_ARG(target));
	while (!e && rest.len) {
		struct str line = str_cut(&rest, '\n');

		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		if (!line.len || is_its_own(line))
			continue;
		if (count == PROBE_FIELDS_MAX)
			return ERR_LIMIT;
		p->text.mem[line.at - p->text.mem + (ptrdiff_t)line.len] = '\0';
		p->fields[count++] = line.at;
	}
	return e;
}

enum err
probe_init(struct probe *p, const struct account *a,
    const struct dialect *dialect, enum op op, struct str model,
    struct str body, int64_t wall_ms, struct why *out_why)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	struct str made;
	enum err e;

	*p = (struct probe){ .fields = { NULL } };
	introduce(p, dialect, "POST");
	p->ask = (struct ask){ .dialect = dialect,
		.op = op,
		.head = &p->head,
		.model = model,
		.action = STR("generateContent"),
		.wall_ms = wall_ms,
		.credential = account_secret(a, clock_us() / 1000),
		.has_body = true };
	buf_init(&p->url, HTTP1_HEAD_MAX);
	buf_init(&p->text, HEAD_MAX);
	buf_init(&p->body, BODY_MAX);
	e = shape(p, a, body, out_why);
	if (e)
		return e;
	made = buf_str(&p->body);
	crypto_hash_sha256(hash, (const uint8_t *)made.at, made.len);
	p->ask.sha256 = hash;
	p->ask.length = made.len;
	e = outbound_request(a, &p->ask, &p->text, out_why);
	p->ask.sha256 = NULL;
	return e ? e : take_head(p, a);
}

static enum err
write_project(const struct account *a, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	json_say(&j, "project", assist_project(&a->rec));
	json_close(&j, '}');
	return json_end(&j);
}

enum err
probe_list(struct probe *p, const struct account *a, struct why *out_why)
{
	const struct model_list *list = a->provider->list;
	bool is_anthropic =
	    a->provider->serves(&dialect_anthropic, OP_GENERATE);
	enum err e = OK;

	*p = (struct probe){ .fields = { NULL } };
	introduce(p, is_anthropic ? &dialect_anthropic : &dialect_openai_chat,
	    list->of_project ? "POST" : "GET");
	p->ask = (struct ask){ .dialect = &dialect_openai_chat,
		.op = OP_LIST_MODELS,
		.head = &p->head,
		.wall_ms = clock_wall_ms(),
		.credential = account_secret(a, clock_us() / 1000),
		.has_body = list->of_project };
	buf_init(&p->url, HTTP1_HEAD_MAX);
	buf_init(&p->text, HEAD_MAX);
	buf_init(&p->body, BODY_MAX);
	if (list->of_project)
		e = write_project(a, &p->body);
	p->ask.length = buf_len(&p->body);
	if (!e)
		e = outbound_request(a, &p->ask, &p->text, out_why);
	return e ? e : take_head(p, a);
}

void
probe_fini(struct probe *p)
{
	buf_fini(&p->url);
	buf_wipe(&p->text);
	buf_fini(&p->body);
}

enum err
probe_read(const struct ask *ask, const struct provider *kind, unsigned status,
    struct str type, struct str body, struct buf *out, struct why *out_why)
{
	struct http1_head answer = { .status = status, .count = 1 };
	const struct reshape_ops *ops;
	struct reshape *s;
	enum err e;

	answer.fields[0] =
	    (struct header){ .name = STR("content-type"), .value = type };
	ops = kind->answer ? kind->answer(ask, &answer) : NULL;
	if (!ops)
		return buf_add(out, body);
	s = reshape_new(ops);
	e = ops->feed(s, body, out, out_why);
	if (!e && ops->end)
		e = ops->end(s, out, out_why);
	if (!e && s->status)
		e = why_set(out_why, ERR_VALUE, "", "%u %.*s", s->status,
		    STR_ARG(str_first(buf_str(out), 200)));
	reshape_free(s);
	return e;
}
