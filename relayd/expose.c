/* SPDX-License-Identifier: MIT */
/* expose.c - families of metrics, as text and as JSON. */
#include "relayd/expose.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

#define NUMBER_TEXT 40
#define HELP_TEXT   512

static const char *const type_names[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

void
expose_to_text(struct exposition *x, struct buf *to)
{
	*x = (struct exposition){ .text = to };
}

void
expose_to_json(struct exposition *x, struct json_out *to)
{
	*x = (struct exposition){ .json = to };
}

enum err
expose_end(const struct exposition *x)
{
	assert(!x->family);
	return x->err;
}

static void
put(struct exposition *x, struct str s)
{
	if (!x->err)
		x->err = buf_add(x->text, s);
}

/* What would end the line, or (of a label) the quotes, is escaped as readers
 * undo it.  Of the rest only plain ASCII is left as it is: broken UTF-8 would
 * make a reader refuse everything, and a terminal obeys control bytes. */
static void
put_escaped(struct exposition *x, struct str s, bool quoted)
{
	size_t plain = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		const char *with = NULL;
		char hex[8];

		if (c == '\\')
			with = "\\\\";
		else if (c == '\n')
			with = "\\n";
		else if (c == '"' && quoted)
			with = "\\\"";
		else if (c < 0x20 || c >= 0x7f)
			with = hex;
		if (!with)
			continue;
		snprintf(hex, sizeof(hex), "\\\\x%02x", c);
		put(x, str_at(s.at + plain, i - plain));
		put(x, str_of(with));
		plain = i + 1;
	}
	put(x, str_skip(s, plain));
}

/* --- families -------------------------------------------------------------- */

/* The words of a table, as a sentence. */
static struct str
sentence(const char *help, char out[HELP_TEXT])
{
	int n = snprintf(out, HELP_TEXT, "%s.", help);

	assert(n > 0 && n < HELP_TEXT);
	out[0] = (char)toupper((unsigned char)out[0]);
	return str_at(out, (size_t)n);
}

void
family_begin(struct exposition *x, const char *name, enum metric_type type,
    const char *help)
{
	char text[HELP_TEXT];

	assert(!x->family);
	x->family = name;
	if (x->json) {
		json_open(x->json, '{');
		json_say(x->json, "name", str_of(name));
		json_say(x->json, "type", str_of(type_names[type]));
		json_say(x->json, "help", sentence(help, text));
		json_put_key(x->json, "samples");
		json_open(x->json, '[');
		return;
	}
	put(x, STR("# HELP "));
	put(x, str_of(name));
	put(x, STR(" "));
	put_escaped(x, sentence(help, text), false);
	put(x, STR("\n# TYPE "));
	put(x, str_of(name));
	put(x, STR(" "));
	put(x, str_of(type_names[type]));
	put(x, STR("\n"));
}

void
family_end(struct exposition *x)
{
	x->family = NULL;
	if (!x->json)
		return;
	json_close(x->json, ']');
	json_close(x->json, '}');
}

/* --- samples --------------------------------------------------------------- */

static void
say_labels(struct json_out *j, const struct label *labels, unsigned count)
{
	json_put_key(j, "labels");
	json_open(j, '{');
	for (unsigned i = 0; i < count; i++)
		json_say(j, labels[i].name, labels[i].value);
	json_close(j, '}');
}

static void
put_labels(struct exposition *x, const struct label *labels, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		put(x, i ? STR(",") : STR("{"));
		put(x, str_of(labels[i].name));
		put(x, STR("=\""));
		put_escaped(x, labels[i].value, true);
		put(x, STR("\""));
	}
	if (count)
		put(x, STR("}"));
}

/* `number` is a number in both forms. */
static void
sample(struct exposition *x, const char *suffix, const struct label *labels,
    unsigned count, const char *number)
{
	char name[128];
	int n = snprintf(name, sizeof(name), "%s%s", x->family, suffix);

	assert(n > 0 && (size_t)n < sizeof(name));
	if (x->json) {
		json_open(x->json, '{');
		json_say(x->json, "name", str_of(name));
		say_labels(x->json, labels, count);
		json_put_key(x->json, "value");
		json_put_raw(x->json, str_of(number));
		json_close(x->json, '}');
		return;
	}
	put(x, str_at(name, (size_t)n));
	put_labels(x, labels, count);
	put(x, STR(" "));
	put(x, str_of(number));
	put(x, STR("\n"));
}

/* Exact, without the zeros that say nothing. */
static void
micro_text(uint64_t value_micro, char out[NUMBER_TEXT])
{
	int n = snprintf(out, NUMBER_TEXT, "%llu.%06llu",
	    (unsigned long long)(value_micro / 1000000),
	    (unsigned long long)(value_micro % 1000000));

	while (out[n - 1] == '0')
		out[--n] = '\0';
	if (out[n - 1] == '.')
		out[--n] = '\0';
}

static void
sample_whole(struct exposition *x, const char *suffix,
    const struct label *labels, unsigned count, uint64_t value)
{
	char number[NUMBER_TEXT];

	snprintf(number, sizeof(number), "%llu", (unsigned long long)value);
	sample(x, suffix, labels, count, number);
}

void
sample_u64(struct exposition *x, const struct label *labels, unsigned count,
    uint64_t value)
{
	sample_whole(x, "", labels, count, value);
}

void
sample_micro(struct exposition *x, const struct label *labels, unsigned count,
    uint64_t value_micro)
{
	char number[NUMBER_TEXT];

	micro_text(value_micro, number);
	sample(x, "", labels, count, number);
}

void
sample_histogram(struct exposition *x, const struct label *labels,
    unsigned count, const struct histogram *h, unsigned low, unsigned high)
{
	struct label all[EXPOSE_LABELS_MAX];
	char number[NUMBER_TEXT];
	uint64_t sum = histogram_count(h, low);

	assert(count < EXPOSE_LABELS_MAX && high < HISTOGRAM_SLOTS - 1);
	for (unsigned i = 0; i < count; i++)
		all[i] = labels[i];
	for (unsigned slot = low; slot <= high; slot++) {
		sum += slot > low ? h->slots[slot] : 0;
		micro_text(histogram_bound_us(slot), number);
		all[count] = (struct label){ "le", str_of(number) };
		sample_whole(x, "_bucket", all, count + 1, sum);
	}
	sum = histogram_count(h, HISTOGRAM_SLOTS - 1);
	all[count] = (struct label){ "le", STR("+Inf") };
	sample_whole(x, "_bucket", all, count + 1, sum);
	micro_text(h->sum_us, number);
	sample(x, "_sum", labels, count, number);
	sample_whole(x, "_count", labels, count, sum);
}
