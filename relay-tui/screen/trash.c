/* SPDX-License-Identifier: MIT */
/* trash.c - keys that were removed, for as long as they can come back. */
#include "relay-tui/form_view.h"
#include "relay-tui/list_view.h"
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

struct state {
	struct list_view rows;
};

static void
open_trash(struct view *v)
{
	list_view_open(v, CTL_M_key_trash, trash_columns, "id",
	    N_("Nothing is in the trash. Keys that are removed come here, and "
	       "can be restored."));
}

static struct str
chosen(const struct view *v)
{
	return list_chosen(v->list);
}

static void
restore(struct view *v)
{
	if (chosen(v).len)
		view_do(v, CTL_M_key_restore, "key", chosen(v),
		    N_("it is back as it was"));
}

static void
restore_as(struct view *v)
{
	if (chosen(v).len)
		view_open(v, "key_restore", chosen(v));
}

static void
purge(struct view *v)
{
	if (chosen(v).len)
		view_confirm(v,
		    N_("Forget the key and its limits for good, its usage "
		       "keeps its name:"),
		    CTL_M_key_purge, "key", chosen(v), N_("gone for good"));
}

static void
take_purged(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;

	(void)user;
	if (view_failed(v, f))
		return;
	view_say(v, PAINT_GOOD, "%s", _("gone for good"));
	view_ask_again(v);
}

static void
purge_all_now(struct view *v)
{
	json_say_bool(view_begin(v, CTL_M_key_purge), "all", true);
	view_send(v, take_purged, NULL);
}

static void
purge_all(struct view *v)
{
	view_ask_before(v,
	    N_("Forget all keys in the trash and their limits for good?"),
	    purge_all_now);
}

static const char *
refuses(const struct view *v, const struct key *k)
{
	(void)k;
	return v->list->count ? NULL : N_("nothing is in the trash");
}

static const struct key keys[] = {
	{ "r u Enter", CTL_ADMIN, N_("restore"), N_("bring it back as it was"),
	    restore },
	{ "n", CTL_ADMIN, N_("restore as"),
	    N_("bring it back under another name"), restore_as },
	{ "D Delete", CTL_ADMIN, N_("purge"), N_("forget it for good"), purge },
	{ "P", CTL_ADMIN, N_("purge all"), N_("forget all of them for good"),
	    purge_all },
	{ .presses = NULL },
};

const struct screen screen_trash = {
	.name = "trash",
	.title = N_("Trash"),
	.role = CTL_VIEW,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_trash,
	.ask = list_view_ask,
	.every_ms = 3000,
	.refuses = refuses,
	.draw = list_view_draw,
	.close = list_view_close,
};

/* --- under another name ---------------------------------------------------- */

static const struct form_row rows[] = {
	{ "name", FORM_TEXT, true, NULL,
	    N_("where another key has its name by now") },
	{ .name = NULL },
};

static void
say_restored(struct view *v, const struct ctl_frame *f)
{
	(void)f;
	view_say(v, PAINT_GOOD, "%s", _("it is back"));
}

static const struct form_spec spec = {
	.title = N_("Bring back the key"),
	.method = CTL_M_key_restore,
	.subject = "key",
	.rows = rows,
	.shows = CTL_M_key_restore,
	.saved = say_restored,
};

static void
open_restore(struct view *v)
{
	form_view_open(v, &spec);
}

const struct screen screen_key_restore = {
	.name = "key_restore",
	.title = N_("Restore a key"),
	.role = CTL_ADMIN,
	.keys = form_view_keys,
	.state_size = sizeof(struct form_view),
	.open = open_restore,
	.ask = form_view_ask,
	.press = form_view_press,
	.draw = form_view_draw,
	.close = form_view_close,
};
