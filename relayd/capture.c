/* SPDX-License-Identifier: MIT */
/* capture.c - the details of one traced request, noted as they pass.
 *
 * Credentials are masked in heads before they are noted; those that were used
 * are remembered, so that the writer finds them in bodies too. */
#include "relayd/capture.h"

#include "relayd/apikey.h"
#include "relayd/daemon.h"
#include "relayd/inert.h"
#include "relayd/mask.h"
#include "relayd/relay.h"
#include "relayd/trace.h"

/* Masking makes nothing much longer. */
#define HEAD_MAX (3 * HTTP1_HEAD_MAX)

/* --- helpers --------------------------------------------------------------- */

static void
add(struct capture *c, unsigned number, struct str bytes)
{
	capture_add(c, capture_part(c, number), bytes);
}

/* A head, masked; what was used is masked by its value too. */
static void
add_head(struct capture *c, unsigned number, struct buf *masked, enum err e)
{
	if (!e)
		add(c, number, buf_str(masked));
	buf_fini(masked);
}

/* Of the try under way; 0: too many. */
static unsigned
number_of(const struct relay *r, enum traced first)
{
	if (!r->tries || r->tries > TRACED_TRIES_MAX)
		return 0;
	return (unsigned)first + 4 * (r->tries - 1);
}

static bool
keeps_bodies(const struct relay *r)
{
	return r->capture->trace->rec.bodies;
}

/* --- the beginning --------------------------------------------------------- */

/* With what stands in front of it, and without. */
static void
note_value(struct capture *c, struct str value)
{
	ptrdiff_t at = str_chr(value, ' ');

	capture_secret(c, value);
	if (at > 0)
		capture_secret(c, str_trim(str_skip(value, (size_t)at)));
}

/* Whole, and each part that an upstream might repeat alone. */
static void
note_credential(struct relay *r)
{
	struct str rest = attempt_secret(r), part;

	capture_secret(r->capture, rest);
	while (inert_next_part(&rest, &part))
		if (part.len < attempt_secret(r).len)
			capture_secret(r->capture, part);
}

static void
note_secrets(struct relay *r)
{
	const struct http1_head *h = r->c->head;
	struct str value, query = h->query;

	for (size_t i = 0; i < h->count; i++)
		if (mask_is_secret(h->fields[i].name))
			note_value(r->capture, h->fields[i].value);
	while (query.at) {
		value = str_cut(&query, '&');
		if (mask_is_secret(str_cut(&value, '=')) && value.at)
			capture_secret(r->capture, value);
	}
}

static void
begin(struct relay *r, struct trace *t)
{
	struct buf head;
	enum err e;

	r->capture = capture_new(r->d->traces, t, &r->id);
	note_secrets(r);
	buf_init(&head, HEAD_MAX);
	e = mask_request(r->c->head, STR(""), &head);
	add_head(r->capture, TRACED_CLIENT_HEAD, &head, e);
}

void
capture_look(struct relay *r, const struct apikey *k)
{
	const struct str none = { .at = NULL, .len = 0 };
	struct trace *t;

	/* Whoever asks without a key, and is answered, watches this relay. */
	if (!k && !r->fault)
		return;
	t = traces_match(r->d->traces, k ? k->rec.id : none, none);
	if (t)
		begin(r, t);
}

void
capture_asked(struct relay *r)
{
	struct capture *c = r->capture;
	struct str body = r->body;
	struct part_bytes *p;
	const struct header *f;

	/* Bodies of questions about a key hold it. */
	if (!keeps_bodies(r) || c->asked ||
	    (r->routed.route && r->routed.route->in_body))
		return;
	if (!body.len)
		body = r->decoder ? buf_str(&r->decoded) : buf_str(&r->c->body);
	if (!body.len)
		return;
	c->asked = true;
	p = capture_part(c, TRACED_CLIENT_BODY);
	capture_add(c, p, body);
	f = http1_find(r->c->head, STR("content-encoding"));
	if (!p || !r->decoder || !f)
		return;
	p->coding = coding_of(f->value);
	p->decoded = true;
}

/* --- tries ----------------------------------------------------------------- */

/* Is it other than what the client sent, as that is kept? */
static bool
is_changed(const struct relay *r)
{
	const char *at = r->up_body.at;

	if (at == r->body.at || at == buf_str(&r->c->body).at)
		return false;
	return !str_eq(r->up_body, r->body);
}

void
capture_sent(struct relay *r)
{
	const struct account *a = r->account;
	struct str auth =
	    a->rec.auth.len ? a->rec.auth : str_of(a->provider->auth);
	struct trace *t = NULL;
	struct buf head;
	unsigned number;
	enum err e;

	if (!r->capture)
		t = traces_match(r->d->traces,
		    r->key ? r->key->rec.id : STR(""), a->rec.name);
	if (t)
		begin(r, t);
	if (!r->capture)
		return;
	capture_asked(r);
	note_credential(r);
	number = number_of(r, TRACED_UP_HEAD);
	if (!number) {
		r->capture->lost++;
		return;
	}
	buf_init(&head, HEAD_MAX);
	e = mask_written(buf_str(&r->up_head), auth, &head);
	add_head(r->capture, number, &head, e);
	if (keeps_bodies(r) && is_changed(r))
		add(r->capture, number_of(r, TRACED_UP_BODY), r->up_body);
}

void
capture_heard_head(struct relay *r)
{
	unsigned number = number_of(r, TRACED_UP_ANSWER_HEAD);
	struct buf head;
	enum err e;

	if (!number)
		return;
	buf_init(&head, HEAD_MAX);
	e = mask_answer(&r->up.answer, &head);
	add_head(r->capture, number, &head, e);
}

static enum coding
coding_of_answer(const struct relay *r)
{
	const struct header *f =
	    http1_find(&r->up.answer, STR("content-encoding"));

	return coding_of(f ? f->value : STR(""));
}

void
capture_heard(struct relay *r, struct str piece)
{
	unsigned number = number_of(r, TRACED_UP_ANSWER_BODY);
	struct part_bytes *p;

	if (!number || !keeps_bodies(r))
		return;
	p = capture_part(r->capture, number);
	if (p && !p->whole)
		p->coding = coding_of_answer(r);
	capture_add(r->capture, p, piece);
}

/* --- the answer ------------------------------------------------------------ */

static enum coding
coding_written(struct str head)
{
	ptrdiff_t at = str_ifind(head, STR("\r\ncontent-encoding:"));

	if (at < 0)
		return CODING_IDENTITY;
	head = str_skip(head, (size_t)at + 2);
	(void)str_cut(&head, ':');
	return coding_of(str_trim(str_cut(&head, '\r')));
}

void
capture_told_head(struct relay *r, struct str written)
{
	ptrdiff_t end = str_find(written, STR("\r\n\r\n"));
	struct buf head;
	enum err e;

	if (end < 0)
		return;
	r->capture->told = coding_written(str_first(written, (size_t)end + 2));
	buf_init(&head, HEAD_MAX);
	e = mask_written(str_first(written, (size_t)end + 2), STR(""), &head);
	add_head(r->capture, TRACED_ANSWER_HEAD, &head, e);
	written = str_skip(written, (size_t)end + 4);
	if (written.len)
		capture_told(r, written);
}

void
capture_told(struct relay *r, struct str piece)
{
	struct part_bytes *p;

	if (!keeps_bodies(r))
		return;
	p = capture_part(r->capture, TRACED_ANSWER_BODY);
	if (p && !p->whole)
		p->coding = r->capture->told;
	capture_add(r->capture, p, piece);
}

/* --- the end --------------------------------------------------------------- */

void
capture_end(struct relay *r)
{
	struct capture *c = r->capture;
	struct receipt_rec rec;

	r->capture = NULL;
	relay_receipt(r, &rec);
	rec.outcome = r->outcome;
	receipt_set_usage(&rec, &r->watch.usage);
	relay_price(r, &rec);
	if (receipt_rec_write(&rec, &c->receipt)) {
		c->lost++;
		capture_free(c);
		return;
	}
	capture_keep(c);
}
