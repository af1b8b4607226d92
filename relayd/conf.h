/* SPDX-License-Identifier: MIT */
/* conf.h - relayd.conf: conf.def as a struct.
 *
 * One reading of the file is one struct conf: checked as a whole, immutable
 * and counted, so that a request can keep the one it was born under.  A file
 * with a fault is refused as a whole, with one line that names file, line,
 * option, and what would be right.
 *
 * References are taken and given back on the loop's thread. */
#ifndef RELAYD_CONF_H
#define RELAYD_CONF_H

#include <sys/socket.h>

#include "proto/addr.h"
#include "proto/str.h"

#include "relayd/place.h"

struct buf;

#define CONF_FILE_MAX  (256 * 1024)
#define CONF_ADDR_TEXT 56

struct conf_list {
	size_t n;
	char **at;
};

struct conf_addr {
	struct sockaddr_storage sa;
	socklen_t len;
	char text[CONF_ADDR_TEXT]; /* "127.0.0.1:3000", "[::1]:3000" */
};

struct conf_addrs {
	size_t n;
	struct conf_addr *at;
};

struct conf_cidrs {
	size_t n;
	struct cidr *at;
};

enum durable {
	DURABLE_KILL,
	DURABLE_POWER
};

#define CONF_MEMBER_TEXT(name)	  char *name
#define CONF_MEMBER_PATH(name)	  char *name /* empty: none */
#define CONF_MEMBER_LIST(name)	  struct conf_list name
#define CONF_MEMBER_LISTEN(name)  struct conf_addrs name
#define CONF_MEMBER_SERVERS(name) struct conf_addrs name
#define CONF_MEMBER_CIDRS(name)	  struct conf_cidrs name
#define CONF_MEMBER_ZONE(name)	  char *name
#define CONF_MEMBER_BYTES(name)	  uint64_t name
#define CONF_MEMBER_COUNT(name)	  unsigned name
#define CONF_MEMBER_FLAG(name)	  bool name
#define CONF_MEMBER_CHOICE(name)                                               \
	int name /* enum log_level, enum durable, 0 or 1 */

enum conf_option {
#define X(type, name, preset, when, help) CONF_NR_##name,
#include "relayd/conf.def"
#undef X
	CONF_NR
};

/* The text of an option and where it stands; line 0: the default. */
struct conf_said {
	char *text;
	unsigned line;
};

struct conf {
#define X(type, name, preset, when, help) CONF_MEMBER_##type(name);
#include "relayd/conf.def"
#undef X
	char *file; /* that was read, or would have been */
	struct places places;
	struct conf_said said[CONF_NR];
	unsigned *refs;
};

/* Read `file`, which must be there; NULL: the default place, where it may be
 * missing. */
enum err conf_read(const char *file, const struct conf **out,
    struct why *out_why) CHECKED;
/* Read the file of `old` again; the places are those of the first reading,
 * whoever we are by now. */
enum err conf_reread(const struct conf *old, const struct conf **out,
    struct why *out_why) CHECKED;
/* The same from memory; `file` is for messages.  `places` is copied. */
enum err
conf_parse(struct str text, const char *file, const struct places *places,
    const struct conf **out, struct why *out_why) CHECKED;

const struct conf *conf_ref(const struct conf *c);
void conf_unref(const struct conf *c); /* NULL is fine */

/* One option, for people; all borrowed. */
struct conf_row {
	const char *name, *value, *preset, *help;
	unsigned line; /* 0: it is the default */
	bool needs_restart;
};

void conf_row(const struct conf *c, enum conf_option nr, struct conf_row *out);

/* The options whose text differs; returns how many.  conf_row() tells which of
 * them need a restart. */
size_t conf_diff(const struct conf *old, const struct conf *new,
    enum conf_option out_changed[CONF_NR]);

#endif
