/* SPDX-License-Identifier: MIT */
/* fetch.c - ordinary transfers: sign-in, refresh, probes, notices.
 *
 * Off the data path only.  One connection for one transfer, no redirects, no
 * silent second attempt, an answer of bounded size, and one deadline over all
 * of it.  The URL is parsed once; what was judged is what libcurl is given. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/mem.h"

#include "relayd/dialer.h"
#include "relayd/loop.h"

/* What an answer may ask for; longer is nonsense. */
#define RETRY_AFTER_MAX_S (7 * 24 * 3600)

struct fetch {
	struct dialer *dialer;
	struct carrier *carrier;
	CURLU *url;
	char *method;
	struct curl_slist *fields;
	char *body;
	size_t body_len, body_read;
	struct buf answer;
	struct dns_query *query;
	struct task begin;
	struct timer deadline;
	unsigned total_ms;
	fetch_done *done;
	void *arg;
	struct fetch_result result;
	int64_t began_us;
};

static void
fetch_free(struct fetch *f)
{
	timer_clear(f->dialer->loop, &f->deadline);
	carrier_free(f->carrier);
	curl_url_cleanup(f->url);
	curl_slist_free_all(f->fields);
	/* Both may have been about tokens. */
	buf_wipe(&f->answer);
	if (f->body) {
		explicit_bzero(f->body, f->body_len);
		free(f->body);
	}
	free(f->method);
	free(f);
}

static void
fetch_end(struct fetch *f)
{
	f->result.total_us = clock_us() - f->began_us;
	f->result.body = buf_str(&f->answer);
	f->done(f->arg, &f->result);
	fetch_free(f);
}

static void
fetch_fail(struct fetch *f, enum err e)
{
	f->result.e = e;
	fetch_end(f);
}

/* Silence is the proxy's fault until a request has gone through it. */
static bool
waits_for_proxy(const struct fetch *f)
{
	curl_off_t sent = 0;

	if (!f->carrier->way.proxy_url)
		return false;
	curl_easy_getinfo(f->carrier->job.easy, CURLINFO_PRETRANSFER_TIME_T,
	    &sent);
	return sent == 0;
}

static void
on_deadline(void *arg)
{
	struct fetch *f = arg;

	f->result.by_proxy = waits_for_proxy(f);
	dns_cancel(f->query);
	fetch_fail(f,
	    why_set(&f->result.why, ERR_TIMEOUT, "url",
		"%s did not answer within %u ms", f->carrier->way.host,
		f->total_ms));
}

/* --- libcurl's callbacks --------------------------------------------------- */

static size_t
on_write(char *at, size_t size, size_t count, void *arg)
{
	struct fetch *f = arg;

	return buf_add(&f->answer, str_at(at, size * count)) ? 0 : size * count;
}

static size_t
on_read(char *at, size_t size, size_t count, void *arg)
{
	struct fetch *f = arg;
	size_t n = f->body_len - f->body_read;

	if (n > size * count)
		n = size * count;
	if (n)
		memcpy(at, f->body + f->body_read, n);
	f->body_read += n;
	return n;
}

static int
on_seek(void *arg, curl_off_t offset, int origin)
{
	struct fetch *f = arg;

	/* To go back is to send it again, which is for others to decide. */
	return origin == SEEK_SET && offset == (curl_off_t)f->body_read
	    ? CURL_SEEKFUNC_OK
	    : CURL_SEEKFUNC_FAIL;
}

/* --- the way there --------------------------------------------------------- */

static void
read_times(struct fetch *f)
{
	curl_off_t connected = 0, secured = 0, first = 0;
	CURL *easy = f->carrier->job.easy;

	curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &secured);
	curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
	f->result.connect_us = connected;
	f->result.first_us = first;
	if (secured > connected)
		f->result.tls_us = secured - connected;
}

static void
on_done(void *arg, CURLcode code)
{
	struct fetch *f = arg;
	struct carrier *c = f->carrier;
	enum dial_step step = DIAL_NAME;
	curl_off_t later = 0;
	char *type = NULL;
	long status = 0;

	read_times(f);
	curl_easy_getinfo(c->job.easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->job.easy, CURLINFO_RETRY_AFTER, &later);
	if (code == CURLE_WRITE_ERROR)
		f->result.e = why_set(&f->result.why, ERR_LIMIT, "url",
		    "the answer of %s is longer than %zu bytes", c->way.host,
		    f->answer.max);
	else if (code != CURLE_OK)
		f->result.e = way_explain(&c->way, c->job.easy, code, c->text,
		    &step, &f->result.why);
	else if (status < 100 || status > 599)
		f->result.e = why_set(&f->result.why, ERR_SYNTAX, "url",
		    "%s answered with status %ld", c->way.host, status);
	else
		f->result.status = (unsigned)status;
	f->result.by_proxy = step == DIAL_PROXY;
	if (!curl_easy_getinfo(c->job.easy, CURLINFO_CONTENT_TYPE, &type))
		f->result.type = str_of(type);
	if (later > 0 && later < RETRY_AFTER_MAX_S)
		f->result.retry_after_s = (unsigned)later;
	fetch_end(f);
}

static void
load(struct fetch *f)
{
	CURL *easy = f->carrier->job.easy;

	curl_easy_setopt(easy, CURLOPT_URL, NULL);
	curl_easy_setopt(easy, CURLOPT_CURLU, f->url);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, f->fields);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, f);
	if (f->body || !strcmp(f->method, "POST")) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)f->body_len);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(easy, CURLOPT_READDATA, f);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, f);
	}
	if (!strcmp(f->method, "HEAD"))
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, f->method);
}

static void
on_addresses(void *arg, const struct dns_answer *a)
{
	struct fetch *f = arg;
	struct carrier *c = f->carrier;
	enum err e = a->e;

	f->query = NULL;
	f->result.name_us = clock_us() - f->began_us;
	if (e)
		f->result.why = a->why;
	else
		e = way_answer(&c->way, a, &f->result.why);
	/* These addresses are its own. */
	f->result.by_proxy = e && c->way.proxy_url;
	if (!e)
		e = carrier_load(c, on_done, f, &f->result.why);
	if (!e) {
		load(f);
		e = carrier_go(c);
	}
	if (e)
		fetch_fail(f, e);
}

static void
begin(void *arg)
{
	struct fetch *f = arg;
	struct loop *l = f->dialer->loop;

	if (f->result.e) {
		fetch_end(f);
		return;
	}
	timer_set(l, &f->deadline, clock_us() / 1000 + f->total_ms);
	f->query = dns_ask(f->dialer->dns, str_of(way_asks(&f->carrier->way)),
	    on_addresses, f);
}

/* --- what is asked --------------------------------------------------------- */

static enum err
take_fields(struct fetch *f, const char *const *fields, struct why *out_why)
{
	bool has_type = false;

	for (; fields && *fields; fields++) {
		if (strpbrk(*fields, "\r\n") || !strchr(*fields, ':'))
			return why_set(out_why, ERR_VALUE, "fields",
			    "a header field is malformed");
		has_type |= !strncasecmp(*fields, "content-type:", 13);
		f->fields = curl_slist_append(f->fields, *fields);
	}
	/* libcurl waits a second for a 100 of servers that do not know it, and
	 * takes everything for a form. */
	f->fields = curl_slist_append(f->fields, "Expect:");
	if (!has_type)
		f->fields = curl_slist_append(f->fields, "Content-Type:");
	return OK;
}

/* What stands in a part of the URL; free it with curl_free(). */
static char *
part(CURLU *url, CURLUPart what, unsigned flags)
{
	char *text = NULL;

	return curl_url_get(url, what, &text, flags) ? NULL : text;
}

/* Give the URL the host that was judged, in its one spelling. */
static enum err
set_host(struct fetch *f)
{
	const char *host = f->carrier->way.host;
	char *spelt = xasprintf(strchr(host, ':') ? "[%s]" : "%s", host);
	CURLUcode code = curl_url_set(f->url, CURLUPART_HOST, spelt, 0);

	free(spelt);
	return code ? ERR_VALUE : OK;
}

static enum err
take_url(struct fetch *f, const struct fetch_ask *ask, struct why *out_why)
{
	struct dial_to to = ask->way;
	char *scheme, *host, *port, *user;
	enum dial_step step;
	size_t len;
	enum err e = ERR_VALUE;

	if (curl_url_set(f->url, CURLUPART_URL, ask->url, CURLU_PATH_AS_IS))
		return why_set(out_why, e, "url", "this is not a URL");
	scheme = part(f->url, CURLUPART_SCHEME, 0);
	host = part(f->url, CURLUPART_HOST, 0);
	port = part(f->url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	user = part(f->url, CURLUPART_USER, 0);
	if (!scheme || !host || !port || user ||
	    (strcmp(scheme, "https") && strcmp(scheme, "http"))) {
		e = why_set(out_why, e, "url",
		    "a URL is https:// or http://, without a user");
		goto out_free;
	}
	len = strlen(host);
	if (host[0] == '[' && host[len - 1] == ']') {
		memmove(host, host + 1, len - 2);
		host[len - 2] = '\0';
	}
	to.tls = !strcmp(scheme, "https");
	to.host = host;
	to.port = (uint16_t)strtoul(port, NULL, 10);
	e = carrier_new(f->dialer, &to, &f->carrier, &step, out_why);
	f->result.by_proxy = e && step == DIAL_PROXY;
	if (!e)
		e = set_host(f);

out_free:
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	return e;
}

struct fetch *
fetch_start(struct dialer *d, const struct fetch_ask *ask, fetch_done *done,
    void *arg)
{
	struct fetch *f = xcalloc(1, sizeof(*f));

	f->dialer = d;
	f->done = done;
	f->arg = arg;
	f->began_us = clock_us();
	f->total_ms = ask->total_ms;
	f->url = curl_url();
	f->method = xstrdup(ask->method);
	buf_init(&f->answer, ask->answer_max);
	if (ask->body.len) {
		f->body = xmemdup(ask->body.at, ask->body.len);
		f->body_len = ask->body.len;
	}
	task_init(&f->begin, begin, f);
	timer_init(&f->deadline, on_deadline, f);
	f->result.e = take_url(f, ask, &f->result.why);
	if (!f->result.e)
		f->result.e = take_fields(f, ask->fields, &f->result.why);
	loop_ready(d->loop, &f->begin);
	return f;
}

void
fetch_cancel(struct fetch *take_fetch)
{
	struct fetch *f = take_fetch;

	if (!f)
		return;
	dns_cancel(f->query);
	loop_unready(f->dialer->loop, &f->begin);
	fetch_free(f);
}
