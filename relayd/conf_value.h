/* SPDX-License-Identifier: MIT */
/* conf_value.h - one option's text into its value, by type.
 *
 * Only conf.c calls these; everybody else reads members of struct conf. */
#ifndef RELAYD_CONF_VALUE_H
#define RELAYD_CONF_VALUE_H

#include "relayd/conf.h"

enum conf_type {
	CONF_TEXT,
	CONF_PATH,
	CONF_LIST,
	CONF_LISTEN,
	CONF_SERVERS,
	CONF_CIDRS,
	CONF_ZONE,
	CONF_BYTES,
	CONF_COUNT,
	CONF_FLAG,
	CONF_CHOICE
};

/* `member` is that of struct conf; it is written on success only.  The reason
 * continues a sentence that the option's name began. */
enum err conf_value_read(enum conf_option nr, enum conf_type type,
    struct str text, void *member, struct why *out_why) CHECKED;
void conf_value_fini(enum conf_type type, void *member);

#endif
