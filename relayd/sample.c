/* SPDX-License-Identifier: MIT */
/* sample.c - the beginning of a foreign body, made fit to be kept. */
#include "relayd/sample.h"

#include "relayd/inert.h"

/* Shorter ones are found in words. */
#define KNOWN_MIN 4
/* As many characters behind its beginning make a word a credential. */
#define LIKELY_MIN 16
#define STARS	   "***"

/* How the credentials begin that people have. */
static const char *const beginnings[] = { "sk-", "cr_", "AIza", "ya29.", "eyJ",
	"Bearer ", "bearer ", "Basic ", "gsk_", "sess-", "xai-", "fk-", "ABSK",
	"AKIA", "ASIA", "ghp_", "gho_", "1//" };

static bool
is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.~+/=", c));
}

/* How many bytes of the text are the secret, in JSON's way of writing too
 * ("\/", "\u002f"); 0: it does not begin with it. */
static size_t
known_at(struct str text, struct str secret)
{
	size_t at = 0;

	if (secret.len < KNOWN_MIN)
		return 0;
	for (size_t i = 0; i < secret.len; i++) {
		char c = secret.at[i];
		struct str rest = str_skip(text, at);

		if (c == '/' && str_starts(rest, STR("\\/")))
			at += 2;
		else if ((c == '/' && str_starts(rest, STR("\\u002f"))) ||
		    (c == '+' && str_starts(rest, STR("\\u002b"))) ||
		    (c == '=' && str_starts(rest, STR("\\u003d"))))
			at += 6;
		else if (rest.len && rest.at[0] == c)
			at++;
		else
			return 0;
	}
	return at;
}

/* The longest that is known there. */
static size_t
any_known_at(struct str text, const struct str *secrets, size_t count)
{
	size_t most = 0, n;
	struct str part;

	for (size_t i = 0; i < count; i++) {
		struct str rest = secrets[i];

		n = known_at(text, secrets[i]);
		most = n > most ? n : most;
		while (inert_next_part(&rest, &part)) {
			n = known_at(text, part);
			most = n > most ? n : most;
		}
	}
	return most;
}

/* How many bytes look like a credential; *out_shown of them may be seen. */
static size_t
likely_at(struct str text, size_t *out_shown)
{
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]);
	     i++) {
		struct str begin = str_of(beginnings[i]);
		size_t n = begin.len;

		if (!str_starts(text, begin))
			continue;
		while (n < text.len && is_token(text.at[n]))
			n++;
		if (n - begin.len < LIKELY_MIN)
			continue;
		*out_shown = begin.len;
		return n;
	}
	return 0;
}

void
sample_take(struct str body, const struct str *secrets, size_t count,
    char out[SAMPLE_MAX + 1])
{
	char text[SAMPLE_MAX];
	size_t n = 0;
	bool in_word = false, is_escape = false;

	while (body.len && n < SAMPLE_MAX - strlen("Bearer " STARS)) {
		size_t shown = 0;
		size_t hidden = any_known_at(body, secrets, count);

		if (!hidden && !in_word)
			hidden = likely_at(body, &shown);
		if (hidden) {
			memcpy(text + n, body.at, shown);
			memcpy(text + n + shown, STARS, strlen(STARS));
			n += shown + strlen(STARS);
			body = str_skip(body, hidden);
			in_word = false;
			continue;
		}
		/* The letter of "\n" belongs to no word. */
		in_word = !is_escape && is_token(body.at[0]) &&
		    body.at[0] != '=' && body.at[0] != '/';
		is_escape = !is_escape && body.at[0] == '\\';
		text[n++] = body.at[0];
		body = str_skip(body, 1);
	}
	inert_copy(out, SAMPLE_MAX + 1, str_at(text, n));
}
