/* SPDX-License-Identifier: MIT */
/* year.c - a year of a small group's ledger: how large it is, and how long its
 * sums take to tell.
 *
 *	bench-year [receipts [directory]]
 *
 * The receipts go into the store as the ledger puts them there, only without
 * the ring before them and more in a transaction; then every question that
 * `usage` can ask of the whole year is asked as it asks it, a page of 200
 * rows.  Fails when a receipt comes to more than BYTES_MAX with all its sums,
 * or an answer takes longer than ANSWER_MS_MAX. */
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/keeping.h"
#include "relayd/ledger.h"
#include "relayd/receipt.h"

#define BYTES_MAX     400
#define ANSWER_MS_MAX 50
#define BATCH	      5000
#define DAYS	      365
#define PAGE	      200
#define FIRST_MS      (INT64_C(20454) * 86400000) /* 2026-01-01 */
#define MINUTES_MS    (2 * INT64_C(86400000))

#define KEYS	 30
#define ACCOUNTS 12
#define MODELS	 15
#define USERS	 8
#define CLIENTS	 9
#define TAGS	 6

static const char *const models[MODELS] = { "claude-opus-4-6",
	"claude-sonnet-4-6", "claude-haiku-4-5-20251001", "gpt-5.2-codex",
	"gpt-5.2", "gemini-3-pro-preview", "claude-opus-4-8", "gpt-5.2-mini",
	"gemini-3-flash", "claude-sonnet-4-5-20250929", "o5-pro",
	"deepseek/deepseek-v4", "qwen/qwen3-coder-plus", "gpt-5.2-codex-mini",
	"claude-fable-1" };
static const char *const accounts[ACCOUNTS] = { "team-north-1", "team-north-2",
	"team-south-1", "anthropic-api", "anthropic-api-eu", "openai-main",
	"openai-codex-1", "openai-codex-2", "google-vertex", "google-ai-studio",
	"bedrock-frankfurt", "openrouter" };
static const char *const clients[CLIENTS] = { "claude-cli/2.1.17",
	"claude-cli/2.2.4", "codex_cli_rs/0.61.0", "GeminiCLI/0.18.1",
	"anthropic-sdk-python/0.75", "OpenAI/Python", "droid/0.22",
	"curl/8.5.0", "continue/1.4" };
static const char *const tags[TAGS] = { "ci", "research,gpu", "web",
	"web,night", "", "students" };
static const char *const routes[3] = { "anthropic.messages", "openai.responses",
	"gemini.generate" };

static uint64_t random_state = 88172645463325252;

static uint64_t
random_below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % n;
}

/* Few of them do most of the work. */
static unsigned
skewed_below(unsigned n)
{
	unsigned a = (unsigned)random_below(n), b = (unsigned)random_below(n);

	return a < b ? a : b;
}

static int64_t
clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
must(enum err e, const struct why *why)
{
	if (!e)
		return;
	fprintf(stderr, "bench-year: %s: %s\n", err_name(e),
	    why ? why->text : "");
	exit(1);
}

/* --- receipts ---------------------------------------------------------------- */

static void
add_attempt(struct buf *to, const char *account, bool ok, uint64_t total_us)
{
	const struct attempt_rec a = { .account = str_of(account),
		.status = ok ? 200 : 529,
		.outcome = ok ? ATTEMPT_OK : ATTEMPT_ERROR_STATUS,
		.error = ok ? STR("") : STR("overloaded_error"),
		.begin_us = 150 + random_below(300),
		.connect_us = random_below(5) ? 0 : 28000 + random_below(9000),
		.head_us = 300000 + random_below(900000),
		.end_us = ok ? total_us - 500 : 900000 };

	must(rec_attempts_add(to, &a), NULL);
}

/* A key has an owner, tags, some models and accounts of its own.  `key_text`
 * and `attempts` last until it is written. */
static struct receipt_rec
make_receipt(char key_text[16], char user_text[16], struct buf *attempts)
{
	unsigned key = skewed_below(KEYS);
	unsigned model = (key + skewed_below(6)) % MODELS;
	unsigned account = (key + skewed_below(4)) % ACCOUNTS;
	uint64_t total_us = 900000 + random_below(25000000);
	bool is_large = random_below(4) > 0, is_bad = random_below(40) == 0;

	snprintf(key_text, 16, "k%08x", key * 0x9e3779b1u);
	snprintf(user_text, 16, "uid:%u", 1000 + key % USERS);
	buf_clear(attempts);
	if (random_below(20) == 0)
		add_attempt(attempts, accounts[(account + 1) % ACCOUNTS], false,
		    total_us);
	add_attempt(attempts, accounts[account], !is_bad, total_us);
	return (struct receipt_rec){
		.key_id = str_of(key_text),
		.user = str_of(user_text),
		.tags = str_of(tags[key % TAGS]),
		.account = str_of(accounts[account]),
		.route = str_of(routes[key % 3]),
		.client = str_of(clients[(key + skewed_below(2)) % CLIENTS]),
		.model = str_of(models[model]),
		.upstream_model =
		    model % 5 ? STR("") : STR("claude-opus-4-6-20260201"),
		.status = is_bad ? 529 : 200,
		.outcome = is_bad ? OUTCOME_FAILED : OUTCOME_OK,
		.fault = is_bad ? STR("overloaded_error") : STR(""),
		.flags = RECEIPT_STREAM,
		.wait_us = 100 + random_below(400),
		.head_us = 300000 + random_below(900000),
		.first_us = 700000 + random_below(900000),
		.total_us = total_us,
		.bytes_in = 20000 + random_below(400000),
		.bytes_out = 2000 + random_below(60000),
		.input = (int64_t)random_below(5000),
		.output = (int64_t)random_below(4000),
		.cache_read = is_large ? (int64_t)random_below(150000) : 0,
		.cache_write_5m = is_large ? (int64_t)random_below(9000) : 0,
		.reasoning = (int64_t)random_below(2000),
		.price_id = 0x1234567890abcdef,
		.cost_micro = 500 + (int64_t)random_below(400000),
		.rated_micro = 500 + (int64_t)random_below(400000),
		.rate_ppm = 1200000,
		.attempts = buf_str(attempts),
	};
}

/* --- a year ------------------------------------------------------------------ */

struct year {
	struct job job;
	struct ledger *l;
	const int64_t *ends_ms; /* of this batch */
	size_t count;
	uint64_t encoded_bytes;
};

static enum err
book_one(struct year *y, struct booking *b, struct txn *t, int64_t end_ms,
    struct buf *attempts)
{
	uint8_t random[ULID_RANDOM];
	char key[16], user[16];
	struct receipt_rec r = make_receipt(key, user, attempts);
	struct ulid id;
	enum err e;

	for (unsigned i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)random_below(256);
	/* It is booked when it ends, and named by when it began. */
	id = ulid_make(end_ms - (int64_t)(r.total_us / 1000), random);
	e = booking_add(b, t, &id, &r);
	y->encoded_bytes += buf_len(&b->encoded);
	return e;
}

static enum err
book_batch(struct job *j, struct txn *t, struct why *out_why)
{
	struct year *y = (struct year *)j;
	struct buf attempts;
	struct booking b;
	enum err e = booking_begin(&b, t, ledger_zones(y->l));

	(void)out_why;
	buf_init(&attempts, 4096);
	for (size_t i = 0; !e && i < y->count; i++)
		e = book_one(y, &b, t, y->ends_ms[i], &attempts);
	e = booking_end(&b, t, e);
	buf_fini(&attempts);
	return e;
}

/* At the end of the year those before its last days would be gone. */
static enum err
forget_minutes(struct job *j, struct txn *t, struct why *out_why)
{
	struct zones *zones = ledger_zones(((struct year *)j)->l);
	struct keeping k;
	enum err e = keeping_read(t, zones, &k);

	(void)out_why;
	k.from[PERIOD_MINUTE] =
	    minute_of_ms(FIRST_MS + DAYS * INT64_C(86400000) - MINUTES_MS);
	return e ? e : keeping_write(t, &k);
}

static int
earlier(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* People work by day, and some of them on weekends. */
static size_t
make_day(unsigned day, size_t mean, int64_t *out)
{
	bool is_weekend = (day + 3) % 7 >= 5;
	size_t count = is_weekend ? mean / 3 : mean + mean * 4 / 15;

	for (size_t i = 0; i < count; i++) {
		uint64_t hour =
		    random_below(10) ? 7 + random_below(12) : random_below(24);

		out[i] = FIRST_MS + day * INT64_C(86400000) +
		    (int64_t)(hour * 3600000 + random_below(3600000));
	}
	qsort(out, count, sizeof(*out), earlier);
	return count;
}

static size_t
make_year(struct store *s, struct ledger *l, size_t wanted)
{
	struct year y = { .job.work = forget_minutes, .l = l };
	size_t mean = wanted / DAYS + 1, made = 0;
	int64_t *ends = xcalloc(mean * 2 + 16, sizeof(*ends));
	int64_t cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	must(store_now(s, LANE_WRITE, &y.job), &y.job.why);
	y.job.work = book_batch;
	for (unsigned day = 0; day < DAYS; day++) {
		size_t count = make_day(day, mean, ends);

		for (size_t at = 0; at < count; at += y.count) {
			y.ends_ms = ends + at;
			y.count = count - at < BATCH ? count - at : BATCH;
			must(store_now(s, LANE_WRITE, &y.job), &y.job.why);
		}
		made += count;
	}
	cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
	printf("made        %zu receipts, each %.0f bytes encoded, in %.1f us "
	       "of CPU\n",
	    made, (double)y.encoded_bytes / (double)made,
	    (double)cpu_ns / 1e3 / (double)made);
	free(ends);
	return made;
}

/* --- questions --------------------------------------------------------------- */

struct answer {
	bool here;
	enum err e;
	size_t rows;
	uint64_t requests;
	uint64_t differences;
	char first[160];
};

static void
on_usage(void *arg, enum err e, const struct why *why,
    const struct usage_answer *got)
{
	struct answer *a = arg;

	(void)why;
	a->e = e;
	a->rows = got->count;
	a->requests = got->total.requests;
	a->here = true;
}

static void
on_verify(void *arg, enum err e, const struct why *why,
    const struct ledger_check *check)
{
	struct answer *a = arg;

	must(e, why);
	a->differences = check->differences;
	snprintf(a->first, sizeof(a->first), "%s", check->first);
	a->here = true;
}

static void
wait_for(struct store *s, const bool *here)
{
	struct pollfd p = { .fd = store_fd(s), .events = POLLIN };

	while (!*here) {
		(void)!poll(&p, 1, -1);
		store_collect(s);
	}
}

/* The best of three: others use the machine too. */
static double
ask_ms(struct store *s, struct ledger *l, const struct usage_query *q,
    struct answer *out)
{
	double best = 1e9;

	for (unsigned i = 0; i < 3; i++) {
		int64_t from_ns = clock_ns(CLOCK_MONOTONIC);
		double took;

		*out = (struct answer){ .here = false };
		ledger_usage(l, q, on_usage, out);
		wait_for(s, &out->here);
		took = (double)(clock_ns(CLOCK_MONOTONIC) - from_ns) / 1e6;
		if (took < best)
			best = took;
	}
	return best;
}

/* A page from the middle of the year too, and only the largest. */
static double
ask_kinds(struct store *s, struct ledger *l, enum dimension by, enum period per,
    struct answer *out)
{
	struct usage_query q = { .by = by,
		.per = per,
		/* Not midnight: days and hours at both ends. */
		.since_ms = FIRST_MS + 40000000,
		.until_ms =
		    FIRST_MS + (DAYS - 1) * INT64_C(86400000) + 50000000,
		.limit = PAGE + 1,
		.want_total = true };
	struct answer other;
	double worst = ask_ms(s, l, &q, out), ms;

	q.top = 10;
	ms = ask_ms(s, l, &q, &other);
	worst = ms > worst ? ms : worst;
	if (per != PERIOD_TOTAL) {
		q.top = 0;
		q.page_ms = FIRST_MS + DAYS / 2 * INT64_C(86400000);
		q.page_ms = (int64_t)zone_begin(ledger_zone(l), per,
				minute_of_ms(q.page_ms)) *
		    60000;
		ms = ask_ms(s, l, &q, &other);
		worst = ms > worst ? ms : worst;
	}
	return worst;
}

static double
ask_all(struct store *s, struct ledger *l)
{
	double worst = 0;

	printf("\n%-14s", "ms");
	for (unsigned p = 0; p < PERIOD_COUNT; p++)
		printf("%9s", period_name((enum period)p));
	printf("\n");
	for (unsigned d = 0; d < DIMENSION_COUNT; d++) {
		printf("%-14s", dimension_name((enum dimension)d));
		for (unsigned p = 0; p < PERIOD_COUNT; p++) {
			struct answer a;
			double ms = ask_kinds(s, l, (enum dimension)d,
			    (enum period)p, &a);

			if (a.e) {
				printf("%9s", "-");
				continue;
			}
			printf("%9.1f", ms);
			worst = ms > worst ? ms : worst;
		}
		printf("\n");
	}
	return worst;
}

static void
verify_all(struct store *s, struct ledger *l)
{
	int64_t from_ns = clock_ns(CLOCK_MONOTONIC);
	struct answer a = { .here = false };

	ledger_verify(l, on_verify, &a);
	wait_for(s, &a.here);
	printf("verify      %llu differences, in %.0f s%s%s\n",
	    (unsigned long long)a.differences,
	    (double)(clock_ns(CLOCK_MONOTONIC) - from_ns) / 1e9,
	    a.differences ? ": " : "", a.first);
	if (a.differences)
		exit(1);
}

/* --- all of it ----------------------------------------------------------------- */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static double
bytes_each(const char *dir, size_t receipts)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/data.mdb", dir);
	if (stat(path, &st) != 0)
		return 0;
	return (double)st.st_blocks * 512 / (double)receipts;
}

static int
run(const char *dir, size_t receipts)
{
	struct store_conf conf = { .ops = &store_lmdb, .dir = dir };
	double each, worst;
	struct ledger *l;
	struct store *s;
	struct why why;

	must(store_open(&conf, &s, &why), &why);
	must(ledger_new(s, dir, &l, &why), &why);
	receipts = make_year(s, l, receipts);
	must(store_start(s, &why), &why);
	each = bytes_each(dir, receipts);
	printf("on disk     %.0f bytes for each, sums and all (at most %d)\n",
	    each, BYTES_MAX);
	worst = ask_all(s, l);
	printf("\nthe longest answer: %.1f ms (at most %d)\n", worst,
	    ANSWER_MS_MAX);
	verify_all(s, l);
	store_close(s);
	ledger_free(l);
	return each > BYTES_MAX || worst > ANSWER_MS_MAX;
}

int
main(int argc, char **argv)
{
	char made[] = "/tmp/bench-year.XXXXXX";
	const char *dir = argc > 2 ? argv[2] : mkdtemp(made);
	uint64_t receipts = 10000000;
	int status;

	if ((argc > 1 && str_u64(str_of(argv[1]), &receipts)) || !dir) {
		fprintf(stderr, "usage: bench-year [receipts [directory]]\n");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	status = run(dir, receipts);
	if (dir == made)
		nftw(made, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return status;
}
