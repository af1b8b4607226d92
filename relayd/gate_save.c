/* SPDX-License-Identifier: MIT */
/* gate_save.c - gates between the store and the loop. */
#include "relayd/gate_save.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/mem.h"

#include "relayd/account.h"
#include "relayd/log.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
/* Of one account: its gates, and its parts, each with its texts. */
#define ROW_MAX ((GATE_COUNT + GATE_PARTS_MAX) * 512)

static void
read_clock(struct gate_keeper *k, struct gate_clock *out)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	*out = (struct gate_clock){ .wall_ms = clock_wall_ms(),
		.boot_ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000,
		.now_ms = loop_ms(k->loop) };
	memcpy(out->boot, k->boot, sizeof(out->boot));
}

void
gate_keeper_init(struct gate_keeper *k, struct loop *l, struct store *s,
    struct pool *p)
{
	FILE *f = fopen(BOOT_ID, "re");

	*k = (struct gate_keeper){
		.pool = p, .loop = l, .store = s, .read_clock = read_clock
	};
	/* Without one the wall clock counts. */
	if (f && !fgets(k->boot, sizeof(k->boot), f))
		k->boot[0] = '\0';
	if (f)
		fclose(f);
	k->boot[strcspn(k->boot, "\n")] = '\0';
}

int64_t
gate_left_ms(const struct rest_rec *r, const struct gate_clock *now)
{
	int64_t whole_ms = (int64_t)(r->until_at - r->saved_at), gone_ms;

	if (r->boot.len && str_eq(r->boot, str_of(now->boot)))
		gone_ms = now->boot_ms - (int64_t)r->boot_ms;
	else
		gone_ms = now->wall_ms - (int64_t)r->saved_at;
	/* The clock went back: nobody knows how much is gone. */
	if (gone_ms < 0)
		gone_ms = 0;
	return gone_ms < whole_ms ? whole_ms - gone_ms : 0;
}

/* --- loading --------------------------------------------------------------- */

struct load {
	struct job job;
	struct gate_keeper *keeper;
	struct gate_clock now;
};

static void
take_rest(struct account *a, const struct rest_rec *r,
    const struct gate_clock *now)
{
	int64_t left_ms = gate_left_ms(r, now);
	char reason[GATE_REASON];
	struct gate_part *part;
	enum gate g;

	if (!left_ms || r->account_at != a->rec.created_at ||
	    !gate_find(r->gate, &g))
		return;
	snprintf(reason, sizeof(reason), "%.*s", STR_ARG(r->reason));
	if (!r->models.len) {
		gate_shut(&a->gates, g, now->now_ms + left_ms, reason);
		a->gates.strikes[g] = (unsigned)r->strikes;
		return;
	}
	part = gate_part_of(&a->parts, r->models, r->is_long, g, now->now_ms);
	part->until_ms = now->now_ms + left_ms;
	part->strikes = (unsigned)r->strikes;
	memcpy(part->reason, reason, sizeof(part->reason));
}

static bool
next_rest(struct str *rest, struct rest_rec *out)
{
	size_t len;

	if (rest->len < 2)
		return false;
	len = (size_t)(unsigned char)rest->at[0] << 8 |
	    (unsigned char)rest->at[1];
	*rest = str_skip(*rest, 2);
	if (len > rest->len || rest_rec_read(str_first(*rest, len), out))
		return false;
	*rest = str_skip(*rest, len);
	return true;
}

static bool
load_one(void *arg, struct str key, struct str value)
{
	struct load *l = arg;
	struct account *a = pool_find(l->keeper->pool, key);
	struct rest_rec r;

	/* A row that cannot be read is worth a refused try, and no more. */
	while (a && next_rest(&value, &r))
		take_rest(a, &r, &l->now);
	/* What is left of it is written anew, and what is not goes. */
	if (a)
		a->kept_sum = 1;
	return true;
}

static enum err
load_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct load *l = (struct load *)j;

	(void)out_why;
	return txn_scan(t, TABLE_gate, STR(""), false, load_one, l);
}

enum err
gate_keeper_load(struct gate_keeper *k, struct why *out_why)
{
	struct load l = { .job = { .work = load_work }, .keeper = k };
	enum err e;

	k->read_clock(k, &l.now);
	e = store_now(k->store, LANE_READ, &l.job);
	if (e && out_why)
		*out_why = l.job.why;
	return e;
}

/* --- saving ---------------------------------------------------------------- */

struct row {
	struct row *next;
	struct buf bytes; /* empty: it goes */
	char name[];
};

struct save {
	struct job job;
	struct gate_keeper *keeper;
	struct row *rows;
};

static uint64_t
mix(uint64_t sum, uint64_t value)
{
	return (sum ^ value) * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static bool
is_kept(int64_t until_ms, int64_t now_ms)
{
	return until_ms - now_ms >= GATE_KEPT_MS;
}

/* Of what should be stored; 0: nothing. */
static uint64_t
sum_of(const struct account *a, int64_t now_ms)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < GATE_COUNT; i++)
		if (is_kept(a->gates.until_ms[i], now_ms))
			sum = mix(mix(sum, i + 2),
			    (uint64_t)a->gates.until_ms[i]);
	for (unsigned i = 0; i < a->parts.count; i++)
		if (is_kept(a->parts.at[i].until_ms, now_ms))
			sum = mix(mix(sum, i + 100),
			    (uint64_t)a->parts.at[i].until_ms);
	return sum;
}

static void
put_rest(struct buf *out, const struct account *a, struct rest_rec r,
    int64_t until_ms, const struct gate_clock *now)
{
	struct buf one;
	size_t len;
	char head[2];

	r.account_at = a->rec.created_at;
	r.saved_at = (uint64_t)now->wall_ms;
	r.until_at = (uint64_t)(now->wall_ms + until_ms - now->now_ms);
	r.boot = str_of(now->boot);
	r.boot_ms = (uint64_t)now->boot_ms;
	buf_init(&one, 512);
	/* All its texts are bounded. */
	if (!rest_rec_write(&r, &one)) {
		len = buf_len(&one);
		head[0] = (char)(len >> 8);
		head[1] = (char)(len & 0xff);
		buf_must(out, str_at(head, 2));
		buf_must(out, buf_str(&one));
	}
	buf_fini(&one);
}

static struct row *
row_of(const struct account *a, const struct gate_clock *now)
{
	struct row *row = xcalloc(1, sizeof(*row) + a->rec.name.len + 1);

	memcpy(row->name, a->rec.name.at, a->rec.name.len);
	buf_init(&row->bytes, ROW_MAX);
	for (int i = 0; i < GATE_COUNT; i++)
		if (is_kept(a->gates.until_ms[i], now->now_ms))
			put_rest(&row->bytes, a,
			    (struct rest_rec){
				.gate = str_of(gate_name((enum gate)i)),
				.reason = str_of(a->gates.reason[i]),
				.strikes = a->gates.strikes[i] },
			    a->gates.until_ms[i], now);
	for (unsigned i = 0; i < a->parts.count; i++) {
		const struct gate_part *g = &a->parts.at[i];

		if (is_kept(g->until_ms, now->now_ms))
			put_rest(&row->bytes, a,
			    (struct rest_rec){
				.gate = str_of(gate_name(g->which)),
				.models = str_of(g->of),
				.is_long = g->is_long,
				.reason = str_of(g->reason),
				.strikes = g->strikes },
			    g->until_ms, now);
	}
	return row;
}

static enum err
save_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct save *s = (struct save *)j;
	enum err e = OK;

	(void)out_why;
	for (struct row *row = s->rows; row && !e; row = row->next) {
		if (buf_len(&row->bytes)) {
			e = txn_put(t, TABLE_gate, str_of(row->name),
			    buf_str(&row->bytes));
			continue;
		}
		e = txn_del(t, TABLE_gate, str_of(row->name));
		if (e == ERR_UNKNOWN)
			e = OK;
	}
	return e;
}

static void
save_done(struct job *j)
{
	struct save *s = (struct save *)j;
	struct account *a;
	struct row *row;

	s->keeper->is_busy = false;
	while ((row = s->rows)) {
		s->rows = row->next;
		a = pool_find(s->keeper->pool, str_of(row->name));
		/* It is tried again with the next look. */
		if (j->result && a)
			a->kept_sum = 1;
		buf_fini(&row->bytes);
		free(row);
	}
	if (j->result && j->result != ERR_CLOSED)
		log_note(LOG_ERROR, "gate", "gates cannot be kept: %s",
		    j->why.text);
	free(s);
}

void
gate_keeper_look(struct gate_keeper *k)
{
	struct row *rows = NULL, *row;
	struct gate_clock now;
	struct account *a;
	struct save *s;

	if (k->is_busy)
		return;
	k->read_clock(k, &now);
	TAILQ_FOREACH (a, &k->pool->accounts, link) {
		uint64_t sum = sum_of(a, now.now_ms);

		if (sum == a->kept_sum)
			continue;
		a->kept_sum = sum;
		row = row_of(a, &now);
		row->next = rows;
		rows = row;
	}
	if (!rows)
		return;
	s = xcalloc(1, sizeof(*s));
	*s = (struct save){ .job = { .work = save_work, .done = save_done },
		.keeper = k,
		.rows = rows };
	k->is_busy = true;
	store_post(k->store, LANE_WRITE, &s->job);
}

static void
on_time(void *arg)
{
	struct gate_keeper *k = arg;

	gate_keeper_look(k);
	timer_set(k->loop, &k->timer, loop_ms(k->loop) + GATE_LOOK_MS);
}

void
gate_keeper_start(struct gate_keeper *k)
{
	timer_init(&k->timer, on_time, k);
	timer_set(k->loop, &k->timer, loop_ms(k->loop) + GATE_LOOK_MS);
}

void
gate_keeper_stop(struct gate_keeper *k)
{
	timer_clear(k->loop, &k->timer);
	gate_keeper_look(k);
}
