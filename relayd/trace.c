/* SPDX-License-Identifier: MIT */
/* trace.c - traces on the loop: which are active, what there is room for, and
 * what is being captured.  Touches no store but by posting jobs. */
#include "relayd/trace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relayd/log.h"
#include "relayd/setting.h"

/* The wall clock may be set: look again after so long at the latest. */
#define LOOK_MS 60000
/* Those of a head, and of every account that is tried. */
#define SECRETS_MAX (1024 * 1024)

/* --- names of parts -------------------------------------------------------- */

static const char *const try_parts[] = { "head", "body", "answer.head",
	"answer.body" };

bool
traced_name(unsigned number, char out[TRACED_TEXT])
{
	const char *name = number == TRACED_CLIENT_HEAD ? "client.head"
	    : number == TRACED_CLIENT_BODY		? "client.body"
	    : number == TRACED_ANSWER_HEAD		? "answer.head"
	    : number == TRACED_ANSWER_BODY		? "answer.body"
							: NULL;

	if (name)
		snprintf(out, TRACED_TEXT, "%s", name);
	else if (number >= TRACED_UP_HEAD && number < TRACED_ANSWER_HEAD)
		snprintf(out, TRACED_TEXT, "up%u.%s", number / 4,
		    try_parts[number % 4]);
	else
		return false;
	return true;
}

enum err
traced_find(struct str name, unsigned *out_number)
{
	char text[TRACED_TEXT];

	for (unsigned n = 1; n < TRACED_NUMBERS; n++)
		if (traced_name(n, text) && str_eq(name, str_of(text))) {
			*out_number = n;
			return OK;
		}
	return ERR_UNKNOWN;
}

bool
traced_is_head(unsigned number)
{
	return number != TRACED_RECEIPT && number != TRACED_CLIENT_BODY &&
	    (number % 2 == 0 || number == TRACED_CLIENT_HEAD) &&
	    number < TRACED_NUMBERS;
}

/* --- one trace ------------------------------------------------------------- */

const char *
trace_state_name(enum trace_state s)
{
	static const char *const names[] = {
		[TRACE_ACTIVE] = "active",
		[TRACE_ENDED] = "ended",
		[TRACE_STOPPED] = "stopped",
		[TRACE_DONE] = "done",
		[TRACE_FULL] = "full",
	};

	return names[s];
}

static bool
has_room(const struct traces *all, const struct trace *t, uint64_t more)
{
	const struct settings *s = all->settings;

	return t->rec.bytes + t->held + more <= s->trace_size_bytes &&
	    all->bytes + more <= s->trace_total_bytes;
}

enum trace_state
trace_state(const struct traces *all, const struct trace *t)
{
	if (t->rec.stopped_at)
		return TRACE_STOPPED;
	if (all->wall_ms() >= (int64_t)t->rec.until_at)
		return TRACE_ENDED;
	if (t->begun >= t->rec.max)
		return TRACE_DONE;
	if (t->full || !has_room(all, t, TRACE_PART_EXTRA))
		return TRACE_FULL;
	return TRACE_ACTIVE;
}

int64_t
trace_ends_at(const struct trace *t)
{
	return (int64_t)(t->rec.stopped_at ? t->rec.stopped_at
					   : t->rec.until_at);
}

int64_t
trace_goes_at(const struct traces *all, const struct trace *t)
{
	int64_t ends = trace_ends_at(t), keep = all->settings->trace_keep_ms;

	return ends > INT64_MAX - keep ? INT64_MAX : ends + keep;
}

enum err
trace_adopt(struct trace *t, struct str encoded)
{
	char *blob = xmemdup(encoded.at, encoded.len);
	enum err e = trace_rec_read(str_at(blob, encoded.len), &t->rec);

	if (!e && t->rec.id.len != TRACE_ID_LEN)
		e = ERR_CORRUPT;
	if (e) {
		free(blob);
		return e;
	}
	free(t->blob);
	t->blob = blob;
	return OK;
}

static void
trace_free(struct trace *t)
{
	free(t->blob);
	free(t);
}

void
trace_release(struct trace *t)
{
	if (!--t->users && t->gone)
		trace_free(t);
}

/* --- all of them ----------------------------------------------------------- */

static void
on_timer(void *arg)
{
	traces_remove_again(arg);
	traces_turn(arg);
}

void
traces_init(struct traces *all, struct loop *l, struct store *s,
    const struct settings *settings)
{
	*all = (struct traces){ .loop = l,
		.store = s,
		.settings = settings,
		.wall_ms = clock_wall_ms };
	TAILQ_INIT(&all->list);
	TAILQ_INIT(&all->waiting);
	TAILQ_INIT(&all->unremoved);
	timer_init(&all->timer, on_timer, all);
}

void
traces_fini(struct traces *all)
{
	struct trace *t, *next;

	if (all->loop)
		timer_clear(all->loop, &all->timer);
	all->store = NULL;
	traces_remove_again(all);
	for (t = TAILQ_FIRST(&all->list); t; t = next) {
		next = TAILQ_NEXT(t, link);
		assert(!t->users);
		trace_free(t);
	}
	TAILQ_INIT(&all->list);
}

void
traces_insert(struct traces *all, struct trace *t)
{
	t->begun = t->rec.count;
	all->bytes += t->rec.bytes;
	all->count++;
	TAILQ_INSERT_TAIL(&all->list, t, link);
}

void
traces_unlist(struct traces *all, struct trace *t)
{
	TAILQ_REMOVE(&all->list, t, link);
	all->count--;
	all->bytes -= t->rec.bytes;
	t->rec.bytes = 0;
	t->gone = true;
	if (!t->users)
		trace_free(t);
}

struct trace *
traces_find(const struct traces *all, struct str id)
{
	struct trace *t;

	TAILQ_FOREACH (t, &all->list, link)
		if (str_eq(t->rec.id, id))
			return t;
	return NULL;
}

void
traces_turn(struct traces *all)
{
	int64_t now = all->wall_ms(), wait = LOOK_MS, left;
	struct trace *t, *next;

	all->active = 0;
	for (t = TAILQ_FIRST(&all->list); t; t = next) {
		next = TAILQ_NEXT(t, link);
		if (now >= trace_goes_at(all, t)) {
			trace_remove(all, t, NULL, NULL, NULL);
			continue;
		}
		all->active += trace_state(all, t) == TRACE_ACTIVE;
		left = trace_ends_at(t) > now ? trace_ends_at(t) - now
					      : trace_goes_at(all, t) - now;
		if (left < wait)
			wait = left;
	}
	if (!all->loop)
		return;
	if (all->count || !TAILQ_EMPTY(&all->unremoved))
		timer_set(all->loop, &all->timer, loop_ms(all->loop) + wait);
	else
		timer_clear(all->loop, &all->timer);
}

static bool
wants(const struct trace *t, struct str key_id, struct str account)
{
	if (t->rec.key_id.len)
		return key_id.at && str_eq(t->rec.key_id, key_id);
	if (t->rec.account.len)
		return account.at && str_eq(t->rec.account, account);
	return true;
}

struct trace *
traces_match(struct traces *all, struct str key_id, struct str account)
{
	struct trace *t;

	TAILQ_FOREACH (t, &all->list, link)
		if (wants(t, key_id, account) &&
		    trace_state(all, t) == TRACE_ACTIVE)
			return t;
	return NULL;
}

/* --- capturing ------------------------------------------------------------- */

static bool
charge(struct capture *c, size_t n)
{
	struct trace *t = c->trace;

	if (!has_room(c->all, t, n))
		return false;
	c->charged += n;
	t->held += n;
	c->all->bytes += n;
	return true;
}

/* Something was left out: no further request is captured. */
static void
note_full(struct capture *c)
{
	c->lost++;
	c->trace->full = true;
}

static void
release(struct capture *c)
{
	c->trace->held -= c->charged;
	c->all->bytes -= c->charged;
	c->charged = 0;
}

struct capture *
capture_new(struct traces *all, struct trace *t, const struct ulid *id)
{
	struct capture *c = xcalloc(1, sizeof(*c));

	c->all = all;
	c->trace = t;
	c->id = *id;
	t->users++;
	t->begun++;
	buf_init(&c->receipt, 64 * 1024);
	buf_init(&c->secrets, SECRETS_MAX);
	memcpy(c->trace_id, t->rec.id.at, TRACE_ID_LEN);
	if (t->begun >= t->rec.max)
		traces_turn(all);
	return c;
}

void
capture_free(struct capture *c)
{
	struct trace *t = c->trace;

	release(c);
	for (unsigned i = 0; i < c->count; i++)
		buf_fini(&c->parts[i].bytes);
	buf_fini(&c->receipt);
	buf_wipe(&c->secrets);
	free(c);
	trace_release(t);
}

struct part_bytes *
capture_part(struct capture *c, unsigned number)
{
	struct part_bytes *p;

	for (unsigned i = 0; i < c->count; i++)
		if (c->parts[i].number == number)
			return &c->parts[i];
	if (c->count == CAPTURE_PARTS || !charge(c, TRACE_PART_EXTRA)) {
		note_full(c);
		return NULL;
	}
	p = &c->parts[c->count++];
	p->number = number;
	buf_init(&p->bytes, c->all->settings->trace_part_bytes);
	return p;
}

void
capture_add(struct capture *c, struct part_bytes *p, struct str bytes)
{
	struct str fits;

	if (!p)
		return;
	p->whole += bytes.len;
	/* Once cut, it stays so: what is kept is the beginning. */
	if (buf_len(&p->bytes) != p->whole - bytes.len)
		return;
	fits = str_first(bytes, p->bytes.max - buf_len(&p->bytes));
	if (fits.len && charge(c, fits.len))
		buf_must(&p->bytes, fits);
	else if (fits.len)
		note_full(c);
}

void
capture_secret(struct capture *c, struct str secret)
{
	char len[2] = { (char)(secret.len >> 8), (char)secret.len };

	/* A head has no room for one that is longer. */
	secret = str_first(secret, UINT16_MAX);
	buf_must(&c->secrets, str_at(len, 2));
	buf_must(&c->secrets, secret);
}

static void write_next(struct traces *all);

static void
lose(struct trace *t, const struct why *why)
{
	t->rec.lost++;
	snprintf(t->trouble, sizeof(t->trouble), "%.100s", why->text);
	log_note(LOG_WARN, "trace", "%.*s: a request is not kept: %s",
	    STR_ARG(t->rec.id), why->text);
}

static void
on_kept(struct job *j)
{
	struct capture *c = (struct capture *)j;
	struct traces *all = c->all;
	struct trace *t = c->trace;

	all->writing = NULL;
	if (t->gone) {
		/* It was removed meanwhile, and all it held. */
	} else if (j->result) {
		lose(t, &j->why);
	} else {
		t->rec.count++;
		t->rec.lost += c->lost;
		t->rec.bytes += c->stored;
		all->bytes += c->stored;
	}
	capture_free(c);
	write_next(all);
}

static void
write_next(struct traces *all)
{
	struct capture *c = TAILQ_FIRST(&all->waiting);

	if (all->writing || !c)
		return;
	TAILQ_REMOVE(&all->waiting, c, link);
	all->writing = c;
	store_post(all->store, LANE_WRITE, &c->job);
}

void
traces_stop(struct traces *all)
{
	struct capture *c;

	while ((c = TAILQ_FIRST(&all->waiting))) {
		TAILQ_REMOVE(&all->waiting, c, link);
		store_post(all->store, LANE_WRITE, &c->job);
	}
}

/* Undoing a coding makes more of the bytes: there must be room for that. */
static void
charge_decoding(struct capture *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		struct part_bytes *p = &c->parts[i];
		size_t most = p->bytes.max, len = buf_len(&p->bytes);

		if (p->decoded || p->coding == CODING_IDENTITY ||
		    p->coding == CODING_OTHER || len >= most)
			continue;
		if (!charge(c, most - len))
			p->bytes.max = len;
	}
}

void
capture_keep(struct capture *c)
{
	charge_decoding(c);
	c->job = (struct job){ .work = capture_work, .done = on_kept };
	if (c->trace->full)
		traces_turn(c->all);
	TAILQ_INSERT_TAIL(&c->all->waiting, c, link);
	write_next(c->all);
}
