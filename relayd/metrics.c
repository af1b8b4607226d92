/* SPDX-License-Identifier: MIT */
/* metrics.c - everything relayd tells about itself in numbers. */
#include "relayd/metrics.h"

#include <stdio.h>

#include "proto/version.h"

#include "store/store.h"

#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/route.h"
#include "relayd/tally.h"
#include "relayd/vitals.h"

/* The rows of metric.def. */
static const struct {
	enum metric_type type;
	const char *metric, *help;
	void (*put)(const struct daemon *d, struct exposition *x);
} rows[] = {
#define X(name, type_, metric_, help_)                                         \
	{ .type = METRIC_##type_,                                              \
		.metric = (metric_),                                           \
		.help = (help_),                                               \
		.put = put_##name },
#include "relayd/metric.def"
#undef X
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* --- requests -------------------------------------------------------------- */

static bool
has_route(unsigned dialect, unsigned op)
{
	const struct route *r;

	if (op == TALLY_NO_OP)
		return true;
	for (unsigned i = 0; (r = route_at(i)); i++)
		if (r->op == (enum op)op &&
		    !strcmp(r->dialect->name,
			tally_dialect_name((enum tally_dialect)dialect)))
			return true;
	return false;
}

static void
put_outcomes(const struct daemon *d, struct exposition *x, unsigned dialect,
    unsigned op)
{
	const uint64_t *n = d->tally->requests[dialect][op];
	struct label labels[] = { { .name = "dialect" }, { .name = "op" },
		{ .name = "outcome" } };
	bool expected = has_route(dialect, op);

	labels[0].value =
	    str_of(tally_dialect_name((enum tally_dialect)dialect));
	labels[1].value =
	    op == TALLY_NO_OP ? STR("none") : str_of(op_name((enum op)op));
	/* Told before the first one, so that its coming is seen as a rise. */
	for (unsigned o = 0; o < OUTCOME_COUNT; o++) {
		labels[2].value = str_of(outcome_name(o));
		if (expected || n[o])
			sample_u64(x, labels, 3, n[o]);
	}
}

void
put_requests(const struct daemon *d, struct exposition *x)
{
	for (unsigned dialect = 0; dialect < TALLY_DIALECTS; dialect++)
		for (unsigned op = 0; op < TALLY_OPS; op++)
			put_outcomes(d, x, dialect, op);
}

void
put_attempts(const struct daemon *d, struct exposition *x)
{
	struct label label = { .name = "outcome" };

	for (unsigned o = 0; o < ATTEMPT_OUTCOME_COUNT; o++) {
		label.value = str_of(attempt_outcome_name(o));
		sample_u64(x, &label, 1, d->tally->attempts[o]);
	}
}

void
put_verdicts(const struct daemon *d, struct exposition *x)
{
	struct label label = { .name = "rule" };
	const struct verdict *v;

	for (unsigned i = 0; (v = verdict_at(i)); i++) {
		label.value = str_of(v->name);
		sample_u64(x, &label, 1, d->tally->verdicts[i]);
	}
}

void
put_tokens(const struct daemon *d, struct exposition *x)
{
	struct label labels[] = { { .name = "dialect" }, { .name = "class" } };

	for (unsigned i = 0; i < TALLY_DIALECTS; i++) {
		labels[0].value =
		    str_of(tally_dialect_name((enum tally_dialect)i));
		for (unsigned c = 0; c < TALLY_CLASSES; c++) {
			labels[1].value =
			    str_of(tally_class_name((enum tally_class)c));
			sample_u64(x, labels, 2, d->tally->tokens[i][c]);
		}
	}
}

void
put_reasoning(const struct daemon *d, struct exposition *x)
{
	struct label label = { .name = "dialect" };

	for (unsigned i = 0; i < TALLY_DIALECTS; i++) {
		label.value = str_of(tally_dialect_name((enum tally_dialect)i));
		sample_u64(x, &label, 1, d->tally->reasoning[i]);
	}
}

static void
put_money(const uint64_t micro[TALLY_DIALECTS], struct exposition *x)
{
	struct label label = { .name = "dialect" };

	for (unsigned i = 0; i < TALLY_DIALECTS; i++) {
		label.value = str_of(tally_dialect_name((enum tally_dialect)i));
		sample_micro(x, &label, 1, micro[i]);
	}
}

void
put_cost(const struct daemon *d, struct exposition *x)
{
	put_money(d->tally->cost_micro, x);
}

void
put_rated_cost(const struct daemon *d, struct exposition *x)
{
	put_money(d->tally->rated_micro, x);
}

void
put_unpriced(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, d->tally->unpriced);
}

void
put_estimated(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, d->tally->estimated);
}

/* --- the daemon ------------------------------------------------------------ */

void
put_turns(const struct daemon *d, struct exposition *x)
{
	sample_histogram(x, NULL, 0, loop_turns(d->loop), 3, 22);
}

void
put_longest(const struct daemon *d, struct exposition *x)
{
	sample_micro(x, NULL, 0, (uint64_t)loop_longest_lately_us(d->loop));
}

static struct store_stats
stats(const struct daemon *d)
{
	struct store_stats s;

	store_get_stats(d->store, &s);
	return s;
}

void
put_commits(const struct daemon *d, struct exposition *x)
{
	struct store_stats s = stats(d);

	sample_histogram(x, NULL, 0, &s.commit_took, 6, 24);
}

void
put_jobs_now(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, stats(d).waiting);
}

void
put_jobs(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, stats(d).jobs);
}

void
put_store_fails(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, stats(d).failures);
}

void
put_store_busy(const struct daemon *d, struct exposition *x)
{
	sample_micro(x, NULL, 0, stats(d).busy_ns / 1000);
}

void
put_store_used(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, stats(d).used_bytes);
}

void
put_store_map(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, stats(d).map_bytes);
}

void
put_journal(const struct daemon *d, struct exposition *x)
{
	sample_micro(x, NULL, 0, ledger_fill(d->ledger) * UINT64_C(10000));
}

void
put_log_lost(const struct daemon *d, struct exposition *x)
{
	(void)d;
	sample_u64(x, NULL, 0, log_dropped());
}

void
put_control(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, control_connections(d->control));
}

void
put_draining(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, d->draining);
}

/* --- the process ----------------------------------------------------------- */

void
put_build(const struct daemon *d, struct exposition *x)
{
	const struct label labels[] = { { "version", str_of(relayd_version) } };

	(void)d;
	sample_u64(x, labels, 1, 1);
}

void
put_born(const struct daemon *d, struct exposition *x)
{
	sample_micro(x, NULL, 0, (uint64_t)d->started_wall_ms * 1000);
}

static struct vital_signs
vital_signs(const struct daemon *d)
{
	struct vital_signs s;

	vitals_read(d->vitals, &s);
	return s;
}

void
put_cpu(const struct daemon *d, struct exposition *x)
{
	sample_micro(x, NULL, 0, vital_signs(d).cpu_us);
}

void
put_resident(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, vital_signs(d).resident_bytes);
}

void
put_virtual(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, vital_signs(d).virtual_bytes);
}

void
put_files(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, vital_signs(d).files);
}

void
put_files_max(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, vital_signs(d).files_max);
}

/* --- all of them ----------------------------------------------------------- */

static void
put_counter(const struct daemon *d, const struct counter_row *row,
    struct exposition *x)
{
	if (!row->metric[0])
		return;
	family_begin(x, row->metric, row->now ? METRIC_GAUGE : METRIC_COUNTER,
	    row->help);
	sample_u64(x, NULL, 0, counter_get(&d->counters, row));
	family_end(x);
}

/* stream="true" as it stands in the table. */
static unsigned
split_label(const char *text, struct label *out, char name[32])
{
	struct str rest = str_of(text), key = str_cut(&rest, '=');

	if (!key.len)
		return 0;
	snprintf(name, 32, "%.*s", STR_ARG(key));
	*out = (struct label){ name, str_at(rest.at + 1, rest.len - 2) };
	return 1;
}

static void
put_took(const struct daemon *d, unsigned h, struct exposition *x)
{
	const struct tally_histogram_row *row =
	    tally_histogram_row((enum tally_histogram)h);
	const char *before =
	    h ? tally_histogram_row((enum tally_histogram)(h - 1))->metric : "";
	struct label label;
	char name[32];

	/* Its family was written with the first of its rows. */
	if (!strcmp(before, row->metric))
		return;
	family_begin(x, row->metric, METRIC_HISTOGRAM, row->help);
	for (; h < TALLY_HISTOGRAMS; h++) {
		const struct tally_histogram_row *next =
		    tally_histogram_row((enum tally_histogram)h);

		if (strcmp(next->metric, row->metric) != 0)
			break;
		sample_histogram(x, &label,
		    split_label(next->label, &label, name), &d->tally->took[h],
		    next->low, next->high);
	}
	family_end(x);
}

bool
metrics_put(const struct daemon *d, unsigned i, struct exposition *x)
{
	const struct counter_row *counter;

	if (i < ROWS) {
		family_begin(x, rows[i].metric, rows[i].type, rows[i].help);
		rows[i].put(d, x);
		family_end(x);
		return true;
	}
	i -= ROWS;
	if (i < TALLY_HISTOGRAMS) {
		put_took(d, i, x);
		return true;
	}
	counter = counter_at(i - TALLY_HISTOGRAMS);
	if (counter)
		put_counter(d, counter, x);
	return counter != NULL;
}
