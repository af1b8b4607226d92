/* SPDX-License-Identifier: MIT */
/* lmdb.c - the daemon's backend: one LMDB environment in the state directory.
 *
 * Default flags only: full fsync, no map that writes reach (a full disk would
 * be a SIGBUS), and MDB_NOTLS so that a read transaction belongs to a job and
 * not to a thread.  Tables are opened once; those that are missing are made by
 * the first write transaction, so that opening alone changes nothing.
 *
 * The map is address space, not memory.  When nobody asked for a size it
 * doubles as it fills, between two write transactions and while no reader is
 * inside:
 *
 *	writer	begin: full soon? -> no new readers -> wait for the last to
 *		leave -> remap -> let readers in again */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include <lmdb.h>

#include "proto/mem.h"

#include "store/store.h"

#define FIELD "store"

#define MAP_DEFAULT  ((size_t)64 << 30)
#define MAP_SMALLEST ((size_t)16 << 20)
/* Less room on the disk than this makes a failed write mean "full". */
#define DISK_FULL_BYTES ((uint64_t)1 << 20)

struct lmdb {
	MDB_env *env;
	MDB_dbi tables[TABLE_COUNT];
	bool known[TABLE_COUNT]; /* it is on disk, its handle is for all */
	bool may_grow;
	/* Writer only. */
	bool was_full;
	/* Readers against a map that moves. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned readers;
	bool growing;
	MDB_txn *spare; /* a reset read transaction, to be renewed */
};

struct lmdb_txn {
	struct lmdb *db;
	MDB_txn *mdb;
	bool write, child;
};

static const char *const table_names[] = {
#define X(name) #name,
#include "store/table.def"
#undef X
};

/* --- errors ---------------------------------------------------------------- */

static enum err
err_of(int rc)
{
	switch (rc) {
	case 0:
		return OK;
	case MDB_NOTFOUND:
		return ERR_UNKNOWN;
	case MDB_KEYEXIST:
		return ERR_EXISTS;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_FULL;
	case MDB_READERS_FULL:
		return ERR_BUSY;
	case MDB_BAD_VALSIZE:
		return ERR_VALUE;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
		return ERR_CORRUPT;
	case MDB_VERSION_MISMATCH:
		return ERR_UNSUPPORTED;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	default:
		return ERR_IO;
	}
}

static enum err
fail(int rc, const char *doing, struct why *out_why)
{
	enum err e = err_of(rc);

	if (rc == MDB_PANIC)
		return why_set(out_why, e, FIELD,
		    "the store is closed after its root could not be written: "
		    "check the disk and restart relayd");
	return why_set(out_why, e, FIELD, "%s: %s", doing, mdb_strerror(rc));
}

/* LMDB calls a write cut short by a full disk EIO. */
static int
disk_error(struct lmdb *db, int rc)
{
	struct statvfs fs;
	int fd;

	if (rc != EIO || mdb_env_get_fd(db->env, &fd) || fstatvfs(fd, &fs))
		return rc;
	return (uint64_t)fs.f_bavail * fs.f_frsize < DISK_FULL_BYTES ? ENOSPC
								     : rc;
}

/* --- the environment ------------------------------------------------------- */

static int
try_open(const char *dir, size_t map_size, MDB_env **out)
{
	MDB_env *env;
	int fd = -1, rc = mdb_env_create(&env);

	if (rc)
		return rc;
	rc = mdb_env_set_maxdbs(env, TABLE_COUNT);
	if (!rc)
		rc = mdb_env_set_mapsize(env, map_size);
	if (!rc)
		rc = mdb_env_open(env, dir, MDB_NOTLS, 0600);
	/* LMDB sets it on its other two descriptors itself. */
	if (!rc)
		rc = mdb_env_get_fd(env, &fd);
	if (!rc && fcntl(fd, F_SETFD, FD_CLOEXEC))
		rc = errno;
	if (rc) {
		mdb_env_close(env);
		return rc;
	}
	*out = env;
	return 0;
}

/* Handles of the tables there are.  Without MDB_CREATE this writes nothing. */
static int
open_tables(struct lmdb *db)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return rc;
	for (int t = 0; t < TABLE_COUNT; t++) {
		rc = mdb_dbi_open(txn, table_names[t], 0, &db->tables[t]);
		if (rc && rc != MDB_NOTFOUND) {
			mdb_txn_abort(txn);
			return rc;
		}
		db->known[t] = rc == 0;
	}
	return mdb_txn_commit(txn);
}

static enum err
lmdb_open(const char *dir, size_t map_size, void **out_db, struct why *out_why)
{
	struct lmdb *db;
	MDB_env *env;
	size_t size = map_size ? map_size : MAP_DEFAULT;
	int dead, rc;

	/* Address space may be short (ulimit -v, sanitizers). */
	while ((rc = try_open(dir, size, &env)) == ENOMEM &&
	    size > MAP_SMALLEST)
		size /= 2;
	if (rc)
		return fail(rc, "cannot open the database", out_why);
	db = xcalloc(1, sizeof(*db));
	db->env = env;
	db->may_grow = map_size == 0;
	/* What a killed process left holds old pages back. */
	rc = mdb_reader_check(env, &dead);
	if (!rc)
		rc = open_tables(db);
	if (rc) {
		mdb_env_close(env);
		free(db);
		return fail(rc, "cannot open the tables", out_why);
	}
	pthread_mutex_init(&db->lock, NULL);
	pthread_cond_init(&db->changed, NULL);
	*out_db = db;
	return OK;
}

static void
lmdb_close(void *arg)
{
	struct lmdb *db = arg;

	if (db->spare)
		mdb_txn_abort(db->spare);
	mdb_env_close(db->env);
	pthread_cond_destroy(&db->changed);
	pthread_mutex_destroy(&db->lock);
	free(db);
}

static void
lmdb_space(void *arg, uint64_t *out_used, uint64_t *out_size)
{
	struct lmdb *db = arg;
	MDB_envinfo info;
	MDB_stat stat;

	mdb_env_info(db->env, &info);
	mdb_env_stat(db->env, &stat);
	*out_used = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
	*out_size = info.me_mapsize;
}

/* --- growing --------------------------------------------------------------- */

/* mdb_env_set_mapsize() gives the old map up before it asks for the new one,
 * and has none when that is refused: ask first. */
static bool
is_mappable(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, size);
	return true;
}

/* By the writer, outside of its transactions. */
static int
make_room(struct lmdb *db)
{
	uint64_t used, size;
	int rc;

	lmdb_space(db, &used, &size);
	if (!db->may_grow || (!db->was_full && used < size / 4 * 3))
		return 0;
	db->was_full = false;
	if (size > SIZE_MAX / 2 || !is_mappable((size_t)size * 2))
		return 0;
	pthread_mutex_lock(&db->lock);
	db->growing = true;
	while (db->readers > 0)
		pthread_cond_wait(&db->changed, &db->lock);
	rc = mdb_env_set_mapsize(db->env, (size_t)size * 2);
	if (rc)
		rc = mdb_env_set_mapsize(db->env, (size_t)size);
	db->growing = false;
	pthread_cond_broadcast(&db->changed);
	pthread_mutex_unlock(&db->lock);
	return rc;
}

/* --- transactions ---------------------------------------------------------- */

static int
begin_read(struct lmdb *db, MDB_txn **out)
{
	int dead, rc;

	pthread_mutex_lock(&db->lock);
	while (db->growing)
		pthread_cond_wait(&db->changed, &db->lock);
	if (db->spare) {
		*out = db->spare;
		rc = mdb_txn_renew(db->spare);
		if (rc)
			mdb_txn_abort(db->spare);
		db->spare = NULL;
	} else {
		rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, out);
		if (rc == MDB_READERS_FULL && !mdb_reader_check(db->env, &dead))
			rc = mdb_txn_begin(db->env, NULL, MDB_RDONLY, out);
	}
	if (!rc)
		db->readers++;
	pthread_mutex_unlock(&db->lock);
	return rc;
}

static void
end_read(struct lmdb *db, MDB_txn *txn)
{
	pthread_mutex_lock(&db->lock);
	if (db->spare) {
		mdb_txn_abort(txn);
	} else {
		mdb_txn_reset(txn);
		db->spare = txn;
	}
	db->readers--;
	pthread_cond_broadcast(&db->changed);
	pthread_mutex_unlock(&db->lock);
}

static int
begin_write(struct lmdb *db, MDB_txn **out)
{
	int rc = make_room(db);

	if (!rc)
		rc = mdb_txn_begin(db->env, NULL, 0, out);
	for (int t = 0; !rc && t < TABLE_COUNT; t++) {
		if (db->known[t])
			continue;
		rc = mdb_dbi_open(*out, table_names[t], MDB_CREATE,
		    &db->tables[t]);
		if (rc)
			mdb_txn_abort(*out);
	}
	return rc;
}

static enum err
lmdb_begin(void *arg, void *parent, bool write, void **out_txn,
    struct why *out_why)
{
	struct lmdb *db = arg;
	struct lmdb_txn *t, *in = parent;
	MDB_txn *mdb;
	int rc;

	if (in)
		rc = mdb_txn_begin(db->env, in->mdb, 0, &mdb);
	else if (write)
		rc = begin_write(db, &mdb);
	else
		rc = begin_read(db, &mdb);
	if (rc)
		return fail(rc, "cannot begin a transaction", out_why);
	t = xcalloc(1, sizeof(*t));
	*t = (struct lmdb_txn){
		.db = db, .mdb = mdb, .write = write, .child = in != NULL
	};
	*out_txn = t;
	return OK;
}

static void
lmdb_abort(void *arg)
{
	struct lmdb_txn *t = arg;

	if (t->write)
		mdb_txn_abort(t->mdb);
	else
		end_read(t->db, t->mdb);
	free(t);
}

static enum err
lmdb_commit(void *arg, struct why *out_why)
{
	struct lmdb_txn *t = arg;
	struct lmdb *db = t->db;
	int rc;

	if (!t->write) {
		lmdb_abort(t);
		return OK;
	}
	rc = disk_error(db, mdb_txn_commit(t->mdb));
	if (rc == MDB_MAP_FULL)
		db->was_full = true;
	if (!rc && !t->child)
		for (int i = 0; i < TABLE_COUNT; i++)
			if (!db->known[i])
				db->known[i] = true;
	free(t);
	return rc ? fail(rc, "cannot commit", out_why) : OK;
}

/* --- keys and values ------------------------------------------------------- */

static MDB_val
val_of(struct str s)
{
	union {
		const char *in;
		void *out;
	} at = { .in = s.at };

	return (MDB_val){ .mv_size = s.len, .mv_data = at.out };
}

static struct str
str_of_val(MDB_val v)
{
	return str_at(v.mv_data, v.mv_size);
}

/* A write transaction has made what was missing. */
static bool
has_table(const struct lmdb_txn *t, enum table table)
{
	return t->write || t->db->known[table];
}

static enum err
lmdb_get(void *arg, enum table table, struct str key, struct str *out_value)
{
	struct lmdb_txn *t = arg;
	MDB_val k = val_of(key), v;
	int rc;

	if (!has_table(t, table))
		return ERR_UNKNOWN;
	rc = mdb_get(t->mdb, t->db->tables[table], &k, &v);
	if (rc)
		return err_of(rc);
	*out_value = str_of_val(v);
	return OK;
}

static enum err
lmdb_put(void *arg, enum table table, struct str key, struct str value)
{
	struct lmdb_txn *t = arg;
	MDB_val k = val_of(key), v = val_of(value);
	int rc = mdb_put(t->mdb, t->db->tables[table], &k, &v, 0);

	if (rc == MDB_MAP_FULL)
		t->db->was_full = true;
	return err_of(disk_error(t->db, rc));
}

static enum err
lmdb_del(void *arg, enum table table, struct str key)
{
	struct lmdb_txn *t = arg;
	MDB_val k = val_of(key);
	int rc = mdb_del(t->mdb, t->db->tables[table], &k, NULL);

	if (rc == MDB_MAP_FULL)
		t->db->was_full = true;
	return err_of(disk_error(t->db, rc));
}

/* Put the cursor on the first pair of the scan. */
static int
scan_seek(MDB_cursor *c, struct str from, bool backwards, MDB_val *k,
    MDB_val *v)
{
	int rc;

	if (from.len == 0)
		return mdb_cursor_get(c, k, v,
		    backwards ? MDB_LAST : MDB_FIRST);
	*k = val_of(from);
	rc = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
	if (!backwards)
		return rc;
	if (rc == MDB_NOTFOUND)
		return mdb_cursor_get(c, k, v, MDB_LAST);
	if (!rc && !str_eq(str_of_val(*k), from))
		return mdb_cursor_get(c, k, v, MDB_PREV);
	return rc;
}

static enum err
lmdb_scan(void *arg, enum table table, struct str from, bool backwards,
    store_scan_fn *fn, void *fn_arg)
{
	struct lmdb_txn *t = arg;
	MDB_cursor *c;
	MDB_val k, v;
	int rc;

	if (!has_table(t, table))
		return OK;
	rc = mdb_cursor_open(t->mdb, t->db->tables[table], &c);
	if (rc)
		return err_of(rc);
	rc = scan_seek(c, from, backwards, &k, &v);
	while (!rc && fn(fn_arg, str_of_val(k), str_of_val(v)))
		rc = mdb_cursor_get(c, &k, &v, backwards ? MDB_PREV : MDB_NEXT);
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? OK : err_of(rc);
}

const struct store_ops store_lmdb = {
	.name = "lmdb",
	.open = lmdb_open,
	.close = lmdb_close,
	.begin = lmdb_begin,
	.commit = lmdb_commit,
	.abort = lmdb_abort,
	.get = lmdb_get,
	.put = lmdb_put,
	.del = lmdb_del,
	.scan = lmdb_scan,
	.space = lmdb_space,
};
