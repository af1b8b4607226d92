/* SPDX-License-Identifier: MIT */
/* vouchers.c - codes that give keys more, as people see them. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column voucher_columns[] = {
	{ N_("VOUCHER"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("STATE"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("CODE"), "code_end", CELL_END, FIT_DROP },
	{ N_("QUOTA"), "quota_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("TIME"), "time", CELL_TEXT, FIT_WHOLE },
	{ N_("UNTIL"), "expires_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("KEY"), "key", CELL_TEXT, FIT_CUT },
	{ N_("USER"), "user", CELL_OWNER, FIT_CUT },
	{ N_("REDEEMED"), "redeemed_at", CELL_MOMENT, FIT_DROP },
	{ N_("CREATED"), "created_at", CELL_MOMENT, FIT_DROP + 1 },
	{ N_("NOTE"), "note", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column redeemed_columns[] = {
	{ N_("REDEEMED"), "redeemed_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("VOUCHER"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("KEY"), "key", CELL_TEXT, FIT_CUT },
	{ N_("USER"), "user", CELL_OWNER, FIT_CUT },
	{ N_("QUOTA"), "quota_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("LIMIT"), "limit_micro", CELL_MONEY, FIT_DROP },
	{ N_("TIME"), "time", CELL_TEXT, FIT_WHOLE },
	{ N_("EXPIRES"), "key_expires_at", CELL_MOMENT, FIT_DROP },
	{ N_("REVOKED"), "revoked_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("QUOTA BACK"), "quota_back_micro", CELL_MONEY, FIT_DROP },
	{ N_("TIME BACK"), "time_back", CELL_TEXT, FIT_DROP },
	{ N_("REASON"), "reason", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column voucher_details[] = {
	{ N_("voucher"), "id", CELL_TEXT, FIT_WHOLE },
	{ N_("state"), "state", CELL_STATE, FIT_WHOLE },
	{ N_("code ends"), "code_end", CELL_END, FIT_WHOLE },
	{ N_("quota"), "quota_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("time"), "time", CELL_TEXT, FIT_WHOLE },
	{ N_("to redeem until"), "expires_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("note"), "note", CELL_TEXT, FIT_WHOLE },
	{ N_("made by"), "created_by", CELL_OWNER, FIT_WHOLE },
	{ N_("redeemed"), "redeemed_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("key"), "key", CELL_TEXT, FIT_WHOLE },
	{ N_("user"), "user", CELL_OWNER, FIT_WHOLE },
	{ N_("budget"), "budget_id", CELL_TEXT, FIT_WHOLE },
	{ N_("its limit then"), "limit_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("key expires then"), "key_expires_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("revoked"), "revoked_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("revoked by"), "revoked_by", CELL_OWNER, FIT_WHOLE },
	{ N_("reason"), "reason", CELL_TEXT, FIT_WHOLE },
	{ N_("quota taken back"), "quota_back_micro", CELL_MONEY, FIT_WHOLE },
	{ N_("time taken back"), "time_back", CELL_TEXT, FIT_WHOLE },
	{ N_("created"), "created_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("changed"), "changed_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("revision"), "rev", CELL_NUMBER, FIT_WHOLE },
	{ .title = NULL },
};

/* The codes alone go to the standard output, one in a line, so that they can
 * be piped; what is to be said about them goes beside. */
void
print_new_vouchers(struct output *o, const struct json *data)
{
	const struct json *rows = json_at(data, "made");
	struct str code;

	for (const struct json *r = json_first(rows); r; r = json_next(r)) {
		if (json_want_str(r, "code", &code, NULL))
			continue;
		out_foreign(o, code);
		fputc('\n', o->to);
	}
	fflush(o->to);
	fprintf(o->aside, "%s\n",
	    _("These codes are shown this once and kept nowhere."));
}
