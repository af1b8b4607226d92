/* SPDX-License-Identifier: MIT */
/* json.c - small helps for writing JSON and reading cJSON trees. */
#include "tests/upstream/json.h"

#include <stdlib.h>

/* Length of the UTF-8 character at the start of s, 0 when it is none. */
static size_t
utf8_len(struct str s)
{
	unsigned char c = (unsigned char)s.at[0];
	size_t n = c < 0x80 ? 1
	    : c < 0xc2	    ? 0
	    : c < 0xe0	    ? 2
	    : c < 0xf0	    ? 3
	    : c < 0xf5	    ? 4
			    : 0;

	if (n == 0 || n > s.len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)s.at[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static void
add_one(struct buf *out, struct str c)
{
	switch (c.at[0]) {
	case '"':
		buf_must(out, STR("\\\""));
		break;
	case '\\':
		buf_must(out, STR("\\\\"));
		break;
	case '\n':
		buf_must(out, STR("\\n"));
		break;
	case '\r':
		buf_must(out, STR("\\r"));
		break;
	case '\t':
		buf_must(out, STR("\\t"));
		break;
	default:
		if ((unsigned char)c.at[0] < 0x20 || c.at[0] == 0x7f)
			buf_mustf(out, "\\u%04x", (unsigned char)c.at[0]);
		else
			buf_must(out, c);
	}
}

static bool
is_plain(char c)
{
	return (unsigned char)c >= 0x20 && (unsigned char)c < 0x7f &&
	    c != '"' && c != '\\';
}

void
json_add(struct buf *out, struct str s)
{
	size_t n;

	buf_must(out, STR("\""));
	while (s.len) {
		for (n = 0; n < s.len && is_plain(s.at[n]);)
			n++;
		if (n) {
			buf_must(out, str_first(s, n));
		} else if ((n = utf8_len(s)) == 0) {
			buf_must(out, STR("\\ufffd"));
			n = 1;
		} else {
			add_one(out, str_first(s, n));
		}
		s = str_skip(s, n);
	}
	buf_must(out, STR("\""));
}

void
json_add_c(struct buf *out, const char *s)
{
	json_add(out, str_of(s));
}

const char *
json_string(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

static void
add_object(struct buf *out, const cJSON *schema)
{
	const cJSON *properties = cJSON_GetObjectItem(schema, "properties");
	const cJSON *each;
	const char *comma = "";

	buf_must(out, STR("{"));
	cJSON_ArrayForEach(each, properties)
	{
		buf_must(out, str_of(comma));
		json_add_c(out, each->string);
		buf_must(out, STR(":"));
		json_from_schema(out, each);
		comma = ",";
	}
	buf_must(out, STR("}"));
}

void
json_from_schema(struct buf *out, const cJSON *schema)
{
	const cJSON *choice = cJSON_GetObjectItem(schema, "enum");
	const char *type = json_string(schema, "type");
	char *text;

	if (cJSON_GetArraySize(choice) > 0) {
		text = cJSON_PrintUnformatted(cJSON_GetArrayItem(choice, 0));
		buf_must(out, str_of(text));
		free(text);
		return;
	}
	if (cJSON_GetObjectItem(schema, "properties") ||
	    (type && !strcasecmp(type, "object")))
		add_object(out, schema);
	else if (type && !strcasecmp(type, "array"))
		buf_must(out, STR("[]"));
	else if (type && !strcasecmp(type, "boolean"))
		buf_must(out, STR("false"));
	else if (type &&
	    (!strcasecmp(type, "number") || !strcasecmp(type, "integer")))
		buf_must(out, STR("0"));
	else
		buf_must(out, STR("\"practice\""));
}
