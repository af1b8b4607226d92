/* SPDX-License-Identifier: MIT */
/* usage_rows.c - what the daemon answered about usage, page by page, as numbers
 * that can be drawn. */
#include "relay-tui/usage_rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "relay-tui/chart.h"
#include "relay-tui/table.h"
#include "relay-tui/words.h"

#define NAME_MAX_BYTES 2048

/* --- values ---------------------------------------------------------------- */

enum err
usage_of_read(struct str word, enum usage_of *out)
{
	static const char *const words[OFS] = {
		[OF_COST] = "cost",
		[OF_REQUESTS] = "requests",
		[OF_TOKENS] = "tokens",
	};

	for (unsigned i = 0; i < OFS; i++)
		if (str_eq(word, str_of(words[i]))) {
			*out = (enum usage_of)i;
			return OK;
		}
	return ERR_VALUE;
}

void
usage_of_write(enum usage_of of, int64_t n, struct buf *out)
{
	if (of == OF_COST)
		cell_write_cents(n, out);
	else
		chart_count(out, n);
}

void
usage_of_write_rough(enum usage_of of, int64_t n, int64_t unpriced,
    struct buf *out)
{
	if (of == OF_COST && unpriced > 0)
		cell_write_unpriced(n, out);
	if (of != OF_COST || unpriced <= 0 || n)
		usage_of_write(of, n, out);
}

static int64_t
number(const struct json *row, const char *key)
{
	int64_t n = 0;

	if (json_may_i64(row, key, 0, INT64_C(1) << 53, &n, NULL))
		return 0;
	return n;
}

static void
read_values(const struct json *row, int64_t values[OFS])
{
	static const char *const classes[] = { "input", "output", "cache_read",
		"cache_write_5m", "cache_write_1h" };

	values[OF_COST] = number(row, "cost_micro");
	values[OF_REQUESTS] = number(row, "requests");
	values[OF_TOKENS] = 0;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		values[OF_TOKENS] += number(row, classes[i]);
}

/* --- names ----------------------------------------------------------------- */

/* A key by its label, a pair as "key / model". */
static void
write_name(const struct json *row, struct buf *out)
{
	struct str name = STR(""), label = STR(""), model = STR("");

	(void)!json_may_str(row, "name", &name, NULL);
	(void)!json_may_str(row, "label", &label, NULL);
	text_clean(str_first(label.len ? label : name, NAME_MAX_BYTES / 8),
	    out);
	if (json_at(row, "model") &&
	    json_may_str(row, "model", &model, NULL) == OK &&
	    !str_eq(model, name)) {
		buf_must(out, STR(" / "));
		text_clean(str_first(model, NAME_MAX_BYTES / 8), out);
	}
	if (!buf_len(out) && json_at(row, "name"))
		buf_must(out, str_of(_("(none)")));
}

/* A key's id, not what it is called: two may be called the same. */
static void
write_id(const struct json *row, struct buf *out)
{
	struct str name = STR(""), model = STR("");

	(void)!json_may_str(row, "name", &name, NULL);
	(void)!json_may_str(row, "model", &model, NULL);
	buf_must(out, str_first(name, NAME_MAX_BYTES / 2 - 1));
	buf_must(out, STR("\n"));
	buf_must(out, str_first(model, NAME_MAX_BYTES / 2 - 1));
}

static size_t
find_name(struct usage_rows *r, const struct json *row)
{
	size_t n = r->names_count, room = n + 1;
	struct buf id;

	buf_init(&id, NAME_MAX_BYTES);
	write_id(row, &id);
	for (size_t i = 0; i < n; i++)
		if (str_eq(buf_str(&r->ids[i]), buf_str(&id))) {
			buf_fini(&id);
			return i;
		}
	r->names = xrealloc(r->names, room * sizeof(*r->names));
	r->ids = xrealloc(r->ids, room * sizeof(*r->ids));
	r->ids[n] = id;
	buf_init(&r->names[n], NAME_MAX_BYTES);
	write_name(row, &r->names[n]);
	return r->names_count++;
}

/* --- pages ----------------------------------------------------------------- */

void
usage_rows_fini(struct usage_rows *r)
{
	for (size_t i = 0; i < r->names_count; i++) {
		buf_fini(&r->names[i]);
		buf_fini(&r->ids[i]);
	}
	free(r->names);
	free(r->ids);
	free(r->points);
	*r = (struct usage_rows){ .count = 0 };
}

static enum err
begin(struct usage_rows *r, const struct json *data, struct why *out_why)
{
	struct str zone = STR(""), since = STR(""), until = STR("");

	if (json_may_str(data, "zone", &zone, out_why) ||
	    json_want_str(data, "since", &since, out_why) ||
	    json_want_str(data, "until", &until, out_why))
		return ERR_VALUE;
	snprintf(r->zone, sizeof(r->zone), "%.*s", STR_ARG(zone));
	calendar_set_zone(zone);
	if (calendar_read(since, &r->since_ms) ||
	    calendar_read(until, &r->until_ms))
		return why_set(out_why, ERR_VALUE, "since",
		    _("the daemon tells no time that is one"));
	read_values(json_at(data, "total"), r->total);
	r->unpriced = number(json_at(data, "total"), "unpriced");
	r->estimated = number(json_at(data, "total"), "estimated");
	return OK;
}

enum err
usage_rows_add(struct usage_rows *r, const struct json *data,
    struct why *out_why)
{
	const struct json *rows = json_at(data, "rows");
	size_t room = r->count + json_count(rows);
	struct str at;
	enum err e = r->until_ms ? OK : begin(r, data, out_why);

	if (room > r->count)
		r->points = xrealloc(r->points, room * sizeof(*r->points));
	for (const struct json *row = json_first(rows); !e && row;
	     row = json_next(row)) {
		struct usage_point *p = &r->points[r->count];

		*p = (struct usage_point){ .at_ms = 0 };
		if (json_at(row, "at") &&
		    (json_want_str(row, "at", &at, out_why) ||
			calendar_read(at, &p->at_ms)))
			return why_set(out_why, ERR_VALUE, "at",
			    _("the daemon tells no time that is one"));
		/* The minute of the answer is not over. */
		if (p->at_ms >= r->until_ms)
			r->until_ms = p->at_ms + 1;
		p->name = find_name(r, row);
		read_values(row, p->values);
		p->unpriced = number(row, "unpriced");
		r->count++;
	}
	return e;
}

/* --- sums ------------------------------------------------------------------ */

void
usage_rows_sums(const struct usage_rows *r, enum usage_of of, int64_t *sums)
{
	for (size_t i = 0; i < r->names_count; i++)
		sums[i] = 0;
	for (size_t i = 0; i < r->count; i++)
		sums[r->points[i].name] += r->points[i].values[of];
}

/* As many as there are names on a screen: inserting is quick enough. */
void
usage_rows_rank(const struct usage_rows *r, const int64_t *sums, size_t *order)
{
	for (size_t i = 0; i < r->names_count; i++) {
		size_t at = i;

		for (; at > 0 && sums[order[at - 1]] < sums[i]; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}

void
usage_rows_series(const struct usage_rows *r, size_t name, enum usage_of of,
    const struct calendar *c, int64_t *values)
{
	for (size_t i = 0; i < c->count; i++)
		values[i] = 0;
	for (size_t i = 0; i < r->count; i++) {
		ptrdiff_t at = calendar_find(c, r->points[i].at_ms);

		if (r->points[i].name == name && at >= 0)
			values[at] += r->points[i].values[of];
	}
}
