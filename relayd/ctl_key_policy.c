/* SPDX-License-Identifier: MIT */
/* ctl_key_policy.c - what a key is for, and when it ends, as parameters of
 * those who make and change keys. */
#include "relayd/apikey.h"
#include "relayd/client.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/policy.h"
#include "relayd/unit.h"

#define AFTER_MAX_MS (INT64_C(36500) * 24 * 60 * 60 * 1000)

/* --- the end --------------------------------------------------------------- */

static enum err
take_moment(const struct ctl_call *c, struct apikey_rec *io,
    struct why *out_why)
{
	struct str when = ctl_text(c, "expires");
	int64_t now = clock_wall_ms(), at;
	enum err e;

	io->expires_after = 0;
	if (str_eq(when, STR("never"))) {
		io->expires_at = 0;
		return OK;
	}
	e = ctl_read_when(when, now, true, "expires", &at, out_why);
	if (e)
		return e;
	if (at <= now)
		return why_set(out_why, ERR_VALUE, "expires",
		    "that is in the past; `key disable` ends a key now");
	io->expires_at = (uint64_t)at;
	return OK;
}

/* Its time begins with the next use, whatever was before. */
static enum err
take_span(const struct ctl_call *c, struct apikey_rec *io, struct why *out_why)
{
	struct why why;
	int64_t ms;

	if (unit_read_ms(ctl_text(c, "expires_after"), &ms, &why))
		return why_set(out_why, ERR_VALUE, "expires_after", "%s",
		    why.text);
	if (ms < 1000 || ms > AFTER_MAX_MS)
		return why_set(out_why, ERR_VALUE, "expires_after",
		    "a key may live from 1s to 36500d after its first use; "
		    "examples: 30d, 12h (--expires never takes the end off)");
	io->expires_after = (uint64_t)ms;
	io->expires_at = io->activated_at = 0;
	return OK;
}

enum err
ctl_take_expiry(const struct ctl_call *c, struct apikey_rec *io,
    struct why *out_why)
{
	if (ctl_has(c, "expires") && ctl_has(c, "expires_after"))
		return why_set(out_why, ERR_VALUE, "expires_after",
		    "a key ends at a moment (expires) or a while after its "
		    "first use (expires_after), not both");
	if (ctl_has(c, "expires_after"))
		return take_span(c, io, out_why);
	return ctl_has(c, "expires") ? take_moment(c, io, out_why) : OK;
}

/* --- the policy ------------------------------------------------------------ */

static bool
take_list(const struct ctl_call *c, const char *name, struct str *io)
{
	if (!ctl_has(c, name))
		return false;
	*io = str_trim(ctl_text(c, name));
	return true;
}

enum err
ctl_take_policy(const struct ctl_call *c, struct apikey_rec *io,
    struct why *out_why)
{
	bool any = take_list(c, "platforms", &io->platforms);

	any |= take_list(c, "models_allow", &io->models_allow);
	any |= take_list(c, "models_deny", &io->models_deny);
	any |= take_list(c, "models_map", &io->models_map);
	any |= take_list(c, "from", &io->from);
	any |= take_list(c, "clients", &io->clients);
	if (ctl_has(c, "clients")) {
		enum err e =
		    clients_check(c->daemon->clients, io->clients, out_why);

		if (e)
			return e;
	}
	return any ? policy_check(io, out_why) : OK;
}
