/* SPDX-License-Identifier: MIT */
/* field.c - setting what an operator can say about a thing. */
#include "relayd/field.h"

static const char *const type_names[] = {
	[FIELD_TEXT] = "text",
	[FIELD_URL] = "url",
	[FIELD_LIST] = "list",
	[FIELD_COUNT] = "count",
	[FIELD_FLAG] = "flag",
	[FIELD_CHOICE] = "choice",
	[FIELD_SECRET] = "secret",
};

const char *
field_type_name(enum field_type type)
{
	return type_names[type];
}

bool
field_same_name(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		char x = a.at[i] == '_' ? '-' : a.at[i];
		char y = b.at[i] == '_' ? '-' : b.at[i];

		if (x != y)
			return false;
	}
	return true;
}

bool
field_is_name(struct str s)
{
	if (s.len == 0 || s.len > 64)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9');

		if (!word && !(i > 0 && (c == '-' || c == '_' || c == '.')))
			return false;
	}
	return true;
}

bool
field_is_text(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
			return false;
	return true;
}

static enum err
flag_of(struct str value, bool *out)
{
	if (str_ieq(value, STR("yes")) || str_ieq(value, STR("true")) ||
	    str_ieq(value, STR("on")) || str_eq(value, STR("1")))
		*out = true;
	else if (str_ieq(value, STR("no")) || str_ieq(value, STR("false")) ||
	    str_ieq(value, STR("off")) || str_eq(value, STR("0")))
		*out = false;
	else
		return ERR_VALUE;
	return OK;
}

static bool
is_choice(struct str value, const char *choices)
{
	struct str rest = str_of(choices);

	while (rest.at)
		if (str_eq(str_cut(&rest, '|'), value))
			return true;
	return false;
}

static const struct rec_field *
member_of(const struct rec_kind *kind, const char *name)
{
	for (size_t i = 0; i < kind->count; i++)
		if (field_same_name(str_of(kind->fields[i].name), str_of(name)))
			return &kind->fields[i];
	return NULL;
}

static enum err
keep(struct buf *text, struct str value, struct str *out, struct why *out_why)
{
	/* The buffer must not move: what was kept before points into it. */
	if (!text->mem || text->size - text->end < value.len + 1)
		return why_set(out_why, ERR_LIMIT, "", "too much text");
	*out = str_at(text->mem + text->end, value.len);
	return buf_add(text, value);
}

void
field_offer(const struct field *f, struct why *io_why)
{
	if (f->type != FIELD_SECRET)
		why_offer(io_why, f->name);
}

enum err
field_set(const struct rec_kind *kind, void *rec, const struct field *f,
    const char *of, struct str name, struct str value, struct buf *io_text,
    struct why *out_why)
{
	const struct rec_field *m = f ? member_of(kind, f->name) : NULL;
	char *member;
	uint64_t n;

	if (!f)
		return why_set(out_why, ERR_UNKNOWN, "",
		    "%s has no field \"%.*s\"; there are:", of,
		    STR_ARG(str_first(name, 40)));
	if (!m || f->type == FIELD_SECRET)
		return why_set(out_why, ERR_UNKNOWN, "",
		    "the field \"%s\" of %s is a secret, which is not set so",
		    f->name, of);
	member = (char *)rec + m->offset;
	switch (f->type) {
	case FIELD_FLAG:
		if (flag_of(value, (bool *)(void *)member))
			return why_set(out_why, ERR_VALUE, f->name,
			    "must be yes or no");
		return OK;
	case FIELD_COUNT:
		if (str_u64(value, &n) || n < f->min || n > f->max)
			return why_set(out_why, ERR_VALUE, f->name,
			    "must be a number from %llu to %llu",
			    (unsigned long long)f->min,
			    (unsigned long long)f->max);
		*(uint64_t *)(void *)member = n;
		return OK;
	case FIELD_CHOICE:
		if (value.len && !is_choice(value, f->choices))
			return why_set(out_why, ERR_VALUE, f->name,
			    "must be one of %s", f->choices);
		break;
	case FIELD_TEXT:
	case FIELD_URL:
	case FIELD_LIST:
	case FIELD_SECRET:
		break;
	}
	return keep(io_text, value, (struct str *)(void *)member, out_why);
}
