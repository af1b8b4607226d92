/* SPDX-License-Identifier: MIT */
/* fuzz_policy.c - what a key is for: a policy that is accepted can be used, one
 * that is refused as never matching never does.
 *
 * Lines of the input: platforms, allowed, denied, mapped, addresses, and the
 * name of a model that is asked for. */
#include <stdlib.h>

#include "relayd/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

static bool
any_fits(struct str list, struct str name)
{
	struct str item;

	while (str_list_next(&list, &item))
		if (str_glob(name, item))
			return true;
	return false;
}

/* Of an accepted one. */
static void
check_use(const struct apikey_rec *r, struct str said)
{
	struct policy *p = policy_new(r);
	struct str name;

	if (!p)
		return;
	CHECK(p->aliases.n == p->names.n);
	CHECK(!p->platforms || p->platforms & ((1u << PLATFORM_COUNT) - 1));
	CHECK(!p->from == !r->from.len);
	if (!policy_allows_model(p, said)) {
		CHECK(any_fits(r->models_deny, said) || r->models_allow.len);
		policy_free(p);
		return;
	}
	CHECK(!any_fits(r->models_deny, said));
	name = policy_model(p, said);
	/* No way leads to what is denied. */
	CHECK(!any_fits(r->models_deny, name));
	CHECK(name.len || !said.len);
	policy_free(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_at((const char *)data, size), said;
	struct apikey_rec r = { .rev = 0 };
	struct why why = { .text = "" };
	enum err e;

	if (!size)
		return 0;
	r.platforms = str_trim(str_cut(&rest, '\n'));
	r.models_allow = str_trim(str_cut(&rest, '\n'));
	r.models_deny = str_trim(str_cut(&rest, '\n'));
	r.models_map = str_trim(str_cut(&rest, '\n'));
	r.from = str_trim(str_cut(&rest, '\n'));
	said = rest;
	e = policy_check(&r, &why);
	if (!e) {
		check_use(&r, said);
		return 0;
	}
	CHECK(e == ERR_VALUE || e == ERR_LIMIT);
	CHECK(why.field[0] && why.text[0]);
	/* It is one allowed glob, and said to be denied whole: so is whatever
	 * fits it. */
	if (!strcmp(why.field, "models_deny") &&
	    str_ends(str_of(why.text), STR("which covers all of it")) &&
	    str_chr(r.models_allow, ',') < 0 && str_glob(said, r.models_allow))
		CHECK(any_fits(r.models_deny, said));
	return 0;
}
