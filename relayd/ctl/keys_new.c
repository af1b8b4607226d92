/* SPDX-License-Identifier: MIT */
/* keys_new.c - control methods that make values of keys: an operator's new
 * keys, a person's new keys, and new values of old ones.  A value is shown
 * once, in the answer that made it; only its hash is kept, and a sealed copy
 * where the setting reveal wants one (keycopy.h). */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/ctl_limit.h"
#include "relayd/ctl_rec.h"
#include "relayd/daemon.h"
#include "relayd/keybatch.h"
#include "relayd/loop.h"
#include "relayd/unit.h"

/* Of a person: they are not counted among those they have, and so bounded. */
#define DISCARDED_MAX 100
#define NAME_SIZE     80
#define GRACE_MAX_MS  (INT64_C(30) * 24 * 60 * 60 * 1000)

/* --- making ---------------------------------------------------------------- */

/* A key that is to be made, as it is gathered. */
struct wish {
	struct apikey_rec rec;
	struct ctl_limits limits;
	unsigned count;
};

static void
put_batch(struct ctl_call *c, const struct keybatch_made *made, unsigned count)
{
	const struct apikey *k;

	json_put_key(&c->out, "made");
	json_open(&c->out, '[');
	for (unsigned i = 0; i < count; i++) {
		k = keyring_id(c->daemon->keys, str_of(made[i].id));
		json_open(&c->out, '{');
		json_say(&c->out, "id", str_of(made[i].id));
		json_say(&c->out, "name", k ? k->rec.name : STR(""));
		json_say(&c->out, "value", str_of(made[i].value));
		json_close(&c->out, '}');
	}
	json_close(&c->out, ']');
}

/* Can it be shown again? */
static void
say_kept(struct ctl_call *c)
{
	json_say_bool(&c->out, "kept", c->daemon->settings.reveal);
}

static void
on_made(void *arg, enum err e, const struct why *why,
    const struct keybatch_made *made, unsigned count)
{
	struct ctl_call *c = arg;
	const struct apikey *k;

	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	k = keyring_id(c->daemon->keys, str_of(made[0].id));
	json_open(&c->out, '{');
	if (count > 1) {
		put_batch(c, made, count);
	} else {
		json_say(&c->out, "value", str_of(made[0].value));
		json_put_key(&c->out, "key");
		ctl_put_key(c, k);
	}
	say_kept(c);
	json_close(&c->out, '}');
	ctl_answer(c, count > 1 ? 0 : k->rec.rev, STR(""));
}

static void
on_template(void *arg, enum err e, const struct why *why,
    const struct keybatch_made *made, unsigned count)
{
	struct ctl_call *c = arg;
	const struct apikey *k;
	struct why more;

	(void)count;
	if (e) {
		ctl_refuse(c, e, why);
		return;
	}
	k = keyring_id(c->daemon->keys, str_of(made[0].id));
	e = ctl_put_template(c, k, &more);
	if (e)
		ctl_refuse(c, e, &more);
	else
		ctl_answer(c, k->rec.rev, STR(""));
}

static void
rehearse(struct ctl_call *c, const struct wish *w)
{
	static const struct apikey_rec nothing;
	struct json_out *j = &c->out;
	char name[NAME_SIZE];

	json_open(j, '{');
	json_say(j, "id", STR(""));
	json_say(j, "name", w->rec.name);
	if (w->count > 1) {
		json_say_i64(j, "count", w->count);
		apikey_number(w->rec.name, w->count, 1, name, sizeof(name));
		json_say(j, "first", str_of(name));
		apikey_number(w->rec.name, w->count, w->count, name,
		    sizeof(name));
		json_say(j, "last", str_of(name));
	}
	json_put_key(j, "changes");
	json_open(j, '[');
	ctl_put_changes(j, &apikey_kind, &nothing, &w->rec);
	json_close(j, ']');
	json_put_key(j, "limits");
	ctl_put_limits(j, &w->limits);
	json_say_bool(j, "dry_run", true);
	json_close(j, '}');
	ctl_answer(c, 0, STR(""));
}

static void
create(struct ctl_call *c, const struct wish *w)
{
	const struct audit_who who = ctl_who(c);
	const struct keybatch_ask ask = { .like = w->rec,
		.count = w->count,
		.limits = w->limits.at,
		.limits_count = w->limits.count };

	if (c->dry_run)
		rehearse(c, w);
	else
		keybatch_make(c->daemon->keys, c->daemon->budgets, &ask, &who,
		    w->rec.template ? on_template : on_made, c);
}

/* --- an operator's --------------------------------------------------------- */

static enum err
take_model(const struct ctl_call *c, struct apikey_rec *io,
    struct ctl_limits *limits, struct why *out_why)
{
	struct str like = ctl_text(c, "like");
	const struct apikey *model;

	if (!like.len)
		return OK;
	model = keyring_find_template(c->daemon->keys, like);
	if (!model)
		model = ctl_find_key(c, like);
	if (!model)
		return why_set(out_why, ERR_UNKNOWN, "like",
		    "there is no key and no template \"%.*s\", or more than "
		    "one of that name (say its id)",
		    STR_ARG(str_first(like, 60)));
	apikey_like(io, &model->rec);
	return ctl_copy_limits(c, model->rec.id, limits, out_why);
}

enum err
ctl_take_new_key(const struct ctl_call *c, struct apikey_rec *io,
    char tags[CTL_TAGS_SIZE], struct ctl_limits *limits, struct why *out_why)
{
	enum err e = take_model(c, io, limits, out_why);

	if (!e)
		e = ctl_take_key(c, io, tags, out_why);
	return e ? e : ctl_take_limits(c, limits, out_why);
}

static enum err
take_count(const struct ctl_call *c, struct wish *io, struct why *out_why)
{
	int64_t count = ctl_number(c, "count");
	struct str taken;

	if (!ctl_has(c, "count"))
		return OK;
	if (count < 2 || count > KEYBATCH_MAX)
		return why_set(out_why, ERR_VALUE, "count",
		    "from 2 to %d at once", KEYBATCH_MAX);
	io->count = (unsigned)count;
	if (io->rec.name.len + APIKEY_NUMBER > CTL_KEY_NAME_MAX)
		return why_set(out_why, ERR_VALUE, "name",
		    "a number is added to it, so it has at most %d bytes",
		    CTL_KEY_NAME_MAX - APIKEY_NUMBER);
	taken = keyring_has_numbered(c->daemon->keys, &io->rec, io->count);
	if (taken.len)
		return why_set(out_why, ERR_EXISTS, "name",
		    "there is a key \"%.*s\" already", STR_ARG(taken));
	return OK;
}

static void
make(struct ctl_call *c, bool template)
{
	struct wish w = { .count = 1 };
	char tags[CTL_TAGS_SIZE];
	struct why why;
	enum err e;

	w.rec.template = template;
	e = ctl_take_new_key(c, &w.rec, tags, &w.limits, &why);
	if (!e)
		e = take_count(c, &w, &why);
	if (e)
		ctl_refuse(c, e, &why);
	else
		create(c, &w);
}

void
ctl_key_create(struct ctl_call *c)
{
	make(c, false);
}

void
ctl_template_add(struct ctl_call *c)
{
	make(c, true);
}

/* --- a new value ----------------------------------------------------------- */

/* Waits for the store with the value that is to be shown. */
struct rotation {
	struct ctl_call *call;
	char value[APIKEY_VALUE_LEN + 1];
};

static void
on_rotated(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	struct rotation *made = arg;
	struct ctl_call *c = made->call;

	if (e) {
		ctl_refuse(c, e, why);
	} else {
		json_open(&c->out, '{');
		json_say(&c->out, "value", str_of(made->value));
		json_put_key(&c->out, "key");
		ctl_put_key(c, k);
		say_kept(c);
		json_close(&c->out, '}');
		ctl_answer(c, k->rec.rev, STR(""));
	}
	explicit_bzero(made, sizeof(*made));
	free(made);
}

static void
save_value(struct ctl_call *c, const struct apikey_rec *r, uint64_t if_rev)
{
	const struct audit_who who = ctl_who(c);
	struct rotation *made = xcalloc(1, sizeof(*made));

	made->call = c;
	apikey_make_value(made->value);
	apikey_save(c->daemon->keys, r, str_of(made->value), true, if_rev, &who,
	    on_rotated, made);
}

static enum err
read_grace(const struct ctl_call *c, int64_t *out_until, struct why *out_why)
{
	struct why why;
	int64_t ms;

	*out_until = 0;
	if (!ctl_has(c, "grace"))
		return OK;
	if (unit_read_ms(ctl_text(c, "grace"), &ms, &why))
		return why_set(out_why, ERR_VALUE, "grace", "%s", why.text);
	if (ms > GRACE_MAX_MS)
		return why_set(out_why, ERR_VALUE, "grace",
		    "the old value works for at most 30 days");
	if (ms)
		*out_until = clock_wall_ms() + ms;
	return OK;
}

void
ctl_key_rotate(struct ctl_call *c)
{
	const struct apikey *k = ctl_want_key(c);
	struct apikey_rec r;
	int64_t until = 0;
	struct why why;
	enum err e;

	if (!k)
		return;
	e = read_grace(c, &until, &why);
	if (!e)
		e = ctl_check_rev(c, k->rec.rev, &why);
	if (e) {
		ctl_refuse(c, e, &why);
		return;
	}
	r = k->rec;
	apikey_retire(&r, until);
	if (c->dry_run)
		ctl_rehearse_key(c, &k->rec, &r);
	else
		save_value(c, &r, k->rec.rev);
}

/* --- a person's ------------------------------------------------------------ */

static enum err
check_person(const struct ctl_call *c, struct str owner, struct why *out_why)
{
	const struct settings *s = &c->daemon->settings;
	unsigned owned = keyring_owned(c->daemon->keys, owner);

	if (!s->self_keys_max)
		return why_set(out_why, ERR_DENIED, "",
		    "people make no keys of their own here; ask whoever runs "
		    "this relay for one (or to set self_keys_max)");
	if (user_is_disabled(&c->daemon->keys->users, owner))
		return why_set(out_why, ERR_DENIED, "",
		    "an operator has disabled you here: your keys are "
		    "refused, and you can make none");
	if (keyring_discarded(c->daemon->keys, owner) >= DISCARDED_MAX)
		return why_set(out_why, ERR_LIMIT, "",
		    "%d keys that you removed are still kept; ask whoever runs "
		    "this relay to purge them, or wait until they are",
		    DISCARDED_MAX);
	if (owned >= s->self_keys_max)
		return why_set(out_why, ERR_LIMIT, "",
		    "you have %u keys, and %llu is as many as a person may "
		    "have here",
		    owned, (unsigned long long)s->self_keys_max);
	return OK;
}

static enum err
check_name_length(const struct ctl_call *c, struct why *out_why)
{
	const struct settings *s = &c->daemon->settings;
	size_t len = str_trim(ctl_text(c, "name")).len;

	if (len < s->self_name_min || len > s->self_name_max)
		return why_set(out_why, ERR_VALUE, "name",
		    "a name has from %llu to %llu bytes here",
		    (unsigned long long)s->self_name_min,
		    (unsigned long long)s->self_name_max);
	return OK;
}

/* A template that was named and is not there is no licence for keys without
 * any limit. */
static enum err
take_template(const struct ctl_call *c, struct wish *w, struct why *out_why)
{
	struct apikey_rec *io = &w->rec;
	struct str name = str_of(c->daemon->settings.self_keys_template);
	const struct apikey *model;

	if (!name.len)
		return OK;
	model = keyring_find_template(c->daemon->keys, name);
	if (!model)
		model = keyring_find(c->daemon->keys, name);
	if (!model || model->rec.self_made)
		return why_set(out_why, ERR_DENIED, "",
		    "the template for new keys is not there; ask whoever runs "
		    "this relay (setting self_keys_template)");
	apikey_like(io, &model->rec);
	if (io->expires_at && (int64_t)io->expires_at <= clock_wall_ms())
		return why_set(out_why, ERR_DENIED, "",
		    "the template for new keys has expired; ask whoever runs "
		    "this relay (setting self_keys_template)");
	return ctl_copy_limits(c, model->rec.id, &w->limits, out_why);
}

/* What a person may say: a name, a note, and an end that is not after the
 * template's. */
static enum err
take_own(const struct ctl_call *c, struct apikey_rec *io, struct why *out_why)
{
	uint64_t most = io->expires_after
	    ? (uint64_t)clock_wall_ms() + io->expires_after
	    : io->expires_at;
	char tags[CTL_TAGS_SIZE];
	enum err e = ctl_take_key(c, io, tags, out_why);

	if (io->expires_after)
		return e;

	if (!e && most && (!io->expires_at || io->expires_at > most))
		return why_set(out_why, ERR_DENIED, "expires",
		    "a key of yours cannot outlast the template it is made "
		    "from");
	return e;
}

void
ctl_my_key_create(struct ctl_call *c)
{
	struct wish w = { .count = 1 };
	char own[PEER_OWNER];
	struct why why;
	enum err e;

	c->peer.role = CTL_SELF;
	e = check_person(c, peer_owner(&c->peer, own), &why);
	if (!e)
		e = check_name_length(c, &why);
	if (!e)
		e = take_template(c, &w, &why);
	w.rec.owner = str_of(own);
	w.rec.self_made = true;
	if (!e)
		e = take_own(c, &w.rec, &why);
	if (e)
		ctl_refuse(c, e, &why);
	else
		create(c, &w);
}
