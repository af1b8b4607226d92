/* SPDX-License-Identifier: MIT */
/* setup.c - the settings of a client, with this relay's address in them. */
#include "relay-tui/setup.h"

#include <unistd.h>

#include "relay-tui/ctl_client.h"
#include "relay-tui/snippet.h"
#include "relay-tui/words.h"

enum err
setup_url(const struct json *whoami, struct buf *out)
{
	struct str at = STR("");
	char name[256];

	if (json_as_str(json_first(json_at(whoami, "listeners")), &at))
		return ERR_UNKNOWN;
	if ((!str_starts(at, STR("0.0.0.0:")) &&
		!str_starts(at, STR("[::]:"))) ||
	    gethostname(name, sizeof(name) - 1))
		return buf_addf(out, "http://%.*s", STR_ARG(at));
	while (str_chr(at, ':') >= 0)
		(void)str_cut(&at, ':');
	name[sizeof(name) - 1] = '\0';
	return buf_addf(out, "http://%s:%.*s", name, STR_ARG(at));
}

static enum err
find_url(struct ctl_client *client, const char *said, struct buf *out,
    struct why *out_why)
{
	struct ctl_frame f;
	enum err e;

	if (said) {
		struct str url = str_of(said);

		while (str_ends(url, STR("/")))
			url.len--;
		return buf_add(out, url);
	}
	e = ctl_client_ask_simple(client, CTL_M_whoami, &f, out_why);
	if (e)
		return e;
	e = f.kind == CTL_ERROR ? ERR_UNKNOWN : setup_url(f.data, out);
	if (e == ERR_UNKNOWN)
		(void)!why_set(out_why, e, "url",
		    _("the daemon does not tell where it listens: say --url"));
	ctl_frame_fini(&f);
	return e;
}

enum err
setup_print(struct output *o, struct ctl_client *client, const char *said_url,
    const struct snippet *kind, struct str key, struct why *out_why)
{
	struct buf url, text;
	enum err e;

	buf_init(&url, 1024);
	buf_init(&text, 16 * 1024);
	e = find_url(client, said_url, &url, out_why);
	if (!e)
		e = snippet_write(kind, buf_str(&url), key, &text);
	if (!e) {
		fprintf(stderr, "%s\n", _(kind->label));
		if (kind->note[0])
			fprintf(stderr, "%s\n", _(kind->note));
		fputc('\n', stderr);
		out_paint(o, PAINT_PLAIN, buf_str(&text));
	}
	buf_fini(&url);
	buf_wipe(&text);
	return e;
}
