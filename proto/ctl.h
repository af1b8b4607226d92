/* SPDX-License-Identifier: MIT */
/* ctl.h - the language of the control socket: JSON-RPC 2.0, one object per
 * line, and the table of what can be asked (ctl.def).
 *
 *	-> {"jsonrpc":"2.0","id":1,"method":"account.list","params":{...}}
 *	<- {"jsonrpc":"2.0","id":1,"result":{"rev":7,"data":[...],"next":"b"}}
 *	<- {"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"...",
 *		"data":{"code":"stale","field":"if_rev","args":[]}}}
 *	<- {"jsonrpc":"2.0","method":"event",
 *		"params":{"sub":1,"seq":9,"lost":0,"data":{...}}}
 *
 * Both ends use this module.  It knows no socket: bytes in, frames out. */
#ifndef PROTO_CTL_H
#define PROTO_CTL_H

#include "proto/json.h"

/* A frame with its newline, and the rows of one page. */
#define CTL_FRAME_MAX (256 * 1024)
#define CTL_ROWS_MAX  200

/* --- the table ------------------------------------------------------------- */

enum ctl_role {
	CTL_SELF,
	CTL_VIEW,
	CTL_OPS,
	CTL_ADMIN,
};

/* "self", "view", "ops", "admin". */
const char *ctl_role_name(enum ctl_role role);

enum ctl_method {
#define X(method, words, role, parameters, help) CTL_M_##method,
#include "proto/ctl.def"
#undef X
	CTL_METHODS
};

struct ctl_row {
	const char *method; /* "account_add"; NULL: relayctl's own */
	const char *words;  /* "account add KIND NAME"; may be "" */
	enum ctl_role role;
	const char *parameters;
	const char *help;
};

/* All rows, methods first and in their order, then relayctl's own; NULL ends. */
const struct ctl_row *ctl_row(unsigned i);
/* By the name on the wire; CTL_METHODS when there is none. */
enum ctl_method ctl_method_find(struct str name);

/* What a parameter holds. */
enum ctl_type {
	CTL_TEXT,
	CTL_NUMBER,
	CTL_FLAG,
	CTL_WHEN,    /* "2026-11-01", "7d": the daemon reads it */
	CTL_SECRET,  /* text that never stands in argv */
	CTL_CONTENT, /* of a file: the base64 of it, packed with zstd */
	CTL_FIELDS,  /* an object of texts: every option that is not listed */
};

struct ctl_param {
	struct str name; /* as on the wire: "if_rev" */
	enum ctl_type type;
	bool positional, required, many;
};

/* The next parameter of a row, positional ones first, "+write" and "+page"
 * taken apart.  Begin with a zeroed cursor; false at the end. */
struct ctl_param_cursor {
	struct str words, parameters, group;
	bool begun;
};
bool ctl_param_next(const struct ctl_row *row, struct ctl_param_cursor *io_at,
    struct ctl_param *out);
bool ctl_param_find(const struct ctl_row *row, struct str name,
    struct ctl_param *out);

/* --- frames ---------------------------------------------------------------- */

/* JSON-RPC's own codes; all of ours are CTL_CODE_OURS, told apart by
 * error.data.code. */
#define CTL_CODE_SYNTAX	 (-32700)
#define CTL_CODE_REQUEST (-32600)
#define CTL_CODE_METHOD	 (-32601)
#define CTL_CODE_PARAMS	 (-32602)
#define CTL_CODE_OURS	 (-32000)

#define CTL_ID_MAX 64

/* What an answer carries back to the one who asked. */
struct ctl_id {
	bool is_text, is_null;
	int64_t number;
	size_t len;
	char text[CTL_ID_MAX];
};

enum ctl_frame_kind {
	CTL_CALL,
	CTL_RESULT,
	CTL_ERROR,
	CTL_EVENT,
};

/* A frame that was read.  All but root is borrowed from root. */
struct ctl_frame {
	enum ctl_frame_kind kind;
	struct json *root;
	struct ctl_id id;
	struct str method;	   /* CALL */
	const struct json *params; /* CALL: an object, or NULL when absent */
	/* RESULT */
	int64_t rev;		 /* 0: none */
	const struct json *data; /* EVENT too */
	struct str next;	 /* empty: the last page */
	/* ERROR */
	int64_t code;
	struct str message, error, field; /* error: "stale" */
	/* EVENT */
	int64_t sub, seq, lost;
};

/* The first line of what has come.  ERR_AGAIN: no whole line yet; ERR_LIMIT:
 * it can no longer become a frame.  *out_eat is what to drop from the front
 * when done with it. */
enum err
ctl_line(struct str held, struct str *out_line, size_t *out_eat) CHECKED;

/* A line as a frame.  ERR_SYNTAX: no JSON; ERR_VALUE: JSON, but no frame of
 * ours (out->id is filled in as far as it could be read, for the answer). */
enum err ctl_frame_read(struct str line, struct ctl_frame *out,
    struct why *out_why) CHECKED;
void ctl_frame_fini(struct ctl_frame *f);

/* Is the error one of these?  By error.data.code. */
bool ctl_frame_is(const struct ctl_frame *f, enum err e);

/* Writing.  begin .. end leaves one whole line in `to`, or nothing at all and
 * ERR_LIMIT. */

/* The members of params stand between begin and end. */
void ctl_call_begin(struct json_out *j, struct buf *to, int64_t id,
    const struct ctl_row *row);
enum err ctl_call_end(struct json_out *j) CHECKED;

/* `data` is a whole JSON value; rev 0 and an empty next are left out. */
enum err ctl_result(struct buf *to, const struct ctl_id *id, uint64_t rev,
    struct str data, struct str next) CHECKED;
enum err ctl_error(struct buf *to, const struct ctl_id *id, int code,
    enum err e, const struct why *why) CHECKED;
enum err ctl_event(struct buf *to, int64_t sub, uint64_t seq, uint64_t lost,
    struct str data) CHECKED;

#endif
