/* SPDX-License-Identifier: MIT */
/* scrape.c - GET /metrics, on an address of its own. */
#include "relayd/scrape.h"

#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/metrics.h"

#define TEXT_MAX (8 * 1024 * 1024)

static void
answer(struct conn *c, unsigned status, const char *type, struct str body)
{
	struct buf *out = conn_out(c);

	if (http1_put_status(out, status)) {
		conn_kill(c);
		return;
	}
	buf_mustf(out, "content-type: %s\r\ncontent-length: %zu\r\n%s\r\n",
	    type, body.len, conn_keeps(c) ? "" : "connection: close\r\n");
	if (!str_eq(c->head->method, STR("HEAD")))
		buf_must(out, body);
	conn_finish(c);
}

static bool
is_asked(const struct http1_head *h)
{
	return str_eq(h->path, STR("/metrics")) &&
	    (str_eq(h->method, STR("GET")) || str_eq(h->method, STR("HEAD")));
}

static void
on_head(struct conn *c)
{
	struct exposition x;
	struct buf text;

	if (!is_asked(c->head)) {
		answer(c, 404, "text/plain", STR("only GET /metrics\n"));
		return;
	}
	c->d->counters.scrapes_total++;
	buf_init(&text, TEXT_MAX);
	expose_to_text(&x, &text);
	for (unsigned i = 0; metrics_put(c->d, i, &x); i++)
		continue;
	if (expose_end(&x)) {
		log_note(LOG_ERROR, "metrics", "they do not fit into %d bytes",
		    TEXT_MAX);
		answer(c, 500, "text/plain", STR("too many metrics\n"));
	} else {
		answer(c, 200, "text/plain; version=0.0.4; charset=utf-8",
		    buf_str(&text));
	}
	buf_fini(&text);
}

/* The head is all that is looked at, and it is answered at once: there is
 * never anybody to tell of a body or a departure. */
const struct conn_user scrape_conn_user = { .apart = true, .head = on_head };
