/* SPDX-License-Identifier: MIT */
/* delivery.c - one try to tell one notice at one channel.
 *
 * Knows the channel's secrets as long as it lasts, to take them out of what
 * comes back: receivers repeat what they were sent when they refuse it. */
#include "relayd/delivery.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/json.h"
#include "proto/mem.h"

#include "relayd/dial.h"
#include "relayd/inert.h"
#include "relayd/loop.h"
#include "relayd/mail.h"
#include "relayd/proxy.h"

/* Of an answer. */
#define ANSWER_MAX 16384
/* As much of one is looked at for its words. */
#define WORDS_MAX  1024
#define FIELDS_MAX 8
/* A piece of a secret URL that is as long may be its token. */
#define TOKEN_MIN 6

struct delivery {
	const struct messenger *messenger;
	struct fetch *fetch;
	struct mail *mail;
	char *secrets[CHANNEL_SECRETS];
	delivery_done *done;
	void *arg;
};

static void
delivery_free(struct delivery *d)
{
	for (int i = 0; i < CHANNEL_SECRETS; i++) {
		explicit_bzero(d->secrets[i], strlen(d->secrets[i]));
		free(d->secrets[i]);
	}
	free(d);
}

/* --- hearing --------------------------------------------------------------- */

/* The number in the answer that tells what the status does not. */
static enum delivered_how
judge_code(const struct answer_code *code, struct str body)
{
	struct json *root = NULL;
	enum delivered_how how = DELIVERY_REFUSED;
	int64_t n;

	if (json_parse(body, ANSWER_MAX, &root, NULL))
		return DELIVERY_LATER;
	if (json_as_i64(json_at(root, code->key), &n))
		how = DELIVERY_LATER;
	else if (n == code->good)
		how = DELIVERED;
	for (unsigned i = 0; how == DELIVERY_REFUSED && i < 3; i++)
		if (code->later[i] && n == code->later[i])
			how = DELIVERY_LATER;
	json_free(root);
	return how;
}

enum delivered_how
delivery_judge(const struct messenger *m, unsigned status, struct str body)
{
	if (m->is_mail)
		return status >= 500 ? DELIVERY_REFUSED
		    : status >= 400  ? DELIVERY_LATER
				     : DELIVERED;
	if (status >= 200 && status < 300)
		return m->code.key ? judge_code(&m->code, body) : DELIVERED;
	if (status == 408 || status == 429 || status >= 500)
		return DELIVERY_LATER;
	return DELIVERY_REFUSED;
}

/* Whole, and each piece of it that may be a token. */
static void
mask_secret(char *text, const char *secret)
{
	const char *at = secret;

	inert_mask(text, str_of(secret));
	if (!strstr(secret, "://"))
		return;
	/* The origin is no secret. */
	at = strchr(strstr(secret, "://") + 3, '/');
	while (at && *at) {
		size_t len = strcspn(at, "/?&=#");

		if (len >= TOKEN_MIN)
			inert_mask(text, str_at(at, len));
		at += len;
		at += *at != '\0';
	}
}

static void
write_words(const struct delivery *d, const struct fetch_result *r,
    struct delivered *out)
{
	char words[WORDS_MAX];

	if (r->e && !r->body.len)
		inert_copy(words, sizeof(words), str_of(r->why.text));
	else
		inert_copy(words, sizeof(words), str_trim(r->body));
	for (int i = 0; i < CHANNEL_SECRETS; i++)
		mask_secret(words, d->secrets[i]);
	if (!words[0])
		snprintf(words, sizeof(words), "%s",
		    out->how == DELIVERED ? "" : "an answer without words");
	inert_copy(out->text, sizeof(out->text), str_of(words));
}

/* To be tried again?  An address that is not connected to is not on a later
 * day either. */
static enum delivered_how
judge_failure(const struct fetch_result *r)
{
	return r->e == ERR_DENIED && !strcmp(r->why.field, "address")
	    ? DELIVERY_REFUSED
	    : DELIVERY_LATER;
}

static void
on_answer(void *arg, const struct fetch_result *r)
{
	struct delivery *d = arg;
	struct delivered out = { .status = r->status,
		.heard = r->status != 0,
		.wait_ms = (int64_t)r->retry_after_s * 1000,
		.name_us = r->name_us,
		.connect_us = r->connect_us,
		.tls_us = r->tls_us,
		.first_us = r->first_us,
		.total_us = r->total_us };

	out.how = delivery_judge(d->messenger, r->status, r->body);
	if (r->e && (out.how == DELIVERED || !d->messenger->is_mail))
		out.how = judge_failure(r);
	write_words(d, r, &out);
	d->done(d->arg, &out);
	delivery_free(d);
}

/* --- telling --------------------------------------------------------------- */

static void
start_post(struct delivery *d, struct dialer *dialer, const struct channel *c,
    struct message *m)
{
	const char *fields[FIELDS_MAX + 2];
	struct outlet way = { .proxy = NULL };
	struct fetch_ask ask = { .method = "POST",
		.url = buf_cstr(&m->url),
		.fields = fields,
		.body = buf_str(&m->body),
		.total_ms = DELIVERY_TOTAL_MS,
		.answer_max = ANSWER_MAX };
	char *at;
	unsigned n = 0;

	(void)buf_cstr(&m->fields);
	for (at = m->fields.mem; at && *at && n < FIELDS_MAX;) {
		char *end = strchr(at, '\n');

		fields[n++] = at;
		*end = '\0';
		at = end + 1;
	}
	fields[n++] = "User-Agent: relayd";
	fields[n] = NULL;
	ask.way.allow_private = c->rec.allow_private;
	channel_find_way(c, &way);
	outlet_lead(&way, &ask.way);
	d->fetch = fetch_start(dialer, &ask, on_answer, d);
	outlet_fini(&way);
}

static void
start_mail(struct delivery *d, struct dialer *dialer, const struct channel *c,
    struct message *m)
{
	struct outlet way = { .proxy = NULL };
	struct mail_ask ask = { .url = buf_cstr(&m->url),
		.user = c->rec.user,
		.password = c->secrets[CHANNEL_SECRET],
		.from = c->rec.from,
		.to = c->rec.to,
		.message = buf_str(&m->body),
		.total_ms = DELIVERY_TOTAL_MS };

	ask.way.allow_private = c->rec.allow_private;
	channel_find_way(c, &way);
	outlet_lead(&way, &ask.way);
	d->mail = mail_start(dialer, &ask, on_answer, d);
	outlet_fini(&way);
}

struct delivery *
delivery_start(struct dialer *dialer, const struct channel *c,
    const struct notice *n, delivery_done *done, void *arg)
{
	const struct mailbox to = { .rec = &c->rec,
		.url = c->url,
		.secret = c->secrets[CHANNEL_SECRET],
		.sign = c->secrets[CHANNEL_SIGN] };
	struct delivery *d = xcalloc(1, sizeof(*d));
	struct message m;

	d->messenger = c->messenger;
	d->done = done;
	d->arg = arg;
	for (int i = 0; i < CHANNEL_SECRETS; i++)
		d->secrets[i] = xmemdup(c->secrets[i].at, c->secrets[i].len);
	message_init(&m);
	/* What a channel may hold was bounded when it was saved, and what a
	 * notice may hold when it was raised.  Should it not fit all the same,
	 * a URL that is cut short is no URL, and the fetch says so. */
	if (c->messenger->write(&to, n, clock_wall_ms(), &m))
		buf_clear(&m.url);
	if (c->messenger->is_mail)
		start_mail(d, dialer, c, &m);
	else
		start_post(d, dialer, c, &m);
	message_fini(&m);
	return d;
}

void
delivery_cancel(struct delivery *take_d)
{
	struct delivery *d = take_d;

	if (!d)
		return;
	fetch_cancel(d->fetch);
	mail_cancel(d->mail);
	delivery_free(d);
}
