/* SPDX-License-Identifier: MIT */
/* login.c - signing in at a terminal.  No browser and no port is needed here:
 * the address is shown (as text, as a link, as a QR code, in the clipboard),
 * and what the provider's page shows then is pasted.
 *
 * With --json all talk goes to the standard error, the result to the standard
 * output. */
#include "relay-tui/login.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "proto/enc.h"

#include "relay-tui/ctl_client.h"
#include "relay-tui/noun.h"
#include "relay-tui/qr.h"
#include "relay-tui/words.h"

#define LINE_BYTES 8192

struct login {
	const struct command *c;
	struct ctl_client *client;
	const struct json *begun;
	struct output talk;
	bool is_terminal; /* the talk's */
	struct str id, url, user_code;
	bool pastes;
};

static struct str
text_at(const struct json *o, const char *key)
{
	struct str s = STR("");

	return json_may_str(o, key, &s, NULL) ? STR("") : s;
}

/* --- the address ------------------------------------------------------------- */

/* Only such an address may stand between control sequences. */
static bool
is_plain(struct str url)
{
	for (size_t i = 0; i < url.len; i++)
		if (url.at[i] <= ' ' || url.at[i] >= 0x7f)
			return false;
	return str_starts(url, STR("https://")) ||
	    str_starts(url, STR("http://"));
}

static void
show_address(struct login *l)
{
	FILE *to = l->talk.to;

	/* The whole of it is the text of the link: it can be selected, too. */
	if (l->is_terminal && is_plain(l->url))
		fprintf(to, "\n\033]8;;%.*s\033\\%.*s\033]8;;\033\\\n\n",
		    STR_ARG(l->url), STR_ARG(l->url));
	else {
		fputc('\n', to);
		out_foreign(&l->talk, l->url);
		fputs("\n\n", to);
	}
}

static void
show_qr(struct login *l)
{
	struct winsize size = { .ws_col = 0 };
	struct why why = { .text = "" };
	struct buf lines;

	if (l->is_terminal)
		ioctl(fileno(l->talk.to), TIOCGWINSZ, &size);
	buf_init(&lines, 256 * 1024);
	if (qr_draw(l->url, size.ws_col, size.ws_row, &lines, &why))
		out_lines(&l->talk, PAINT_WARN, str_of(why.text));
	else
		fprintf(l->talk.to, "%.*s\n", STR_ARG(buf_str(&lines)));
	buf_fini(&lines);
}

/* OSC 52: the terminal's clipboard, wherever the terminal is. */
static void
copy_address(struct login *l)
{
	struct buf text;

	if (!l->is_terminal || !is_plain(l->url)) {
		out_lines(&l->talk, PAINT_WARN,
		    str_of(_("There is no terminal whose clipboard could be "
			     "written.")));
		return;
	}
	buf_init(&text, 64 * 1024);
	if (enc_base64(&text, l->url, ENC_BASE64) == OK)
		fprintf(l->talk.to, "\033]52;c;%.*s\a",
		    STR_ARG(buf_str(&text)));
	buf_fini(&text);
	out_lines(&l->talk, PAINT_DIM,
	    str_of(_("It was given to your terminal's clipboard, if that is "
		     "allowed there.")));
}

static bool
wants(const struct login *l, const char *flag)
{
	return ctl_match_arg(l->c->match, flag) != NULL;
}

/* It outlives this terminal. */
static void
say_how_to_resume(struct login *l)
{
	char text[160];

	snprintf(text, sizeof(text),
	    _("For ten minutes this can be gone on with at any terminal: "
	      "relayctl account login --resume %.*s"),
	    STR_ARG(str_first(l->id, 32)));
	out_lines(&l->talk, PAINT_DIM, str_of(text));
}

static void
show_begin(struct login *l)
{
	struct buf notice;

	buf_init(&notice, 16 * 1024);
	text_clean(text_at(l->begun, "notice"), &notice);
	if (buf_len(&notice)) {
		out_lines(&l->talk, PAINT_WARN, buf_str(&notice));
		fputc('\n', l->talk.to);
	}
	buf_fini(&notice);
	out_lines(&l->talk, PAINT_PLAIN,
	    str_of(_("Open this address in a browser, on any machine, and sign "
		     "in there:")));
	show_address(l);
	if (wants(l, "qr"))
		show_qr(l);
	if (wants(l, "copy"))
		copy_address(l);
	if (l->user_code.len) {
		fputs(_("Type this code there: "), l->talk.to);
		out_foreign(&l->talk, l->user_code);
		fputs("\n\n", l->talk.to);
	}
	say_how_to_resume(l);
	fflush(l->talk.to);
}

/* --- the answer --------------------------------------------------------------- */

static enum verdict
print_identity(const struct login *l, const struct json *data)
{
	if (l->c->out->json) {
		out_json(l->c->out, data);
		fputc('\n', l->c->out->to);
		return DONE;
	}
	fputc('\n', l->c->out->to);
	out_paint(l->c->out, PAINT_GOOD, str_of(_("Signed in.")));
	fputc('\n', l->c->out->to);
	record_print(l->c->out, identity_details, data);
	return DONE;
}

static enum verdict
give_up(struct login *l)
{
	struct json_out *j = ctl_client_begin(l->client, CTL_M_oauth_cancel);
	struct why why = { .text = "" };
	struct ctl_frame f;

	json_say(j, "id", l->id);
	if (ctl_client_ask(l->client, &f, &why) == OK)
		ctl_frame_fini(&f);
	why_set(&why, ERR_CLOSED, "", _("given up; nothing was stored"));
	return command_fail(l->c->out, FAILED, &why);
}

/* Nobody is there to answer, which is no wish to give it up. */
static enum verdict
leave_open(struct login *l)
{
	struct why why = { .text = "" };

	why_set(&why, ERR_CLOSED, "",
	    _("the input ended; the sign-in stays open until its ten minutes "
	      "are over: relayctl account login --resume %.*s"),
	    STR_ARG(str_first(l->id, 32)));
	return command_fail(l->c->out, FAILED, &why);
}

/* One line; false when the input ends before there is anything of it. */
static bool
read_line(struct buf *line)
{
	char one;

	buf_clear(line);
	for (;;) {
		ssize_t n = read(STDIN_FILENO, &one, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return buf_len(line) > 0;
		if (one == '\n' || buf_addc(line, one))
			return true;
	}
}

/* Wrong in a way that leaves the sign-in open: it can be pasted again. */
static bool
may_paste_again(const struct ctl_frame *f)
{
	return isatty(STDIN_FILENO) && str_eq(f->field, STR("answer")) &&
	    (ctl_frame_is(f, ERR_SYNTAX) || ctl_frame_is(f, ERR_STALE) ||
		ctl_frame_is(f, ERR_LIMIT));
}

static enum verdict
finish(struct login *l, struct str answer, bool *out_again)
{
	struct json_out *j = ctl_client_begin(l->client, CTL_M_oauth_finish);
	struct why why = { .text = "" };
	enum verdict v = DONE;
	struct ctl_frame f;
	enum err e;

	*out_again = false;
	json_say(j, "id", l->id);
	json_say(j, "answer", answer);
	e = ctl_client_ask(l->client, &f, &why);
	if (e)
		return command_fail_local(l->c->out, e, &why);
	if (f.kind == CTL_ERROR) {
		*out_again = may_paste_again(&f);
		v = command_fail_answer(l->c->out, &f);
	} else {
		v = print_identity(l, f.data);
	}
	ctl_frame_fini(&f);
	return v;
}

static enum verdict
ask_for_answer(struct login *l)
{
	enum verdict v = FAILED;
	bool again = true;
	struct buf line;

	buf_init(&line, LINE_BYTES);
	out_lines(&l->talk, PAINT_PLAIN,
	    str_of(_("Then paste here what the page shows, or the whole "
		     "address it sent the browser to, and press Enter (Enter "
		     "alone gives up).")));
	while (again) {
		fputs(_("Answer: "), l->talk.to);
		fflush(l->talk.to);
		if (!read_line(&line)) {
			fputc('\n', l->talk.to);
			v = leave_open(l);
			break;
		}
		if (!str_trim(buf_str(&line)).len) {
			fputc('\n', l->talk.to);
			v = give_up(l);
			break;
		}
		v = finish(l, buf_str(&line), &again);
	}
	buf_wipe(&line);
	return v;
}

/* --- a code that is typed elsewhere ------------------------------------------------ */

static void
pause_for(int64_t seconds)
{
	poll(NULL, 0, (int)(seconds < 60 ? seconds : 60) * 1000);
}

static enum verdict
wait_for_grant(struct login *l)
{
	int64_t pace_s = 5;
	enum err e =
	    json_may_i64(l->begun, "interval_s", 1, 3600, &pace_s, NULL);

	out_lines(&l->talk, PAINT_PLAIN,
	    str_of(_("Waiting for you to do that there (Ctrl-C ends "
		     "only the waiting).")));
	while (!e) {
		struct json_out *j =
		    ctl_client_begin(l->client, CTL_M_oauth_poll);
		struct why why = { .text = "" };
		enum verdict v = DONE;
		struct ctl_frame f;
		bool pending = false;

		json_say(j, "id", l->id);
		e = ctl_client_ask(l->client, &f, &why);
		if (e)
			return command_fail_local(l->c->out, e, &why);
		if (f.kind == CTL_ERROR)
			v = command_fail_answer(l->c->out, &f);
		else if (json_may_bool(f.data, "pending", &pending, NULL) ==
			OK &&
		    pending)
			e = json_may_i64(f.data, "interval_s", 1, 3600, &pace_s,
			    NULL);
		else
			v = print_identity(l, f.data);
		ctl_frame_fini(&f);
		if (!pending)
			return v;
		pause_for(pace_s);
	}
	return FAILED;
}

enum verdict
login_run(const struct command *c, struct ctl_client *client,
    const struct json *begun)
{
	struct login l = { .c = c,
		.client = client,
		.begun = begun,
		.id = text_at(begun, "id"),
		.url = text_at(begun, "url"),
		.user_code = text_at(begun, "user_code"),
		.pastes = true };

	output_init(&l.talk, c->out->json ? stderr : stdout, false);
	l.is_terminal = isatty(fileno(l.talk.to));
	if (json_may_bool(begun, "pastes", &l.pastes, NULL))
		l.pastes = true;
	show_begin(&l);
	return l.pastes ? ask_for_answer(&l) : wait_for_grant(&l);
}
