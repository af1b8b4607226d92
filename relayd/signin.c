/* SPDX-License-Identifier: MIT */
/* signin.c - sign-ins under way.  Codes, verifiers and tokens stay in here, on
 * their way to the provider and to the store; nothing of them is logged. */
#include "relayd/signin.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "proto/mem.h"

#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/renew.h"

struct signins {
	struct daemon *d;
	LIST_HEAD(, signin) live;
	unsigned count;
};

/* --- life ------------------------------------------------------------------------- */

static void
wipe(char *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret, strlen(secret));
	free(secret);
}

static void
signin_free(void *it)
{
	struct signin *s = it;

	oauth_device_fini(&s->device);
	oauth_grant_fini(&s->grant);
	conf_unref(s->conf);
	free(s->blob);
	outlet_fini(&s->outlet);
	wipe(s->proxy_password);
	explicit_bzero(s, sizeof(*s));
	free(s);
}

static void
drop(struct signin *s)
{
	struct signins *all = s->all;

	LIST_REMOVE(s, link);
	all->count--;
	timer_clear(all->d->loop, &s->timer);
	timer_clear(all->d->loop, &s->pause);
	loop_unready(all->d->loop, &s->saver);
	loop_bury(all->d->loop, signin_free, s);
}

/* Tell the call that waits, which may be none. */
static void
tell(struct signin *s, struct signin_end *end)
{
	signin_done *done = s->done;

	s->done = NULL;
	if (end->is_over)
		drop(s);
	if (done)
		done(s->arg, end);
}

/* What the provider denies is no question of rights here. */
static enum err
our_word(enum err e)
{
	return e == ERR_DENIED ? ERR_VALUE : e;
}

static void
fail(struct signin *s, enum err e, const struct why *why)
{
	struct signin_end end = {
		.e = our_word(e), .why = *why, .is_over = true
	};

	log_note(LOG_WARN, "signin", "%.*s: %s", STR_ARG(s->rec.name),
	    why->text);
	tell(s, &end);
}

/* The provider gave nothing that could be used: say how to start again. */
static void
fail_anew(struct signin *s, enum err e, const struct why *why)
{
	struct str name = s->rec.name;
	struct why all;

	if (s->is_again)
		(void)why_set(&all, e, why->field,
		    "%.260s; nothing was stored; begin again: relayctl account "
		    "reauth %.*s",
		    why->text, STR_ARG(name));
	else if (s->is_import)
		(void)why_set(&all, e, why->field, "%.260s; nothing was stored",
		    why->text);
	else
		(void)why_set(&all, e, why->field,
		    "%.240s; nothing was stored; begin again: relayctl account "
		    "login %s %.*s",
		    why->text, s->flow.provider->name, STR_ARG(name));
	fail(s, e, &all);
}

static void next(struct signin *s);

/* What the next step had to wait for is over. */
static void
on_pause(void *arg)
{
	next(arg);
}

static bool
is_too_late(const struct signin *s)
{
	return loop_ms(s->all->d->loop) >= s->ends_ms;
}

/* One that is being asked for sees itself that its time is over. */
static void
on_expired(void *arg)
{
	struct signin *s = arg;

	if (s->state == SIGNIN_OPEN)
		drop(s);
}

/* Some kinds know only one of the ways. */
static bool
is_by_device(const struct oauth *o, const struct signin_ask *ask)
{
	return o->device.origin && (ask->by_device || !o->authorize.origin);
}

static struct signin *
signin_new(struct signins *all, const struct signin_ask *ask,
    struct why *out_why)
{
	struct signin *s = xcalloc(1, sizeof(*s));
	struct buf blob;
	uint8_t random[64];
	enum err e;

	s->all = all;
	s->uid = ask->uid;
	s->is_again = ask->again;
	s->replaces = ask->replaces;
	s->conf = conf_ref(all->d->conf);
	oauth_device_init(&s->device);
	oauth_grant_init(&s->grant);
	timer_init(&s->timer, on_expired, s);
	timer_init(&s->pause, on_pause, s);
	buf_init(&blob, ACCOUNT_RECORD_MAX);
	e = account_rec_write(ask->rec, &blob);
	if (!e) {
		size_t len;

		s->blob = buf_take(&blob, &len);
		e = account_rec_read(str_at(s->blob, len), &s->rec);
	}
	if (!e)
		e = oauth_flow_init(&s->flow, &s->rec, s->conf,
		    all->d->client_secrets, out_why);
	/* What an earlier sign-in has found is asked for anew. */
	s->flow.project = s->rec.project;
	buf_fini(&blob);
	if (e) {
		signin_free(s);
		return NULL;
	}
	if (ask->proxy_password.len)
		s->proxy_password =
		    xmemdup(ask->proxy_password.at, ask->proxy_password.len);
	s->by_device = is_by_device(s->flow.provider->oauth, ask);
	randombytes_buf(random, sizeof(random));
	sodium_bin2hex(s->id, sizeof(s->id), random, 8);
	randombytes_buf(random, sizeof(random));
	oauth_flow_draw(&s->flow, random);
	explicit_bzero(random, sizeof(random));
	s->ends_ms = loop_ms(all->d->loop) + SIGNIN_LIFE_MS;
	timer_set(all->d->loop, &s->timer, s->ends_ms);
	LIST_INSERT_HEAD(&all->live, s, link);
	all->count++;
	return s;
}

static enum err
check_way(const struct signin_ask *ask, struct why *out_why)
{
	const struct provider *p = provider_find(ask->rec->kind);

	if (!ask->by_device || p->oauth->device.origin)
		return OK;
	return why_set(out_why, ERR_UNSUPPORTED, "device",
	    "the provider of %s gives no code to type: sign in without "
	    "--device, by an address to open",
	    p->name);
}

static enum err
check_room(const struct signins *all, struct why *out_why)
{
	if (all->count < SIGNINS_MAX)
		return OK;
	return why_set(out_why, ERR_LIMIT, "",
	    "%d sign-ins are under way, which is the most there may be; they "
	    "end after ten minutes",
	    SIGNINS_MAX);
}

/* --- the provider --------------------------------------------------------------------- */

static void
send_ask(struct signin *s, struct oauth_ask *ask, fetch_done *done)
{
	const char *fields[OAUTH_FIELDS + 1] = { NULL };
	struct fetch_ask to = { .method = ask->method,
		.total_ms = SIGNIN_TOTAL_MS,
		.answer_max = OAUTH_ANSWER_MAX };

	for (unsigned i = 0; i < ask->count; i++)
		fields[i] = buf_cstr(&ask->fields[i]);
	to.url = buf_cstr(&ask->url);
	to.fields = fields;
	to.body = buf_str(&ask->body);
	to.way.allow_private = s->rec.allow_private;
	/* A proxy may have been changed since the last step. */
	outlet_find(&s->outlet, s->all->d->proxies, s->rec.proxy, s->rec.family,
	    s->proxy_password ? str_of(s->proxy_password) : STR(""));
	outlet_lead(&s->outlet, &to.way);
	s->fetch = fetch_start(s->all->d->dialer, &to, done, s);
}

/* --- saving ----------------------------------------------------------------------------- */

/* Is it the same person at the provider?  Where it tells nothing of them there
 * is nothing to compare. */
static bool
is_another(struct str was, struct str is)
{
	return was.len && is.len && !str_eq(was, is);
}

static enum err
check_identity(const struct signin *s, const struct account *a,
    struct why *out_why)
{
	struct str was = a->rec.email.len ? a->rec.email : a->rec.subject;
	struct str is = oauth_grant_text(&s->grant, GRANT_email);

	if (!is.len)
		is = oauth_grant_text(&s->grant, GRANT_subject);
	if (s->replaces)
		return OK;
	if (a->rec.subject.len ? !is_another(a->rec.subject,
				     oauth_grant_text(&s->grant, GRANT_subject))
			       : !is_another(a->rec.email,
				     oauth_grant_text(&s->grant, GRANT_email)))
		return OK;
	return why_set(out_why, ERR_VALUE, "answer",
	    "%.*s signed in, but the account is %.*s's; nothing was changed "
	    "(--replace hands it over, account login NAME makes another one)",
	    STR_ARG(str_first(is, 60)), STR_ARG(str_first(was, 60)));
}

static void
on_saved(void *arg, enum err e, const struct why *why, struct account *a)
{
	struct signin *s = arg;
	struct signin_end end = { .e = e, .why = *why, .is_over = true };

	if (e) {
		fail(s, e, why);
		return;
	}
	a->renew_failures = 0;
	a->renew_after_wall_ms = 0;
	a->renew_refused_wall_ms = 0;
	gate_open(&a->gates, GATE_AUTH);
	end.account = a;
	log_note(LOG_INFO, "signin", "%.*s: signed in, scopes %.*s",
	    STR_ARG(a->rec.name), STR_ARG(a->rec.scopes));
	renewals_look(s->all->d->renewals);
	tell(s, &end);
}

static void
save(void *arg)
{
	struct signin *s = arg;
	struct account_secrets secrets = {
		.credential = buf_str(&s->grant.access),
		.refresh_token = buf_str(&s->grant.refresh),
		.signed_in = true,
	};
	const struct account *a = pool_find(s->all->d->pool, s->rec.name);
	struct account_rec rec = s->rec;
	struct why why = { .text = "" };
	enum err e = OK;

	if (s->is_again && !a)
		e = why_set(&why, ERR_UNKNOWN, "name",
		    "the account was removed meanwhile");
	if (!e && a && s->is_again) {
		rec = a->rec;
		e = check_identity(s, a, &why);
	}
	if (e) {
		fail(s, e, &why);
		return;
	}
	if (!secrets.refresh_token.at)
		secrets.refresh_token = STR("");
	if (!s->is_again && s->proxy_password)
		secrets.proxy_password = str_of(s->proxy_password);
	if (account_is_signed_out(&rec)) {
		rec.held = false;
		rec.held_reason = rec.held_by = STR("");
		rec.held_at = 0;
	}
#define X(name) rec.name = STR("");
#include "relayd/grant.def"
#undef X
	oauth_grant_note(&s->grant, clock_wall_ms(), &rec);
	s->state = SIGNIN_SAVING;
	account_save(s->all->d->pool, &rec, &secrets, s->is_again, 0, &s->who,
	    on_saved, s);
}

/* --- after the tokens ------------------------------------------------------------------------ */

static void
on_next(void *arg, const struct fetch_result *result)
{
	struct signin *s = arg;
	const struct oauth *o = s->flow.provider->oauth;
	struct why why = result->why;
	enum err e = result->e;

	s->fetch = NULL;
	/* A step that cannot be reached is one whose answer is lacking. */
	e = o->next_read(&s->flow, s->step, e ? 0 : result->status,
	    e ? STR("") : result->body, &s->grant, &why);
	if (e) {
		fail_anew(s, e, &why);
		return;
	}
	s->step++;
	s->waited = false;
	next(s);
}

static void
next(struct signin *s)
{
	const struct oauth *o = s->flow.provider->oauth;
	struct oauth_ask ask;
	struct why why;
	enum err e = ERR_UNKNOWN;

	oauth_ask_init(&ask);
	oauth_flow_secret(&s->flow, s->conf, s->all->d->client_secrets);
	if (o->next_ask)
		e = o->next_ask(&s->flow, &s->grant, s->step, &ask);
	if (!e && ask.wait_ms && !s->waited) {
		s->waited = true;
		timer_set(s->all->d->loop, &s->pause,
		    loop_ms(s->all->d->loop) + ask.wait_ms);
	} else if (!e)
		send_ask(s, &ask, on_next);
	else if (e == ERR_UNKNOWN)
		loop_ready(s->all->d->loop, &s->saver);
	else {
		why_set(&why, e, "",
		    e == ERR_TIMEOUT ? "the provider does not come to an end"
				     : "the next step cannot be asked");
		fail_anew(s, e, &why);
	}
	oauth_ask_fini(&ask);
}

static void
on_tokens(void *arg, const struct fetch_result *result)
{
	struct signin *s = arg;
	struct why why = result->why, said;
	enum err e = result->e;

	s->fetch = NULL;
	if (e) {
		fail_anew(s, e, &why);
		return;
	}
	e = oauth_read(&s->flow, result->status, result->body, &s->grant,
	    &said);
	if (e) {
		why_set(&why, e, "answer", "%s (%s)",
		    e == ERR_DENIED
			? "the provider does not take this code: it is wrong, "
			  "was used before, or is too old"
			: "the provider gave no token",
		    said.text);
		fail_anew(s, e, &why);
		return;
	}
	next(s);
}

/* --- device flow --------------------------------------------------------------------------------- */

static void
on_device(void *arg, const struct fetch_result *result)
{
	struct signin *s = arg;
	struct signin_end end = { .e = result->e, .why = result->why };
	struct loop *l = s->all->d->loop;

	s->fetch = NULL;
	if (!end.e)
		end.e = oauth_device_read(&s->flow, result->status,
		    result->body, &s->device, &end.why);
	if (end.e) {
		fail_anew(s, end.e, &end.why);
		return;
	}
	s->flow.device_code = buf_str(&s->device.code);
	s->flow.user_code = buf_str(&s->device.user_code);
	s->pace_s = s->device.interval_s;
	s->poll_ms = loop_ms(l) + s->pace_s * 1000;
	if (s->device.life_s * 1000 < SIGNIN_LIFE_MS)
		s->ends_ms = loop_ms(l) + s->device.life_s * 1000;
	timer_set(l, &s->timer, s->ends_ms);
	s->state = SIGNIN_OPEN;
	end.open = s;
	tell(s, &end);
}

static void
on_polled(void *arg, const struct fetch_result *result)
{
	struct signin *s = arg;
	struct signin_end end = { .e = result->e, .why = result->why };
	struct loop *l = s->all->d->loop;

	s->fetch = NULL;
	if (!end.e)
		end.e = oauth_poll_read(&s->flow, result->status, result->body,
		    &s->pace_s, &s->grant, &end.why);
	else
		end.e = ERR_AGAIN; /* the network's trouble is not a no */
	/* Its time ran out while the provider was asked. */
	if (end.e == ERR_AGAIN && is_too_late(s))
		end.e = why_set(&end.why, ERR_TIMEOUT, "id",
		    "the time for this sign-in is over");
	if (end.e == ERR_AGAIN) {
		s->state = SIGNIN_OPEN;
		s->poll_ms = loop_ms(l) + s->pace_s * 1000;
		end.open = s;
		tell(s, &end);
	} else if (end.e) {
		fail_anew(s, end.e, &end.why);
	} else {
		next(s);
	}
}

/* --- the calls -------------------------------------------------------------------------------------- */

struct signin *
signin_find(const struct signins *all, struct str id, uid_t uid)
{
	struct signin *s;

	LIST_FOREACH (s, &all->live, link)
		if (str_eq(str_of(s->id), id) && (uid == 0 || s->uid == uid))
			return s;
	return NULL;
}

const struct signin *
signin_next(const struct signins *all, const struct signin *s, uid_t uid)
{
	s = s ? LIST_NEXT(s, link) : LIST_FIRST(&all->live);
	for (; s; s = LIST_NEXT(s, link))
		if (!s->is_import && (uid == 0 || s->uid == uid))
			return s;
	return NULL;
}

enum err
signin_address(const struct signin *s, struct buf *out)
{
	if (buf_len(&s->device.url_whole))
		return buf_add(out, buf_str(&s->device.url_whole));
	if (buf_len(&s->device.url))
		return buf_add(out, buf_str(&s->device.url));
	return oauth_authorize(&s->flow, out);
}

enum err
signin_begin(struct signins *all, const struct signin_ask *ask,
    signin_done *done, void *arg, struct why *out_why)
{
	struct signin *s;
	struct oauth_ask device;
	enum err e = check_room(all, out_why);

	if (!e)
		e = check_way(ask, out_why);
	if (e)
		return e;
	s = signin_new(all, ask, out_why);
	if (!s)
		return ERR_VALUE;
	task_init(&s->saver, save, s);
	s->state = SIGNIN_OPEN;
	if (!s->by_device) {
		struct signin_end end = { .open = s };

		done(arg, &end);
		return OK;
	}
	oauth_ask_init(&device);
	e = oauth_device(&s->flow, &device);
	if (e) {
		why_set(out_why, e, "", "the code cannot be asked for");
		drop(s);
	} else {
		s->state = SIGNIN_STARTING;
		s->done = done;
		s->arg = arg;
		send_ask(s, &device, on_device);
	}
	oauth_ask_fini(&device);
	return e;
}

static enum err
take_turn(struct signin *s, const struct audit_who *who, signin_done *done,
    void *arg, struct why *out_why)
{
	if (s->state != SIGNIN_OPEN)
		return why_set(out_why, ERR_BUSY, "id",
		    "this sign-in is being finished already");
	if (is_too_late(s))
		return why_set(out_why, ERR_TIMEOUT, "id",
		    "the time for this sign-in is over; begin again: relayctl "
		    "account login KIND NAME, or account reauth NAME");
	s->who = *who;
	s->done = done;
	s->arg = arg;
	s->state = SIGNIN_ASKING;
	return OK;
}

enum err
signin_import(struct signins *all, const struct signin_ask *ask,
    struct oauth_grant *io_grant, const struct audit_who *who,
    signin_done *done, void *arg, struct why *out_why)
{
	enum err e = check_room(all, out_why);
	struct oauth_grant empty;
	struct signin *s;

	if (e)
		return e;
	s = signin_new(all, ask, out_why);
	if (!s)
		return ERR_VALUE;
	task_init(&s->saver, save, s);
	s->state = SIGNIN_OPEN;
	s->is_import = true;
	e = take_turn(s, who, done, arg, out_why);
	assert(e == OK);
	empty = s->grant;
	s->grant = *io_grant;
	*io_grant = empty;
	next(s);
	return OK;
}

enum err
signin_finish(struct signin *s, struct str pasted, const struct audit_who *who,
    signin_done *done, void *arg, struct why *out_why)
{
	struct oauth_ask ask;
	struct buf code;
	enum err e;

	if (s->by_device)
		return why_set(out_why, ERR_UNSUPPORTED, "answer",
		    "nothing is pasted here: type the code at the provider's "
		    "page");
	buf_init(&code, OAUTH_PASTE_MAX);
	oauth_ask_init(&ask);
	e = oauth_paste(&s->flow, pasted, &code, out_why);
	oauth_flow_secret(&s->flow, s->conf, s->all->d->client_secrets);
	if (!e)
		e = oauth_exchange(&s->flow, buf_str(&code), &ask);
	if (!e)
		e = take_turn(s, who, done, arg, out_why);
	if (!e)
		send_ask(s, &ask, on_tokens);
	oauth_ask_fini(&ask);
	buf_wipe(&code);
	return our_word(e);
}

enum err
signin_poll(struct signin *s, const struct audit_who *who, signin_done *done,
    void *arg, struct why *out_why)
{
	struct oauth_ask ask;
	enum err e;

	if (!s->by_device)
		return why_set(out_why, ERR_UNSUPPORTED, "id",
		    "this sign-in waits for a pasted answer");
	if (s->state == SIGNIN_OPEN && loop_ms(s->all->d->loop) < s->poll_ms) {
		struct signin_end end = { .e = ERR_AGAIN, .open = s };

		done(arg, &end);
		return OK;
	}
	oauth_ask_init(&ask);
	oauth_flow_secret(&s->flow, s->conf, s->all->d->client_secrets);
	e = oauth_poll(&s->flow, &ask);
	if (!e)
		e = take_turn(s, who, done, arg, out_why);
	if (!e)
		send_ask(s, &ask, on_polled);
	oauth_ask_fini(&ask);
	return e;
}

enum err
signin_cancel(struct signin *s)
{
	struct signin_end end = { .e = ERR_CLOSED, .is_over = true };

	if (s->state == SIGNIN_SAVING)
		return ERR_BUSY;
	why_set(&end.why, ERR_CLOSED, "id", "the sign-in was cancelled");
	fetch_cancel(s->fetch);
	s->fetch = NULL;
	tell(s, &end);
	return OK;
}

void
signin_forget(struct signins *all, void *arg)
{
	struct signin *s;

	LIST_FOREACH (s, &all->live, link)
		if (s->arg == arg)
			s->done = NULL;
}

/* --- all of them --------------------------------------------------------------------------------------- */

void
signins_new(struct daemon *d, struct signins **out)
{
	struct signins *all = xcalloc(1, sizeof(*all));

	all->d = d;
	LIST_INIT(&all->live);
	*out = all;
}

void
signins_stop(struct signins *all)
{
	struct signin *s, *following;

	for (s = all ? LIST_FIRST(&all->live) : NULL; s; s = following) {
		following = LIST_NEXT(s, link);
		/* What the store has comes back when it closes. */
		if (s->state != SIGNIN_SAVING && signin_cancel(s))
			abort();
	}
}

void
signins_free(struct signins *all)
{
	struct signin *s;

	if (!all)
		return;
	while ((s = LIST_FIRST(&all->live))) {
		LIST_REMOVE(s, link);
		signin_free(s);
	}
	free(all);
}
