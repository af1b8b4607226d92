/* SPDX-License-Identifier: MIT */
/* key_value.c - a value of a key, shown once, with the settings of the clients
 * that are to use it; or the values of many.
 *
 * It is wiped when the screen is left, which asks before unless the value was
 * copied or is kept by the daemon. */
#include "relay-tui/setup.h"
#include "relay-tui/snippet.h"
#include "relay-tui/view.h"
#include "relay-tui/words.h"

#define TEXT_MAX (1024 * 1024)
#define NAME_MAX 256

struct state {
	struct buf name, value; /* of many: "name\tvalue" lines */
	struct buf url;
	unsigned client; /* whose settings are shown */
	bool many, kept, copied;
};

static void
open_value(struct view *v)
{
	struct state *s = v->state;

	buf_init(&s->name, NAME_MAX);
	buf_init(&s->value, TEXT_MAX);
	buf_init(&s->url, 1024);
	v->reads_text = true;
}

static void
close_value(struct view *v)
{
	struct state *s = v->state;

	buf_fini(&s->name);
	buf_wipe(&s->value);
	buf_fini(&s->url);
}

static void
add_made(struct state *s, const struct json *made)
{
	struct str name, value;

	for (const struct json *r = json_first(made); r; r = json_next(r))
		if (json_as_str(json_at(r, "name"), &name) == OK &&
		    json_as_str(json_at(r, "value"), &value) == OK)
			(void)!buf_addf(&s->value, "%.*s\t%.*s\n",
			    STR_ARG(name), STR_ARG(value));
}

void
screen_key_value_set(struct view *v, const struct json *data)
{
	struct state *s = v->state;
	struct str name = STR(""), value = STR("");

	/* No copy of it is left behind while it grows. */
	buf_wipe(&s->value);
	s->many = json_at(data, "made") != NULL;
	if (s->many)
		add_made(s, json_at(data, "made"));
	else if (json_may_str(data, "value", &value, NULL) == OK)
		(void)!buf_add(&s->value, value);
	(void)!json_may_bool(data, "kept", &s->kept, NULL);
	if (json_may_str(json_at(data, "key"), "name", &name, NULL) == OK)
		buf_must(&s->name, str_first(name, NAME_MAX - 1));
	view_changed(v);
}

/* --- where clients find the relay ------------------------------------------ */

static void
take_whoami(void *owner, void *user, const struct ctl_frame *f)
{
	struct view *v = owner;
	struct state *s = v->state;

	(void)user;
	if (view_failed(v, f))
		return;
	buf_clear(&s->url);
	if (setup_url(f->data, &s->url))
		buf_must(&s->url, STR("http://RELAY"));
}

static void
ask(struct view *v)
{
	view_ask(v, CTL_M_whoami, take_whoami);
}

/* The settings of the client that is chosen; wipe it. */
static void
write_settings(const struct state *s, struct buf *out)
{
	buf_init(out, TEXT_MAX);
	if (snippet_write(snippet_at(s->client), buf_str(&s->url),
		buf_str(&s->value), out))
		buf_wipe(out);
}

/* --- keys of the keyboard -------------------------------------------------- */

static void
copy(struct view *v)
{
	struct state *s = v->state;
	struct buf text;

	if (s->many) {
		view_copy(v, buf_str(&s->value));
	} else {
		write_settings(s, &text);
		view_copy(v, buf_str(&text));
		buf_wipe(&text);
	}
	s->copied = true;
}

static void
copy_value(struct view *v)
{
	struct state *s = v->state;

	view_copy(v, buf_str(&s->value));
	s->copied = true;
}

static void
next(struct view *v)
{
	struct state *s = v->state;

	s->client = snippet_at(s->client + 1) ? s->client + 1 : 0;
	v->top = 0;
}

static void
previous(struct view *v)
{
	struct state *s = v->state;

	if (s->client == 0)
		while (snippet_at(s->client + 1))
			s->client++;
	else
		s->client--;
	v->top = 0;
}

static void
leave_now(struct view *v)
{
	view_back(v);
}

static bool
leave(struct view *v)
{
	const struct state *s = v->state;

	if (s->copied || s->kept || !buf_len(&s->value))
		return true;
	view_ask_before(v,
	    N_("The value was not copied from here and is kept nowhere. Leave "
	       "it?"),
	    leave_now);
	return false;
}

static const char *
refuses(const struct view *v, const struct key *k)
{
	const struct state *s = v->state;

	if (s->many && (k->does == next || k->does == previous))
		return N_("settings are shown of one key, not of many");
	if (!s->many && k->does == copy && !buf_len(&s->url))
		return N_("where the relay listens is not known yet");
	return NULL;
}

static const struct key keys[] = {
	{ "c", CTL_SELF, N_("copy"), N_("copy what is below"), copy },
	{ "v", CTL_SELF, N_("copy the value"), N_("copy the value alone"),
	    copy_value },
	{ "n Right l", CTL_SELF, N_("next client"),
	    N_("the settings of the next client"), next },
	{ "p Left", CTL_SELF, "", N_("the settings of the client before"),
	    previous },
	{ .presses = NULL },
};

/* --- drawing --------------------------------------------------------------- */

static int
draw_text_lines(const struct area *a, int row, enum paint p, struct str text)
{
	int lines = 0;

	while (text.len) {
		struct str line = str_cut(&text, '\n');

		lines += draw_wrapped(a, row + lines,
		    str_starts(line, STR("#")) ? PAINT_DIM : p, line);
	}
	return lines;
}

static int
draw_head(const struct state *s, const struct area *a)
{
	int row = 0;

	if (s->many) {
		draw_text(a, row++, 0, PAINT_TITLE, str_of(_("New keys")));
	} else {
		draw_textf(a, row++, 0, PAINT_TITLE, "%s %.*s", _("The key"),
		    STR_ARG(buf_str(&s->name)));
		draw_text(a, row++, 0, PAINT_HEAD, buf_str(&s->value));
	}
	return row +
	    draw_lines(a, row, 0, s->kept ? PAINT_DIM : PAINT_WARN,
		str_of(s->kept ? _("A sealed copy is kept: it can be revealed "
				   "again.")
			: s->many
			? _("These values are shown this once and kept "
			    "nowhere.")
			: _("This value is shown this once and kept "
			    "nowhere.")));
}

static void
draw_settings(struct view *v, const struct state *s, const struct area *a)
{
	const struct snippet *c = snippet_at(s->client);
	unsigned count = 0;
	struct area settings;
	struct buf text;
	int row = 1;

	while (snippet_at(count))
		count++;
	draw_rule(a, 0, str_of(_(c->label)));
	view_status(v, _("client %u of %u: n shows the next"), s->client + 1,
	    count);
	if (!buf_len(&s->url))
		return;
	if (c->note[0])
		row += draw_lines(a, row, 0, PAINT_DIM, str_of(_(c->note)));
	write_settings(s, &text);
	row++;
	settings = draw_part(a, row, 0, a->rows - row, a->columns);
	v->lines = v->rows - settings.rows +
	    draw_text_lines(&settings, -v->top, PAINT_PLAIN, buf_str(&text));
	buf_wipe(&text);
}

static void
draw(struct view *v, const struct area *a)
{
	const struct state *s = v->state;
	int row = draw_head(s, a) + 1;
	struct area below = draw_part(a, row, 0, a->rows - row, a->columns);

	if (s->many)
		v->lines = v->rows - below.rows +
		    draw_text_lines(&below, -v->top, PAINT_PLAIN,
			buf_str(&s->value));
	else
		draw_settings(v, s, &below);
}

const struct screen screen_key_value = {
	.name = "key_value",
	.title = N_("Value of a key"),
	.role = CTL_SELF,
	.keys = keys,
	.state_size = sizeof(struct state),
	.open = open_value,
	.ask = ask,
	.leave = leave,
	.refuses = refuses,
	.draw = draw,
	.close = close_value,
};
