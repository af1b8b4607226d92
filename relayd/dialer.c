/* SPDX-License-Identifier: MIT */
/* dialer.c - what dials, wires and fetches share.
 *
 * Owns libcurl's handles, those at work and those at rest.  A handle that
 * rests has no option set and knows no secret. */
#include "relayd/dialer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/mem.h"

enum err
dialer_new(struct loop *l, struct dns *dns, const struct dialer_conf *conf,
    struct dialer **out, struct why *out_why)
{
	struct dialer *d;
	enum err e;

	if (access(conf->ca_file, R_OK))
		return why_set(out_why, ERR_IO, "ca_file", "cannot read %s",
		    conf->ca_file);
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return why_set(out_why, ERR_IO, "libcurl",
		    "libcurl could not be started");
	d = xcalloc(1, sizeof(*d));
	d->loop = l;
	d->dns = dns;
	d->conf = *conf;
	d->conf.ca_file = d->ca_file = xstrdup(conf->ca_file);
	e = curl_loop_new(l, &d->curl, out_why);
	if (e) {
		free(d->ca_file);
		free(d);
		return e;
	}
	d->record = xmalloc(RECORD_BYTES);
	*out = d;
	return OK;
}

void
dialer_set_connect_wait(struct dialer *d, unsigned connect_wait_ms)
{
	d->conf.connect_wait_ms = connect_wait_ms;
}

void
dialer_free(struct dialer *d)
{
	if (!d)
		return;
	while (d->resting_count)
		curl_easy_cleanup(d->resting[--d->resting_count]);
	curl_loop_free(d->curl);
	while (d->circles_count) {
		struct circle *r = d->circles[--d->circles_count];

		assert(!r->members);
		curl_share_cleanup(r->share);
		free(r);
	}
	free(d->circles);
	free(d->record);
	free(d->ca_file);
	free(d);
	curl_global_cleanup();
}

/* The first one with room, so that sessions are found again. */
static struct circle *
circle_join(struct dialer *d)
{
	struct circle *r;

	for (unsigned i = 0; i < d->circles_count; i++) {
		r = d->circles[i];
		if (r->members < CIRCLE_MEMBERS_MAX) {
			r->members++;
			return r;
		}
	}
	r = xcalloc(1, sizeof(*r));
	r->share = curl_share_init();
	if (!r->share) {
		free(r);
		return NULL;
	}
	curl_share_setopt(r->share, CURLSHOPT_SHARE,
	    CURL_LOCK_DATA_SSL_SESSION);
	curl_share_setopt(r->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
	d->circles = xrealloc(d->circles,
	    (d->circles_count + 1) * sizeof(struct circle *));
	d->circles[d->circles_count++] = r;
	r->members = 1;
	return r;
}

static void
easy_rest(struct dialer *d, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_SHARE, NULL);
	if (d->resting_count == RESTING_MAX) {
		curl_easy_cleanup(easy);
		return;
	}
	curl_easy_reset(easy);
	d->resting[d->resting_count++] = easy;
}

enum err
carrier_new(struct dialer *d, const struct dial_to *to, struct carrier **out,
    enum dial_step *out_step, struct why *out_why)
{
	struct carrier *c = xcalloc(1, sizeof(*c));
	enum err e = way_init(&c->way, to, out_step, out_why);

	if (e) {
		free(c);
		return e;
	}
	c->dialer = d;
	*out = c;
	return OK;
}

void
carrier_free(struct carrier *c)
{
	if (!c)
		return;
	if (c->is_going)
		curl_loop_remove(c->dialer->curl, &c->job);
	if (c->job.easy) {
		easy_rest(c->dialer, c->job.easy);
		c->circle->members--;
	}
	way_fini(&c->way);
	free(c);
}

enum err
carrier_load(struct carrier *c, void (*done)(void *arg, CURLcode code),
    void *arg, struct why *out_why)
{
	struct dialer *d = c->dialer;
	bool is_v6 = strchr(c->way.host, ':') != NULL;
	CURL *easy;
	char *url;

	easy = d->resting_count ? d->resting[--d->resting_count]
				: curl_easy_init();
	c->circle = easy ? circle_join(d) : NULL;
	if (!c->circle) {
		curl_easy_cleanup(easy);
		return why_set(out_why, ERR_LIMIT, "libcurl",
		    "libcurl gives no further handle");
	}
	c->job = (struct curl_job){ .easy = easy, .done = done, .arg = arg };
	url = xasprintf(is_v6 ? "%s://[%s]:%u/" : "%s://%s:%u/",
	    c->way.tls ? "https" : "http", c->way.host, c->way.port);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	free(url);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, c->text);
	curl_easy_setopt(easy, CURLOPT_SHARE, c->circle->share);
	way_apply(&c->way, easy, &d->conf);
	return OK;
}

enum err
carrier_go(struct carrier *c)
{
	enum err e = curl_loop_add(c->dialer->curl, &c->job);

	c->is_going = e == OK;
	return e;
}
