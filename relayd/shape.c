/* SPDX-License-Identifier: MIT */
/* shape.c - the body of a request as the account's kind wants it. */
#include "relayd/shape.h"

#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/provider.h"
#include "relayd/relay.h"

#define PLAN_MAX (64 * 1024)

/* Where the body that the client sent lies just now. */
static struct buf *
home_of(struct relay *r)
{
	if (r->decoder)
		return &r->decoded;
	return r->own_body.mem ? &r->own_body : &r->c->body;
}

/* Pure work on the shape's own bytes, on either thread. */
static void
run(struct shape *s)
{
	const struct provider *p = s->provider;
	struct str made;

	s->err = p->body(buf_str(&s->plan), s->body, &s->out, &s->why);
	if (s->err == ERR_LIMIT)
		why_set(&s->why, s->err, "", "the body is too large");
	if (s->err || !s->signs)
		return;
	made = buf_str(&s->out);
	crypto_hash_sha256(s->sha256, (const uint8_t *)made.at, made.len);
}

static enum err
work(struct job *j, struct txn *t, struct why *out_why)
{
	(void)t;
	(void)out_why;
	run((struct shape *)j);
	return OK;
}

static void
shape_free(struct shape *s)
{
	buf_wipe(&s->plan);
	buf_fini(&s->owned);
	buf_fini(&s->out);
	free(s);
}

static void
done(struct job *j)
{
	struct shape *s = (struct shape *)j;

	if (!s->r)
		s->d->counters.body_bytes_now -= shape_weight(s);
	if (j->result && !s->err)
		s->err =
		    why_set(&s->why, j->result, "", "relayd is being stopped");
	s->is_done = true;
	if (s->r)
		relay_post(s->r, E_SHAPED);
	else
		shape_free(s);
}

static void
buf_move(struct buf *to, struct buf *from)
{
	*to = *from;
	buf_init(from, to->max);
}

size_t
shape_weight(const struct shape *s)
{
	return s->owned.size + s->reserved;
}

/* Never too little: the other thread's buffers cannot be looked at.  What is
 * to be counted may be made twice, the second time in base64. */
static size_t
need_of(const struct ask *ask, size_t body_bytes)
{
	size_t made = body_bytes + SHAPE_GROWTH;

	return ask->op == OP_COUNT_TOKENS ? made + made / 3 * 4 : made;
}

enum shape_begun
shape_begin(struct relay *r, const struct account *a, const struct ask *ask)
{
	struct shape *s = xcalloc(1, sizeof(*s));
	struct buf *home;

	s->job = (struct job){ .work = work, .done = done };
	s->r = r;
	s->d = r->d;
	s->provider = a->provider;
	s->body = r->body;
	buf_init(&s->plan, PLAN_MAX);
	buf_init(&s->owned, 0);
	buf_init(&s->out, r->d->conf->max_body + SHAPE_GROWTH);
	s->is_done = true;
	s->signs = a->provider->signs && a->provider->signs(a);
	s->err = a->provider->plan(a, ask, &s->plan, &s->why);
	if (!s->err && !buf_len(&s->plan)) {
		shape_free(s);
		return SHAPE_NONE;
	}
	r->shape = s;
	if (s->err)
		return SHAPE_DONE;
	if (s->body.len <= SHAPE_AT_ONCE_MAX) {
		run(s);
		return SHAPE_DONE;
	}
	s->is_done = false;
	s->reserved = need_of(ask, s->body.len);
	home = home_of(r);
	buf_move(&s->owned, home);
	if (home == &r->c->body)
		conn_drop_body(r->c);
	relay_charge(r);
	store_post(r->d->store, LANE_READ, &s->job);
	return SHAPE_WAIT;
}

/* What it held of the client's body goes back to the relay. */
static void
give_back(struct relay *r, struct shape *s)
{
	if (s->owned.mem)
		buf_move(r->decoder ? &r->decoded : &r->own_body, &s->owned);
}

enum err
shape_take(struct relay *r, struct why *out_why)
{
	struct shape *s = r->shape;
	enum err e = s->err;

	r->shape = NULL;
	give_back(r, s);
	if (e) {
		*out_why = s->why;
	} else {
		buf_fini(&r->shaped);
		buf_move(&r->shaped, &s->out);
		memcpy(r->sha256, s->sha256, sizeof(r->sha256));
		r->up_body = buf_str(&r->shaped);
	}
	relay_charge(r);
	shape_free(s);
	return e;
}

void
shape_forget(struct relay *r)
{
	struct shape *s = r->shape;

	if (!s)
		return;
	r->shape = NULL;
	/* The client's bytes are its own now, and go with it. */
	r->body = r->up_body = STR("");
	relay_charge(r);
	if (s->is_done) {
		shape_free(s);
		return;
	}
	/* Nobody's, but not free before the work is over. */
	s->r = NULL;
	s->d->counters.body_bytes_now += shape_weight(s);
}
