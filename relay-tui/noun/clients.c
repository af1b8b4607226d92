/* SPDX-License-Identifier: MIT */
/* clients.c - programs that use keys, as people see them. */
#include "relay-tui/noun.h"
#include "relay-tui/words.h"

const struct column client_seen_columns[] = {
	{ N_("PRODUCT"), "product", CELL_NAME, FIT_WHOLE },
	{ N_("CLIENT"), "client", CELL_TEXT, FIT_WHOLE },
	{ N_("REQUESTS"), "requests", CELL_NUMBER, FIT_WHOLE },
	{ N_("LAST"), "at", CELL_AGO, FIT_WHOLE },
	{ N_("USER AGENT"), "ua", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column client_columns[] = {
	{ N_("NAME"), "name", CELL_TEXT, FIT_WHOLE },
	{ N_("ADDED"), "added", CELL_FLAG, FIT_WHOLE },
	{ N_("KEYS"), "keys", CELL_NUMBER, FIT_WHOLE },
	{ N_("USER AGENT"), "ua", CELL_TEXT, FIT_CUT },
	{ N_("PATH"), "path", CELL_TEXT, FIT_CUT },
	{ N_("NOTE"), "note", CELL_TEXT, FIT_CUT },
	{ .title = NULL },
};

const struct column client_details[] = {
	{ N_("name"), "name", CELL_TEXT, FIT_WHOLE },
	{ N_("user agent"), "ua", CELL_TEXT, FIT_WHOLE },
	{ N_("path"), "path", CELL_TEXT, FIT_WHOLE },
	{ N_("note"), "note", CELL_TEXT, FIT_WHOLE },
	{ N_("created"), "created_at", CELL_MOMENT, FIT_WHOLE },
	{ N_("revision"), "rev", CELL_NUMBER, FIT_WHOLE },
	{ .title = NULL },
};
