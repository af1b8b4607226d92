/* SPDX-License-Identifier: MIT */
/* proxy_test.c - the control method proxy.test: one request through a proxy,
 * without any credential of an account, and how long each step took. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/json.h"
#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"

#define URL_MAX	   512
#define ANSWER_MAX (64 * 1024)
#define TOTAL_MS   30000

struct test {
	struct ctl_call *call;
	struct fetch *fetch;
	char *proxy, *url;
};

static bool
is_address(struct str s, char out[INET6_ADDRSTRLEN])
{
	unsigned char at[16];

	if (!s.len || s.len >= INET6_ADDRSTRLEN)
		return false;
	snprintf(out, INET6_ADDRSTRLEN, "%.*s", STR_ARG(s));
	return inet_pton(AF_INET, out, at) == 1 ||
	    inet_pton(AF_INET6, out, at) == 1;
}

/* Services that tell the caller's address do so as plain text, or as JSON with
 * one of a few names. */
static bool
find_address(struct str body, char out[INET6_ADDRSTRLEN])
{
	static const char *const names[] = { "ip", "address", "origin",
		"ip_addr", "query" };
	struct json *root = NULL;
	struct str rest = body, line = str_trim(str_cut(&rest, '\n'));
	bool found = is_address(line, out);

	if (found || json_parse(body, ANSWER_MAX, &root, NULL))
		return found;
	for (size_t i = 0; !found && i < sizeof(names) / sizeof(names[0]);
	     i++) {
		const struct json *v = json_at(root, names[i]);
		struct str text;

		found =
		    v && json_as_str(v, &text) == OK && is_address(text, out);
	}
	json_free(root);
	return found;
}

static void
test_free(struct test *t)
{
	free(t->proxy);
	free(t->url);
	free(t);
}

static void
put_result(struct test *t, const struct fetch_result *r, const char *address)
{
	struct json_out *j = &t->call->out;

	json_open(j, '{');
	json_say(j, "proxy", str_of(t->proxy));
	json_say(j, "url", str_of(t->url));
	json_say_bool(j, "ok", !r->e);
	json_say_i64(j, "status", r->status);
	json_say_i64(j, "name_us", r->name_us);
	json_say_i64(j, "connect_us", r->connect_us);
	json_say_i64(j, "tls_us", r->tls_us);
	json_say_i64(j, "first_us", r->first_us);
	json_say_i64(j, "total_us", r->total_us);
	if (address[0])
		json_say(j, "address", str_of(address));
	if (r->e)
		json_say(j, "error", str_of(r->why.text));
	json_close(j, '}');
}

static void
on_fetched(void *arg, const struct fetch_result *r)
{
	struct test *t = arg;
	struct proxy *p =
	    proxy_find(t->call->daemon->proxies, str_of(t->proxy));
	char address[INET6_ADDRSTRLEN] = "";

	if (!r->e && !find_address(r->body, address))
		address[0] = '\0';
	/* A wrong URL is not the proxy's fault. */
	if (p && r->by_proxy) {
		proxy_note_error(p, r->why.text);
	} else if (p && !r->e) {
		proxy_mend(p);
		p->tested_wall_ms = clock_wall_ms();
		p->tested_us = r->total_us;
		snprintf(p->address, sizeof(p->address), "%s", address);
	}
	put_result(t, r, address);
	ctl_answer(t->call, 0, STR(""));
	test_free(t);
}

/* The daemon ends first. */
static void
abandon(struct ctl_call *c)
{
	struct test *t = c->state;

	fetch_cancel(t->fetch);
	test_free(t);
	ctl_refuse(c, ERR_CLOSED, NULL);
}

/* What is asked when nothing was said: the place that an account goes to. */
static const struct account *
user_of(const struct ctl_call *c, const struct proxy *p)
{
	const struct account *a;

	TAILQ_FOREACH (a, &c->daemon->pool->accounts, link)
		if (a->outlet.via == p)
			return a;
	return NULL;
}

static enum err
choose_url(const struct ctl_call *c, const struct account *a, struct buf *out,
    struct why *out_why)
{
	struct str said = ctl_text(c, "url");

	if (said.len > URL_MAX)
		return why_set(out_why, ERR_LIMIT, "url",
		    "has at most %d bytes", URL_MAX);
	if (said.len)
		return buf_add(out, said);
	if (a)
		return buf_addf(out, "%s://%s/", a->tls ? "https" : "http",
		    a->host_field);
	return why_set(out_why, ERR_VALUE, "url",
	    "no account uses it: say what to ask for with --url URL");
}

void
ctl_proxy_test(struct ctl_call *c)
{
	const struct proxy *p =
	    proxy_find(c->daemon->proxies, ctl_text(c, "name"));
	const struct account *a = p ? user_of(c, p) : NULL;
	struct fetch_ask ask = {
		.method = "GET", .total_ms = TOTAL_MS, .answer_max = ANSWER_MAX
	};
	struct outlet way = { .proxy = NULL };
	struct why why = { .text = "" };
	struct test *t;
	struct buf url;
	enum err e;

	if (!p) {
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no proxy \"%.*s\"",
		    STR_ARG(str_first(ctl_text(c, "name"), 60)));
		return;
	}
	buf_init(&url, 2 * URL_MAX);
	e = choose_url(c, a, &url, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		buf_fini(&url);
		return;
	}
	outlet_find(&way, c->daemon->proxies, p->rec.name, STR(""), STR(""));
	outlet_lead(&way, &ask.way);
	ask.way.allow_private = ctl_flag(c, "allow_private") ||
	    (a && !ctl_has(c, "url") && a->rec.allow_private);
	ask.url = buf_cstr(&url);
	t = xcalloc(1, sizeof(*t));
	t->call = c;
	t->proxy = xmemdup(p->rec.name.at, p->rec.name.len);
	t->url = xstrdup(ask.url);
	t->fetch = fetch_start(c->daemon->dialer, &ask, on_fetched, t);
	ctl_wait(c, abandon, t);
	outlet_fini(&way);
	buf_fini(&url);
}
