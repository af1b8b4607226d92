/* SPDX-License-Identifier: MIT */
/* histogram.h - how often something took how long: fixed slots, no memory.
 *
 *	slot 0	   1	   2	   3	     ...  31	  32
 *	up to 1 us 2 us	   4 us	   8 us	     ...  36 min  more
 *
 * Powers of two, so that the slot is found with one instruction, and so that
 * whoever shows it may leave out slots at both ends. */
#ifndef PROTO_HISTOGRAM_H
#define PROTO_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SLOTS 33

struct histogram {
	uint64_t slots[HISTOGRAM_SLOTS];
	uint64_t sum_us;
};

/* Where a time is counted; what is below zero counts as zero. */
static inline unsigned
histogram_slot(int64_t us)
{
	unsigned slot;

	if (us <= 1)
		return 0;
	slot = 64 - (unsigned)__builtin_clzll((uint64_t)us - 1);
	return slot < HISTOGRAM_SLOTS ? slot : HISTOGRAM_SLOTS - 1;
}

static inline void
histogram_add(struct histogram *h, int64_t us)
{
	h->slots[histogram_slot(us)]++;
	h->sum_us += us > 0 ? (uint64_t)us : 0;
}

/* The most that is counted in a slot, except the last. */
static inline uint64_t
histogram_bound_us(unsigned slot)
{
	return UINT64_C(1) << slot;
}

/* How many took at most as long as this slot's bound; of the last: all. */
static inline uint64_t
histogram_count(const struct histogram *h, unsigned slot)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= slot && i < HISTOGRAM_SLOTS; i++)
		n += h->slots[i];
	return n;
}

#endif
