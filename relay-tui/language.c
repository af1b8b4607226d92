/* SPDX-License-Identifier: MIT */
/* language.c - in which language and characters people are told.
 *
 * The catalogues lie beside the program: BIN/../share/locale. */
#include "relay-tui/language.h"

#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay-tui/words.h"

static const char *
said_language(void)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

	for (int i = 0; i < 3; i++) {
		const char *said = getenv(names[i]);

		if (said && said[0])
			return said;
	}
	return "";
}

/* Small machines have no locale but C; gettext wants one for a language. */
static void
speak_without_locale(void)
{
	const char *said = said_language();
	char language[32];
	size_t len = strcspn(said, ".@");

	if (len < 2 || len >= sizeof(language) ||
	    (!strcasestr(said, "utf-8") && !strcasestr(said, "utf8")) ||
	    !strcmp(said, "C.UTF-8"))
		return;
	memcpy(language, said, len);
	language[len] = '\0';
	setlocale(LC_ALL, "C.UTF-8");
	setenv("LANGUAGE", language, 0);
}

static void
find_catalogues(void)
{
	char path[PATH_MAX + 32];
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);

	for (int cut = 0; cut < 2 && len > 0; cut++)
		while (len > 0 && path[--len] != '/')
			continue;
	if (len > 0) {
		snprintf(path + len, sizeof(path) - (size_t)len,
		    "/share/locale");
		bindtextdomain("relayd", path);
	}
	bind_textdomain_codeset("relayd", "UTF-8");
	textdomain("relayd");
}

bool
language_set_up(void)
{
	bool utf8;

	if (!setlocale(LC_ALL, ""))
		speak_without_locale();
	utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	/* Widths of characters are only known in UTF-8. */
	if (!utf8)
		setlocale(LC_CTYPE, "C.UTF-8");
	find_catalogues();
	return utf8;
}
