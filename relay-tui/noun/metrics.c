/* SPDX-License-Identifier: MIT */
/* metrics.c - the numbers of the daemon, as Prometheus reads them: what comes
 * out can be given to a text-file collector as it is. */
#include "relay-tui/noun.h"

/* Inside quotes; clean text has no line breaks left. */
static void
print_label_value(struct output *o, struct str value)
{
	struct str text;
	struct buf clean;

	buf_init(&clean, 64 * 1024);
	text_clean(value, &clean);
	text = buf_str(&clean);
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '"' || text.at[i] == '\\')
			fputc('\\', o->to);
		fputc(text.at[i], o->to);
	}
	buf_fini(&clean);
}

static void
print_sample(struct output *o, const struct json *sample)
{
	const struct json *labels = json_at(sample, "labels");
	double value = json_as_double(json_at(sample, "value"));
	struct str name = STR(""), text;
	const char *before = "{";

	(void)!json_may_str(sample, "name", &name, NULL);
	out_foreign(o, name);
	for (const struct json *l = json_first(labels); l; l = json_next(l)) {
		if (json_as_str(l, &text))
			continue;
		fputs(before, o->to);
		before = ",";
		out_foreign(o, json_key(l));
		fputs("=\"", o->to);
		print_label_value(o, text);
		fputc('"', o->to);
	}
	fprintf(o->to, "%s %.15g\n", *before == ',' ? "}" : "", value);
}

void
print_metric(struct output *o, const struct json *family)
{
	struct str name = STR(""), type = STR(""), help = STR("");
	const struct json *samples = json_at(family, "samples");

	(void)!json_may_str(family, "name", &name, NULL);
	(void)!json_may_str(family, "type", &type, NULL);
	(void)!json_may_str(family, "help", &help, NULL);
	fputs("# HELP ", o->to);
	out_foreign(o, name);
	fputc(' ', o->to);
	out_foreign(o, help);
	fputs("\n# TYPE ", o->to);
	out_foreign(o, name);
	fputc(' ', o->to);
	out_foreign(o, type);
	fputc('\n', o->to);
	for (const struct json *s = json_first(samples); s; s = json_next(s))
		print_sample(o, s);
}
