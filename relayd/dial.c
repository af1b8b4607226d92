/* SPDX-License-Identifier: MIT */
/* dial.c - getting a connection to an upstream.
 *
 *	dial_start -> begin -> (dns.c) -> on_addresses -> (libcurl) -> on_done
 *
 * Each arrow is a turn of a task; the caller's `done` ends the dial.  Owns
 * libcurl's multi handle and the handles that rest between two uses. */
#include "relayd/dial.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/mem.h"

#include "relayd/dialer.h"
#include "relayd/loop.h"

struct dial {
	struct dialer *dialer;
	struct carrier *carrier;
	struct dns_query *query;
	struct task begin;
	dial_done *done;
	void *arg;
	struct dial_result result;
	int64_t began_us;
};

static void
dial_free(struct dial *d)
{
	carrier_free(d->carrier);
	free(d);
}

static void
dial_end(struct dial *d)
{
	d->done(d->arg, &d->result);
	dial_free(d);
}

static void
dial_fail(struct dial *d, enum err e, enum dial_step step)
{
	d->result.e = e;
	d->result.step = step;
	dial_end(d);
}

/* Times since the start of libcurl's work, each one phase. */
static void
read_times(struct dial *d)
{
	curl_off_t connected = 0, secured = 0;

	curl_easy_getinfo(d->carrier->job.easy, CURLINFO_CONNECT_TIME_T,
	    &connected);
	curl_easy_getinfo(d->carrier->job.easy, CURLINFO_APPCONNECT_TIME_T,
	    &secured);
	d->result.connect_us = connected;
	if (secured > connected)
		d->result.tls_us = secured - connected;
}

static void
on_done(void *arg, CURLcode code)
{
	struct dial *d = arg;
	struct carrier *c = d->carrier;
	enum dial_step step;
	enum err e;

	read_times(d);
	if (code != CURLE_OK) {
		e = way_explain(&c->way, c->job.easy, code, c->text, &step,
		    &d->result.why);
		dial_fail(d, e, step);
		return;
	}
	e = wire_new(c, &d->result.wire, &d->result.why);
	/* The carrier went over to the wire, or is gone. */
	d->carrier = NULL;
	if (e)
		dial_fail(d, e, DIAL_CONNECT);
	else
		dial_end(d);
}

static void
on_addresses(void *arg, const struct dns_answer *a)
{
	struct dial *d = arg;
	struct carrier *c = d->carrier;
	enum err e = a->e;

	d->query = NULL;
	d->result.name_us = clock_us() - d->began_us;
	if (e) {
		d->result.why = a->why;
		dial_fail(d, e, DIAL_NAME);
		return;
	}
	e = way_answer(&c->way, a, &d->result.why);
	if (e) {
		dial_fail(d, e, DIAL_ADDRESS);
		return;
	}
	e = carrier_load(c, on_done, d, &d->result.why);
	if (e) {
		dial_fail(d, e, DIAL_CONNECT);
		return;
	}
	curl_easy_setopt(c->job.easy, CURLOPT_CONNECT_ONLY, 1L);
	e = carrier_go(c);
	if (e)
		dial_fail(d, e, DIAL_CONNECT);
}

static void
begin(void *arg)
{
	struct dial *d = arg;

	if (d->result.e) {
		dial_end(d);
		return;
	}
	d->query = dns_ask(d->dialer->dns, str_of(way_asks(&d->carrier->way)),
	    on_addresses, d);
}

struct dial *
dial_start(struct dialer *dialer, const struct dial_to *to, dial_done *done,
    void *arg)
{
	struct dial *d = xcalloc(1, sizeof(*d));

	d->dialer = dialer;
	d->done = done;
	d->arg = arg;
	d->began_us = clock_us();
	task_init(&d->begin, begin, d);
	d->result.e = carrier_new(dialer, to, &d->carrier, &d->result.step,
	    &d->result.why);
	loop_ready(dialer->loop, &d->begin);
	return d;
}

void
dial_cancel(struct dial *take_dial)
{
	struct dial *d = take_dial;

	if (!d)
		return;
	dns_cancel(d->query);
	loop_unready(d->dialer->loop, &d->begin);
	dial_free(d);
}
