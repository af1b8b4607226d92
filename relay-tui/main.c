/* SPDX-License-Identifier: MIT */
/* main.c - relay-tui: a loop over the keyboard, the control socket and signals.
 *
 * Without a terminal it plays a script, or prints one screen. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "proto/mem.h"
#include "proto/version.h"

#include "relay-tui/app.h"
#include "relay-tui/language.h"
#include "relay-tui/link.h"
#include "relay-tui/script.h"
#include "relay-tui/tty.h"
#include "relay-tui/words.h"

#define SCRIPT_MAX (1024 * 1024)
/* An Esc that nothing follows for so long is a key. */
#define ESC_MS 30
/* Answers alone change what is seen so often at most. */
#define FRAME_MS 30
#define SIGNALS	 5

struct options {
	const char *script, *screen, *socket;
	bool snapshot, ascii, mouse, help, version;
	enum theme theme;
	int columns, rows; /* 0: not said */
};

struct tui {
	struct event_base *base;
	struct link *link;
	struct app app;
	struct press_reader keys;
	struct event *readable, *timer, *esc, *signals[SIGNALS];
	struct script script;
	struct buf text; /* of the script */
	bool headless, urgent, ends;
	int64_t drawn_ms;
	int status;
};

/* --- time ------------------------------------------------------------------ */

static int64_t
clock_ms(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
tell_time(struct tui *t)
{
	app_time(&t->app, clock_ms(CLOCK_MONOTONIC), clock_ms(CLOCK_REALTIME));
}

static void
arm(struct event *e, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000 };

	event_add(e, &tv);
}

/* --- events ---------------------------------------------------------------- */

static void
on_press(void *user, const struct press *p)
{
	struct tui *t = user;

	if (p->kind == PRESS_KEY && p->code == PRESS_CTRL('l'))
		tty_redraw();
	t->urgent = true;
	app_press(&t->app, p);
}

static void
on_keys(evutil_socket_t fd, short what, void *user)
{
	struct tui *t = user;
	char bytes[4096];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		t->ends = true; /* nobody is there any more */
		return;
	}
	tell_time(t);
	press_reader_feed(&t->keys, str_at(bytes, (size_t)n));
	if (press_reader_waits(&t->keys))
		arm(t->esc, ESC_MS);
	else
		event_del(t->esc);
}

static void
on_esc(evutil_socket_t fd, short what, void *user)
{
	struct tui *t = user;

	(void)fd;
	(void)what;
	tell_time(t);
	press_reader_flush(&t->keys);
}

static void
on_timer(evutil_socket_t fd, short what, void *user)
{
	(void)fd;
	(void)what;
	(void)user;
}

static void
on_link(void *user, bool up, const char *text)
{
	struct tui *t = user;

	tell_time(t);
	app_link(&t->app, up, text);
}

static void
resized(struct tui *t)
{
	int rows, columns;

	tty_resized();
	tty_size(&rows, &columns);
	app_resize(&t->app, rows, columns);
	t->urgent = true;
}

/* Stopped, the terminal is the shell's; what it has become meanwhile is looked
 * at afterwards. */
static void
stop_for_a_while(struct tui *t)
{
	tty_suspend();
	raise(SIGSTOP);
	tty_resume();
	resized(t);
}

static void
on_signal(evutil_socket_t number, short what, void *user)
{
	struct tui *t = user;

	(void)what;
	if (number == SIGWINCH)
		resized(t);
	else if (number == SIGTSTP)
		stop_for_a_while(t);
	else
		t->ends = true;
}

/* An assert that fails, or worse: the terminal is given back before the process
 * ends as it would have. */
static void
on_crash(int number)
{
	/* It only writes and sets modes, which may be done here. */
	tty_rescue(); /* NOLINT(bugprone-signal-handler) */
	signal(number, SIG_DFL);
	raise(number);
}

/* --- options --------------------------------------------------------------- */

static const struct option long_options[] = {
	{ "script", required_argument, NULL, 's' },
	{ "screen", required_argument, NULL, 'S' },
	{ "snapshot", optional_argument, NULL, 'p' },
	{ "cols", required_argument, NULL, 'c' },
	{ "rows", required_argument, NULL, 'r' },
	{ "socket", required_argument, NULL, 'u' },
	{ "theme", required_argument, NULL, 't' },
	{ "ascii", no_argument, NULL, 'a' },
	{ "mouse", no_argument, NULL, 'm' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ .name = NULL },
};

static void
print_usage(FILE *to)
{
	fprintf(to, "%s",
	    _("usage: relay-tui [--screen NAME] [--socket PATH]\n"
	      "         [--theme auto|mono|16|dark|light] [--ascii] [--mouse]\n"
	      "       relay-tui --snapshot [NAME] [--cols N] [--rows N]\n"
	      "       relay-tui -s SCRIPT\n"));
}

static enum err
read_number(const char *said, int most, int *out)
{
	uint64_t n;

	if (str_u64(str_of(said), &n) || n < 1 || n > (uint64_t)most)
		return ERR_VALUE;
	*out = (int)n;
	return OK;
}

static enum err
read_option(struct options *o, int option)
{
	switch (option) {
	case 's':
		o->script = optarg;
		return OK;
	case 'S':
		o->screen = optarg;
		return OK;
	case 'p':
		o->snapshot = true;
		o->screen = optarg ? optarg : o->screen;
		return OK;
	case 'c':
		return read_number(optarg, GRID_COLUMNS_MAX, &o->columns);
	case 'r':
		return read_number(optarg, GRID_ROWS_MAX, &o->rows);
	case 'u':
		o->socket = optarg;
		return OK;
	case 't':
		return theme_read(str_of(optarg), &o->theme);
	case 'a':
		o->ascii = true;
		return OK;
	case 'm':
		o->mouse = true;
		return OK;
	case 'h':
		o->help = true;
		return OK;
	case 'V':
		o->version = true;
		return OK;
	default:
		return ERR_SYNTAX;
	}
}

static enum err
read_options(struct options *o, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "s:hV", long_options, NULL)) !=
	    -1)
		if (read_option(o, option))
			return ERR_SYNTAX;
	/* "--snapshot accounts" as well as "--snapshot=accounts". */
	if (o->snapshot && optind < argc)
		o->screen = argv[optind++];
	return optind == argc ? OK : ERR_SYNTAX;
}

/* --- birth ----------------------------------------------------------------- */

static enum err
read_script(struct tui *t, const char *path, struct why *out_why)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char bytes[4096];
	size_t n;

	buf_init(&t->text, SCRIPT_MAX);
	if (!f)
		return why_set(out_why, ERR_IO, path, "%s", strerror(errno));
	while ((n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		if (buf_add(&t->text, str_at(bytes, n)))
			break;
	if (f != stdin)
		fclose(f);
	script_init(&t->script, &t->app, buf_str(&t->text), stdout);
	return OK;
}

static void
watch_signals(struct tui *t)
{
	static const int signals[SIGNALS] = { SIGWINCH, SIGTERM, SIGHUP, SIGINT,
		SIGTSTP };
	static const int crashes[] = { SIGABRT, SIGSEGV, SIGBUS, SIGFPE,
		SIGILL };

	for (int i = 0; i < SIGNALS; i++) {
		if (t->headless && signals[i] == SIGTSTP)
			continue;
		t->signals[i] = evsignal_new(t->base, signals[i], on_signal, t);
		event_add(t->signals[i], NULL);
	}
	for (size_t i = 0; !t->headless && i < 5; i++)
		signal(crashes[i], on_crash);
	signal(SIGPIPE, SIG_IGN);
}

static enum err
open_terminal(struct tui *t, const struct options *o, struct why *out_why)
{
	int rows, columns;
	enum err e = tty_open(o->theme, o->mouse, out_why);

	if (e)
		return e;
	tty_size(&rows, &columns);
	app_resize(&t->app, rows, columns);
	t->readable =
	    event_new(t->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_keys, t);
	event_add(t->readable, NULL);
	return OK;
}

static enum err
tui_init(struct tui *t, const struct options *o, bool utf8, struct why *out_why)
{
	enum err e = OK;

	*t = (struct tui){ .headless = o->script || o->snapshot };
	buf_init(&t->text, SCRIPT_MAX);
	t->base = event_base_new();
	t->link = link_new(t->base, o->socket, on_link, t);
	t->timer = evtimer_new(t->base, on_timer, t);
	t->esc = evtimer_new(t->base, on_esc, t);
	press_reader_init(&t->keys, on_press, t);
	app_init(&t->app, link_calls(t->link), o->rows ? o->rows : 24,
	    o->columns ? o->columns : 80, o->ascii || !utf8);
	tell_time(t);
	e = app_show(&t->app, str_of(o->screen ? o->screen : "overview"),
	    out_why);
	if (!e && o->script)
		e = read_script(t, o->script, out_why);
	if (!e && !t->headless)
		e = open_terminal(t, o, out_why);
	if (!e)
		watch_signals(t);
	return e;
}

static void
drop_event(struct event *e)
{
	if (e)
		event_free(e);
}

static void
tui_fini(struct tui *t)
{
	tty_close();
	app_fini(&t->app);
	link_free(t->link);
	press_reader_fini(&t->keys);
	buf_fini(&t->text);
	drop_event(t->readable);
	drop_event(t->timer);
	drop_event(t->esc);
	for (int i = 0; i < SIGNALS; i++)
		drop_event(t->signals[i]);
	event_base_free(t->base);
}

/* --- life ------------------------------------------------------------------ */

/* Ms until the next frame is due. */
static int64_t
show(struct tui *t)
{
	int64_t since = t->app.now_ms - t->drawn_ms;

	if (!t->app.dirty)
		return 1000;
	if (!t->urgent && since < FRAME_MS)
		return FRAME_MS - since;
	t->urgent = false;
	t->drawn_ms = t->app.now_ms;
	app_draw(&t->app);
	tty_show(&t->app.grid);
	if (buf_len(&t->app.copied)) {
		tty_copy(buf_str(&t->app.copied));
		buf_wipe(&t->app.copied);
	}
	return 1000;
}

static int64_t
play(struct tui *t, const struct options *o)
{
	struct why why = { .text = "" };
	enum script_state state = SCRIPT_WAITS;

	app_draw(&t->app);
	if (o->script)
		state = script_run(&t->script, &why);
	else if (app_is_settled(&t->app))
		state = SCRIPT_DONE;
	else if (!t->app.is_up && t->app.link_text[0])
		state = SCRIPT_FAILED;
	if (state == SCRIPT_FAILED) {
		fprintf(stderr, "relay-tui: %s\n",
		    why.text[0] ? why.text : t->app.link_text);
		t->status = 1;
	}
	if (o->snapshot || state == SCRIPT_FAILED)
		if (state != SCRIPT_WAITS)
			script_dump(&t->app, false, stdout);
	t->ends = t->ends || state != SCRIPT_WAITS;
	return 20;
}

static void
run(struct tui *t, const struct options *o)
{
	link_start(t->link);
	while (!t->ends && !t->app.quits) {
		int64_t wait, frame;

		tell_time(t);
		wait = app_run(&t->app);
		frame = t->headless ? play(t, o) : show(t);
		if (t->ends || t->app.quits)
			break;
		arm(t->timer, frame < wait ? frame : wait);
		event_base_loop(t->base, EVLOOP_ONCE);
	}
}

int
main(int argc, char **argv)
{
	struct options o = { .script = NULL };
	bool utf8 = language_set_up();
	struct why why = { .text = "" };
	struct tui t;

	if (read_options(&o, argc, argv) || o.help) {
		print_usage(o.help ? stdout : stderr);
		return o.help ? 0 : 2;
	}
	if (o.version) {
		printf("relay-tui %s\n", relayd_version);
		return 0;
	}
	if (tui_init(&t, &o, utf8, &why)) {
		tui_fini(&t);
		fprintf(stderr, "relay-tui: %s\n", why.text);
		return 2;
	}
	run(&t, &o);
	tui_fini(&t);
	return t.status;
}
