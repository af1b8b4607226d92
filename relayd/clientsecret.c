/* SPDX-License-Identifier: MIT */
/* clientsecret.c - the secrets of OAuth clients: sealed in the store, opened
 * into its arena, read on the loop. */
#include "relayd/clientsecret.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/mem.h"

#include "store/arena.h"
#include "store/seal.h"
#include "store/store.h"

#include "relayd/audit.h"
#include "relayd/conf.h"

#define SECRET_MAX  4096
#define CLIENTS_MAX 16

struct client_secret {
	char *option;
	struct str value; /* in the arena */
	bool is_given;	  /* by systemd */
};

struct client_secrets {
	struct store *store;
	struct client_secret at[CLIENTS_MAX];
	unsigned count;
};

static struct seal_place
place_of(struct str option)
{
	return (struct seal_place){ .table = STR("secret"),
		.record = option,
		.field = STR("oauth_client") };
}

static struct client_secret *
find(const struct client_secrets *c, struct str option)
{
	for (unsigned i = 0; c && i < c->count; i++)
		if (str_eq(str_of(c->at[i].option), option))
			return (struct client_secret *)(uintptr_t)&c->at[i];
	return NULL;
}

struct str
client_secret_of(const struct client_secrets *c, struct str option)
{
	const struct client_secret *s = find(c, option);

	return s ? s->value : STR("");
}

bool
client_secret_is_given(const struct client_secrets *c, struct str option)
{
	const struct client_secret *s = find(c, option);

	return s && s->is_given;
}

static struct client_secret *
find_or_add(struct client_secrets *c, struct str option)
{
	struct client_secret *s = find(c, option);

	if (s || c->count == CLIENTS_MAX)
		return s;
	s = &c->at[c->count++];
	*s = (struct client_secret){ .option = xmemdup(option.at, option.len),
		.value = STR("") };
	return s;
}

/* --- loading -------------------------------------------------------------------- */

struct load {
	struct job job;
	struct client_secrets *to;
	struct txn *txn;
};

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct seal_place place = place_of(key);
	struct client_secret *s = find_or_add(l->to, key);
	struct buf plain;
	enum err e = s ? OK : ERR_LIMIT;

	buf_init(&plain, SECRET_MAX);
	if (!e)
		e = seal_open(txn_seal(l->txn), &place, value, &plain);
	if (!e)
		e = arena_put(txn_arena(l->txn), buf_str(&plain), &s->value);
	buf_wipe(&plain);
	l->job.result = e;
	return !e;
}

/* A credential of systemd; none is OK. */
static enum err
load_given(struct load *l, struct str option, struct why *out_why)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	struct client_secret *s;
	char text[SECRET_MAX], *path;
	struct str value;
	ssize_t n;
	enum err e;
	int fd;

	if (!dir)
		return OK;
	path = xasprintf("%s/%.*s_secret", dir, STR_ARG(option));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	free(path);
	if (fd < 0)
		return OK;
	n = read(fd, text, sizeof(text));
	close(fd);
	value = str_at(text, n > 0 ? (size_t)n : 0);
	while (value.len && value.at[value.len - 1] <= ' ')
		value.len--;
	s = find_or_add(l->to, option);
	if (!value.len || !s)
		return why_set(out_why, ERR_VALUE, "credential",
		    "the credential %.*s_secret cannot be read",
		    STR_ARG(option));
	arena_drop(txn_arena(l->txn), s->value);
	s->is_given = true;
	e = arena_put(txn_arena(l->txn), value, &s->value);
	explicit_bzero(text, sizeof(text));
	return e;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	static const char *const options[] = {
#define X(type, name, preset, when, help) #name,
#include "relayd/conf.def"
#undef X
	};
	struct load *l = (struct load *)j;
	enum err e;

	l->txn = t;
	e = txn_scan(t, TABLE_secret, STR(""), false, load_one, l);
	if (!e && l->job.result)
		e = why_set(out_why, l->job.result, "secret",
		    "a secret of an OAuth client cannot be read: %s",
		    err_text(l->job.result));
	for (size_t i = 0; !e && i < sizeof(options) / sizeof(options[0]); i++)
		if (str_ends(str_of(options[i]), STR("_client")))
			e = load_given(l, str_of(options[i]), out_why);
	return e;
}

enum err
client_secrets_load(struct store *s, struct client_secrets **out,
    struct why *out_why)
{
	struct client_secrets *c = xcalloc(1, sizeof(*c));
	struct load l = { .job = { .work = load_work }, .to = c };
	enum err e;

	c->store = s;
	e = store_now(s, LANE_WRITE, &l.job);
	if (e) {
		if (out_why)
			*out_why = l.job.why;
		client_secrets_free(c);
		return e;
	}
	*out = c;
	return OK;
}

void
client_secrets_free(struct client_secrets *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->count; i++)
		free(c->at[i].option);
	free(c);
}

/* --- changing ------------------------------------------------------------------- */

struct change {
	struct job job;
	struct client_secrets *of;
	char *option;
	struct buf plain; /* empty: forget it */
	struct str value; /* in the arena; then the one to be dropped */
	struct audit_who who;
	client_secret_done *done;
	void *arg;
};

static void
change_free(struct change *ch)
{
	buf_wipe(&ch->plain);
	free(ch->option);
	free(ch);
}

static enum err
change_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct change *ch = (struct change *)j;
	struct str option = str_of(ch->option);
	struct seal_place place = place_of(option);
	bool forgets = !buf_len(&ch->plain);
	struct buf sealed;
	enum err e;

	buf_init(&sealed, 2 * SECRET_MAX);
	e = audit_write_text(t, &ch->who, "oauth_client", option,
	    forgets ? STR("secret forgotten") : STR("secret changed"), out_why);
	if (!e && forgets)
		e = txn_del(t, TABLE_secret, option);
	if (!e && !forgets)
		e = seal_close(txn_seal(t), &place, buf_str(&ch->plain),
		    &sealed);
	if (!e && !forgets)
		e = txn_put(t, TABLE_secret, option, buf_str(&sealed));
	if (!e && !forgets)
		e = arena_put(txn_arena(t), buf_str(&ch->plain), &ch->value);
	buf_fini(&sealed);
	if (e == ERR_UNKNOWN)
		why_set(out_why, e, "option", "%s has no secret here",
		    ch->option);
	return e;
}

static enum err
drop_work(struct job *j, struct txn *t, struct why *out_why)
{
	(void)out_why;
	arena_drop(txn_arena(t), ((struct change *)j)->value);
	return OK;
}

static void
drop_done(struct job *j)
{
	change_free((struct change *)j);
}

static void
change_done(struct job *j)
{
	struct change *ch = (struct change *)j;
	struct client_secret *s = NULL;
	struct str old;

	if (!j->result)
		s = find_or_add(ch->of, str_of(ch->option));
	/* What systemd gave counts more; the store's is for when it is gone. */
	if (s && !s->is_given) {
		old = s->value;
		s->value = ch->value.len ? ch->value : STR("");
		ch->value = old;
	}
	ch->done(ch->arg, j->result, &j->why);
	ch->job = (struct job){ .work = drop_work, .done = drop_done };
	store_post(ch->of->store, LANE_WRITE, &ch->job);
}

void
client_secret_set(struct client_secrets *c, struct str option,
    struct str secret, const struct audit_who *who, client_secret_done *done,
    void *arg)
{
	struct change *ch = xcalloc(1, sizeof(*ch));

	ch->job = (struct job){ .work = change_work, .done = change_done };
	ch->of = c;
	ch->option = xmemdup(option.at, option.len);
	ch->who = *who;
	ch->done = done;
	ch->arg = arg;
	buf_init(&ch->plain, SECRET_MAX);
	buf_must(&ch->plain, str_first(secret, SECRET_MAX));
	store_post(c->store, LANE_WRITE, &ch->job);
}
