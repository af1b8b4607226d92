/* SPDX-License-Identifier: MIT */
/* store.h - keys and values behind two threads.
 *
 * The writer thread is the only one that writes, and the only one that sees
 * the master key; the reader thread serves statistics.  The loop hands both
 * of them jobs and gets completions back, so it never touches the disk:
 *
 *	loop			  writer / reader thread
 *	store_post(job) ------->  job->work(job, txn)
 *	job->done(job)  <-------  (store_fd() becomes readable; store_collect())
 *
 * The writer takes all jobs that wait, and what the journal holds, into one
 * transaction; completions come after its commit is on disk.  A job whose
 * work fails leaves no trace of itself and does not disturb the others. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "proto/histogram.h"
#include "proto/str.h"

enum table {
#define X(name) TABLE_##name,
#include "store/table.def"
#undef X
	TABLE_COUNT
};

struct txn; /* one transaction; belongs to the thread that runs the job */
struct seal;
struct arena;

/* Seen by txn_scan(); return false to stop.  Both are borrowed for the call,
 * which may read but not write: note the keys, and change them afterwards. */
typedef bool store_scan_fn(void *arg, struct str key, struct str value);

/* A backend. `db` and `txn` are its own. */
struct store_ops {
	const char *name;
	enum err (*open)(const char *dir, size_t map_size, void **out_db,
	    struct why *out_why);
	void (*close)(void *db);
	/* A write transaction may have one child (parent given), which is
	 * committed into it or aborted alone. */
	enum err (*begin)(void *db, void *parent, bool write, void **out_txn,
	    struct why *out_why);
	/* The transaction is over, also when this fails. */
	enum err (*commit)(void *txn, struct why *out_why);
	void (*abort)(void *txn);
	enum err (*get)(void *txn, enum table t, struct str key,
	    struct str *out_value);
	enum err (*put)(void *txn, enum table t, struct str key,
	    struct str value);
	enum err (*del)(void *txn, enum table t, struct str key);
	/* From the first key >= from, in order (or from the last key <= from
	 * backwards; an empty `from` then means the very last). */
	enum err (*scan)(void *txn, enum table t, struct str from,
	    bool backwards, store_scan_fn *fn, void *arg);
	/* Bytes used at the worst so far (a file of pages does not shrink) and
	 * bytes there may be.  By the thread that writes. */
	void (*space)(void *db, uint64_t *out_used, uint64_t *out_size);
};

extern const struct store_ops store_lmdb; /* the daemon's */
extern const struct store_ops store_mem;  /* the tests': can be told to fail */

/* Make the n-th (1 = next) call of put, del or commit of the memory backend
 * fail with e, once; n = 0 cancels.  `db` as made by its open.  Commits of
 * children count: a batch of one job that puts once is put, commit, commit. */
void store_mem_fail(void *db, unsigned n, enum err e);

/* --- inside a job ---------------------------------------------------------- */

/* Keys have 1 to 511 bytes; putting any other is ERR_VALUE.  A job that goes
 * on after ERR_FULL, ERR_IO or ERR_CORRUPT fails with it whatever it returns.
 *
 * ERR_UNKNOWN: no such key.  The value is borrowed until the next write or
 * the end of the job. */
enum err txn_get(struct txn *t, enum table table, struct str key,
    struct str *out_value) CHECKED;
enum err txn_put(struct txn *t, enum table table, struct str key,
    struct str value) CHECKED;
/* ERR_UNKNOWN when there was none. */
enum err txn_del(struct txn *t, enum table table, struct str key) CHECKED;
enum err txn_scan(struct txn *t, enum table table, struct str from,
    bool backwards, store_scan_fn *fn, void *arg) CHECKED;
/* The master key's services; only in jobs of the writer. */
struct seal *txn_seal(struct txn *t);
/* Where opened secrets live for the loop to read; only the writer allocates. */
struct arena *txn_arena(struct txn *t);

/* --- the service ----------------------------------------------------------- */

struct store_conf {
	const struct store_ops *ops;
	const char *dir; /* state directory, mode 0700, made if missing */
	const char
	    *key_file;	   /* master key; NULL: credential or dir/master.key */
	size_t map_size;   /* most bytes of the database; 0: 64 GiB, grows */
	size_t arena_size; /* bytes of locked memory; 0: 1 MiB */
};

struct store;

enum lane {
	LANE_WRITE,
	LANE_READ
};

/* Embed it as the first member of what the work needs. */
struct job {
	struct job *next; /* the queue's */
	enum err result;
	struct why why;
	/* On the store's thread. */
	enum err (*work)(struct job *j, struct txn *t, struct why *out_why);
	/* On the loop; frees the job.  j->result and j->why tell. */
	void (*done)(struct job *j);
};

/* What the writer folds into every transaction besides jobs (the journal). All
 * members run on the writer thread. */
struct store_feed {
	void *arg;
	/* Is there something to fold?  Cheap. */
	bool (*waiting)(void *arg);
	/* Put all of it into the transaction.  A failure leaves no trace and
	 * does not disturb the jobs. */
	enum err (*fold)(void *arg, struct txn *t, struct why *out_why);
	/* The transaction with it is on disk.  Or it was lost (ok = false) and
	 * will be folded again, after a rest in which jobs go alone. */
	void (*settled)(void *arg, bool ok);
};

/* Open the backend under an exclusive lock of `dir` (ERR_BUSY: another relayd
 * has it), get or make the master key, bring the schema up to date.  Nothing
 * is changed on disk when it fails.  No thread runs yet. */
enum err store_open(const struct store_conf *conf, struct store **out,
    struct why *out_why) CHECKED;
/* Before store_start(): run one job's work at once on this thread, in a
 * transaction of its own. */
enum err store_now(struct store *s, enum lane lane, struct job *j) CHECKED;
/* Before store_start(). `feed` is copied. */
void store_set_feed(struct store *s, const struct store_feed *feed);
/* Start both threads.  What was posted before runs in the first batch. */
enum err store_start(struct store *s, struct why *out_why) CHECKED;

/* Readable when completions wait for store_collect(). */
int store_fd(const struct store *s);
void store_post(struct store *s, enum lane lane, struct job *take_job);
/* Run the waiting completions; returns how many. On the loop's thread. */
unsigned store_collect(struct store *s);
/* Tell the writer that the feed has something (cheap; at most one wake-up is
 * under way at a time). */
void store_poke(struct store *s);

/* Of the writer.  Failures are transactions and folds that were lost; a job
 * that fails by itself is none. */
struct store_stats {
	uint64_t commits, jobs, failures;
	uint64_t waiting; /* jobs of both lanes that have not come back */
	uint64_t commit_ns_last, commit_ns_max, busy_ns;
	uint64_t used_bytes, map_bytes;
	struct histogram commit_took;
	/* Why the last transaction or fold was lost; empty: it was not. */
	struct why trouble;
};
void store_get_stats(struct store *s, struct store_stats *out);

/* Finish all jobs and what is fed, stop the threads, close.  Completions not
 * collected yet are run; what they post completes with ERR_CLOSED.  NULL is
 * fine. */
void store_close(struct store *s);

#endif
