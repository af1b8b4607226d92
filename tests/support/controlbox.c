/* SPDX-License-Identifier: MIT */
/* controlbox.c - a small house for tests of the control socket. */
#include "tests/support/controlbox.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "proto/mem.h"

#include "relayd/conf.h"
#include "relayd/ledger.h"
#include "relayd/loop.h"
#include "relayd/prices.h"
#include "relayd/relay.h"

/* --- the house ------------------------------------------------------------- */

static void
on_collect(evutil_socket_t fd, short what, void *arg)
{
	struct house *h = arg;

	(void)fd;
	(void)what;
	store_collect(h->box.s);
}

const struct conf *
house_conf(const struct house *h, const char *more)
{
	char file[] = "/nonexistent/relayd.conf", state[] = "/nonexistent";
	char control[] = "/nonexistent/c";
	const struct places places = {
		.file = file, .state_dir = state, .control = control
	};
	const struct conf *c = NULL;
	char text[1024];
	struct why why;

	snprintf(text, sizeof(text), "control = %s\n%s", h->socket, more);
	if (conf_parse(str_of(text), file, &places, &c, &why))
		fail_msg("%s", why.text);
	return c;
}

int
house_setup(void **state)
{
	struct house *h = xcalloc(1, sizeof(*h));
	struct why why = { .text = "" };

	storebox_init(&h->box);
	snprintf(h->socket, sizeof(h->socket), "%.80s/c.sock", h->box.dir);
	assert_int_equal(loop_new(&h->d.loop, NULL), OK);
	assert_int_equal(storebox_open(&h->box, &store_mem, NULL), OK);
	h->d.store = h->box.s;
	h->d.conf = house_conf(h, "");
	h->d.pool = &h->pool;
	h->d.groups = &h->groups;
	h->d.keys = &h->keys;
	settings_default(&h->d.settings);
	pool_init(&h->pool, h->d.loop, h->d.store);
	assert_int_equal(keyring_init(&h->keys, h->d.loop, h->d.store), OK);
	assert_int_equal(pool_load(&h->pool, NULL), OK);
	groups_init(&h->groups, &h->pool, h->d.store);
	assert_int_equal(groups_load(&h->groups, NULL), OK);
	assert_int_equal(keyring_load(&h->keys, NULL), OK);
	assert_int_equal(ledger_new(h->d.store, h->box.dir, &h->d.ledger, NULL),
	    OK);
	assert_int_equal(prices_load(h->d.store, &h->d.prices, NULL), OK);
	h->d.budgets = &h->budgets;
	budgets_init(&h->budgets, h->d.loop, h->d.store,
	    ledger_zone(h->d.ledger));
	assert_int_equal(budgets_load(&h->budgets, NULL), OK);
	h->d.vouchers = &h->vouchers;
	vouchers_init(&h->vouchers, h->d.loop, h->d.store, &h->keys,
	    &h->budgets, &h->d.settings);
	assert_int_equal(vouchers_load(&h->vouchers, NULL), OK);
	h->d.traces = &h->traces;
	traces_init(&h->traces, h->d.loop, h->d.store, &h->d.settings);
	assert_int_equal(traces_load(&h->traces, NULL), OK);
	h->d.whys = &h->whys;
	whys_init(&h->whys, h->d.store, &h->d.settings);
	assert_int_equal(whys_load(&h->whys, NULL), OK);
	relays_new(&h->d, &h->d.relays);
	storebox_start(&h->box);
	h->collect = event_new(loop_base(h->d.loop), store_fd(h->box.s),
	    EV_READ | EV_PERSIST, on_collect, h);
	event_add(h->collect, NULL);
	if (control_new(&h->d, &h->d.control, &why))
		fail_msg("%s", why.text);
	*state = h;
	return 0;
}

int
house_teardown(void **state)
{
	struct house *h = *state;

	control_free(h->d.control);
	loop_turn(h->d.loop, 0);
	relays_free(h->d.relays);
	groups_fini(&h->groups);
	pool_fini(&h->pool);
	traces_stop(&h->traces);
	whys_stop(&h->whys);
	storebox_close(&h->box);
	traces_fini(&h->traces);
	whys_fini(&h->whys);
	vouchers_fini(&h->vouchers);
	budgets_fini(&h->budgets);
	keyring_fini(&h->keys);
	ledger_free(h->d.ledger);
	price_table_unref(h->d.prices);
	event_free(h->collect);
	loop_turn(h->d.loop, 0);
	loop_free(h->d.loop);
	conf_unref(h->d.conf);
	storebox_fini(&h->box);
	free(h);
	return 0;
}

/* --- clients --------------------------------------------------------------- */

static void
client_init(struct client *c, struct house *h, int fd)
{
	*c = (struct client){ .h = h, .fd = fd };
	fcntl(fd, F_SETFL, O_NONBLOCK);
	buf_init(&c->in, 64 * CTL_FRAME_MAX);
}

void
client_connect(struct client *c, struct house *h)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(sa.sun_path, h->socket, sizeof(h->socket));
	assert_int_equal(connect(fd, (void *)&sa, sizeof(sa)), 0);
	client_init(c, h, fd);
}

void
client_adopt(struct client *c, struct house *h, enum ctl_role role)
{
	client_adopt_as(c, h, role, 4711);
}

void
client_adopt_as(struct client *c, struct house *h, enum ctl_role role,
    uid_t uid)
{
	const struct peer peer = { .uid = uid, .pid = 1, .role = role };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			     fds),
	    0);
	assert_true(control_adopt(h->d.control, fds[0], &peer));
	client_init(c, h, fds[1]);
}

void
client_fini(struct client *c)
{
	close(c->fd);
	buf_fini(&c->in);
	/* The daemon sees it. */
	loop_turn(c->h->d.loop, 0);
}

void
say(struct client *c, struct str s)
{
	for (int i = 0; s.len && i < PATIENCE; i++) {
		ssize_t n = send(c->fd, s.at, s.len, MSG_NOSIGNAL);

		if (n > 0)
			s = str_skip(s, (size_t)n);
		else
			loop_turn(c->h->d.loop, 10);
		if (n < 0 && errno != EAGAIN)
			return;
	}
	assert_int_equal(s.len, 0);
}

void
take_bytes(struct client *c)
{
	char *at;
	size_t room;
	ssize_t n;

	assert_int_equal(buf_room(&c->in, 65536, &at, &room), OK);
	n = recv(c->fd, at, room, 0);
	if (n > 0)
		buf_grew(&c->in, (size_t)n);
	c->over = n == 0 || (n < 0 && errno != EAGAIN);
}

bool
hear(struct client *c, struct ctl_frame *out)
{
	struct str line;
	size_t eat;

	for (int i = 0; i < PATIENCE; i++) {
		if (ctl_line(buf_str(&c->in), &line, &eat) == OK) {
			/* Whatever is said, it is not this. */
			assert_true(str_find(line, STR(SECRET)) < 0);
			assert_int_equal(ctl_frame_read(line, out, NULL), OK);
			buf_eat(&c->in, eat);
			return true;
		}
		if (c->over)
			return false;
		loop_turn(c->h->d.loop, i ? 10 : 0);
		take_bytes(c);
	}
	fail_msg("nothing was heard");
	return false;
}

struct ctl_frame
ask(struct client *c, const char *method, const char *params)
{
	struct ctl_frame f = { .root = NULL };
	char line[8192];
	int len = snprintf(line, sizeof(line),
	    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"%s\",\"params\":%s}\n",
	    method, params);

	say(c, str_at(line, (size_t)len));
	assert_true(hear(c, &f));
	assert_int_equal(f.id.number, 7);
	return f;
}

void
asked_well(struct client *c, const char *method, const char *params)
{
	struct ctl_frame f = ask(c, method, params);

	if (f.kind != CTL_RESULT)
		fail_msg("%s: %.*s", method, STR_ARG(f.message));
	ctl_frame_fini(&f);
}

void
asked_badly(struct client *c, const char *method, const char *params,
    enum err e)
{
	struct ctl_frame f = ask(c, method, params);

	if (!ctl_frame_is(&f, e))
		fail_msg("%s %s: not %s but %.*s %.*s", method, params,
		    err_name(e), STR_ARG(f.error), STR_ARG(f.message));
	ctl_frame_fini(&f);
}

struct str
text_at(const struct json *o, const char *key)
{
	struct str s = STR("");

	assert_int_equal(json_want_str(o, key, &s, NULL), OK);
	return s;
}
