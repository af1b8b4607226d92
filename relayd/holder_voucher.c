/* SPDX-License-Identifier: MIT */
/* holder_voucher.c - a key's holder redeems a voucher over HTTP, with the key as
 * credential, and reads what was redeemed.
 *
 * A client that leaves meanwhile has redeemed it all the same: what was asked of
 * the store outlives the request. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/audit.h"
#include "relayd/daemon.h"
#include "relayd/holder.h"
#include "relayd/loop.h"
#include "relayd/relay.h"
#include "relayd/voucher.h"

#define MINUTE_MS INT64_C(60000)

struct holder_redeem {
	struct relay *r; /* NULL: it has left */
	bool waits, is_done;
	enum err e;
	struct why why;
	char id[16]; /* of the voucher */
};

/* --- telling --------------------------------------------------------------- */

static void
say_time_added(struct json_out *j, int64_t ms)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "days", 1440 * MINUTE_MS }, { "hours", 60 * MINUTE_MS },
		{ "minutes", MINUTE_MS }, { "seconds", 1000 } };
	size_t i = 0;

	while (i < 3 && ms % units[i].ms)
		i++;
	json_say_i64(j, "timeAdded", ms / units[i].ms);
	json_say(j, "timeUnit", str_of(units[i].name));
}

static void
put_redeemed(struct json_out *j, const struct voucher_rec *v)
{
	json_open(j, '{');
	json_say(j, "id", v->id);
	json_say(j, "type",
	    !v->time_ms		 ? STR("quota")
		: v->quota_micro ? STR("combo")
				 : STR("time"));
	holder_say_money(j, "quotaAdded", v->quota_micro);
	say_time_added(j, v->time_ms);
	if (v->budget_id.len)
		holder_say_money(j, "newTotalCostLimit", v->limit_micro);
	else
		json_say_null(j, "newTotalCostLimit");
	holder_say_time(j, "newExpiresAt", (int64_t)v->key_expires_at);
	holder_say_time(j, "timestamp", (int64_t)v->redeemed_at);
	json_say(j, "status", v->revoked_at ? STR("revoked") : STR("active"));
	holder_say_time(j, "revokedAt", (int64_t)v->revoked_at);
	holder_say_money(j, "quotaRevoked", v->quota_back_micro);
	json_close(j, '}');
}

void
holder_write_redeemed(const struct holder_view *v, struct buf *out)
{
	struct json_out j;

	json_begin(&j, out);
	json_open(&j, '{');
	json_say_bool(&j, "success", true);
	json_put_key(&j, "data");
	json_open(&j, '{');
	json_put_key(&j, "redemptions");
	json_open(&j, '[');
	for (size_t i = 0; i < v->vouchers_count; i++)
		put_redeemed(&j, v->vouchers[i]);
	json_close(&j, ']');
	json_say_i64(&j, "total", (int64_t)v->vouchers_count);
	json_close(&j, '}');
	json_close(&j, '}');
	if (json_end(&j))
		buf_clear(out);
}

static enum fault
fault_of(enum err e)
{
	if (e == ERR_AGAIN)
		return FAULT_RATE;
	if (e == ERR_DENIED)
		return FAULT_POLICY;
	return e == ERR_SYNTAX || e == ERR_UNKNOWN || e == ERR_EXISTS ||
		e == ERR_VALUE || e == ERR_LIMIT
	    ? FAULT_REQUEST
	    : FAULT_BUSY;
}

enum fault
holder_redeem_tell(const struct holder_redeem *x, struct buf *out)
{
	struct relay *r = x->r;
	const struct voucher *v = vouchers_find(r->d->vouchers, str_of(x->id));
	struct json_out j;

	if (x->e || !v) {
		relay_fault(r, fault_of(x->e), "%s%s%s", x->why.field,
		    x->why.field[0] ? ": " : "", x->why.text);
		if (x->e == ERR_AGAIN)
			r->fault_retry_ms =
			    MINUTE_MS - loop_ms(r->d->loop) % MINUTE_MS;
		return r->fault;
	}
	json_begin(&j, out);
	json_open(&j, '{');
	json_say_bool(&j, "success", true);
	json_put_key(&j, "data");
	put_redeemed(&j, &v->rec);
	json_close(&j, '}');
	if (json_end(&j))
		buf_clear(out);
	return FAULT_NONE;
}

/* --- asking ---------------------------------------------------------------- */

static void
on_redeemed(void *arg, enum err e, const struct why *why, struct voucher *v)
{
	struct holder_redeem *x = arg;

	if (!x->r && x->waits) {
		free(x);
		return;
	}
	x->is_done = true;
	x->e = e;
	if (e)
		x->why = *why;
	else
		snprintf(x->id, sizeof(x->id), "%.*s", STR_ARG(v->rec.id));
	if (x->waits)
		relay_post(x->r, E_STORED);
}

struct holder_redeem *
holder_redeem_begin(struct relay *r, const struct holder_ask *ask)
{
	struct holder_redeem *x = xcalloc(1, sizeof(*x));
	const struct voucher_ask what = { .code = ask->code,
		.key_id = r->key->rec.id,
		.guesser = r->key->rec.id,
		.may_begin = ask->begin };
	/* Nobody whom the kernel knows: the daemon itself, for the key. */
	const struct audit_who who = { .uid = geteuid(),
		.method = "http_redeem" };

	x->r = r;
	voucher_redeem(r->d->vouchers, &what, &who, on_redeemed, x);
	x->waits = !x->is_done;
	return x;
}

bool
holder_redeem_is_done(const struct holder_redeem *x)
{
	return x->is_done;
}

void
holder_redeem_leave(struct holder_redeem *x)
{
	if (x && x->waits && !x->is_done)
		x->r = NULL;
	else
		free(x);
}
