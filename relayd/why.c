/* SPDX-License-Identifier: MIT */
/* why.c - the story of a request, step by step into a small buffer.  What is
 * foreign in it is made harmless here. */
#include "relayd/why.h"

#include <stdio.h>

#include "relayd/budget.h"
#include "relayd/daemon.h"
#include "relayd/inert.h"
#include "relayd/loop.h"
#include "relayd/relay.h"
#include "relayd/sample.h"

/* Of one account, that a sample must not show. */
#define SECRETS_MAX 34
/* Each is "name 4294967295, ". */
#define FELL_MAX (SIEVE_COUNT * 24 + 1)
/* Each is ", ", a name and two numbers. */
#define BEST_MAX (SCHED_BEST_MAX * (2 + 64 + 2 * 21))

static const char *const step_names[] = {
#define X(name, word) word,
#include "relayd/why_step.def"
#undef X
};

static const char *const sieve_names[] = {
#define X(name, text) #name,
#include "relayd/sieve.def"
#undef X
};

static const char *const bond_names[] = {
	[BOND_NEW] = "new",
	[BOND_KEPT] = "kept",
	[BOND_VISIT] = "visit",
	[BOND_MOVED] = "moved",
};

const char *
why_step_name(uint64_t kind)
{
	return kind < WHY_STEPS ? step_names[kind] : "unknown";
}

/* --- steps ----------------------------------------------------------------- */

/* With its length in front, like the attempts of a receipt. */
static enum err
add_step(struct buf *story, const struct step_rec *s, size_t keep_free)
{
	size_t before = buf_len(story), len;
	enum err e = buf_add(story, str_at("\0\0", 2));

	if (!e)
		e = step_rec_write(s, story);
	len = buf_len(story) - before - 2;
	if (!e && buf_len(story) > WHY_MAX - keep_free)
		e = ERR_LIMIT;
	if (e) {
		buf_chop(story, buf_len(story) - before);
		return e;
	}
	story->mem[story->start + before] = (char)(len >> 8);
	story->mem[story->start + before + 1] = (char)len;
	return OK;
}

bool
why_next(struct str *io_rest, struct step_rec *out)
{
	size_t len;

	if (io_rest->len < 2)
		return false;
	len = (size_t)(uint8_t)io_rest->at[0] << 8 | (uint8_t)io_rest->at[1];
	*io_rest = str_skip(*io_rest, 2);
	if (len > io_rest->len ||
	    step_rec_read(str_first(*io_rest, len), out)) {
		*io_rest = STR("");
		return false;
	}
	*io_rest = str_skip(*io_rest, len);
	return true;
}

static void
tell(struct relay *r, struct step_rec *s)
{
	s->at_us = (uint64_t)(clock_us() - r->began_us);
	if (add_step(&r->story, s, WHY_LAST))
		r->story_lost++;
}

/* "held 1, gated 2", in the order of the sieves. */
static struct str
put_fell(const struct sched_choice *c, char out[FELL_MAX])
{
	size_t n = 0;

	out[0] = '\0';
	for (int i = 0; i < SIEVE_COUNT; i++) {
		if (!c->fell[i])
			continue;
		n += (size_t)snprintf(out + n, FELL_MAX - n, "%s%.12s %u",
		    n ? ", " : "", sieve_names[i], c->fell[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (out[i] >= 'A' && out[i] <= 'Z')
			out[i] = (char)(out[i] + 32);
	return str_at(out, n);
}

/* A number behind a blank; without printf, for it is on every request's way. */
static size_t
put_number(char *out, int64_t n)
{
	uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	char digits[20];
	size_t count = 0, at = 0;

	do {
		digits[count++] = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	out[at++] = ' ';
	if (n < 0)
		out[at++] = '-';
	while (count)
		out[at++] = digits[--count];
	return at;
}

/* "a1 50 0, a2 50 3": name, priority, and what the strategy compares first. */
static struct str
put_best(const struct sched_choice *c, char out[BEST_MAX])
{
	size_t n = 0;

	for (unsigned i = 0; i < c->best_count; i++) {
		const struct sched_candidate *b = &c->best[i];
		struct str name = str_first(b->account->rec.name, 64);

		if (i) {
			out[n++] = ',';
			out[n++] = ' ';
		}
		memcpy(out + n, name.at, name.len);
		n += name.len;
		n += put_number(out + n, b->priority);
		n += put_number(out + n, b->rank.at[0]);
	}
	return str_at(out, n);
}

/* --- what is told ---------------------------------------------------------- */

/* The first choice of most requests is all there is to say, and not kept. */
void
why_chose(struct relay *r, const struct sched_choice *c)
{
	char fell[FELL_MAX], best[BEST_MAX], tier[TIER_TEXT];
	struct step_rec s = { .kind = WHY_CHOSE,
		.account = c->account->rec.name,
		.word = str_of(bond_names[c->bond]),
		.fell = put_fell(c, fell),
		.best = put_best(c, best) };
	const struct sticky_session *t;

	/* A session that stays where it is was not compared with others. */
	if (c->best_count) {
		sched_tier_text(&r->ask, c->tier, tier);
		s.text = str_of(tier);
		s.next =
		    str_of(strategy_word(sched_strategy(&r->ask, c->tier)));
	}
	if (c->bond == BOND_VISIT || c->bond == BOND_MOVED) {
		r->story_tells = true;
		s.reason = str_of(c->left == SIEVE_COUNT ? "slow or failing"
							 : sieve_text(c->left));
		t = sticky_find(&r->all->sticky, r->session.id,
		    loop_ms(r->d->loop));
		if (t) {
			s.from = t->account->rec.name;
			s.cost_micro = t->switch_micro;
		}
	}
	tell(r, &s);
}

void
why_nobody(struct relay *r, const struct sched_choice *c)
{
	int64_t now_ms = loop_ms(r->d->loop);
	char fell[FELL_MAX];
	struct step_rec s = { .kind = WHY_NOBODY, .fell = put_fell(c, fell) };

	if (c->soonest_ms > now_ms)
		s.took_us = (uint64_t)(c->soonest_ms - now_ms) * 1000;
	r->story_tells = true;
	tell(r, &s);
}

void
why_waits(struct relay *r, const char *what, int64_t us)
{
	struct step_rec s = { .kind = WHY_WAITED,
		.word = str_of(what),
		.account = str_of(r->account_name),
		.took_us = (uint64_t)us };
	const struct sticky_session *t =
	    r->stick_until_ms && r->state == R_WAITING
	    ? sticky_find(&r->all->sticky, r->session.id, loop_ms(r->d->loop))
	    : NULL;

	if (t)
		s.cost_micro = t->switch_micro;
	r->story_tells = true;
	tell(r, &s);
}

/* Everything that its account proves itself with. */
static size_t
secrets_of(const struct relay *r, struct str out[SECRETS_MAX])
{
	const struct account *a = r->account;
	size_t n = 0;

	out[n++] = a->credential;
	out[n++] = a->proxy_password;
	for (unsigned i = 0; i < a->keys.count && n < SECRETS_MAX; i++)
		out[n++] = a->keys.at[i].text;
	return n;
}

void
why_judged(struct relay *r, unsigned status, struct str body)
{
	const struct verdict *v = r->verdict;
	int64_t left_ms = r->shut_until_ms - loop_ms(r->d->loop);
	struct str secrets[SECRETS_MAX];
	char sample[SAMPLE_MAX + 1], rule[VERDICT_LABEL];
	struct step_rec s = { .kind = WHY_JUDGED,
		.account = str_of(r->account_name),
		.next = str_of(verdict_next_name(v->next)),
		.scope = str_of(verdict_scope_name(v->scope)),
		.status = status > STATUS_SILENT ? status : 0 };

	verdict_label(v, rule);
	s.word = str_of(rule);
	sample_take(body, secrets, secrets_of(r, secrets), sample);
	s.text = str_of(sample);
	if (left_ms > 0 && v->gate >= 0 && v->gate < GATE_COUNT) {
		s.reason = str_of(gate_text((enum gate)v->gate));
		s.took_us = (uint64_t)left_ms * 1000;
	}
	r->shut_until_ms = 0;
	r->story_tells = true;
	tell(r, &s);
}

void
why_renewed(struct relay *r, const char *trouble)
{
	struct step_rec s = { .kind = WHY_RENEWED,
		.account = str_of(r->account_name),
		.text = str_of(trouble ? trouble : "") };

	r->story_tells = true;
	tell(r, &s);
}

void
why_reserved(struct relay *r)
{
	struct step_rec s = { .kind = WHY_RESERVED };
	char ids[160];
	size_t n = 0;

	/* None is of its model: of that there is nothing to say. */
	if (!r->reserved || !r->reserved->count)
		return;
	for (unsigned i = 0; i < r->reserved->count; i++) {
		struct str id = r->reserved->hold[i].b->rec.id;

		if (n + id.len + 2 >= sizeof(ids))
			break;
		n += (size_t)snprintf(ids + n, sizeof(ids) - n, "%s%.*s",
		    n ? " " : "", STR_ARG(id));
	}
	s.word = str_at(ids, n);
	tell(r, &s);
}

/* --- its end --------------------------------------------------------------- */

void
why_ended(struct relay *r, const struct receipt_rec *rec)
{
	char text[WHY_LAST - 100];
	struct step_rec s = { .kind = WHY_ENDED,
		.reason = str_first(rec->fault, 40),
		.status = rec->status,
		.lost = r->story_lost,
		.at_us = rec->total_us };

	if (r->fault || r->tries > 1)
		r->story_tells = true;
	if (!r->story_tells || !r->d->whys)
		return;
	if (r->fault) {
		inert_copy(text, sizeof(text), buf_str(&r->fault_text));
		s.text = str_of(text);
	}
	/* Room is kept for it. */
	if (add_step(&r->story, &s, 0) == OK)
		whys_keep(r->d->whys, &r->id, buf_str(&r->story));
}
