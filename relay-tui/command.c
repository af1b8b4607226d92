/* SPDX-License-Identifier: MIT */
/* command.c - one command of relayctl: a match becomes a call, its answer is
 * printed.  Long lists are asked for page by page. */
#include "relay-tui/command.h"

#include <stdlib.h>

#include "proto/url.h"

#include "relay-tui/calendar.h"
#include "relay-tui/ctl_client.h"
#include "relay-tui/login.h"
#include "relay-tui/noun.h"
#include "relay-tui/owner.h"
#include "relay-tui/params.h"
#include "relay-tui/secret.h"
#include "relay-tui/setup.h"
#include "relay-tui/show.h"
#include "relay-tui/snippet.h"
#include "relay-tui/words.h"

/* --- failing --------------------------------------------------------------- */

static void
say_failure(const struct output *o, struct str code, struct str field,
    struct str message)
{
	struct output to;

	output_init(&to, stderr, o->json);
	if (o->json) {
		struct json_out j;
		struct buf text;

		buf_init(&text, 64 * 1024);
		json_begin(&j, &text);
		json_open(&j, '{');
		json_put_key(&j, "error");
		json_open(&j, '{');
		json_say(&j, "code", code);
		json_say(&j, "field", field);
		json_say(&j, "message", message);
		json_close(&j, '}');
		json_close(&j, '}');
		if (json_end(&j) == OK)
			fprintf(stderr, "%s\n", buf_cstr(&text));
		buf_fini(&text);
		return;
	}
	fputs("relayctl: ", stderr);
	/* "must be yes or no" wants to know what. */
	if (field.len && str_find(message, field) < 0) {
		out_foreign(&to, field);
		fputs(": ", stderr);
	}
	out_foreign(&to, message);
	fputc('\n', stderr);
}

enum verdict
command_fail(const struct output *o, enum verdict v, const struct why *why)
{
	static const char *const codes[] = {
		[DONE] = "ok",
		[FAILED] = "failed",
		[MISUSED] = "usage",
		[UNREACHABLE] = "unreachable",
		[NOT_PERMITTED] = "denied",
	};

	say_failure(o, str_of(codes[v]), str_of(why->field), str_of(why->text));
	return v;
}

enum verdict
command_fail_answer(const struct output *o, const struct ctl_frame *f)
{
	say_failure(o, f->error, f->field, f->message);
	return ctl_frame_is(f, ERR_DENIED) ? NOT_PERMITTED : FAILED;
}

enum verdict
command_fail_local(const struct output *o, enum err e, const struct why *why)
{
	return command_fail(o,
	    e == ERR_CLOSED	  ? UNREACHABLE
		: e == ERR_DENIED ? NOT_PERMITTED
				  : FAILED,
	    why);
}

/* --- the call -------------------------------------------------------------- */

#define SECRETS_MAX 4

/* A match with its secrets read. */
struct ready {
	const struct ctl_match *match;
	struct {
		const char *name;
		struct buf text;
	} secrets[SECRETS_MAX];
	unsigned secrets_count;
};

static enum err
add_secret(struct ready *r, const char *name, enum ctl_source source,
    struct str from, struct why *out_why)
{
	struct buf *text = &r->secrets[r->secrets_count].text;

	if (r->secrets_count == SECRETS_MAX)
		return why_set(out_why, ERR_LIMIT, "", _("too many secrets"));
	r->secrets[r->secrets_count++].name = name;
	secret_init(text);
	return secret_read(source, from, name, text, out_why);
}

static enum err
read_secrets(struct ready *r, struct why *out_why)
{
	enum err e = OK;

	for (unsigned i = 0; !e && i < r->match->count; i++) {
		const struct ctl_arg *a = &r->match->args[i];

		if (a->type == CTL_SECRET)
			e = add_secret(r, a->name, a->source, a->value,
			    out_why);
	}
	return e;
}

static void
ready_fini(struct ready *r)
{
	for (unsigned i = 0; i < r->secrets_count; i++)
		buf_wipe(&r->secrets[i].text);
}

/* Of lists, limit and cursor are the pager's. */
static enum err
put_params(struct json_out *j, const struct ready *r, struct why *out_why)
{
	enum err e = params_put(r->match, j, out_why);

	for (unsigned i = 0; i < r->secrets_count; i++)
		json_say(j, r->secrets[i].name, buf_str(&r->secrets[i].text));
	return e;
}

/* --- pages ----------------------------------------------------------------- */

#define RECEIPTS_UNASKED 50

struct pager {
	enum ctl_method method;
	bool pages;	 /* the method has them */
	uint64_t wanted; /* rows; 0: all */
	size_t got;
	struct buf cursor;
};

static enum err
pager_init(struct pager *p, const struct ctl_match *m, struct why *out_why)
{
	const struct ctl_arg *limit = ctl_match_arg(m, "limit");
	const struct ctl_arg *cursor = ctl_match_arg(m, "cursor");

	*p = (struct pager){
		.method = (enum ctl_method)(m->row - ctl_row(0)),
		.pages = params_have_pages(m->row),
	};
	buf_init(&p->cursor, 512);
	if (!p->pages)
		return OK;
	if (p->method == CTL_M_receipt_list)
		p->wanted = RECEIPTS_UNASKED;
	if (limit && (str_u64(limit->value, &p->wanted) || !p->wanted))
		return why_set(out_why, ERR_VALUE, "limit",
		    _("--limit takes a whole number, 1 or more"));
	if (cursor && buf_add(&p->cursor, cursor->value))
		return why_set(out_why, ERR_VALUE, "cursor",
		    _("there is no such page"));
	return OK;
}

static void
pager_put(const struct pager *p, struct json_out *j)
{
	uint64_t rest = p->wanted ? p->wanted - p->got : CTL_ROWS_MAX;

	if (!p->pages)
		return;
	json_say_i64(j, "limit",
	    rest < CTL_ROWS_MAX ? (int64_t)rest : CTL_ROWS_MAX);
	if (buf_len(&p->cursor))
		json_say(j, "cursor", buf_str(&p->cursor));
}

/* Is there a further page that is wanted? */
static bool
pager_turn(struct pager *p, const struct ctl_frame *f)
{
	p->got += json_count(show_rows(p->method, f->data));
	buf_clear(&p->cursor);
	if (!p->pages || !f->next.len || buf_add(&p->cursor, f->next))
		return false;
	return !p->wanted || p->got < p->wanted;
}

static void
pager_say_more(const struct pager *p, const struct output *o)
{
	if (buf_len(&p->cursor) && !o->json)
		fprintf(stderr, _("There is more: --cursor %.*s\n"),
		    STR_ARG(buf_str(&p->cursor)));
}

/* --- running --------------------------------------------------------------- */

/* The daemon reads "today" and "13:30" in its zone, so it is told in that one
 * what was at which time; programs are told it in numbers or with the offset. */
void
command_take_zone(const struct command *c, struct ctl_client *client)
{
	struct str zone = STR("");
	struct ctl_frame f;

	if (c->out->json ||
	    ctl_client_ask_simple(client, CTL_M_whoami, &f, NULL))
		return;
	if (f.kind == CTL_RESULT &&
	    json_may_str(f.data, "zone", &zone, NULL) == OK && zone.len) {
		calendar_set_zone(zone);
		snprintf(c->out->zone, sizeof(c->out->zone), "%.*s",
		    STR_ARG(zone));
	}
	ctl_frame_fini(&f);
}

enum verdict
command_env(const struct command *c, struct str name)
{
	struct ctl_client *client = NULL;
	const struct snippet *kind;
	struct why why = { .text = "" };
	enum err e = snippet_find(name, &kind, &why);

	if (e)
		return command_fail(c->out, MISUSED, &why);
	if (!c->url)
		e = ctl_client_open(c->socket, &client, &why);
	if (!e)
		e = setup_print(c->out, client, c->url, kind, STR("$RELAY_KEY"),
		    &why);
	ctl_client_close(client);
	return e ? command_fail_local(c->out, e, &why) : DONE;
}

static bool
tells_value(enum ctl_method method)
{
	return method == CTL_M_key_create || method == CTL_M_key_rotate ||
	    method == CTL_M_key_reveal || method == CTL_M_my_key_create ||
	    method == CTL_M_my_key_rotate;
}

/* What is answered is only the beginning. */
static bool
is_dialogue(enum ctl_method method)
{
	return method == CTL_M_oauth_begin || method == CTL_M_oauth_again ||
	    method == CTL_M_oauth_resume;
}

/* May it be asked for again? */
static bool
is_kept(const struct json *data)
{
	bool kept = false;

	return !json_may_bool(data, "kept", &kept, NULL) && kept;
}

/* The new key inside of the settings of its client. */
static enum err
print_key_env(const struct command *c, struct ctl_client *client,
    const struct ctl_frame *f, struct why *out_why)
{
	const struct snippet *kind;
	struct str value = STR(""), id = STR("");
	enum err e = snippet_find(str_of(c->client), &kind, out_why);

	if (!e)
		e = json_want_str(f->data, "value", &value, out_why);
	if (!e)
		e = json_may_str(json_at(f->data, "key"), "id", &id, out_why);
	if (e)
		return e;
	fprintf(stderr,
	    is_kept(f->data) ? _("Key %.*s. ")
			     : _("Key %.*s; its value is shown this once. "),
	    STR_ARG(id));
	return setup_print(c->out, client, c->url, kind, value, out_why);
}

/* Does its answer only say that events will come? */
static bool
is_followed(enum ctl_method method)
{
	return method == CTL_M_receipt_tail || method == CTL_M_event_follow;
}

static enum verdict
follow(const struct command *c, struct ctl_client *client,
    enum ctl_method method)
{
	struct why why = { .text = "" };
	struct ctl_frame f;
	enum err e;

	show_events_begin(c->out, method);
	while ((e = ctl_client_next(client, &f, &why)) == OK) {
		show_event(c->out, method, &f);
		ctl_frame_fini(&f);
		if (ferror(c->out->to))
			return FAILED;
	}
	return command_fail_local(c->out, e, &why);
}

/* Print one answer; false when another page is to be asked for. */
static enum verdict
take_answer(const struct command *c, struct ctl_client *client, struct pager *p,
    struct show *s, struct ctl_frame *f, bool *out_more)
{
	struct why why = { .text = "" };
	int64_t differences;
	bool ok = false;

	*out_more = false;
	if (f->kind == CTL_ERROR)
		return command_fail_answer(c->out, f);
	if (is_followed(p->method))
		return follow(c, client, p->method);
	if (is_dialogue(p->method))
		return login_run(c, client, f->data);
	if (tells_value(p->method) && c->client && !c->out->json) {
		enum err e = print_key_env(c, client, f, &why);

		/* The key is made, and nobody can ask for its value again. */
		if (e)
			print_new_key(c->out, f->data);
		return e ? command_fail_local(c->out, e, &why) : DONE;
	}
	show_page(s, f->data);
	*out_more = pager_turn(p, f);
	/* Sums that disagree are a failure. */
	if (p->method == CTL_M_usage_verify &&
	    (json_want_i64(f->data, "differences", 0, 0, &differences, NULL)))
		return FAILED;
	/* An account, channel or proxy that does not answer as it should is
	 * a failure. */
	if ((p->method == CTL_M_account_test || p->method == CTL_M_proxy_test ||
		p->method == CTL_M_notify_test) &&
	    (json_want_bool(f->data, "ok", &ok, NULL) || !ok))
		return FAILED;
	return DONE;
}

static enum verdict
ask_all(const struct command *c, struct ctl_client *client,
    const struct ready *r, struct pager *p)
{
	struct why why = { .text = "" };
	enum verdict v = DONE;
	bool more = true;
	struct show s;

	if (show_begin(&s, c->out, p->method, &why))
		return command_fail(c->out, MISUSED, &why);
	s.is_part = p->wanted > 0 || buf_len(&p->cursor) > 0;
	while (more && v == DONE) {
		struct json_out *j = ctl_client_begin(client, p->method);
		enum err e = put_params(j, r, &why);
		struct ctl_frame f;

		if (e)
			return command_fail(c->out, MISUSED, &why);
		pager_put(p, j);
		e = ctl_client_ask(client, &f, &why);
		if (e)
			return command_fail_local(c->out, e, &why);
		output_take_now(c->out);
		v = take_answer(c, client, p, &s, &f, &more);
		ctl_frame_fini(&f);
	}
	if (v == DONE && !is_followed(p->method) && !is_dialogue(p->method) &&
	    !(tells_value(p->method) && c->client))
		show_end(&s);
	return v;
}

/* Does a thing of this kind need the secret? */
static bool
needs_secret(struct ctl_client *client, enum ctl_method kinds, struct str kind,
    const char *secret)
{
	struct json_out *j = ctl_client_begin(client, kinds);
	const struct json *f;
	bool needed = false;
	struct ctl_frame frame;
	struct str name;

	json_say(j, "kind", kind);
	if (ctl_client_ask(client, &frame, NULL))
		return false;
	f = json_first(json_at(json_first(frame.data), "fields"));
	for (; f && !needed; f = json_next(f))
		if (json_may_str(f, "name", &name, NULL) == OK &&
		    str_eq(name, str_of(secret)) &&
		    json_may_bool(f, "required", &needed, NULL))
			break;
	ctl_frame_fini(&frame);
	return needed;
}

/* A URL with a user in it, but without a password. */
static bool
names_user(const struct ctl_arg *url)
{
	struct url u;

	return url && !url_read(url->value, &u, NULL) && u.user.at &&
	    !u.password.at;
}

/* A secret without which it makes no sense, and nobody gave it: ask. */
static enum err
ask_for_missing(struct ready *r, struct ctl_client *client,
    enum ctl_method method, struct why *out_why)
{
	const struct ctl_arg *kind = ctl_match_arg(r->match, "kind");

	if (method == CTL_M_oauth_client_set &&
	    !ctl_match_arg(r->match, "secret"))
		return add_secret(r, "secret", CTL_STDIN, STR(""), out_why);
	if (method == CTL_M_account_key_add &&
	    !ctl_match_arg(r->match, "credential"))
		return add_secret(r, "credential", CTL_STDIN, STR(""), out_why);
	if (method == CTL_M_key_find && !ctl_match_arg(r->match, "value"))
		return add_secret(r, "value", CTL_STDIN, STR(""), out_why);
	if (method == CTL_M_my_redeem && !ctl_match_arg(r->match, "code"))
		return add_secret(r, "code", CTL_STDIN, STR(""), out_why);
	if (method == CTL_M_account_add &&
	    !ctl_match_arg(r->match, "credential") && secret_can_ask() &&
	    needs_secret(client, CTL_M_account_kinds, kind->value,
		"credential"))
		return add_secret(r, "credential", CTL_STDIN, STR(""), out_why);
	if (method == CTL_M_proxy_add && !ctl_match_arg(r->match, "password") &&
	    secret_can_ask() && names_user(ctl_match_arg(r->match, "url")))
		return add_secret(r, "password", CTL_STDIN, STR(""), out_why);
	if (method == CTL_M_notify_add && !ctl_match_arg(r->match, "secret") &&
	    secret_can_ask() &&
	    needs_secret(client, CTL_M_notify_kinds, kind->value, "secret"))
		return add_secret(r, "secret", CTL_STDIN, STR(""), out_why);
	return OK;
}

enum verdict
command_run(const struct command *c)
{
	struct ready r = { .match = c->match };
	struct ctl_client *client = NULL;
	const struct snippet *kind;
	struct why why = { .text = "" };
	enum verdict v = DONE;
	struct pager p;
	enum err e;

	e = pager_init(&p, c->match, &why);
	if (!e && c->client)
		e = snippet_find(str_of(c->client), &kind, &why);
	if (e) {
		buf_fini(&p.cursor);
		return command_fail(c->out, MISUSED, &why);
	}
	e = ctl_client_open(c->socket, &client, &why);
	if (!e)
		e = read_secrets(&r, &why);
	if (!e)
		e = ask_for_missing(&r, client, p.method, &why);
	if (!e)
		command_take_zone(c, client);
	if (e)
		v = command_fail_local(c->out, e, &why);
	else
		v = ask_all(c, client, &r, &p);
	if (v == DONE)
		pager_say_more(&p, c->out);
	ready_fini(&r);
	buf_fini(&p.cursor);
	ctl_client_close(client);
	return v;
}

/* --- the overview ---------------------------------------------------------- */

static enum err
show_one(const struct command *c, struct ctl_client *client,
    enum ctl_method method, struct ctl_frame *out, struct why *out_why)
{
	enum err e = ctl_client_ask_simple(client, method, out, out_why);
	struct show s;

	if (e || out->kind == CTL_ERROR)
		return e;
	e = show_begin(&s, c->out, method, out_why);
	if (e)
		return e;
	show_page(&s, out->data);
	show_end(&s);
	return OK;
}

static int64_t
total(const struct json *status, const char *of)
{
	int64_t n = 0;

	return json_may_i64(json_at(status, of), "total", 0, INT64_C(1) << 53,
		   &n, NULL)
	    ? 0
	    : n;
}

static const char all_commands[] = N_("`relayctl help` lists all commands.");

static void
say_hints(const struct command *c, const struct json *status)
{
	if (!total(status, "accounts"))
		fprintf(c->out->to, "\n%s\n",
		    _("There is no account yet. `relayctl account kinds` lists "
		      "what there can be,\n`relayctl account add KIND NAME` "
		      "adds one."));
	if (!total(status, "keys"))
		fprintf(c->out->to, "\n%s\n",
		    _("There is no key yet. `relayctl key create NAME --env "
		      "CLIENT` makes one and\nprints the settings of the "
		      "client that is to use it."));
	fprintf(c->out->to, "\n%s\n", _(all_commands));
}

enum verdict
command_overview(const struct command *c)
{
	struct ctl_client *client;
	struct why why = { .text = "" };
	struct ctl_frame status, list;
	enum err e = ctl_client_open(c->socket, &client, &why);
	enum verdict v = DONE;

	if (e)
		return command_fail_local(c->out, e, &why);
	command_take_zone(c, client);
	e = show_one(c, client, CTL_M_status, &status, &why);
	/* Who may not see the daemon may see what is theirs. */
	if (!e && ctl_frame_is(&status, ERR_DENIED)) {
		ctl_frame_fini(&status);
		e = show_one(c, client, CTL_M_my_overview, &status, &why);
		if (!e && status.kind == CTL_RESULT && !c->out->json)
			fprintf(c->out->to, "\n%s\n", _(all_commands));
	} else if (!e && status.kind != CTL_ERROR && !c->out->json) {
		if (total(status.data, "accounts")) {
			fputc('\n', c->out->to);
			e = show_one(c, client, CTL_M_account_list, &list,
			    &why);
			if (!e)
				ctl_frame_fini(&list);
		}
		say_hints(c, status.data);
	}
	if (!e && status.kind == CTL_ERROR)
		v = command_fail_answer(c->out, &status);
	if (e)
		v = command_fail_local(c->out, e, &why);
	else
		ctl_frame_fini(&status);
	ctl_client_close(client);
	return v;
}
