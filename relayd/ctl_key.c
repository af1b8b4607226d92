/* SPDX-License-Identifier: MIT */
/* ctl_key.c - what the handlers of the control socket share about keys. */
#include "relayd/ctl_key.h"

#include <stdio.h>

#include "relayd/apikey.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/price.h"

#define OWNER_MAX_BYTES 64
#define NOTE_MAX_BYTES	500
#define RATE_MAX_BYTES	24
/* Of keys that a refusal names. */
#define NAMES_MAX   160
#define AT_ONCE_MAX 100000
#define WEIGHT_MAX  100

/* --- telling --------------------------------------------------------------- */

void
ctl_put_key_members(struct ctl_call *c, const struct apikey *k)
{
	int64_t now = clock_wall_ms();
	struct apikey_rec r = k->rec;
	struct json_out *j = &c->out;

	/* A grace that is over is no news any more. */
	if (!apikey_in_grace(&r, now))
		apikey_forget_old(&r);
	ctl_put_rec(j, &apikey_kind, &r);
	json_say(j, "state", str_of(apikey_state(k, now)));
	if (r.deleted_at && c->daemon->settings.trash_keep_ms)
		json_say_i64(j, "purge_at",
		    (int64_t)r.deleted_at + c->daemon->settings.trash_keep_ms);
	json_say_i64(j, "in_flight", k->in_flight);
	json_say_i64(j, "running", k->running);
	json_say_i64(j, "requests", (int64_t)k->requests);
	json_say_i64(j, "used_at", k->used_wall_ms);
}

void
ctl_put_key(struct ctl_call *c, const struct apikey *k)
{
	json_open(&c->out, '{');
	ctl_put_key_members(c, k);
	json_close(&c->out, '}');
}

void
ctl_rehearse_key(struct ctl_call *c, const struct apikey_rec *from,
    const struct apikey_rec *to)
{
	struct json_out *j = &c->out;

	json_open(j, '{');
	json_say(j, "id", from->id);
	json_say(j, "name", to->name);
	json_put_key(j, "changes");
	json_open(j, '[');
	ctl_put_changes(j, &apikey_kind, from, to);
	json_close(j, ']');
	json_say_bool(j, "dry_run", true);
	json_close(j, '}');
	ctl_answer(c, from->rev, STR(""));
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	struct ctl_call *c = arg;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	ctl_put_key(c, k);
	ctl_answer(c, k->rec.rev, STR(""));
}

void
ctl_finish_key(struct ctl_call *c, const struct apikey *k,
    const struct apikey_rec *r, enum err e, struct why *why)
{
	const struct audit_who who = ctl_who(c);

	if (!e)
		e = ctl_check_rev(c, k->rec.rev, why);
	if (e)
		ctl_refuse(c, e, why);
	else if (c->dry_run)
		ctl_rehearse_key(c, &k->rec, r);
	else
		apikey_save(c->daemon->keys, r, STR(""), true, k->rec.rev, &who,
		    on_saved, c);
}

/* --- finding --------------------------------------------------------------- */

struct apikey *
ctl_find_key(const struct ctl_call *c, struct str said)
{
	char own[PEER_OWNER];

	if (c->peer.role > CTL_SELF)
		return keyring_find(c->daemon->keys, said);
	return keyring_find_own(c->daemon->keys, peer_owner(&c->peer, own),
	    said);
}

struct apikey *
ctl_want_key(struct ctl_call *c)
{
	struct apikey *k = ctl_find_key(c, ctl_text(c, "key"));

	if (!k)
		ctl_refusef(c, ERR_UNKNOWN, "key",
		    "there is no key \"%.*s\", or more than one of that name "
		    "(say its id)",
		    STR_ARG(str_first(ctl_text(c, "key"), 60)));
	return k;
}

/* --- who is bound ---------------------------------------------------------- */

void
ctl_put_bound(struct ctl_call *c, enum tier_kind kind, struct str name)
{
	const struct apikey *k;

	TAILQ_FOREACH (k, &c->daemon->keys->keys, link)
		if (binding_names(k->rec.bind, kind, name))
			json_put_string(&c->out, k->rec.name);
}

/* ERR_BUSY when anything of a list is bound to it.  `are` is for one, and for
 * more. */
static enum err
check_list(const struct apikey_list *list, enum tier_kind kind, struct str name,
    const char *const are[2], const char *advice, struct why *out_why)
{
	const struct apikey *k;
	unsigned count = 0;
	bool is_cut = false;
	struct buf names;
	enum err e = OK;

	buf_init(&names, NAMES_MAX);
	TAILQ_FOREACH (k, list, link) {
		if (!binding_names(k->rec.bind, kind, name))
			continue;
		if (buf_addf(&names, "%s%.*s", count++ ? ", " : "",
			STR_ARG(k->rec.name)))
			is_cut = true;
	}
	if (count)
		e = why_set(out_why, ERR_BUSY, "name",
		    "%u %s bound to it: %.*s%s; %s first", count,
		    are[count > 1], STR_ARG(buf_str(&names)),
		    is_cut ? ", ..." : "", advice);
	buf_fini(&names);
	return e;
}

/* What is restored, or made like a template, would be bound to nothing. */
enum err
ctl_check_unbound(const struct ctl_call *c, enum tier_kind kind,
    struct str name, struct why *out_why)
{
	static const char *const keys[] = { "key is", "keys are" };
	static const char *const templates[] = { "template is",
		"templates are" };
	static const char *const trash[] = { "key in the trash is",
		"keys in the trash are" };
	const struct keyring *ring = c->daemon->keys;
	enum err e;

	e = check_list(&ring->keys, kind, name, keys,
	    "relayctl key set KEY --bind ...", out_why);
	if (!e)
		e = check_list(&ring->templates, kind, name, templates,
		    "relayctl template set TEMPLATE --bind ...", out_why);
	if (!e)
		e = check_list(&ring->trash, kind, name, trash,
		    "relayctl key purge KEY", out_why);
	return e;
}

/* --- taking ---------------------------------------------------------------- */

static enum err
take_text(const struct ctl_call *c, const char *name, size_t max,
    struct str *io, struct why *out_why)
{
	if (!ctl_has(c, name))
		return OK;
	*io = str_trim(ctl_text(c, name));
	return ctl_check_text(*io, max, name, out_why);
}

/* What is kept is what was said, when it can be read. */
static enum err
take_bind(const struct ctl_call *c, struct apikey_rec *io, struct why *out_why)
{
	struct buf whole;
	enum err e;

	if (!ctl_has(c, "bind"))
		return OK;
	e = take_text(c, "bind", BINDING_TEXT_MAX, &io->bind, out_why);
	if (e)
		return e;
	buf_init(&whole, BINDING_TEXT_MAX);
	e = binding_check(io->bind, c->daemon->pool, c->daemon->groups, &whole,
	    out_why);
	/* To the pool alone is to nothing. */
	if (!e && !buf_len(&whole))
		io->bind = STR("");
	buf_fini(&whole);
	return e;
}

/* --- tags ------------------------------------------------------------------ */

bool
ctl_has_tag(struct str tags, struct str tag)
{
	struct str member;

	while (str_list_next(&tags, &member))
		if (str_eq(member, tag))
			return true;
	return false;
}

static enum err
add_tag(struct buf *out, struct str tag, struct why *out_why)
{
	if (buf_len(out) + tag.len + 1 > CTL_TAGS_MAX)
		return why_set(out_why, ERR_LIMIT, "tags",
		    "a key has room for %d bytes of tags", CTL_TAGS_MAX);
	buf_mustf(out, "%s%.*s", buf_len(out) ? "," : "", STR_ARG(tag));
	return OK;
}

/* "+a,-b": those of `had` without b, and a behind them. */
static enum err
amend_tags(struct str had, struct str said, struct buf *out,
    struct why *out_why)
{
	struct str rest = said, tag;
	bool takes;
	enum err e = OK;

	while (!e && str_list_next(&had, &tag)) {
		char gone[CTL_TAGS_SIZE + 1];
		int n = snprintf(gone, sizeof(gone), "-%.*s", STR_ARG(tag));

		if (!ctl_has_tag(said, str_at(gone, (size_t)n)))
			e = add_tag(out, tag, out_why);
	}
	while (!e && str_list_next(&rest, &tag)) {
		takes = tag.at[0] == '-';
		if (tag.len < 2 || (!takes && tag.at[0] != '+'))
			return why_set(out_why, ERR_VALUE, "tags",
			    "either all tags, or +TAG and -TAG for each that "
			    "comes and goes");
		if (!takes && !ctl_has_tag(buf_str(out), str_skip(tag, 1)))
			e = add_tag(out, str_skip(tag, 1), out_why);
	}
	return e;
}

static enum err
take_tags(const struct ctl_call *c, struct str *io, char tags[CTL_TAGS_SIZE],
    struct why *out_why)
{
	struct str said = str_trim(ctl_text(c, "tags"));
	struct buf out;
	enum err e;

	if (!ctl_has(c, "tags"))
		return OK;
	e = ctl_check_text(said, CTL_TAGS_MAX, "tags", out_why);
	if (e)
		return e;
	if (!said.len || (said.at[0] != '+' && said.at[0] != '-')) {
		*io = said;
		return OK;
	}
	buf_init(&out, CTL_TAGS_SIZE);
	e = amend_tags(*io, said, &out, out_why);
	if (!e) {
		snprintf(tags, CTL_TAGS_SIZE, "%.*s", STR_ARG(buf_str(&out)));
		*io = str_of(tags);
	}
	buf_fini(&out);
	return e;
}

/* --- all of them ----------------------------------------------------------- */

/* Of so many requests at once, and of turns where keys wait for accounts. */
static enum err
take_share(const struct ctl_call *c, struct apikey_rec *io, struct why *out_why)
{
	int64_t at_once = ctl_number(c, "max_concurrency");
	int64_t weight = ctl_number(c, "weight");

	if (ctl_has(c, "max_concurrency")) {
		if (at_once < 0 || at_once > AT_ONCE_MAX)
			return why_set(out_why, ERR_VALUE, "max_concurrency",
			    "so many requests at once, from 1 to %d, or 0 for "
			    "any number",
			    AT_ONCE_MAX);
		io->max_concurrency = (uint64_t)at_once;
	}
	if (ctl_has(c, "weight")) {
		if (weight < 1 || weight > WEIGHT_MAX)
			return why_set(out_why, ERR_VALUE, "weight",
			    "a weight is from 1 to %d: a key of 3 has three "
			    "turns where one of 1 has one",
			    WEIGHT_MAX);
		io->weight = (uint64_t)weight;
	}
	return OK;
}

/* Names are how people tell keys apart. */
static enum err
check_name(const struct ctl_call *c, const struct apikey_rec *r,
    struct why *out_why)
{
	if (!r->name.len)
		return why_set(out_why, ERR_VALUE, "name", "a key has a name");
	if (keyring_has_name(c->daemon->keys, r))
		return why_set(out_why, ERR_EXISTS, "name",
		    "there is a key \"%.*s\" already", STR_ARG(r->name));
	return OK;
}

enum err
ctl_take_key(const struct ctl_call *c, struct apikey_rec *io,
    char tags[CTL_TAGS_SIZE], struct why *out_why)
{
	enum err e = take_text(c, "name", CTL_KEY_NAME_MAX, &io->name, out_why);
	int64_t rate;

	if (!e)
		e = take_text(c, "owner", OWNER_MAX_BYTES, &io->owner, out_why);
	if (!e && (ctl_has(c, "name") || ctl_has(c, "owner")))
		e = check_name(c, io, out_why);
	if (!e)
		e = take_text(c, "note", NOTE_MAX_BYTES, &io->note, out_why);
	if (!e)
		e = take_tags(c, &io->tags, tags, out_why);
	if (!e)
		e = take_text(c, "rate", RATE_MAX_BYTES, &io->rate, out_why);
	if (!e && price_rate_read(io->rate, &rate))
		e = why_set(out_why, ERR_VALUE, "rate",
		    "a rate is a factor above 0 and at most 1000, for example "
		    "1.25");
	if (!e)
		e = take_bind(c, io, out_why);
	if (!e)
		e = take_share(c, io, out_why);
	if (!e)
		e = ctl_take_expiry(c, io, out_why);
	return e ? e : ctl_take_policy(c, io, out_why);
}
