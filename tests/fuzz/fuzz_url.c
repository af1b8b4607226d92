/* SPDX-License-Identifier: MIT */
/* fuzz_url.c - addresses: what is accepted can be put together again, and a
 * parameter that was removed cannot be found. */
#include <stdlib.h>

#include "proto/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

static void
url_write(const struct url *u, struct buf *out)
{
	buf_mustf(out, "%s://", url_scheme_name(u->scheme));
	if (u->user.at) {
		buf_must(out, u->user);
		if (u->password.at) {
			buf_must(out, STR(":"));
			buf_must(out, u->password);
		}
		buf_must(out, STR("@"));
	}
	CHECK(!url_put_authority(out, u));
	buf_must(out, u->path);
	if (u->query.at) {
		buf_must(out, STR("?"));
		buf_must(out, u->query);
	}
}

static void
check_same(const struct url *a, const struct url *b)
{
	CHECK(a->scheme == b->scheme && a->port == b->port);
	CHECK(a->ipv6 == b->ipv6 && str_eq(a->host, b->host));
	CHECK(str_eq(a->user, b->user) && str_eq(a->password, b->password));
	CHECK(str_eq(a->path, b->path) && str_eq(a->query, b->query));
	CHECK(!a->query.at == !b->query.at && !a->user.at == !b->user.at);
}

static void
check_query(struct str query, struct str name)
{
	struct str value;
	struct buf left;
	bool had = url_query_get(query, name, &value);

	buf_init(&left, query.len);
	CHECK(!url_query_without(&left, query, name));
	CHECK(buf_len(&left) == 0 ||
	    !url_query_get(buf_str(&left), name, &value));
	CHECK(had || str_eq(buf_str(&left), query));
	buf_fini(&left);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_at((const char *)data, size);
	struct url u, again;
	struct why why;
	struct buf b;

	check_query(text, STR("key"));
	check_query(text, STR("a"));
	if (url_read(text, &u, &why)) {
		CHECK(why.text[0]);
		return 0;
	}
	CHECK(u.host.len && u.port);
	CHECK(u.path.len == 0 || u.path.at[0] == '/');
	buf_init(&b, size + 16);
	url_write(&u, &b);
	CHECK(!url_read(buf_str(&b), &again, &why));
	check_same(&u, &again);
	buf_fini(&b);
	return 0;
}
