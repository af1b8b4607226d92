/* SPDX-License-Identifier: MIT */
/* repeat.c - which of many like events are told, and how many were not. */
#include "relayd/repeat.h"

#include <assert.h>
#include <stdlib.h>

#include "proto/mem.h"

struct repeat {
	TAILQ_ENTRY(repeat) link;
	unsigned event;
	int64_t until_ms;
	uint64_t missed;
	size_t len;
	char object[];
};

struct repeat_event {
	int64_t until_ms; /* the while in which `told` are counted */
	unsigned told;
	uint64_t missed; /* of objects that are not remembered */
};

void
repeats_init(struct repeats *r, unsigned events)
{
	*r = (struct repeats){ .events = events };
	TAILQ_INIT(&r->known);
	r->of = xcalloc(events, sizeof(*r->of));
}

static void
forget(struct repeats *r, struct repeat *one)
{
	/* Its number is not lost: the next one of this event tells it. */
	r->of[one->event].missed += one->missed;
	TAILQ_REMOVE(&r->known, one, link);
	r->count--;
	free(one);
}

void
repeats_fini(struct repeats *r)
{
	struct repeat *one;

	while ((one = TAILQ_FIRST(&r->known))) {
		TAILQ_REMOVE(&r->known, one, link);
		free(one);
	}
	free(r->of);
}

static struct repeat *
find(const struct repeats *r, unsigned event, struct str object)
{
	struct repeat *one;

	TAILQ_FOREACH (one, &r->known, link)
		if (one->event == event &&
		    str_eq(str_at(one->object, one->len), object))
			return one;
	return NULL;
}

static void
remember(struct repeats *r, unsigned event, struct str object, int64_t until_ms)
{
	struct repeat *one = xcalloc(1, sizeof(*one) + object.len);

	one->event = event;
	one->until_ms = until_ms;
	one->len = object.len;
	if (object.len)
		memcpy(one->object, object.at, object.len);
	TAILQ_INSERT_TAIL(&r->known, one, link);
	if (r->count++ == REPEAT_OBJECTS_MAX)
		forget(r, TAILQ_FIRST(&r->known));
}

bool
repeats_let(struct repeats *r, unsigned event, struct str object,
    int64_t now_ms, int64_t until_ms, uint64_t *out_missed)
{
	struct repeat *one = find(r, event, object);
	struct repeat_event *of = &r->of[event];

	assert(event < r->events);
	if (one && now_ms < one->until_ms) {
		one->missed++;
		r->held_back++;
		return false;
	}
	if (now_ms >= of->until_ms) {
		of->until_ms = until_ms;
		of->told = 0;
	}
	if (until_ms > now_ms && of->told >= REPEAT_BURST) {
		of->missed++;
		r->held_back++;
		return false;
	}
	of->told++;
	*out_missed = of->missed;
	of->missed = 0;
	if (one) {
		*out_missed += one->missed;
		one->missed = 0;
		one->until_ms = until_ms;
		TAILQ_REMOVE(&r->known, one, link);
		TAILQ_INSERT_TAIL(&r->known, one, link);
	} else if (until_ms > now_ms) {
		remember(r, event, object, until_ms);
	}
	return true;
}

bool
repeats_is_full(const struct repeats *r, unsigned event)
{
	return r->of[event].told >= REPEAT_BURST;
}
