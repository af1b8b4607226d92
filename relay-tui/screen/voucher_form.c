/* SPDX-License-Identifier: MIT */
/* voucher_form.c - vouchers to be made, whose codes are shown this once, and one
 * (about: its id) to be revoked. */
#include "relay-tui/app.h"
#include "relay-tui/form_page.h"
#include "relay-tui/noun.h"
#include "relay-tui/printed.h"
#include "relay-tui/words.h"

#define CODES_MAX (1024 * 1024)

struct state {
	struct form_page asked;
};

/* The codes stand on a page of their own, which wipes them at its end. */
static void
take_made(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner, *below = TAILQ_PREV(v, view_list, link);
	struct buf lines;

	(void)user;
	if (!form_page_took(v, f))
		return;
	buf_init(&lines, CODES_MAX);
	printed_add(view_output(v), 0, print_new_vouchers, f->data, &lines);
	if (below)
		view_ask_again(below);
	view_open_text(v, _("The new codes"), buf_str(&lines));
	buf_wipe(&lines);
	view_back(v);
}

static void
make(struct view *v)
{
	static const char *const texts[] = { "quota", "time", "expires",
		"note" };
	struct state *s = v->state;
	struct form *f = &s->asked.form;
	struct str count = form_value(f, "count");
	struct json_out *j;
	uint64_t n = 1;

	if (count.len && (str_u64(count, &n) || !n || n > INT32_MAX)) {
		form_refuse(f, STR("count"), str_of(_("say how many")));
		return;
	}
	j = view_begin(v, CTL_M_voucher_create);
	json_say_i64(j, "count", (int64_t)n);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (form_value(f, texts[i]).len)
			json_say(j, texts[i], form_value(f, texts[i]));
	s->asked.saving = true;
	view_send(v, take_made, NULL);
}

static void
open_new(struct view *v)
{
	struct form *f = form_page_open(v, N_("New vouchers"), make);

	form_add(f, "quota", FORM_TEXT, false, NULL,
	    _("what a key gets to spend: 20 usd; this, or time, or both"));
	form_add(f, "time", FORM_TEXT, false, NULL,
	    _("by how much a key lasts longer: 30d"));
	form_add(f, "count", FORM_COUNT, false, NULL,
	    _("how many of them; nothing is one"));
	form_add(f, "expires", FORM_TEXT, false, NULL,
	    _("until when they are to be redeemed: 90d, 2027-01-01, never"));
	form_add(f, "note", FORM_TEXT, false, NULL, _("what they are for"));
}

const struct screen screen_voucher_new = {
	.name = "voucher_new",
	.title = N_("New vouchers"),
	.role = CTL_ADMIN,
	.keys = form_page_keys,
	.state_size = sizeof(struct state),
	.open = open_new,
	.press = form_page_press,
	.draw = form_page_draw,
	.close = form_page_close,
};

/* --- revoking -------------------------------------------------------------- */

static void
revoke(struct view *v)
{
	struct state *s = v->state;
	struct json_out *j = view_begin(v, CTL_M_voucher_revoke);

	json_say(j, "voucher", str_of(v->about));
	json_say(j, "reason", form_value(&s->asked.form, "reason"));
	form_page_send(v, N_("revoked; what was left of it is taken back"));
}

static void
open_revoke(struct view *v)
{
	struct form *f = form_page_open(v, N_("Revoke the voucher"), revoke);

	form_add(f, "reason", FORM_TEXT, true, NULL,
	    _("why; it is kept with the voucher. C-s revokes, Esc does not."));
}

const struct screen screen_voucher_revoke = {
	.name = "voucher_revoke",
	.title = N_("Revoke a voucher"),
	.role = CTL_ADMIN,
	.keys = form_page_keys,
	.state_size = sizeof(struct state),
	.open = open_revoke,
	.press = form_page_press,
	.draw = form_page_draw,
	.close = form_page_close,
};
