/* SPDX-License-Identifier: MIT */
/* identity.c - what a store knows about itself. */
#include "store/identity.h"

#include <sys/random.h>

#include "store/migrate.h"
#include "store/seal.h"
#include "store/store.h"

#define ID_KEY	    STR("id")
#define CHECK_KEY   STR("check")
#define CHECK_BYTES 32

enum err
identity_look(struct txn *t, bool *out_is_fresh, struct why *out_why)
{
	unsigned version = 0;
	enum err e = migrate_version(t, &version, out_why);

	if (e)
		return e;
	if (version > migrations.count + 1)
		return migrate_run(t, &migrations, out_why);
	*out_is_fresh = version == 0;
	return OK;
}

enum err
identity_check(struct txn *t, struct seal *seal, struct why *out_why)
{
	uint8_t ours[CHECK_BYTES];
	struct str kept;
	enum err e = txn_get(t, TABLE_meta, CHECK_KEY, &kept);

	if (e == ERR_UNKNOWN)
		return why_set(out_why, ERR_CORRUPT, "master key",
		    "the store has lost its key's check value");
	if (e)
		return e;
	seal_check_value(seal, ours);
	if (!str_eq(kept, str_at((const char *)ours, sizeof(ours))))
		return why_set(out_why, ERR_CRYPTO, "master key",
		    "this is not the master key the store was made with: "
		    "bring the right one back");
	return OK;
}

enum err
identity_write(struct txn *t, struct seal *seal, struct why *out_why)
{
	uint8_t check[CHECK_BYTES];
	char id[IDENTITY_ID_BYTES];
	enum err e;

	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return why_set(out_why, ERR_IO, "store",
		    "the kernel gives no random bytes");
	e = txn_put(t, TABLE_meta, ID_KEY, str_at(id, sizeof(id)));
	if (e)
		return e;
	seal_check_value(seal, check);
	return txn_put(t, TABLE_meta, CHECK_KEY,
	    str_at((const char *)check, sizeof(check)));
}
