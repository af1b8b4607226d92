/* SPDX-License-Identifier: MIT */
/* rule.c - what an operator says of failures: the list, and what a rule may
 * be. */
#include "relayd/rule.h"

#include <stdio.h>
#include <stdlib.h>

#include "relayd/apikey.h"
#include "relayd/field.h"
#include "relayd/provider.h"

#define TEXT_MAX      200
#define REST_LEAST_MS 1000
#define REST_MOST_MS  (31LL * 86400 * 1000)

void
rules_init(struct rules *rs, struct store *s)
{
	*rs = (struct rules){ .store = s };
	TAILQ_INIT(&rs->list);
}

static void
rule_free(struct rule *r)
{
	free(r->blob);
	free(r);
}

void
rules_fini(struct rules *rs)
{
	struct rule *r;

	while ((r = TAILQ_FIRST(&rs->list))) {
		TAILQ_REMOVE(&rs->list, r, link);
		rule_free(r);
	}
}

struct rule *
rule_find(const struct rules *rs, struct str id)
{
	struct rule *r;

	TAILQ_FOREACH (r, &rs->list, link)
		if (str_eq(r->rec.id, id))
			return r;
	return NULL;
}

uint64_t
rules_last_place(const struct rules *rs)
{
	const struct rule *last = TAILQ_LAST(&rs->list, rule_list);

	return (last ? last->rec.place : 0) + RULE_STEP;
}

void
rules_insert(struct rules *rs, struct rule *take_r)
{
	struct rule *at;

	rs->count++;
	TAILQ_FOREACH (at, &rs->list, link)
		if (at->rec.place > take_r->rec.place ||
		    (at->rec.place == take_r->rec.place &&
			str_cmp(at->rec.id, take_r->rec.id) > 0)) {
			TAILQ_INSERT_BEFORE(at, take_r, link);
			return;
		}
	TAILQ_INSERT_TAIL(&rs->list, take_r, link);
}

void
rules_remove(struct rules *rs, struct rule *take_r)
{
	TAILQ_REMOVE(&rs->list, take_r, link);
	rs->count--;
	rule_free(take_r);
}

void
rule_make_id(char out[RULE_ID_LEN + 1])
{
	apikey_make_id(out);
	out[0] = 'r';
}

/* --- judging --------------------------------------------------------------- */

static bool
fits(struct str name, struct str globs)
{
	struct str glob;

	if (!globs.len)
		return true;
	while (str_list_next(&globs, &glob))
		if (str_glob(name, glob))
			return true;
	return false;
}

static bool
has_header(const struct http1_head *answer, struct str said)
{
	struct str glob = said, name = str_trim(str_cut(&glob, ':'));

	for (size_t i = 0; answer && i < answer->count; i++)
		if (str_ieq(answer->fields[i].name, name) &&
		    str_glob(answer->fields[i].value, str_trim(glob)))
			return true;
	return false;
}

static bool
matches(const struct rule_rec *r, const struct verdict_case *c)
{
	return c->status >= r->from && c->status <= r->to &&
	    fits(c->kind, r->kind) && fits(c->model, r->model) &&
	    (!r->text.len || str_ifind(c->body, r->text) >= 0) &&
	    (!r->header.len || has_header(c->answer, r->header));
}

const struct verdict *
rules_judge(const struct rules *rs, const struct verdict_case *c)
{
	const struct verdict *v = verdict_find_own(c);
	struct rule *r;

	if (v)
		return v;
	if (rs)
		TAILQ_FOREACH (r, &rs->list, link)
			if (matches(&r->rec, c))
				return &r->verdict;
	return verdict_find_common(c);
}

struct rule *
rule_of(const struct rules *rs, const struct verdict *v)
{
	return rs && v->rule[0] ? rule_find(rs, str_of(v->rule)) : NULL;
}

/* --- what it may be -------------------------------------------------------- */

static const struct {
	const char *word;
	enum verdict_next next;
} actions[] = {
	{ "return", NEXT_RETURN },
	{ "other", NEXT_OTHER },
	{ "same", NEXT_SAME },
	{ "cool", NEXT_OTHER },
	{ "hold", NEXT_HOLD },
};

static void
make_verdict(const struct rule_rec *r, struct verdict *out)
{
	*out = *verdict_at(VERDICT_operator);
	snprintf(out->rule, sizeof(out->rule), "%.*s", STR_ARG(r->id));
	out->scope = SCOPE_NOBODY;
	out->gate = -1;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (str_eq(r->action, str_of(actions[i].word)))
			out->next = actions[i].next;
	out->show = out->next != NEXT_HOLD;
	if (!str_eq(r->action, STR("cool")))
		return;
	out->gate = GATE_RATE;
	out->scope =
	    str_eq(r->scope, STR("family")) ? SCOPE_FAMILY : SCOPE_ACCOUNT;
	out->first_s = out->most_s = (unsigned)(r->rest_ms / 1000);
}

enum err
rule_adopt(struct rule *r, char *take_blob, size_t len)
{
	enum err e = rule_rec_read(str_at(take_blob, len), &r->rec);

	if (e) {
		free(take_blob);
		return e;
	}
	free(r->blob);
	r->blob = take_blob;
	make_verdict(&r->rec, &r->verdict);
	return OK;
}

enum err
rule_status_read(struct str s, struct rule_rec *io, struct why *out_why)
{
	struct str to = s, from = str_trim(str_cut(&to, '-'));

	to = to.at ? str_trim(to) : from;
	if (str_u64(from, &io->from) || str_u64(to, &io->to) ||
	    io->from < 300 || io->to > 599 || io->from > io->to)
		return why_set(out_why, ERR_VALUE, "status",
		    "must be one of 300 to 599, or a range of them: 429, "
		    "500-599; others are no failures");
	return OK;
}

/* Globs know * and ? alone. */
static enum err
check_globs(struct str globs, const char *field, const char *example,
    struct why *out_why)
{
	struct str rest = globs, glob;
	bool any = false;

	while (str_list_next(&rest, &glob)) {
		any = true;
		for (size_t i = 0; i < glob.len; i++)
			if (glob.at[i] <= ' ' || glob.at[i] == 0x7f ||
			    strchr("[]{}()|\\\"'", glob.at[i]))
				return why_set(out_why, ERR_VALUE, field,
				    "\"%.*s\" is no glob: only * and ? stand "
				    "for others; write for example %s",
				    STR_ARG(str_first(glob, 40)), example);
	}
	if (globs.len && (!any || globs.len > TEXT_MAX))
		return why_set(out_why, ERR_VALUE, field,
		    "must be globs by commas, %d bytes at most, for example %s",
		    TEXT_MAX, example);
	return OK;
}

static enum err
check_kinds(struct str globs, struct why *out_why)
{
	const struct provider *p;
	struct str glob;

	while (str_list_next(&globs, &glob)) {
		bool found = false;

		for (unsigned i = 0; (p = provider_at(i)); i++)
			found = found || str_glob(str_of(p->name), glob);
		if (!found)
			return why_set(out_why, ERR_UNKNOWN, "kind",
			    "no kind of account is like \"%.*s\"; `account "
			    "kinds` lists them, and claude* means all of "
			    "Claude's",
			    STR_ARG(str_first(glob, 40)));
	}
	return OK;
}

static enum err
check_header(struct str said, struct why *out_why)
{
	struct str glob = said, name = str_trim(str_cut(&glob, ':'));

	if (!said.len)
		return OK;
	if (!glob.at || !str_trim(glob).len || !field_is_name(name) ||
	    said.len > TEXT_MAX || !field_is_text(said))
		return why_set(out_why, ERR_VALUE, "header",
		    "must be a name and a glob of its value, for example "
		    "\"x-should-retry: false\"");
	return OK;
}

static enum err
check_action(const struct rule_rec *r, struct why *out_why)
{
	bool cools = str_eq(r->action, STR("cool")), known = false;

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		known = known || str_eq(r->action, str_of(actions[i].word));
	if (!known)
		return why_set(out_why, ERR_VALUE, "action",
		    "must be return, other, same, cool or hold");
	if (cools && (r->rest_ms < REST_LEAST_MS || r->rest_ms > REST_MOST_MS))
		return why_set(out_why, ERR_VALUE, "for",
		    "cool for how long? 1s to 31d, for example --for 10m");
	if (!cools && r->rest_ms)
		return why_set(out_why, ERR_VALUE, "for",
		    "only cool takes a time");
	if (!cools && r->scope.len)
		return why_set(out_why, ERR_VALUE, "scope",
		    "only cool is of an account or a family");
	if (cools && !str_eq(r->scope, STR("account")) &&
	    !str_eq(r->scope, STR("family")))
		return why_set(out_why, ERR_VALUE, "scope",
		    "must be account, or family (of the model, on the "
		    "account)");
	return OK;
}

/* Does every name that one of `globs` matches match one of `by` as well? */
static bool
covers(struct str by, struct str globs)
{
	struct str glob, rest, wide;

	if (!by.len)
		return true;
	if (!globs.len)
		return false;
	while (str_list_next(&globs, &glob)) {
		bool found = false;

		for (rest = by; !found && str_list_next(&rest, &wide);)
			found = str_glob_covers(wide, glob);
		if (!found)
			return false;
	}
	return true;
}

/* Does whatever `r` matches match `by` first? */
static bool
is_shadowed(const struct rule_rec *r, const struct rule_rec *by)
{
	return r->from >= by->from && r->to <= by->to &&
	    covers(by->kind, r->kind) && covers(by->model, r->model) &&
	    (!by->text.len || str_ifind(r->text, by->text) >= 0) &&
	    (!by->header.len || str_ieq(by->header, r->header));
}

static enum err
check_rows(const struct rule_rec *r, struct why *out_why)
{
	const struct verdict *v;

	for (unsigned i = 0; (v = verdict_at(i)); i++) {
		const struct rule_rec row = { .from = v->from,
			.to = v->to,
			.kind = v->kinds ? str_of(v->kinds) : STR(""),
			.text = v->text ? str_of(v->text) : STR("") };

		if ((v->kinds || v->text) && is_shadowed(r, &row))
			return why_set(out_why, ERR_VALUE, "text",
			    "can never match: the provider's row %s judges "
			    "that first, see relayd-accounts(7)",
			    v->name);
	}
	return OK;
}

/* `r` stands in place of the one of its id. */
static enum err
check_order(const struct rules *rs, const struct rule_rec *r,
    struct why *out_why)
{
	const struct rule *other;

	TAILQ_FOREACH (other, &rs->list, link) {
		bool is_before = other->rec.place < r->place ||
		    (other->rec.place == r->place &&
			str_cmp(other->rec.id, r->id) < 0);

		if (str_eq(other->rec.id, r->id))
			continue;
		if (is_before && is_shadowed(r, &other->rec))
			return why_set(out_why, ERR_VALUE, "place",
			    "can never match: %.*s at %llu judges all of that "
			    "first; give it a lower --place",
			    STR_ARG(other->rec.id),
			    (unsigned long long)other->rec.place);
		if (!is_before && is_shadowed(&other->rec, r))
			return why_set(out_why, ERR_VALUE, "place",
			    "%.*s at %llu could never match any more; give "
			    "this one a higher --place, or remove that one",
			    STR_ARG(other->rec.id),
			    (unsigned long long)other->rec.place);
	}
	return OK;
}

enum err
rule_check(const struct rules *rs, const struct rule_rec *r,
    struct why *out_why)
{
	enum err e = check_globs(r->kind, "kind", "claude*", out_why);

	if (!r->from)
		return why_set(out_why, ERR_VALUE, "status",
		    "of which status? for example --status 429");
	if (!e)
		e = check_kinds(r->kind, out_why);
	if (!e)
		e = check_globs(r->model, "model", "claude-opus-*", out_why);
	if (!e)
		e = check_header(r->header, out_why);
	if (!e)
		e = check_action(r, out_why);
	if (e)
		return e;
	if (r->text.len > TEXT_MAX || !field_is_text(r->text))
		return why_set(out_why, ERR_VALUE, "text",
		    "must be one line of at most %d bytes", TEXT_MAX);
	if (r->note.len > TEXT_MAX || !field_is_text(r->note))
		return why_set(out_why, ERR_VALUE, "note",
		    "must be one line of at most %d bytes", TEXT_MAX);
	if (r->place < 1 || r->place > RULE_PLACE_MAX)
		return why_set(out_why, ERR_VALUE, "place",
		    "must be 1 to %d, the lowest is asked first",
		    RULE_PLACE_MAX);
	if (!rule_find(rs, r->id) && rs->count >= RULES_MAX)
		return why_set(out_why, ERR_LIMIT, "status",
		    "there are %d rules already, and room for no more",
		    RULES_MAX);
	e = check_rows(r, out_why);
	return e ? e : check_order(rs, r, out_why);
}
