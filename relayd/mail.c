/* SPDX-License-Identifier: MIT */
/* mail.c - handing a mail to a mail server, always over TLS. */
#include "relayd/mail.h"

#include <stdlib.h>
#include <string.h>

#include "proto/mem.h"

#include "relayd/dialer.h"
#include "relayd/loop.h"

#define SMTPS_PORT	465
#define SUBMISSION_PORT 587
/* The server's last words that are kept. */
#define WORDS_MAX 1024

struct mail {
	struct dialer *dialer;
	struct carrier *carrier;
	char *user, *password, *from, *message;
	struct curl_slist *to;
	size_t message_len, message_read;
	bool is_smtps;
	struct buf words;
	unsigned refused; /* the last 4xx or 5xx */
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
mail_free(struct mail *m)
{
	timer_clear(m->dialer->loop, &m->deadline);
	carrier_free(m->carrier);
	curl_slist_free_all(m->to);
	buf_fini(&m->words);
	if (m->password)
		explicit_bzero(m->password, strlen(m->password));
	free(m->password);
	free(m->user);
	free(m->from);
	free(m->message);
	free(m);
}

static void
mail_end(struct mail *m)
{
	m->result.total_us = clock_us() - m->began_us;
	m->result.body = buf_str(&m->words);
	m->done(m->arg, &m->result);
	mail_free(m);
}

static void
mail_fail(struct mail *m, enum err e)
{
	m->result.e = e;
	mail_end(m);
}

static void
on_deadline(void *arg)
{
	struct mail *m = arg;

	dns_cancel(m->query);
	mail_fail(m,
	    why_set(&m->result.why, ERR_TIMEOUT, "url",
		"%s was not done within %u ms", m->carrier->way.host,
		m->total_ms));
}

/* --- libcurl's callbacks --------------------------------------------------- */

static size_t
on_read(char *at, size_t size, size_t count, void *arg)
{
	struct mail *m = arg;
	size_t n = m->message_len - m->message_read;

	if (n > size * count)
		n = size * count;
	if (n)
		memcpy(at, m->message + m->message_read, n);
	m->message_read += n;
	return n;
}

/* A line the server says.  The last one matters, but a no matters more than
 * the farewell behind it. */
static size_t
on_line(char *at, size_t size, size_t count, void *arg)
{
	struct mail *m = arg;
	struct str line = str_first(str_at(at, size * count), WORDS_MAX);

	uint64_t code = 0;
	bool no = !str_u64(str_first(line, 3), &code) && code >= 400;

	if (no)
		m->refused = (unsigned)code;
	if (no || !m->refused) {
		buf_clear(&m->words);
		buf_must(&m->words, line);
	}
	return size * count;
}

/* --- the way there --------------------------------------------------------- */

static void
on_done(void *arg, CURLcode code)
{
	struct mail *m = arg;
	struct carrier *c = m->carrier;
	curl_off_t connected = 0, secured = 0;
	enum dial_step step;
	long status = 0;

	curl_easy_getinfo(c->job.easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(c->job.easy, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(c->job.easy, CURLINFO_APPCONNECT_TIME_T, &secured);
	m->result.connect_us = connected;
	if (secured > connected)
		m->result.tls_us = secured - connected;
	m->result.status = status > 0 ? (unsigned)status : 0;
	if (code != CURLE_OK && m->refused)
		m->result.status = m->refused;
	if (code == CURLE_USE_SSL_FAILED)
		m->result.e = why_set(&m->result.why, ERR_DENIED, "url",
		    "%s does not go over to TLS (STARTTLS)", c->way.host);
	else if (code == CURLE_LOGIN_DENIED)
		m->result.e = why_set(&m->result.why, ERR_DENIED, "user",
		    "%s refuses user or password", c->way.host);
	else if (code != CURLE_OK)
		m->result.e = way_explain(&c->way, c->job.easy, code, c->text,
		    &step, &m->result.why);
	mail_end(m);
}

static void
load(struct mail *m)
{
	CURL *easy = m->carrier->job.easy;
	const struct way *w = &m->carrier->way;
	char *url =
	    xasprintf(strchr(w->host, ':') ? "%s://[%s]:%u" : "%s://%s:%u",
		m->is_smtps ? "smtps" : "smtp", w->host, w->port);

	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
	    m->is_smtps ? "smtps" : "smtp");
	curl_easy_setopt(easy, CURLOPT_URL, url);
	free(url);
	curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	if (m->user) {
		curl_easy_setopt(easy, CURLOPT_USERNAME, m->user);
		curl_easy_setopt(easy, CURLOPT_PASSWORD, m->password);
	}
	curl_easy_setopt(easy, CURLOPT_MAIL_FROM, m->from);
	curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, m->to);
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, m);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, m);
}

static void
on_addresses(void *arg, const struct dns_answer *a)
{
	struct mail *m = arg;
	struct carrier *c = m->carrier;
	enum err e = a->e;

	m->query = NULL;
	m->result.name_us = clock_us() - m->began_us;
	if (e)
		m->result.why = a->why;
	else
		e = way_answer(&c->way, a, &m->result.why);
	if (!e)
		e = carrier_load(c, on_done, m, &m->result.why);
	if (!e) {
		load(m);
		e = carrier_go(c);
	}
	if (e)
		mail_fail(m, e);
}

static void
begin(void *arg)
{
	struct mail *m = arg;
	struct loop *l = m->dialer->loop;

	if (m->result.e) {
		mail_end(m);
		return;
	}
	timer_set(l, &m->deadline, clock_us() / 1000 + m->total_ms);
	m->query = dns_ask(m->dialer->dns, str_of(way_asks(&m->carrier->way)),
	    on_addresses, m);
}

/* --- what is asked --------------------------------------------------------- */

/* "smtps://host:port", and nothing else. */
static enum err
take_url(struct mail *m, const struct mail_ask *ask, struct why *out_why)
{
	struct dial_to to = ask->way;
	struct str rest = str_of(ask->url), port;
	enum dial_step step;
	uint64_t number;
	char *host;
	enum err e;

	m->is_smtps = str_starts(rest, STR("smtps://"));
	number = m->is_smtps ? SMTPS_PORT : SUBMISSION_PORT;
	if (!m->is_smtps && !str_starts(rest, STR("smtp://")))
		return why_set(out_why, ERR_VALUE, "url",
		    "a mail server is smtps://host or smtp://host:587");
	rest = str_skip(rest, m->is_smtps ? 8 : 7);
	if (str_starts(rest, STR("["))) {
		port = str_skip(rest, 1);
		rest = str_cut(&port, ']');
		if (port.len && port.at[0] == ':')
			port = str_skip(port, 1);
	} else {
		port = rest;
		rest = str_cut(&port, ':');
	}
	if (port.len && (str_u64(port, &number) || !number || number > 65535))
		return why_set(out_why, ERR_VALUE, "url",
		    "a mail server's port is a number up to 65535");
	host = xmemdup(rest.at, rest.len);
	to.host = host;
	to.port = (uint16_t)number;
	to.tls = m->is_smtps;
	e = carrier_new(m->dialer, &to, &m->carrier, &step, out_why);
	free(host);
	return e;
}

static void
take_addresses(struct mail *m, struct str rest)
{
	struct str one;

	while (str_list_next(&rest, &one)) {
		char *text = xmemdup(one.at, one.len);

		m->to = curl_slist_append(m->to, text);
		free(text);
	}
}

struct mail *
mail_start(struct dialer *d, const struct mail_ask *ask, fetch_done *done,
    void *arg)
{
	struct mail *m = xcalloc(1, sizeof(*m));

	m->dialer = d;
	m->done = done;
	m->arg = arg;
	m->began_us = clock_us();
	m->total_ms = ask->total_ms;
	buf_init(&m->words, WORDS_MAX);
	m->from = xmemdup(ask->from.at, ask->from.len);
	take_addresses(m, ask->to);
	if (ask->user.len) {
		m->user = xmemdup(ask->user.at, ask->user.len);
		m->password = ask->password.len
		    ? xmemdup(ask->password.at, ask->password.len)
		    : xstrdup("");
	}
	m->message = xmemdup(ask->message.at, ask->message.len);
	m->message_len = ask->message.len;
	task_init(&m->begin, begin, m);
	timer_init(&m->deadline, on_deadline, m);
	m->result.e = take_url(m, ask, &m->result.why);
	loop_ready(d->loop, &m->begin);
	return m;
}

void
mail_cancel(struct mail *take_mail)
{
	struct mail *m = take_mail;

	if (!m)
		return;
	dns_cancel(m->query);
	loop_unready(m->dialer->loop, &m->begin);
	mail_free(m);
}
