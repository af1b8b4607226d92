/* SPDX-License-Identifier: MIT */
/* test_app.c - relay-tui without a terminal and without a daemon: what is
 * pressed, pasted and answered at random ends in no crash and no stuck screen. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "relay-tui/app.h"

/* TUI_SEEDS says another number; make check-long runs a hundred. */
#define SEEDS	10
#define PRESSES 500

static int
group_setup(void **state)
{
	(void)state;
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

/* --- a daemon that answers at random --------------------------------------- */

struct box {
	struct calls *calls;
	struct app app;
	struct buf asked; /* lines that are not answered yet */
	uint64_t random;
	int64_t now_ms;
};

static uint32_t
dice(struct box *b, uint32_t sides)
{
	b->random = b->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(b->random >> 33) % sides;
}

static const char *const names[] = { "work", "", "\xe5\xbc\xa0\xe4\xbc\x9f",
	"\\u001b[31mred\\u001b]0;x\\u0007",
	"a\xe2\x80\xae"
	"b",
	"=1+1", "e\xcc\x81\xcc\x81", "\xf0\x9f\x91\xa9\xe2\x80\x8d",
	"0123456789012345678901234567890123456789012345678901234567890123456"
	"78901234567890123456789012345678901234567890123456789" };

#define NAMES (sizeof(names) / sizeof(names[0]))

static void
write_object(struct box *b, struct buf *out)
{
	const char *name = names[dice(b, NAMES)];

	buf_mustf(out,
	    "{\"name\":\"%s%u\",\"id\":\"%s%u\",\"kind\":\"claude-api\","
	    "\"state\":\"%s\",\"priority\":%u,\"in_flight\":%u,"
	    "\"last_error\":\"%s\",\"used_at\":%u,\"phase\":\"stream\","
	    "\"age_us\":%u,\"key\":\"%s\",\"cost_micro\":%u,"
	    "\"fields\":[{\"name\":\"credential\",\"type\":\"secret\","
	    "\"required\":true,\"help\":\"%s\"},{\"name\":\"family\","
	    "\"type\":\"choice\",\"choices\":\"any|4|6\"},"
	    "{\"name\":\"%s\",\"type\":\"text\"}],"
	    "\"counters\":{\"requests_total\":%u},\"accounts\":{\"total\":3},"
	    "\"value\":\"cr_%s\",\"listeners\":[\"0.0.0.0:%s\"],"
	    "\"tags\":\"%s\",\"owner\":\"uid:%u\",\"scope\":\"key\","
	    "\"subject\":\"%s%u\",\"amount\":%u,\"left\":%u,"
	    "\"limit\":\"%s\",\"window\":\"day\",\"expires_at\":%u,"
	    "\"expires_after\":%u,\"since\":\"2026-11-01\","
	    "\"until\":\"2026-12-30\",\"at\":\"2026-11-%02u\","
	    "\"requests\":%u,"
	    "\"%s\":[{\"name\":\"%s\",\"value\":\"%s\",\"at\":\"2026\"}],"
	    "\"role\":\"%s\",\"zone\":\"UTC\",\"ok\":true}",
	    name, dice(b, 50), name, dice(b, 50), dice(b, 2) ? "ready" : "held",
	    dice(b, 100), dice(b, 9), name, dice(b, 2000000000),
	    dice(b, 100000000), name, dice(b, 100000000), name, name,
	    dice(b, 100000), name, name, name, dice(b, 70000), name,
	    dice(b, 50), dice(b, 9), dice(b, 9), name, dice(b, 4000000000),
	    dice(b, 4000000000), dice(b, 40), dice(b, 1000),
	    dice(b, 3) ? "rows" : "made", name, name,
	    dice(b, 4) ? "admin" : "view");
}

/* Objects, lists, errors, nothing, and what is no answer at all. */
static void
write_answer(struct box *b, int64_t id, struct buf *out)
{
	uint32_t what = dice(b, 10);
	uint32_t count = what < 7 ? dice(b, 40) : 0;

	if (what == 0) {
		buf_mustf(out,
		    "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"error\":{\"code\":"
		    "-32000,\"message\":\"no \\u001b[1m\",\"data\":{\"code\":"
		    "\"value\",\"field\":\"family\"}}}\n",
		    (long long)id);
		return;
	}
	buf_mustf(out, "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"result\":{\"data\":",
	    (long long)id);
	if (what == 1)
		buf_must(out, STR("17"));
	else if (what < 5)
		write_object(b, out);
	else
		buf_must(out, STR("["));
	for (uint32_t i = 0; what >= 5 && i < count; i++) {
		if (i)
			buf_must(out, STR(","));
		write_object(b, out);
	}
	if (what >= 5)
		buf_must(out, STR("]"));
	if (dice(b, 20) == 0)
		buf_must(out, STR(",\"next\":\"more\""));
	buf_must(out, STR("}}\n"));
}

static void
on_asked(void *to, struct str line)
{
	struct box *b = to;

	if (buf_add(&b->asked, line))
		buf_clear(&b->asked);
}

static void
answer_some(struct box *b)
{
	while (buf_len(&b->asked) && dice(b, 8)) {
		struct str rest = buf_str(&b->asked);
		struct str line = str_cut(&rest, '\n');
		struct ctl_frame f;
		struct buf said;
		struct why why;

		assert_int_equal(ctl_frame_read(line, &f, &why), OK);
		buf_init(&said, 1024 * 1024);
		write_answer(b, f.id.number, &said);
		ctl_frame_fini(&f);
		buf_eat(&b->asked, line.len + 1);
		assert_int_equal(calls_feed(b->calls, buf_str(&said), &why),
		    OK);
		buf_fini(&said);
	}
}

static void
box_init(struct box *b, uint64_t seed)
{
	*b = (struct box){ .random = seed * 2 + 1, .now_ms = 1000 };
	buf_init(&b->asked, 16 * 1024 * 1024);
	b->calls = calls_new(on_asked, b);
	app_init(&b->app, b->calls, 24, 80, seed % 2);
	app_time(&b->app, b->now_ms, 1795203296680);
	assert_int_equal(app_show(&b->app, STR("overview"), NULL), OK);
	calls_open(b->calls);
	app_link(&b->app, true, "");
}

static void
box_fini(struct box *b)
{
	app_fini(&b->app);
	calls_free(b->calls);
	buf_fini(&b->asked);
}

/* --- at random ------------------------------------------------------------- */

static void
press_at_random(struct box *b)
{
	static const uint32_t likely[] = { 'j', 'k', 'G', 'g', '/', ':', '?',
		's', 'S', 'a', 'e', 't', 'H', 'R', 'D', 'K', 'y', 'n', '1', '2',
		'3', '4', '5', '6', 'v', 'b', 'f', 'T', 'u', 'c', ' ',
		PRESS_ENTER, PRESS_ENTER, PRESS_TAB, PRESS_ESC, PRESS_BACKSPACE,
		PRESS_CTRL('s'), PRESS_CTRL('l') };
	struct press p = { .kind = PRESS_KEY };

	if (dice(b, 3))
		p.code = likely[dice(b, sizeof(likely) / sizeof(likely[0]))];
	else if (dice(b, 2))
		p.code = PRESS_NONE + 1 + dice(b, PRESS_CODES - PRESS_NONE - 1);
	else
		p.code = dice(b, 0x11000);
	p.alt = dice(b, 20) == 0;
	/* Being left would end the test. */
	if (p.code != 'q')
		app_press(&b->app, &p);
}

static void
paste_at_random(struct box *b)
{
	char bytes[300];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)dice(b, 256);
	app_press(&b->app,
	    &(struct press){ .kind = PRESS_PASTE,
		.text = str_at(bytes, dice(b, sizeof(bytes))) });
}

static void
type_command(struct box *b)
{
	static const char *const commands[] = { ":account list\r",
		":key create x\r", ":account show \"a b\"\r", ":status\r",
		":account rm x\ry", ":live\r", ":usage --by key\r",
		":acc\t l\t\r", ":account show \t\r", ":\"\r", ":cost\r",
		":help usage\r", ":templates\r", ":trash\r", ":keys\r" };
	const char *line = commands[dice(b, 15)];

	for (; *line; line++)
		app_press(&b->app,
		    &(struct press){ .code = (unsigned char)*line });
}

static void
break_link(struct box *b)
{
	calls_lost(b->calls);
	app_link(&b->app, false, "gone");
	buf_clear(&b->asked);
	app_draw(&b->app);
	calls_open(b->calls);
	app_link(&b->app, true, "");
}

static void
do_something(struct box *b)
{
	uint32_t what = dice(b, 40);

	if (what == 0)
		app_resize(&b->app, (int)dice(b, 70), (int)dice(b, 250));
	else if (what == 1)
		paste_at_random(b);
	else if (what == 2)
		type_command(b);
	else if (what == 3)
		break_link(b);
	else if (what == 4)
		app_press(&b->app,
		    &(struct press){
			.kind = dice(b, 2) ? PRESS_CLICK : PRESS_WHEEL,
			.code = PRESS_DOWN,
			.row = (int)dice(b, 80),
			.column = (int)dice(b, 250) });
	else
		press_at_random(b);
}

/* Every cell is something a terminal shows and does not obey. */
static void
assert_inert(const struct grid *g)
{
	for (int r = 0; r < g->rows; r++)
		for (int c = 0; c < g->columns; c++) {
			const struct grid_cell *cell = grid_at(g, r, c);

			assert_true(cell->code == 0 || cell->code >= 0x20);
			assert_true(cell->code < 0x7f || cell->code >= 0xa0);
			assert_true(cell->code < 0x202a || cell->code > 0x202e);
			if (cell->width == 2) {
				assert_true(c + 1 < g->columns);
				assert_int_equal(grid_at(g, r, c + 1)->width,
				    0);
			}
			if (cell->width == 0) {
				assert_true(c > 0);
				assert_int_equal(grid_at(g, r, c - 1)->width,
				    2);
			}
		}
}

/* From wherever it is, a few presses lead back to a screen that answers. */
static void
assert_not_stuck(struct box *b)
{
	for (int i = 0; i < 60; i++) {
		app_press(&b->app, &(struct press){ .code = PRESS_ESC });
		/* Some ask whether they may be left. */
		if (dialog_is_open(&b->app.dialog))
			app_press(&b->app, &(struct press){ .code = 'y' });
	}
	app_press(&b->app, &(struct press){ .code = '3' });
	app_resize(&b->app, 24, 80);
	app_draw(&b->app);
	assert_string_equal(app_top(&b->app)->screen->name, "accounts");
	assert_true(grid_says(&b->app.grid, STR("help")));
}

static void
presses_at_random_end_in_no_crash_and_no_stuck_screen(void **state)
{
	const char *said = getenv("TUI_SEEDS");
	uint64_t seeds = SEEDS;

	(void)state;
	if (said)
		assert_int_equal(str_u64(str_of(said), &seeds), OK);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		struct box b;

		box_init(&b, seed);
		for (int i = 0; i < PRESSES; i++) {
			do_something(&b);
			b.now_ms += dice(&b, 300);
			app_time(&b.app, b.now_ms, 1795203296680 + b.now_ms);
			app_run(&b.app);
			answer_some(&b);
			app_draw(&b.app);
			assert_inert(&b.app.grid);
			if (b.app.quits)
				b.app.quits = false;
		}
		assert_not_stuck(&b);
		box_fini(&b);
	}
}

/* --- keys ------------------------------------------------------------------ */

static void
no_key_means_two_things_on_a_screen(void **state)
{
	const struct screen *s;

	(void)state;
	for (unsigned i = 0; (s = screen_at(i)); i++) {
		for (const struct key *k = s->keys; k && k->presses; k++) {
			struct str rest = str_of(k->presses);

			assert_true(k->help && k->help[0]);
			while (rest.at) {
				struct press p;

				assert_int_equal(press_read(str_cut(&rest, ' '),
						     &p),
				    OK);
				for (const struct key *o = s->keys; o < k; o++)
					assert_false(key_is(o, &p));
			}
		}
	}
	for (unsigned i = 0; i < KEY_ACTIONS; i++) {
		struct str rest = str_of(key_of((enum key_action)i)->presses);

		while (rest.at) {
			struct press p;

			assert_int_equal(press_read(str_cut(&rest, ' '), &p),
			    OK);
			assert_int_equal(key_find(key_where((enum key_action)i),
					     &p),
			    i);
		}
	}
}

/* --- the daemon is slow, or gone ------------------------------------------- */

static void
a_key_changes_the_screen_while_an_answer_is_awaited(void **state)
{
	struct box b;

	(void)state;
	box_init(&b, 1);
	app_press(&b.app, &(struct press){ .code = '3' });
	app_draw(&b.app);
	assert_true(grid_says(&b.app.grid, STR("add")));
	b.now_ms += APP_SPINNER_MS - 1;
	app_time(&b.app, b.now_ms, 0);
	app_draw(&b.app);
	assert_int_equal(grid_at(&b.app.grid, 22, 79)->code, 0);
	b.now_ms += 1;
	app_time(&b.app, b.now_ms, 0);
	app_draw(&b.app);
	assert_int_not_equal(grid_at(&b.app.grid, 22, 79)->code, 0);
	box_fini(&b);
}

static void
a_lost_connection_answers_whoever_waits(void **state)
{
	struct box b;

	(void)state;
	box_init(&b, 1);
	assert_int_not_equal(calls_waiting(b.calls, NULL, NULL), 0);
	calls_lost(b.calls);
	app_link(&b.app, false, "it was killed");
	assert_int_equal(calls_waiting(b.calls, NULL, NULL), 0);
	app_draw(&b.app);
	assert_true(grid_says(&b.app.grid, STR("no relayd")));
	box_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    presses_at_random_end_in_no_crash_and_no_stuck_screen),
		cmocka_unit_test(no_key_means_two_things_on_a_screen),
		cmocka_unit_test(
		    a_key_changes_the_screen_while_an_answer_is_awaited),
		cmocka_unit_test(a_lost_connection_answers_whoever_waits),
	};

	return cmocka_run_group_tests(tests, group_setup, NULL);
}
