/* SPDX-License-Identifier: MIT */
/* test_conf.c - relayd.conf: what is taken, what is refused and in which words. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/buf.h"

#include "relayd/conf.h"
#include "relayd/log.h"

static char place_file[] = "/etc/relayd/relayd.conf";
static char place_state[] = "/var/lib/relayd";
static char place_control[] = "/run/relayd/control.sock";
static const struct places places = {
	.file = place_file, .state_dir = place_state, .control = place_control
};

static const struct conf *
parsed(const char *text)
{
	const struct conf *c = NULL;
	struct why why;

	if (conf_parse(str_of(text), "f", &places, &c, &why))
		fail_msg("refused: %s", why.text);
	return c;
}

static void
nothing_said_means_the_defaults(void **state)
{
	const struct conf *c = parsed("");

	(void)state;
	assert_int_equal(c->listen.n, 2);
	assert_string_equal(c->listen.at[0].text, "127.0.0.1:3000");
	assert_string_equal(c->listen.at[1].text, "[::1]:3000");
	assert_string_equal(c->state_dir, place_state);
	assert_string_equal(c->control, place_control);
	assert_string_equal(c->control_group, "relay");
	assert_int_equal(c->admin_groups.n, 0);
	assert_string_equal(c->timezone, "UTC");
	assert_int_equal(c->log_level, LOG_INFO);
	assert_string_equal(c->log_file, "");
	assert_int_equal(c->max_body, 64 << 20);
	assert_int_equal(c->body_budget, 256 << 20);
	assert_int_equal(c->durable, DURABLE_KILL);
	assert_true(c->sandbox);
	assert_int_equal(c->max_connections, 0);
	assert_int_equal(c->resolver.n, 0);
	conf_unref(c);
}

static void
every_type_is_read(void **state)
{
	const struct conf *c = parsed("# a comment\n"
				      "; another\n"
				      "listen = 0.0.0.0:80 ; all of them\r\n"
				      "admin_groups = wheel, sudo\n"
				      "    adm,\n"
				      "timezone: UTC\n"
				      "sandbox=no\n"
				      "log_level = debug\n"
				      "durable = power\n"
				      "max_body = 1M\n"
				      "max_connections = 500\n"
				      "state_dir = /srv/with space;and more\n"
				      "resolver = 9.9.9.9\n"
				      "resolver = 2620:fe::fe, [::1]:5353\n");
	struct sockaddr_in in;

	(void)state;
	assert_int_equal(c->listen.n, 1);
	memcpy(&in, &c->listen.at[0].sa, sizeof(in));
	assert_int_equal(in.sin_family, AF_INET);
	assert_int_equal(ntohs(in.sin_port), 80);
	assert_int_equal(c->admin_groups.n, 3);
	assert_string_equal(c->admin_groups.at[1], "sudo");
	assert_string_equal(c->admin_groups.at[2], "adm");
	assert_false(c->sandbox);
	assert_int_equal(c->log_level, LOG_DEBUG);
	assert_int_equal(c->durable, DURABLE_POWER);
	assert_int_equal(c->max_body, 1 << 20);
	assert_int_equal(c->max_connections, 500);
	assert_string_equal(c->state_dir, "/srv/with space;and more");
	assert_int_equal(c->resolver.n, 3);
	assert_string_equal(c->resolver.at[0].text, "9.9.9.9:53");
	assert_string_equal(c->resolver.at[1].text, "[2620:fe::fe]:53");
	assert_string_equal(c->resolver.at[2].text, "[::1]:5353");
	conf_unref(c);
}

static void
a_fault_refuses_the_file_in_one_line(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "colour = red\n",
		    "f:1: colour: there is no such option, see "
		    "relayd.conf(5)" },
		{ "\n\nmax_body = lots\n",
		    "f:3: max_body: is not a size, write for example 64M or "
		    "65536" },
		{ "max_body = 64Q\n",
		    "f:1: max_body: has an unknown unit, use K, M, G or T, for "
		    "example 64M" },
		{ "max_body = 99999999999T\n", "f:1: max_body: is too large" },
		{ "sandbox = on\n", "f:1: sandbox: must be yes or no" },
		{ "durable = disk\n",
		    "f:1: durable: must be one of kill, power" },
		{ "log_level = loud\n",
		    "f:1: log_level: must be one of error, warning, info, "
		    "debug" },
		{ "state_dir = var\n",
		    "f:1: state_dir: must begin with /, for example "
		    "/var/lib/relayd" },
		{ "state_dir =\n",
		    "f:1: state_dir: is empty, write for example "
		    "/var/lib/relayd" },
		{ "max_connections = -1\n",
		    "f:1: max_connections: is not a whole number, write for "
		    "example 1000" },
		{ "timezone = ../../etc/passwd\n",
		    "f:1: timezone: is not a zone below /usr/share/zoneinfo/, "
		    "write for example Europe/Berlin" },
		{ "timezone = Moon/Base\n",
		    "f:1: timezone: is not a zone below /usr/share/zoneinfo/, "
		    "write for example Europe/Berlin" },
		{ "listen = localhost:80\n",
		    "f:1: listen: \"localhost:80\" is not an address with a "
		    "port, write for example 127.0.0.1:3000, [::1]:3000" },
		{ "listen = 127.0.0.1\n",
		    "f:1: listen: \"127.0.0.1\" is not an address with a port, "
		    "write for example 127.0.0.1:3000, [::1]:3000" },
		{ "listen = [::1]3000\n",
		    "f:1: listen: \"[::1]3000\" is not an address with a port, "
		    "write for example 127.0.0.1:3000, [::1]:3000" },
		{ "listen = 127.0.0.1:65536\n",
		    "f:1: listen: \"127.0.0.1:65536\" is not an address with a "
		    "port, write for example 127.0.0.1:3000, [::1]:3000" },
		{ "listen = 127.0.0.1:80, 127.0.0.1:80\n",
		    "f:1: listen: names 127.0.0.1:80 twice" },
		{ "listen = ,\n",
		    "f:1: listen: names no address, write for example "
		    "127.0.0.1:3000" },
		{ "resolver = 9.9.9.9.9\n",
		    "f:1: resolver: \"9.9.9.9.9\" is not an address, write for "
		    "example 9.9.9.9, [2620:fe::fe]:53" },
		{ "sandbox = yes\nsandbox = no\n",
		    "f:2: sandbox: is given twice" },
		{ "[main]\nsandbox = yes\n",
		    "f:2: sandbox: sections are not used, remove [...]" },
		{ "sandbox\n", "f:1: is not of the form \"option = value\"" },
		{ "max_body = 1G\n",
		    "f:1: body_budget: is smaller than max_body, write for "
		    "example 256M" },
		{ "co\033[1mlour = red\n",
		    "f:1: co?[1mlour: there is no such option, see "
		    "relayd.conf(5)" },
		/* Of several faults the first. */
		{ "sandbox = yes\nnonsense\ncolour = red\nmax_body = x\n",
		    "f:2: is not of the form \"option = value\"" },
		{ "max_body = x\ncolour = red\nnonsense\n",
		    "f:1: max_body: is not a size, write for example 64M or "
		    "65536" },
		{ "control_group = a\033b\n",
		    "f:1: control_group: holds a control character" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct conf *c = NULL;
		struct why why;

		assert_int_equal(conf_parse(str_of(cases[i].text), "f", &places,
				     &c, &why),
		    ERR_VALUE);
		assert_null(c);
		assert_string_equal(why.text, cases[i].why);
	}
}

static void
strange_lines_are_refused(void **state)
{
	static const char nul[] = "sandbox = yes\nsand\0box = no\n";
	char *big = malloc(5000);
	const struct conf *c = NULL;
	struct why why;

	(void)state;
	assert_int_equal(conf_parse(str_at(nul, sizeof(nul) - 1), "f", &places,
			     &c, &why),
	    ERR_VALUE);
	assert_string_equal(why.text, "f:2: the line holds a NUL byte");
	memset(big, 'a', 5000);
	memcpy(big, "log_file = /", 12);
	assert_int_equal(conf_parse(str_at(big, 5000), "f", &places, &c, &why),
	    ERR_VALUE);
	assert_string_equal(why.text, "f:1: the line is too long");
	assert_int_equal(conf_parse(str_at(big, 1500), "f", &places, &c, &why),
	    OK);
	assert_int_equal(strlen(c->log_file), 1500 - 11);
	conf_unref(c);
	free(big);
}

static void
a_named_file_must_exist_and_the_default_need_not(void **state)
{
	char dir[] = "/tmp/test_conf.XXXXXX", file[64];
	const struct conf *c = NULL, *again = NULL;
	enum conf_option changed[CONF_NR];
	struct conf_row row;
	struct why why;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/relayd.conf", dir);
	assert_int_equal(conf_read(file, &c, &why), ERR_UNKNOWN);
	assert_non_null(strstr(why.text, file));

	setenv("CONFIGURATION_DIRECTORY", dir, 1);
	setenv("STATE_DIRECTORY", "/srv/state:/srv/other", 1);
	setenv("RUNTIME_DIRECTORY", "/run/elsewhere", 1);
	assert_int_equal(conf_read(NULL, &c, &why), OK);
	unsetenv("CONFIGURATION_DIRECTORY");
	unsetenv("STATE_DIRECTORY");
	unsetenv("RUNTIME_DIRECTORY");
	assert_string_equal(c->file, file);
	assert_string_equal(c->state_dir, "/srv/state");
	assert_string_equal(c->control, "/run/elsewhere/control.sock");

	/* A reload keeps the places, whatever the environment says now. */
	f = fopen(file, "w");
	assert_non_null(f);
	fputs("log_level = debug\nlisten = 127.0.0.1:0\n", f);
	fclose(f);
	assert_int_equal(conf_reread(c, &again, &why), OK);
	assert_string_equal(again->state_dir, "/srv/state");
	assert_int_equal(conf_diff(c, again, changed), 2);
	assert_int_equal(changed[0], CONF_NR_listen);
	assert_int_equal(changed[1], CONF_NR_log_level);
	conf_row(again, changed[0], &row);
	assert_true(row.needs_restart);
	assert_int_equal(row.line, 2);
	assert_string_equal(row.value, "127.0.0.1:0");
	conf_row(again, changed[1], &row);
	assert_false(row.needs_restart);
	assert_string_equal(row.preset, "info");
	conf_unref(again);
	conf_unref(c);
	unlink(file);
	rmdir(dir);
}

static void
a_relative_name_is_made_absolute(void **state)
{
	char dir[] = "/tmp/test_conf.XXXXXX", file[64], *old = getcwd(NULL, 0);
	const struct conf *c = NULL;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	f = fopen("my.conf", "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(conf_read("my.conf", &c, NULL), OK);
	snprintf(file, sizeof(file), "%s/my.conf", dir);
	assert_string_equal(c->file, file);
	assert_int_equal(chdir(old), 0);
	conf_unref(c);
	unlink(file);
	rmdir(dir);
	free(old);
}

static void
a_user_has_places_of_their_own(void **state)
{
	struct places p;
	struct why why;

	(void)state;
	if (geteuid() == 0 && seteuid(65534))
		skip();
	setenv("HOME", "/home/ada", 1);
	unsetenv("XDG_CONFIG_HOME");
	setenv("XDG_STATE_HOME", "/data/ada", 1);
	setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1);
	assert_int_equal(places_find(&p, &why), OK);
	assert_string_equal(p.file, "/home/ada/.config/relayd/relayd.conf");
	assert_string_equal(p.state_dir, "/data/ada/relayd");
	assert_string_equal(p.control, "/run/user/1000/relayd/control.sock");
	places_fini(&p);
	unsetenv("XDG_RUNTIME_DIR");
	assert_int_equal(places_find(&p, &why), OK);
	assert_string_equal(p.control,
	    "/home/ada/.local/state/relayd/control.sock");
	places_fini(&p);
	unsetenv("HOME");
	assert_int_equal(places_find(&p, &why), ERR_UNKNOWN);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

/* Every option as a file says it. */
static void
write_all(const struct conf *c, struct buf *out)
{
	for (unsigned i = 0; i < CONF_NR; i++) {
		struct conf_row row;

		conf_row(c, (enum conf_option)i, &row);
		buf_mustf(out, "%s = %s\n", row.name, row.value);
	}
}

static void
what_is_shown_reads_back_the_same(void **state)
{
	const struct conf *c = parsed("admin_groups = a, b\nmax_body = 3M\n");
	enum conf_option changed[CONF_NR];
	const struct conf *again;
	struct buf out;

	(void)state;
	buf_init(&out, CONF_FILE_MAX);
	write_all(c, &out);
	assert_non_null(strstr(buf_cstr(&out), "\nmax_body = 3M\n"));
	assert_non_null(strstr(buf_cstr(&out), "\nsandbox = yes\n"));
	again = parsed(buf_cstr(&out));
	assert_int_equal(conf_diff(c, again, changed), 0);
	conf_unref(again);
	buf_fini(&out);
	conf_unref(c);
}

static void
who_holds_a_reference_keeps_it(void **state)
{
	const struct conf *c = parsed("max_body = 3M\n");
	const struct conf *mine = conf_ref(c);

	(void)state;
	conf_unref(c);
	assert_int_equal(mine->max_body, 3 << 20);
	conf_unref(mine);
	conf_unref(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_said_means_the_defaults),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(a_fault_refuses_the_file_in_one_line),
		cmocka_unit_test(strange_lines_are_refused),
		cmocka_unit_test(
		    a_named_file_must_exist_and_the_default_need_not),
		cmocka_unit_test(a_relative_name_is_made_absolute),
		cmocka_unit_test(a_user_has_places_of_their_own),
		cmocka_unit_test(what_is_shown_reads_back_the_same),
		cmocka_unit_test(who_holds_a_reference_keeps_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
