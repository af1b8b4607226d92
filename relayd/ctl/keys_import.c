/* SPDX-License-Identifier: MIT */
/* keys_import.c - control methods about the keys of other relays: taking them
 * over row by row, and the salts that their hashes were made with.
 *
 * Each row is a key of its own with a result of its own; they go to the store a
 * few at a time.  A value that a row brings along is hashed and forgotten, as
 * one that was made here. */
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/enc.h"
#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_limit.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/keybatch.h"
#include "relayd/price_table.h"

#define FILE_MAX (1024 * 1024)
#define ROWS_MAX 500
/* On their way to the store at once. */
#define CHUNK	  16
#define VALUE_MIN 10 /* as keyring_match() reads them */
#define VALUE_MAX 512

struct import;

struct row {
	struct import *all;
	const struct json *said;
	struct apikey_making making; /* in a rehearsal, */
	char number[12];	     /* whose id is this */
	struct ctl_limits limits;
	char tags[CTL_TAGS_SIZE];
	struct str value;
	char id[10];
	char *why; /* of one that is refused */
};

struct import {
	struct ctl_call *call;
	struct buf file;
	struct json *root;
	struct str salt; /* its name */
	struct row *rows;
	unsigned count, at;
	unsigned waiting; /* for the store, and for the chunk to be whole */
};

static void
import_free(struct import *im)
{
	for (unsigned i = 0; i < im->count; i++)
		free(im->rows[i].why);
	free(im->rows);
	json_free(im->root);
	buf_wipe(&im->file);
	free(im);
}

static void
fail(struct import *take_im, enum err e, const struct why *why)
{
	ctl_refuse(take_im->call, e, why);
	import_free(take_im);
}

/* --- one row --------------------------------------------------------------- */

/* What a row has beside what `key create` says of one key. */
static bool
is_own_member(struct str name)
{
	return str_eq(name, STR("hash")) || str_eq(name, STR("value")) ||
	    str_eq(name, STR("disabled"));
}

static enum err
check_members(const struct json *said, struct why *out_why)
{
	const struct ctl_row *as = ctl_row(CTL_M_key_create);
	enum err e = OK;

	if (json_type(said) != JSON_OBJECT)
		return why_set(out_why, ERR_VALUE, "", "a row is an object");
	for (const struct json *m = json_first(said); !e && m;
	     m = json_next(m)) {
		struct str name = json_key(m);

		if (is_own_member(name))
			continue;
		if (str_eq(name, STR("count")) || str_eq(name, STR("dry_run")))
			e = why_set(out_why, ERR_UNKNOWN, "",
			    "a row has no %.*s", STR_ARG(name));
		else
			e = ctl_check_member(as, m, out_why);
	}
	return e;
}

static enum err
take_hash(const struct import *im, struct str text, struct apikey_rec *io,
    struct why *out_why)
{
	struct buf bytes;
	enum err e;

	/* In a rehearsal one that was given is not there either. */
	if (!salts_find(&im->call->daemon->keys->salts, im->salt) &&
	    !ctl_text(im->call, "salt").len)
		return why_set(out_why, ERR_VALUE, "hash",
		    "there is no salt \"%.*s\" to find it by; say --salt-file",
		    STR_ARG(im->salt));
	buf_init(&bytes, SALT_HASH);
	e = text.len == 2 * SALT_HASH ? enc_unhex(&bytes, text) : ERR_SYNTAX;
	if (!e) {
		memcpy(io->foreign_hash, buf_str(&bytes).at, SALT_HASH);
		io->foreign_salt = im->salt;
	} else {
		e = why_set(out_why, e, "hash",
		    "a hash is the SHA-256 of value and salt, 64 hex digits");
	}
	buf_fini(&bytes);
	return e;
}

static enum err
take_value(const struct import *im, struct row *r, struct apikey_rec *io,
    struct why *out_why)
{
	const struct keyring *ring = im->call->daemon->keys;
	struct str value = r->value;

	if (value.len < VALUE_MIN || value.len > VALUE_MAX)
		return why_set(out_why, ERR_VALUE, "value",
		    "a value has from %d to %d bytes", VALUE_MIN, VALUE_MAX);
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] <= 0x20 || value.at[i] >= 0x7f)
			return why_set(out_why, ERR_VALUE, "value",
			    "a value has letters, digits and signs alone");
	if (keyring_match(ring, value))
		return why_set(out_why, ERR_EXISTS, "value",
		    "a key of that value is here already");
	key_index_of(&ring->index, value, io->hash);
	return OK;
}

static enum err
take_secret(const struct import *im, struct row *r, struct apikey_rec *io,
    struct why *out_why)
{
	struct str hash = STR("");
	enum err e = json_may_str(r->said, "hash", &hash, out_why);

	if (!e)
		e = json_may_str(r->said, "value", &r->value, out_why);
	if (e)
		return why_set(out_why, e, "", "hash and value are texts");
	if (!hash.len == !r->value.len)
		return why_set(out_why, ERR_VALUE, "hash",
		    "a row has either a hash or a value");
	e = hash.len ? take_hash(im, hash, io, out_why)
		     : take_value(im, r, io, out_why);
	if (!e && keyring_has_value(im->call->daemon->keys, io))
		e = why_set(out_why, ERR_EXISTS, hash.len ? "hash" : "value",
		    "this key is here already, or stands here twice");
	return e;
}

static enum err
take_row(const struct import *im, struct row *r, struct apikey_rec *io,
    struct why *out_why)
{
	/* Its members are parameters as those of a call. */
	struct ctl_call as = *im->call;
	enum err e = check_members(r->said, out_why);

	as.params = r->said;
	if (!e && !ctl_has(&as, "name"))
		e = why_set(out_why, ERR_VALUE, "name", "a key has a name");
	if (!e)
		e = ctl_take_new_key(&as, io, r->tags, &r->limits, out_why);
	if (!e && json_may_bool(r->said, "disabled", &io->disabled, NULL))
		e = why_set(out_why, ERR_VALUE, "disabled",
		    "disabled is true or false");
	return e ? e : take_secret(im, r, io, out_why);
}

/* --- telling --------------------------------------------------------------- */

static void
put_row(struct import *im, unsigned n)
{
	const struct row *r = &im->rows[n];
	struct json_out *j = &im->call->out;
	struct str name = STR("");

	(void)!json_may_str(r->said, "name", &name, NULL);
	json_open(j, '{');
	json_say_i64(j, "row", n + 1);
	json_say(j, "name", str_first(name, CTL_KEY_NAME_MAX));
	json_say(j, "result", r->why ? STR("refused") : STR("added"));
	if (r->id[0])
		json_say(j, "id", str_of(r->id));
	if (r->why)
		json_say(j, "why", str_of(r->why));
	json_close(j, '}');
}

static void
finish(struct import *im)
{
	struct ctl_call *c = im->call;
	unsigned refused = 0;

	json_open(&c->out, '{');
	json_put_key(&c->out, "rows");
	json_open(&c->out, '[');
	for (unsigned i = 0; i < im->count; i++) {
		refused += im->rows[i].why != NULL;
		if (ctl_has_room(c, 0))
			put_row(im, i);
	}
	json_close(&c->out, ']');
	json_say_i64(&c->out, "added", im->count - refused);
	json_say_i64(&c->out, "refused", refused);
	if (c->dry_run)
		json_say_bool(&c->out, "dry_run", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
	import_free(im);
}

static void
refuse_row(struct row *r, enum err e, const struct why *why)
{
	r->why =
	    why->field[0] && str_find(str_of(why->text), str_of(why->field)) < 0
	    ? xasprintf("%s: %s", why->field, why->text)
	    : xstrdup(why->text[0] ? why->text : err_text(e));
}

/* --- all rows -------------------------------------------------------------- */

static void go_on(struct import *im);

static void
on_made(void *arg, enum err e, const struct why *why,
    const struct keybatch_made *made, unsigned count)
{
	struct row *r = arg;
	struct import *im = r->all;

	(void)count;
	if (e)
		refuse_row(r, e, why);
	else
		snprintf(r->id, sizeof(r->id), "%s", made[0].id);
	if (!--im->waiting)
		go_on(im);
}

/* Rows are told apart from those before them by what is on its way; in a
 * rehearsal nothing is, but for the moment. */
static void
rehearse_row(struct import *im, struct row *r, const struct apikey_rec *rec)
{
	snprintf(r->number, sizeof(r->number), "%u",
	    (unsigned)(r - im->rows) + 1);
	r->making = (struct apikey_making){ .rec = *rec, .count = 1 };
	r->making.rec.id = str_of(r->number);
	TAILQ_INSERT_TAIL(&im->call->daemon->keys->making, &r->making, link);
}

static void
begin_row(struct import *im, struct row *r)
{
	const struct audit_who who = ctl_who(im->call);
	struct daemon *d = im->call->daemon;
	struct keybatch_ask ask = { .count = 1 };
	struct why why;
	enum err e = take_row(im, r, &ask.like, &why);

	if (e) {
		refuse_row(r, e, &why);
		return;
	}
	if (im->call->dry_run) {
		rehearse_row(im, r, &ask.like);
		return;
	}
	ask.value = r->value;
	ask.limits = r->limits.at;
	ask.limits_count = r->limits.count;
	im->waiting++;
	keybatch_make(d->keys, d->budgets, &ask, &who, on_made, r);
}

static void
rehearse(struct import *im)
{
	struct apikey_making_list *making = &im->call->daemon->keys->making;

	for (unsigned i = 0; i < im->count; i++)
		begin_row(im, &im->rows[i]);
	for (unsigned i = 0; i < im->count; i++)
		if (!im->rows[i].why)
			TAILQ_REMOVE(making, &im->rows[i].making, link);
	finish(im);
}

static void
go_on(struct import *im)
{
	while (im->at < im->count) {
		im->waiting = 1;
		for (unsigned n = 0; n < CHUNK && im->at < im->count; n++)
			begin_row(im, &im->rows[im->at++]);
		if (--im->waiting)
			return;
	}
	finish(im);
}

/* --- the file -------------------------------------------------------------- */

/* An array of rows, or an object that has them as `keys`. */
static enum err
read_rows(struct import *im, struct why *out_why)
{
	const struct json *rows;
	size_t count;
	enum err e;

	if (!ctl_has(im->call, "from"))
		return why_set(out_why, ERR_VALUE, "from",
		    "from which file? say --from FILE, or - for the standard "
		    "input");
	e = price_unpack(ctl_text(im->call, "from"), &im->file, out_why);
	if (e)
		return e;
	e = json_parse(buf_str(&im->file), FILE_MAX, &im->root, out_why);
	if (e)
		return why_set(out_why, e, "from", "the file is no JSON: %s",
		    err_text(e));
	rows = json_type(im->root) == JSON_OBJECT ? json_at(im->root, "keys")
						  : im->root;
	count = json_count(rows);
	if (!rows || json_type(rows) != JSON_ARRAY || !count)
		return why_set(out_why, ERR_VALUE, "from",
		    "the file has no rows: it is an array of them, for example "
		    "[{\"name\": \"alice\", \"hash\": \"64 hex digits\"}]");
	if (count > ROWS_MAX)
		return why_set(out_why, ERR_LIMIT, "from",
		    "that are %zu rows, and %d can be imported at once", count,
		    ROWS_MAX);
	im->rows = xcalloc(count, sizeof(*im->rows));
	for (const struct json *r = json_first(rows); r; r = json_next(r))
		im->rows[im->count++] =
		    (struct row){ .all = im, .said = r, .value = STR("") };
	return OK;
}

static void
on_salt(void *arg, enum err e, const struct why *why)
{
	struct import *im = arg;

	if (e)
		fail(im, e, why);
	else
		go_on(im);
}

/* A name stands for one salt for good. */
static enum err
check_salt(const struct import *im, bool *out_new, struct why *out_why)
{
	const struct salts *salts = &im->call->daemon->keys->salts;
	const struct salt *had = salts_find(salts, im->salt);
	struct str value = ctl_text(im->call, "salt");
	enum err e = salt_check_name(im->salt, out_why);

	*out_new = value.len && !had;
	if (e)
		return e;
	if (value.len > SALT_MAX)
		return why_set(out_why, ERR_LIMIT, "salt",
		    "a salt has at most %d bytes", SALT_MAX);
	if (had && value.len &&
	    (had->value.len != value.len ||
		sodium_memcmp(had->value.at, value.at, value.len)))
		return why_set(out_why, ERR_EXISTS, "salt",
		    "there is another salt of the name \"%.*s\"; say "
		    "--salt-name",
		    STR_ARG(im->salt));
	return OK;
}

void
ctl_key_import(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct keyring *ring = c->daemon->keys;
	struct import *im = xcalloc(1, sizeof(*im));
	bool is_new = false;
	struct why why;
	enum err e;

	im->call = c;
	im->salt = ctl_has(c, "salt_name") ? ctl_text(c, "salt_name")
					   : STR("imported");
	buf_init(&im->file, FILE_MAX);
	e = check_salt(im, &is_new, &why);
	if (!e)
		e = read_rows(im, &why);
	if (e)
		fail(im, e, &why);
	else if (c->dry_run)
		rehearse(im);
	else if (is_new)
		salt_add(&ring->salts, c->daemon->store, im->salt,
		    ctl_text(c, "salt"), &who, on_salt, im);
	else
		go_on(im);
}

/* --- salts ----------------------------------------------------------------- */

void
ctl_salt_list(struct ctl_call *c)
{
	const struct keyring *ring = c->daemon->keys;

	json_open(&c->out, '[');
	for (unsigned i = 0; i < ring->salts.count; i++) {
		struct str name = str_of(ring->salts.at[i].name);

		json_open(&c->out, '{');
		json_say(&c->out, "name", name);
		json_say_i64(&c->out, "keys", keyring_salted(ring, name));
		json_close(&c->out, '}');
	}
	json_close(&c->out, ']');
	ctl_answer(c, 0, STR(""));
}

static void
on_removed(void *arg, enum err e, const struct why *why)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	json_open(&c->out, '{');
	json_say(&c->out, "name", ctl_text(c, "name"));
	json_say_bool(&c->out, "removed", true);
	json_close(&c->out, '}');
	ctl_answer(c, 0, STR(""));
}

void
ctl_salt_rm(struct ctl_call *c)
{
	const struct audit_who who = ctl_who(c);
	struct keyring *ring = c->daemon->keys;
	struct str name = ctl_text(c, "name");
	unsigned keys = keyring_salted(ring, name);

	if (!salts_find(&ring->salts, name))
		ctl_refusef(c, ERR_UNKNOWN, "name",
		    "there is no salt \"%.*s\"; `salt ls` lists them",
		    STR_ARG(str_first(name, 60)));
	else if (keys)
		ctl_refusef(c, ERR_BUSY, "name",
		    "%u key%s found with it; `key rotate` gives one a value of "
		    "ours, `key purge` forgets one that was removed",
		    keys, keys == 1 ? " is" : "s are");
	else
		salt_remove(&ring->salts, c->daemon->store, name, &who,
		    on_removed, c);
}
