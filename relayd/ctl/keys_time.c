/* SPDX-License-Identifier: MIT */
/* keys_time.c - control methods about how long keys live. */
#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/unit.h"

/* A hundred years, from whenever. */
#define TIME_MAX_MS (INT64_C(36500) * 24 * 60 * 60 * 1000)

static enum err
extend(struct apikey_rec *io, int64_t by_ms, struct why *out_why)
{
	uint64_t now = (uint64_t)clock_wall_ms(), by = (uint64_t)by_ms;

	if (apikey_is_unused(io)) {
		io->expires_after += by;
		if (io->expires_after > (uint64_t)TIME_MAX_MS)
			return why_set(out_why, ERR_LIMIT, "by",
			    "a key lives for at most 36500d");
		return OK;
	}
	if (!io->expires_at)
		return why_set(out_why, ERR_VALUE, "key",
		    "this key never expires; `key set KEY --expires WHEN` "
		    "gives it an end");
	/* One that has expired lives again from now on. */
	io->expires_at = (io->expires_at > now ? io->expires_at : now) + by;
	if (io->expires_at > now + (uint64_t)TIME_MAX_MS)
		return why_set(out_why, ERR_LIMIT, "by",
		    "a key lives for at most 36500d");
	return OK;
}

void
ctl_key_extend(struct ctl_call *c)
{
	struct apikey *k = ctl_want_key(c);
	struct apikey_rec r;
	struct why why;
	int64_t ms = 0;
	enum err e;

	if (!k)
		return;
	r = k->rec;
	e = unit_read_ms(ctl_text(c, "by"), &ms, &why);
	if (e || !ms || ms > TIME_MAX_MS)
		e = why_set(&why, ERR_VALUE, "by",
		    "by how much? say for example --by 30d or --by 12h");
	else
		e = extend(&r, ms, &why);
	ctl_finish_key(c, k, &r, e, &why);
}

void
ctl_key_activate(struct ctl_call *c)
{
	struct apikey *k = ctl_want_key(c);
	struct apikey_rec r;
	struct why why;
	enum err e = OK;

	if (!k)
		return;
	r = k->rec;
	if (apikey_is_unused(&r)) {
		r.activated_at = (uint64_t)clock_wall_ms();
		r.expires_at = r.activated_at + r.expires_after;
	} else {
		e = why_set(&why, ERR_VALUE, "key",
		    r.activated_at ? "the time of this key has begun already"
				   : "the time of this key does not begin with "
				     "its first use (--expires-after)");
	}
	ctl_finish_key(c, k, &r, e, &why);
}
