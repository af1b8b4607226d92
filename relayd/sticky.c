/* SPDX-License-Identifier: MIT */
/* sticky.c - which account a session is bound to. */
#include "relayd/sticky.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/account.h"

#define NIL	    UINT32_MAX
#define HEADS_FIRST 64

_Static_assert(sizeof(struct sticky_session) <= 72,
    "a hundred thousand of them are kept");

static struct sticky_session *
at(const struct sticky *s, uint32_t i)
{
	return &s->pieces[i / STICKY_PIECE][i % STICKY_PIECE];
}

/* Ids are hashes already, keyed by a secret. */
static uint32_t *
head_of(const struct sticky *s, uint64_t id)
{
	return &s->heads[id & (s->heads_count - 1)];
}

void
sticky_init(struct sticky *s)
{
	*s = (struct sticky){ .free = NIL, .newest = NIL, .oldest = NIL };
}

void
sticky_fini(struct sticky *s)
{
	for (uint32_t i = 0; i < s->pieces_count; i++)
		free(s->pieces[i]);
	free(s->pieces);
	free(s->heads);
	sticky_init(s);
}

size_t
sticky_bytes(const struct sticky *s)
{
	return s->pieces_count *
	    (STICKY_PIECE * sizeof(struct sticky_session) +
		sizeof(s->pieces[0])) +
	    s->heads_count * sizeof(s->heads[0]);
}

/* --- the order of use -------------------------------------------------------- */

static void
unlink_use(struct sticky *s, struct sticky_session *t)
{
	if (t->newer == NIL)
		s->newest = t->older;
	else
		at(s, t->newer)->older = t->older;
	if (t->older == NIL)
		s->oldest = t->newer;
	else
		at(s, t->older)->newer = t->newer;
}

static void
link_newest(struct sticky *s, uint32_t i)
{
	struct sticky_session *t = at(s, i);

	t->newer = NIL;
	t->older = s->newest;
	if (s->newest == NIL)
		s->oldest = i;
	else
		at(s, s->newest)->newer = i;
	s->newest = i;
}

static uint32_t
index_of(const struct sticky *s, const struct sticky_session *t)
{
	uint32_t i = *head_of(s, t->id);

	while (at(s, i) != t)
		i = at(s, i)->next;
	return i;
}

void
sticky_touch(struct sticky *s, struct sticky_session *t, int64_t now_ms)
{
	t->used_ms = now_ms;
	if (t->newer == NIL)
		return;
	unlink_use(s, t);
	link_newest(s, index_of(s, t));
}

struct sticky_session *
sticky_newest(const struct sticky *s)
{
	return s->newest == NIL ? NULL : at(s, s->newest);
}

struct sticky_session *
sticky_older(const struct sticky *s, const struct sticky_session *t)
{
	return t->older == NIL ? NULL : at(s, t->older);
}

/* --- taking away ------------------------------------------------------------- */

void
sticky_drop(struct sticky *s, struct sticky_session *t)
{
	uint32_t *link = head_of(s, t->id), i;

	while (at(s, *link) != t)
		link = &at(s, *link)->next;
	i = *link;
	*link = t->next;
	unlink_use(s, t);
	assert(t->account->sessions > 0);
	t->account->sessions--;
	*t = (struct sticky_session){ .next = s->free };
	s->free = i;
	s->count--;
}

static bool
is_over(const struct sticky *s, const struct sticky_session *t, int64_t now_ms)
{
	return now_ms - t->used_ms >= s->ttl_ms;
}

/* The oldest go while there are too many of them; of those whose time is over
 * a few each time, so that nobody waits for it. */
static void
tidy(struct sticky *s, uint32_t most, int64_t now_ms)
{
	for (int i = 0;
	     i < 2 && s->count && is_over(s, at(s, s->oldest), now_ms); i++)
		sticky_drop(s, at(s, s->oldest));
	while (s->count > most) {
		sticky_drop(s, at(s, s->oldest));
		s->evicted_total++;
	}
}

void
sticky_limit(struct sticky *s, uint64_t max, int64_t ttl_ms)
{
	s->max = max < NIL ? (uint32_t)max : NIL - 1;
	s->ttl_ms = ttl_ms;
	while (s->count && (s->count > s->max || !ttl_ms))
		sticky_drop(s, at(s, s->oldest));
}

void
sticky_forget(struct sticky *s, struct account *a)
{
	struct sticky_session *t = sticky_newest(s), *older;

	for (; t && a->sessions; t = older) {
		older = sticky_older(s, t);
		if (t->account == a)
			sticky_drop(s, t);
	}
}

/* --- finding and binding ----------------------------------------------------- */

struct sticky_session *
sticky_find(struct sticky *s, uint64_t id, int64_t now_ms)
{
	struct sticky_session *t;

	if (!s->count)
		return NULL;
	for (uint32_t i = *head_of(s, id); i != NIL; i = t->next) {
		t = at(s, i);
		if (t->id != id)
			continue;
		if (!is_over(s, t, now_ms))
			return t;
		sticky_drop(s, t);
		return NULL;
	}
	return NULL;
}

static void
grow_heads(struct sticky *s)
{
	uint32_t count = s->heads_count ? 2 * s->heads_count : HEADS_FIRST;

	free(s->heads);
	s->heads = xmalloc(count * sizeof(s->heads[0]));
	s->heads_count = count;
	for (uint32_t i = 0; i < count; i++)
		s->heads[i] = NIL;
	for (uint32_t i = s->newest; i != NIL; i = at(s, i)->older) {
		uint32_t *head = head_of(s, at(s, i)->id);

		at(s, i)->next = *head;
		*head = i;
	}
}

static uint32_t
take_room(struct sticky *s)
{
	uint32_t i = s->free;

	if (i != NIL) {
		s->free = at(s, i)->next;
		return i;
	}
	if (s->used == s->pieces_count * STICKY_PIECE) {
		s->pieces = xrealloc(s->pieces,
		    (s->pieces_count + 1) * sizeof(s->pieces[0]));
		s->pieces[s->pieces_count++] =
		    xmalloc(STICKY_PIECE * sizeof(struct sticky_session));
	}
	return s->used++;
}

static struct sticky_session *
add(struct sticky *s, uint64_t id)
{
	uint32_t i, *head;

	if (s->count >= s->heads_count)
		grow_heads(s);
	i = take_room(s);
	head = head_of(s, id);
	*at(s, i) = (struct sticky_session){ .id = id, .next = *head };
	*head = i;
	link_newest(s, i);
	s->count++;
	return at(s, i);
}

struct sticky_session *
sticky_bind(struct sticky *s, uint64_t id, struct account *a, int64_t now_ms)
{
	struct sticky_session *t = sticky_find(s, id, now_ms);

	if (!s->max || !s->ttl_ms)
		return NULL;
	if (t) {
		/* There nothing of it is cached. */
		if (t->account != a) {
			t->moves++;
			t->switch_micro = 0;
		}
		t->account->sessions--;
		sticky_touch(s, t, now_ms);
	} else {
		tidy(s, s->max - 1, now_ms);
		t = add(s, id);
		t->used_ms = now_ms;
	}
	t->account = a;
	a->sessions++;
	return t;
}
