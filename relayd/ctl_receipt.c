/* SPDX-License-Identifier: MIT */
/* ctl_receipt.c - a receipt as the control socket tells it. */
#include "relayd/ctl_receipt.h"

#include "relayd/ctl_rec.h"
#include "relayd/receipt.h"
#include "relayd/session.h"

static void
put_attempts(struct json_out *j, const struct receipt_rec *r)
{
	struct str rest = r->attempts;
	struct attempt_rec a;

	json_put_key(j, "attempts");
	json_open(j, '[');
	while (receipt_attempts_next(r, &rest, &a)) {
		json_open(j, '{');
		ctl_put_rec_but(j, &attempt_kind, &a, STR("outcome"));
		json_say(j, "outcome", str_of(attempt_outcome_name(a.outcome)));
		json_close(j, '}');
	}
	json_close(j, ']');
}

void
ctl_put_receipt(struct json_out *j, const struct ulid *id,
    const struct receipt_rec *r, struct str key_name)
{
	uint64_t flags = r->flags;
	char text[4 + ULID_TEXT + 1] = "req_";
	char session[SESSION_TEXT] = "";
	const char *word;

	ulid_text(id, text + 4);
	json_open(j, '{');
	json_say(j, "id", str_of(text));
	json_say_i64(j, "at", ulid_ms(id));
	json_say(j, "key", key_name);
	ctl_put_rec_but(j, &receipt_kind, r,
	    STR("outcome, flags, attempts, session"));
	if (r->session)
		session_text(r->session, session);
	json_say(j, "session", str_of(session));
	json_say(j, "outcome", str_of(outcome_name(r->outcome)));
	json_put_key(j, "flags");
	json_open(j, '[');
	while ((word = receipt_flag_next(&flags)))
		json_put_string(j, str_of(word));
	json_close(j, ']');
	put_attempts(j, r);
	json_close(j, '}');
}
