/* SPDX-License-Identifier: MIT */
/* main.c - the practice upstream: options and help.
 *
 * One program that plays every AI provider: it speaks their dialects, is as
 * slow, rude or broken as it is told, and tells what it received.  Tests,
 * real clients and benchmarks run against it.
 *
 * What goes wrong is said by keys (keys.def), from four places, the later one
 * winning: --script, the rules of POST /_practice/script (rules.h), a request
 * header `x-practice: key=value; key=value`, and the last marker
 * `[[practice:key=value;key=value]]` in the body, which a person can type into
 * any client.  Values are url-encoded.
 *
 * Control, on the same port:
 *	POST /_practice/script	{"rules":[{"path":GLOB,"model":GLOB,
 *				"credential":TEXT,"times":N,"do":"keys"}]}
 *	GET /_practice/log?since=LINE[&wait=MS[&until=TEXT]]
 *				log lines after LINE, one JSON object each
 *				(log.h); with `wait` when one holds TEXT
 *	GET /_practice/stats	counts, by path and by request id
 *	GET /_practice/address	the address that the caller comes from
 *	POST /_practice/reset	forget rules, log, counts and `once` ids
 *
 *	POST /_practice/revoke?what=access|refresh
 *	POST /_practice/approve?user_code=CODE[&deny=1]
 *				with --oauth (grants.h)
 *
 * It shares no wire code with relayd: it is the witness. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "tests/upstream/server.h"

enum option_code {
	OPTION_LISTEN = 256,
	OPTION_PORT_FILE,
	OPTION_LOG,
	OPTION_BODIES,
	OPTION_FAST,
	OPTION_OAUTH,
	OPTION_SCRIPT,
	OPTION_REQUIRE_KEY,
	OPTION_HELP
};

static const struct option options[] = {
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "port-file", required_argument, NULL, OPTION_PORT_FILE },
	{ "log", required_argument, NULL, OPTION_LOG },
	{ "bodies", required_argument, NULL, OPTION_BODIES },
	{ "fast", no_argument, NULL, OPTION_FAST },
	{ "oauth", no_argument, NULL, OPTION_OAUTH },
	{ "script", required_argument, NULL, OPTION_SCRIPT },
	{ "require-key", required_argument, NULL, OPTION_REQUIRE_KEY },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static void
help(void)
{
	printf("usage: practice-upstream --listen ADDR:PORT [options]\n"
	       "\n"
	       "Plays Anthropic, OpenAI (Responses, Chat) and Google for "
	       "practice, tests and\n"
	       "benchmarks.  No model is behind it and no key is needed.\n"
	       "\n"
	       "  --listen ADDR:PORT   where to listen; port 0 picks one; "
	       "may be given again\n"
	       "  --port-file FILE     write the ports here when ready, one "
	       "per line\n"
	       "  --log FILE           a JSON line for each request and for "
	       "its end\n"
	       "  --bodies DIR         keep request bodies as DIR/SEQ.body\n"
	       "  --require-key KEY    answer 401 to any other credential\n"
	       "  --oauth              keep a book of codes and tokens: "
	       "refresh tokens rotate,\n"
	       "                       and only the newest access token is "
	       "taken\n"
	       "  --script KEYS        keys for every request\n"
	       "  --fast               no log, ready-made answers "
	       "(benchmarks)\n"
	       "\n"
	       "Control: POST /_practice/script {\"rules\":[{\"path\":GLOB,"
	       "\"model\":GLOB,\n"
	       "\"credential\":TEXT,\"times\":N,\"do\":\"KEYS\"}]}; "
	       "GET /_practice/stats;\n"
	       "GET /_practice/log?since=LINE&wait=MS&until=TEXT; "
	       "POST /_practice/reset\n"
	       "\n"
	       "KEYS are key=value;key=value with url-encoded values: in "
	       "--script, in a rule, in\n"
	       "a header `x-practice: KEYS`, or anywhere in the body as "
	       "[[practice:KEYS]] (the\n"
	       "last one counts):\n\n");
	script_help();
}

static int
bad_usage(const char *text)
{
	fprintf(stderr, "practice-upstream: %s; see --help\n", text);
	return 2;
}

/* Returns -1 to go on, else the exit status. */
static int
read_options(int argc, char **argv, struct options *out)
{
	int c;

	*out = (struct options){ .listeners = 0 };
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case OPTION_LISTEN:
			if (out->listeners == MAX_LISTENERS)
				return bad_usage("too many --listen");
			out->listen[out->listeners++] = optarg;
			break;
		case OPTION_PORT_FILE:
			out->port_file = optarg;
			break;
		case OPTION_LOG:
			out->log = optarg;
			break;
		case OPTION_BODIES:
			out->bodies = optarg;
			break;
		case OPTION_FAST:
			out->fast = true;
			break;
		case OPTION_OAUTH:
			out->oauth = true;
			break;
		case OPTION_SCRIPT:
			out->script = optarg;
			break;
		case OPTION_REQUIRE_KEY:
			out->require_key = optarg;
			break;
		case OPTION_HELP:
		case 'h':
			help();
			return 0;
		default:
			return bad_usage("unknown option");
		}
	}
	if (out->listeners == 0)
		return bad_usage("--listen is missing");
	return optind < argc ? bad_usage("too many words") : -1;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct server *s;
	struct why why = { .text = "" };
	int rc = read_options(argc, argv, &o);

	if (rc >= 0)
		return rc;
	if (sodium_init() < 0)
		return 1;
	s = calloc(1, sizeof(*s));
	if (!s || server_open(s, &o, &why)) {
		fprintf(stderr, "practice-upstream: %s\n", why.text);
		return 1;
	}
	server_run(s);
	server_close(s);
	free(s);
	return 0;
}
