/* SPDX-License-Identifier: MIT */
/* keys_new.c - control methods that make values of keys: an operator's new
 * keys, a person's new keys, and new values of old ones.  A value is shown
 * once, in the answer that made it; only its hash is kept. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/control.h"
#include "relayd/ctl_key.h"
#include "relayd/daemon.h"
#include "relayd/loop.h"
#include "relayd/unit.h"

#define GRACE_MAX_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

/* Waits for the store with the value that is to be shown. */
struct creation {
	struct ctl_call *call;
	char value[APIKEY_VALUE_LEN + 1];
	char id[16];	/* of the key */
	char model[16]; /* of the one it is made like; or empty */
	struct why why; /* what failed while it was furnished */
	enum err failed;
};

static void
creation_free(struct creation *made)
{
	explicit_bzero(made, sizeof(*made));
	free(made);
}

static void
on_undone(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	struct creation *made = arg;

	(void)e;
	(void)why;
	(void)k;
	ctl_refuse(made->call, made->failed, &made->why);
	creation_free(made);
}

/* Nobody knows the value before it has its limits too. */
static void
on_furnished(void *arg, enum err e, const struct why *why)
{
	struct creation *made = arg;
	struct ctl_call *c = made->call;
	const struct apikey *k = keyring_id(c->daemon->keys, str_of(made->id));
	const struct audit_who who = ctl_who(c);

	if (e) {
		made->failed = e;
		made->why = *why;
		apikey_delete(c->daemon->keys, str_of(made->id), 0, &who,
		    on_undone, made);
		return;
	}
	if (k) {
		json_open(&c->out, '{');
		json_say(&c->out, "value", str_of(made->value));
		json_put_key(&c->out, "key");
		ctl_put_key(c, k);
		json_close(&c->out, '}');
		ctl_answer(c, k->rec.rev, STR(""));
	} else {
		ctl_refusef(c, ERR_UNKNOWN, "key", "it was removed meanwhile");
	}
	creation_free(made);
}

static void
on_created(void *arg, enum err e, const struct why *why, struct apikey *k)
{
	struct creation *made = arg;
	struct ctl_call *c = made->call;
	const struct audit_who who = ctl_who(c);

	if (e) {
		ctl_refuse(c, e, why);
		creation_free(made);
		return;
	}
	snprintf(made->id, sizeof(made->id), "%.*s", STR_ARG(k->rec.id));
	if (made->model[0])
		budgets_copy(c->daemon->budgets, str_of(made->model), k->rec.id,
		    &who, on_furnished, made);
	else
		on_furnished(made, OK, NULL);
}

/* Save the record with a fresh value; if_rev 0: it is a new key. */
static void
save_value(struct ctl_call *c, const struct apikey_rec *r, uint64_t if_rev,
    const struct apikey *model)
{
	const struct audit_who who = ctl_who(c);
	struct creation *made = xcalloc(1, sizeof(*made));

	made->call = c;
	if (model)
		snprintf(made->model, sizeof(made->model), "%.*s",
		    STR_ARG(model->rec.id));
	apikey_make_value(made->value);
	apikey_save(c->daemon->keys, r, str_of(made->value), if_rev != 0,
	    if_rev, &who, on_created, made);
}

static void
create(struct ctl_call *c, struct apikey_rec *r, const struct apikey *model)
{
	static const struct apikey_rec nothing;
	char id[10];

	if (c->dry_run) {
		ctl_rehearse_key(c, &nothing, r);
		return;
	}
	apikey_make_id(id);
	r->id = str_of(id);
	save_value(c, r, 0, model);
}

/* --- an operator's --------------------------------------------------------- */

static enum err
take_model(const struct ctl_call *c, struct apikey_rec *io,
    const struct apikey **out_model, struct why *out_why)
{
	struct str like = ctl_text(c, "like");
	const struct apikey *model;

	if (!like.len)
		return OK;
	model = ctl_find_key(c, like);
	if (!model)
		return why_set(out_why, ERR_UNKNOWN, "like",
		    "there is no key \"%.*s\", or more than one of that name "
		    "(say its id)",
		    STR_ARG(str_first(like, 60)));
	apikey_like(io, &model->rec);
	*out_model = model;
	return OK;
}

void
ctl_key_create(struct ctl_call *c)
{
	struct apikey_rec r = { .rev = 0 };
	const struct apikey *model = NULL;
	struct why why;
	enum err e = take_model(c, &r, &model, &why);

	if (!e)
		e = ctl_take_key(c, &r, &why);
	if (e)
		ctl_refuse(c, e, &why);
	else
		create(c, &r, model);
}

/* --- a new value ----------------------------------------------------------- */

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
		save_value(c, &r, k->rec.rev, NULL);
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
take_template(const struct ctl_call *c, struct apikey_rec *io,
    const struct apikey **out_model, struct why *out_why)
{
	struct str name = str_of(c->daemon->settings.self_keys_template);
	const struct apikey *model;

	if (!name.len)
		return OK;
	model = keyring_find(c->daemon->keys, name);
	if (!model || model->rec.self_made)
		return why_set(out_why, ERR_DENIED, "",
		    "the template for new keys is not there; ask whoever runs "
		    "this relay (setting self_keys_template)");
	apikey_like(io, &model->rec);
	*out_model = model;
	if (io->expires_at && (int64_t)io->expires_at <= clock_wall_ms())
		return why_set(out_why, ERR_DENIED, "",
		    "the template for new keys has expired; ask whoever runs "
		    "this relay (setting self_keys_template)");
	return OK;
}

/* What a person may say: a name, a note, and an end that is not after the
 * template's. */
static enum err
take_own(const struct ctl_call *c, struct apikey_rec *io, struct why *out_why)
{
	uint64_t most = io->expires_after
	    ? (uint64_t)clock_wall_ms() + io->expires_after
	    : io->expires_at;
	enum err e = ctl_take_key(c, io, out_why);

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
	struct apikey_rec r = { .rev = 0 };
	const struct apikey *model = NULL;
	char own[PEER_OWNER];
	struct why why;
	enum err e;

	c->peer.role = CTL_SELF;
	e = check_person(c, peer_owner(&c->peer, own), &why);
	if (!e)
		e = check_name_length(c, &why);
	if (!e)
		e = take_template(c, &r, &model, &why);
	r.owner = str_of(own);
	r.self_made = true;
	if (!e)
		e = take_own(c, &r, &why);
	if (e)
		ctl_refuse(c, e, &why);
	else
		create(c, &r, model);
}
