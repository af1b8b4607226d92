/* SPDX-License-Identifier: MIT */
/* source.c - where a request comes from, when proxies stand in between. */
#include "relayd/source.h"

#include "relayd/conf.h"

bool
source_is_trusted(const struct conf *conf, const struct addr *a)
{
	const struct conf_cidrs *list = &conf->trusted_proxies;

	return list->n && cidrs_hold(list->at, list->n, a);
}

/* Take the last member off a list; false: there is none left. */
static bool
take_last(struct str *io_list, struct str *out_member)
{
	const char *comma;

	if (!io_list->at)
		return false;
	comma = memrchr(io_list->at, ',', io_list->len);
	if (comma) {
		size_t before = (size_t)(comma - io_list->at);

		*out_member = str_trim(str_skip(*io_list, before + 1));
		*io_list = str_first(*io_list, before);
	} else {
		*out_member = str_trim(*io_list);
		*io_list = str_at(NULL, 0);
	}
	return true;
}

struct addr
source_of(const struct conf *conf, const struct addr *peer,
    const struct http1_head *head)
{
	struct addr at = *peer;

	if (!source_is_trusted(conf, &at))
		return at;
	/* Several fields are one, in their order. */
	for (size_t i = head->count; i > 0; i--) {
		struct str list = head->fields[i - 1].value, member;

		if (!str_ieq(head->fields[i - 1].name, STR("x-forwarded-for")))
			continue;
		while (take_last(&list, &member)) {
			if (!member.len)
				continue;
			if (addr_read_loose(member, &at))
				return (struct addr){ .known = false };
			if (!source_is_trusted(conf, &at))
				return at;
		}
	}
	return at;
}
