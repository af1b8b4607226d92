/* SPDX-License-Identifier: MIT */
/* owner.c - people by name here, by number in the daemon. */
#include "relay-tui/owner.h"

#include <pwd.h>
#include <stdio.h>

#include "relay-tui/output.h"
#include "relay-tui/words.h"

#define UID_MOST UINT32_MAX

static bool
read_uid(struct str s, uint64_t *out)
{
	return s.len && str_u64(s, out) == OK && *out < UID_MOST;
}

void
uid_write(int64_t uid, struct buf *out)
{
	const struct passwd *pw = NULL;

	if (uid >= 0 && uid < UID_MOST)
		pw = getpwuid((uid_t)uid);
	if (pw)
		text_clean(str_of(pw->pw_name), out);
	else
		buf_mustf(out, "%lld", (long long)uid);
}

/* Behind the last blank. */
static struct str
last_word(struct str s)
{
	size_t at = s.len;

	while (at > 0 && s.at[at - 1] != ' ')
		at--;
	return str_skip(s, at);
}

void
owner_write(struct str owner, struct buf *out)
{
	struct str word = last_word(owner);
	const struct passwd *pw = NULL;
	uint64_t uid;

	if (str_starts(word, STR("uid:")) && read_uid(str_skip(word, 4), &uid))
		pw = getpwuid((uid_t)uid);
	if (pw) {
		text_clean(str_first(owner, owner.len - word.len), out);
		text_clean(str_of(pw->pw_name), out);
	} else {
		text_clean(owner, out);
	}
}

static enum err
put(char out[OWNER_TEXT], struct str text, struct why *out_why)
{
	if (text.len >= OWNER_TEXT)
		return why_set(out_why, ERR_LIMIT, "owner",
		    _("an owner has at most %d bytes"), OWNER_TEXT - 1);
	memcpy(out, text.at, text.len);
	out[text.len] = '\0';
	return OK;
}

static enum err
put_uid(char out[OWNER_TEXT], uint64_t uid)
{
	snprintf(out, OWNER_TEXT, "uid:%llu", (unsigned long long)uid);
	return OK;
}

enum err
owner_read(struct str said, bool chooses, char out[OWNER_TEXT],
    struct why *out_why)
{
	bool is_name = str_starts(said, STR("@"));
	const struct passwd *pw;
	char name[OWNER_TEXT];
	uint64_t uid;
	enum err e;

	if (!said.len)
		return put(out, said, out_why);
	if (str_starts(said, STR("=")))
		return put(out, str_skip(said, 1), out_why);
	if (str_starts(said, STR("uid:")) && read_uid(str_skip(said, 4), &uid))
		return put_uid(out, uid);
	e = put(name, is_name ? str_skip(said, 1) : said, out_why);
	if (e)
		return e;
	/* A name may be digits, too; then it is that one's. */
	pw = getpwnam(name);
	if (pw)
		return put_uid(out, pw->pw_uid);
	if (!is_name && read_uid(said, &uid))
		return put_uid(out, uid);
	if (!is_name && chooses)
		return put(out, said, out_why);
	return why_set(out_why, ERR_UNKNOWN, "owner",
	    _("there is no user %s on this machine: say a number for somebody "
	      "it does not know, or =TEXT for an owner that is no user"),
	    name);
}
