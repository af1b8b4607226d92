/* SPDX-License-Identifier: MIT */
/* route.h - method and path to dialect and operation. */
#ifndef RELAYD_ROUTE_H
#define RELAYD_ROUTE_H

#include "relayd/provider.h"

/* One row of route.def. */
struct route {
	const char *methods; /* "POST", "GET|HEAD" */
	const char *pattern;
	const struct dialect *dialect;
	enum op op;
	bool open;    /* needs no key */
	bool in_body; /* the key may be in the JSON body */
};

/* i counts from 0; NULL ends. */
const struct route *route_at(unsigned i);

struct routed {
	const struct route *route;
	/* The operation; differs from the row's for Gemini's actions. */
	enum op op;
	struct str model;  /* from the path; empty when the body names it */
	struct str action; /* Gemini: "generateContent" */
	bool stream;	   /* Gemini: the action streams */
	bool sse;	   /* Gemini: as events (alt=sse) */
	struct str id;	   /* what stood for ID */
	bool enveloped;	   /* Code Assist: as its own client says it */
	const char *kind;  /* of accounts, when only one will do; or NULL */
};

/* Find the row.  `text` gets a copy of what *out points at (cleaned path).
 * FAULT_NONE; FAULT_ROUTE: no such path; FAULT_METHOD: not with this method.
 * In every case out->route->dialect (or *out_dialect when no row fits) says
 * in which words to answer. */
enum fault route_find(struct str method, struct str path, struct str query,
    struct buf *text, struct routed *out, const struct dialect **out_dialect);

#endif
