/* SPDX-License-Identifier: MIT */
/* fuzz_conf.c - any bytes as relayd.conf: refused in one line, or read, shown and
 * read again to the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/buf.h"

#include "relayd/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
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

int
LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
	static char file[] = "/etc/relayd/relayd.conf",
		    state_dir[] = "/var/lib/relayd",
		    control[] = "/run/relayd/control.sock";
	const struct places places = {
		.file = file, .state_dir = state_dir, .control = control
	};
	const struct conf *c = NULL, *again = NULL;
	enum conf_option changed[CONF_NR];
	struct buf shown;
	struct why why;
	enum err e;

	if (size > CONF_FILE_MAX)
		return 0;
	e = conf_parse(str_at((const char *)at, size), "f", &places, &c, &why);
	if (e) {
		must(e == ERR_VALUE && !c);
		must(str_starts(str_of(why.text), STR("f:")));
		for (const char *p = why.text; *p; p++)
			must((unsigned char)*p >= ' ' && *p != 0x7f);
		return 0;
	}
	must(c->listen.n > 0 && *c->state_dir && *c->control);
	must(c->max_body <= c->body_budget);
	buf_init(&shown, CONF_FILE_MAX * 2);
	write_all(c, &shown);
	/* A list that came in many lines may be too long for one. */
	if (conf_parse(buf_str(&shown), "f", &places, &again, &why) == OK) {
		must(conf_diff(c, again, changed) == 0);
		conf_unref(again);
	} else {
		must(str_find(str_of(why.text), STR("too long")) >= 0);
	}
	buf_fini(&shown);
	conf_unref(c);
	return 0;
}
