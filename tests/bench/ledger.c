/* SPDX-License-Identifier: MIT */
/* ledger.c - what keeping receipts costs: the loop for each request, and the
 * store's writer at a given rate with every commit on disk.
 *
 *	bench-ledger [receipts per second [seconds [directory]]] */
#include "relayd/ledger.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "store/journal.h"
#include "store/store.h"

#include "relayd/receipt.h"

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
	fprintf(stderr, "bench-ledger: %s: %s\n", err_name(e), why->text);
	exit(1);
}

/* A small group: 30 keys, 12 accounts, 15 models. */
static struct receipt_rec
sample(uint64_t n)
{
	static const char keys[] = "kqwertyuiopasdfghjklzxcvbnm1234567890abc";
	static const char *const accounts[] = { "team-north-1", "team-north-2",
		"team-south-1", "team-south-2", "anthropic-api", "bedrock-eu",
		"openai-main", "openai-codex-1", "openai-codex-2",
		"google-vertex", "google-ai-1", "openrouter" };
	static const char *const models[] = { "claude-opus-4-6",
		"claude-sonnet-4-6", "gpt-5.2-codex", "claude-haiku-4-5",
		"gpt-5.2", "gemini-3-pro", "gpt-5.2-mini", "gemini-3-flash",
		"o5-pro", "claude-opus-4-8", "claude-sonnet-4-5", "qwen3-coder",
		"deepseek-v4", "claude-fable-1", "gpt-5.2-nano" };
	uint64_t mixed = n * 0x9e3779b97f4a7c15u >> 33;

	return (struct receipt_rec){
		.key_id = str_at(keys + mixed % 30, 9),
		.user = STR("uid:1000"),
		.tags = STR("ci,night"),
		.account = str_of(accounts[mixed / 30 % 12]),
		.route = STR("anthropic.messages"),
		.client = STR("claude-cli/2.1.17"),
		.model = str_of(models[mixed / 360 % 15]),
		.status = 200,
		.outcome = OUTCOME_OK,
		.flags = RECEIPT_STREAM,
		.wait_us = 120,
		.head_us = 312000,
		.first_us = 650000,
		.total_us = 8100000 + n,
		.bytes_in = 181000,
		.bytes_out = 23000,
		.input = 1203,
		.output = 540,
		.cache_read = 45000,
	};
}

static struct ulid
id_of(uint64_t n)
{
	struct timespec ts;
	uint8_t random[10] = { 0 };

	clock_gettime(CLOCK_REALTIME, &ts);
	for (unsigned i = 0; i < 8; i++)
		random[2 + i] = (uint8_t)(n * 0x9e3779b97f4a7c15u >> 8 * i);
	return ulid_make(ts.tv_sec * 1000 + ts.tv_nsec / 1000000, random);
}

static void
bench_encode(void)
{
	struct receipt_rec r = sample(1), back;
	const unsigned rounds = 200000;
	int64_t from_ns, mid_ns, to_ns;
	struct buf b;

	buf_init(&b, JOURNAL_ENTRY_MAX);
	from_ns = clock_ns(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < rounds; i++) {
		buf_clear(&b);
		must(receipt_rec_write(&r, &b), NULL);
	}
	mid_ns = clock_ns(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < rounds; i++)
		must(receipt_rec_read(buf_str(&b), &back), NULL);
	to_ns = clock_ns(CLOCK_MONOTONIC);
	printf("record      %zu bytes, written in %lld ns, read in %lld ns\n",
	    buf_len(&b), (long long)(mid_ns - from_ns) / rounds,
	    (long long)(to_ns - mid_ns) / rounds);
	buf_fini(&b);
}

/* The second lap: pages of the file are met for the first time only once. */
static void
bench_append(const char *dir)
{
	char payload[160] = "a receipt";
	const unsigned rounds = 20000;
	int64_t from_ns = 0;
	struct journal *j;
	uint64_t at = 0;
	struct str got;
	struct why why;
	uint8_t kind;

	must(journal_new(dir, JOURNAL_BYTES, &j, &why), &why);
	for (unsigned lap = 0; lap < 2; lap++) {
		from_ns = clock_ns(CLOCK_MONOTONIC);
		for (unsigned i = 0; i < rounds; i++)
			must(journal_append(j, 1,
				 str_at(payload, sizeof(payload))),
			    &why);
		from_ns -= clock_ns(CLOCK_MONOTONIC);
		while (journal_next(j, &at, &kind, &got))
			continue;
		journal_release(j, at);
	}
	printf("append      %zu bytes in %lld ns\n", sizeof(payload),
	    (long long)-from_ns / rounds);
	journal_remove(j);
}

/* Open and done for each; a tenth of the requests is still open when the
 * batch is folded. */
static void
bench_writer(const char *dir, uint64_t rate, uint64_t seconds)
{
	struct store_conf conf = { .ops = &store_lmdb, .dir = dir };
	int64_t tick_ns = 1000000000 / (int64_t)rate, at_ns, cpu_ns, loop_ns;
	uint64_t count = rate * seconds;
	struct store_stats stats;
	struct ledger *l;
	struct store *s;
	struct why why;

	must(store_open(&conf, &s, &why), &why);
	must(ledger_new(s, dir, &l, &why), &why);
	must(store_start(s, &why), &why);
	cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	loop_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	at_ns = clock_ns(CLOCK_MONOTONIC);
	for (uint64_t n = 0; n < count; n++) {
		struct receipt_rec r = sample(n);
		struct ulid id = id_of(n);
		struct timespec until;

		must(ledger_open(l, &id, &r), &why);
		if (n % 10 == 0) {
			at_ns += 10 * tick_ns;
			until = (struct timespec){ at_ns / 1000000000,
				at_ns % 1000000000 };
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until,
			    NULL);
		}
		ledger_end(l, &id, &r);
	}
	loop_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - loop_ns;
	cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
	store_get_stats(s, &stats);
	printf("loop        %lld ns for open and done of a request\n",
	    (long long)loop_ns / (long long)count);
	printf("writer      %.1f %% of a core at %llu receipts/s, %llu "
	       "commits, "
	       "the longest %.1f ms\n",
	    (double)(cpu_ns - loop_ns) / 1e7 / (double)seconds,
	    (unsigned long long)rate, (unsigned long long)stats.commits,
	    (double)stats.commit_ns_max / 1e6);
	store_close(s);
	ledger_free(l);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

int
main(int argc, char **argv)
{
	uint64_t rate = 2000, seconds = 5;
	char made[] = "/tmp/bench-ledger.XXXXXX";
	const char *dir = argc > 3 ? argv[3] : mkdtemp(made);

	if ((argc > 1 && str_u64(str_of(argv[1]), &rate)) ||
	    (argc > 2 && str_u64(str_of(argv[2]), &seconds)) || !dir ||
	    rate == 0 || seconds == 0) {
		fprintf(stderr,
		    "usage: bench-ledger [rate [seconds [directory]]]\n");
		return 1;
	}
	bench_encode();
	bench_append(dir);
	bench_writer(dir, rate, seconds);
	if (dir == made)
		nftw(made, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}
