/* SPDX-License-Identifier: MIT */
/* ctl_words.h - words typed at a terminal, matched against ctl.def.
 *
 *	account set work --priority 10 --credential-file key
 *	\---------/ \--/ \-----------/ \-------------------/
 *	 literals   NAME  a field       a secret, from a file
 *
 * Options may stand anywhere behind the literals, as "--name value" or
 * "--name=value"; "--" ends them.  Where a row takes FIELDS, "name=value"
 * without dashes is one too, and an option at the end or in front of another
 * one means "yes".  Nothing is read or written here. */
#ifndef PROTO_CTL_WORDS_H
#define PROTO_CTL_WORDS_H

#include "proto/ctl.h"

#define CTL_ARGS_MAX 64

enum ctl_source {
	CTL_SAID,  /* value is it */
	CTL_STDIN, /* "--credential -" */
	CTL_FILE,  /* "--credential-file PATH" */
	CTL_FD,	   /* "--credential-fd NUMBER" */
};

struct ctl_arg {
	char name[48];	    /* on the wire: "if_rev", "kind", "allow_private" */
	enum ctl_type type; /* FIELDS: a member of them */
	enum ctl_source source;
	struct str value; /* borrowed from the words; empty for flags */
};

struct ctl_match {
	const struct ctl_row *row;
	unsigned count;
	struct ctl_arg args[CTL_ARGS_MAX];
};

/* Which row is meant, and with what?  The row with the most literals wins.
 * ERR_UNKNOWN: none (out->row is NULL); ERR_SYNTAX: the row is found but not
 * what follows (out->row is set); ERR_DENIED: a secret on the command line. */
enum err ctl_match(int count, const char *const *words, struct ctl_match *out,
    struct why *out_why) CHECKED;

/* NULL when it was not given. */
const struct ctl_arg *
ctl_match_arg(const struct ctl_match *m, const char *name);

/* How many literals a row begins with, and how many of them the words match
 * before the first that differs. */
unsigned ctl_row_literals(const struct ctl_row *row);
unsigned
ctl_row_matched(const struct ctl_row *row, int count, const char *const *words);
/* The i-th literal, its first spelling; empty at the end. */
struct str ctl_row_literal(const struct ctl_row *row, unsigned i);

#endif
