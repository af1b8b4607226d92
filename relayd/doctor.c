/* SPDX-License-Identifier: MIT */
/* doctor.c - what is wrong as far as the loop knows. */
#include "relayd/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/addr.h"
#include "proto/mem.h"

#include "store/store.h"

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/channel.h"
#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/ledger.h"
#include "relayd/log.h"
#include "relayd/loop.h"
#include "relayd/notices.h"
#include "relayd/proxy.h"
#include "relayd/vitals.h"

/* A journal that full is told of; at LEDGER_FILL_MAX nobody is served. */
#define JOURNAL_MUCH 40
/* Fewer descriptors are few for a relay. */
#define FILES_FEW 4096
/* A turn of the loop that long keeps everybody waiting. */
#define TURN_LONG_US 50000

/* --- findings -------------------------------------------------------------- */

const char *
doctor_check_word(enum doctor_check c)
{
	static const char *const words[] = {
#define X(name, word) word,
#include "relayd/doctor.def"
#undef X
	};

	return words[c];
}

const char *
doctor_state_word(enum doctor_state s)
{
	static const char *const words[] = { "fine", "note", "smell",
		"broken" };

	return words[s];
}

void
findings_init(struct findings *f)
{
	*f = (struct findings){ .at = xcalloc(FINDINGS_MAX, sizeof(*f->at)) };
}

void
findings_fini(struct findings *f)
{
	free(f->at);
}

/* "relayctl account show NAME" says which. */
static void
write_advice(const char *advice, struct finding *it)
{
	const char *name = it->object[0] ? strstr(advice, "NAME") : NULL;

	if (name)
		snprintf(it->advice, sizeof(it->advice), "%.*s%s%s",
		    (int)(name - advice), advice, it->object, name + 4);
	else
		snprintf(it->advice, sizeof(it->advice), "%s", advice);
}

void
findings_add(struct findings *f, enum doctor_check check,
    enum doctor_state state, struct str object, const char *advice,
    const char *fmt, ...)
{
	struct finding *it = &f->at[f->count];
	va_list ap;

	if (f->count == FINDINGS_MAX) {
		f->dropped++;
		return;
	}
	f->count++;
	it->check = check;
	it->state = state;
	snprintf(it->object, sizeof(it->object), "%.*s",
	    STR_ARG(str_first(object, sizeof(it->object) - 1)));
	write_advice(advice, it);
	va_start(ap, fmt);
	vsnprintf(it->text, sizeof(it->text), fmt, ap);
	va_end(ap);
}

static int
compare(const void *va, const void *vb)
{
	const struct finding *a = va, *b = vb;

	if (a->check != b->check)
		return a->check < b->check ? -1 : 1;
	if (a->state != b->state)
		return a->state > b->state ? -1 : 1;
	return strcmp(a->object, b->object);
}

void
findings_sort(struct findings *f)
{
	qsort(f->at, f->count, sizeof(*f->at), compare);
}

/* --- store, journal, process ----------------------------------------------- */

static void
look_at_store(struct daemon *d, struct findings *f)
{
	struct store_stats s;
	unsigned fill = ledger_fill(d->ledger);

	store_get_stats(d->store, &s);
	if (s.failures)
		findings_add(f, DOCTOR_STORE, DOCTOR_SMELL, STR(""),
		    "look at the disk, and at what the log says of it",
		    "%llu transactions were lost and made again since the "
		    "start%s%s",
		    (unsigned long long)s.failures,
		    s.trouble.text[0] ? ": " : "", s.trouble.text);
	if (ledger_is_tight(d->ledger))
		findings_add(f, DOCTOR_STORE, DOCTOR_BROKEN, STR(""),
		    "make room on the disk, or give it a faster one",
		    "the journal is %u %% full: requests are refused", fill);
	else if (fill >= JOURNAL_MUCH)
		findings_add(f, DOCTOR_STORE, DOCTOR_SMELL, STR(""),
		    "look for what else keeps the disk busy",
		    "the journal is %u %% full: the disk is slow", fill);
	if (!s.failures && fill < JOURNAL_MUCH)
		findings_add(f, DOCTOR_STORE, DOCTOR_FINE, STR(""), "",
		    "%llu commits, the longest took %llu ms; the journal is "
		    "%u %% full",
		    (unsigned long long)s.commits,
		    (unsigned long long)(s.commit_ns_max / 1000000), fill);
}

static void
look_at_process(struct daemon *d, struct findings *f)
{
	struct vital_signs v;
	int64_t turn_us = loop_longest_lately_us(d->loop);

	vitals_read(d->vitals, &v);
	if (v.files && v.files_max && v.files > v.files_max / 5 * 4)
		findings_add(f, DOCTOR_FILES, DOCTOR_BROKEN, STR(""),
		    "raise LimitNOFILE= of the service, or ulimit -n",
		    "%llu of %llu descriptors are in use",
		    (unsigned long long)v.files,
		    (unsigned long long)v.files_max);
	else if (v.files_max && v.files_max < FILES_FEW)
		findings_add(f, DOCTOR_FILES, DOCTOR_SMELL, STR(""),
		    "raise LimitNOFILE= of the service, or ulimit -n",
		    "only %llu descriptors may be open: each request takes two",
		    (unsigned long long)v.files_max);
	else
		findings_add(f, DOCTOR_FILES, DOCTOR_FINE, STR(""), "",
		    "%llu of %llu are in use", (unsigned long long)v.files,
		    (unsigned long long)v.files_max);
	if (turn_us > TURN_LONG_US)
		findings_add(f, DOCTOR_LOOP, DOCTOR_SMELL, STR(""),
		    "is the machine overloaded, or out of memory?",
		    "a turn of the loop has taken %lld ms",
		    (long long)turn_us / 1000);
	else
		findings_add(f, DOCTOR_LOOP, DOCTOR_FINE, STR(""), "",
		    "the longest turn of the last minute took %lld us",
		    (long long)turn_us);
	if (log_dropped())
		findings_add(f, DOCTOR_LOOP, DOCTOR_SMELL, STR(""),
		    "raise log_level, or write the log to a faster place",
		    "%llu lines of the log were dropped",
		    (unsigned long long)log_dropped());
}

/* --- configuration --------------------------------------------------------- */

static bool
is_loopback(const struct sockaddr_storage *sa)
{
	struct addr a = addr_of((const struct sockaddr *)sa);
	const struct cidr own[] = {
		{ { [10] = 0xff, 0xff, 127 }, 96 + 8 },
		{ { [15] = 1 }, 128 },
	};

	return cidrs_hold(own, sizeof(own) / sizeof(own[0]), &a);
}

/* All addresses of IPv6, or all of IPv4. */
static bool
is_everybody(const struct cidr *c)
{
	return c->bits == 0 || (c->bits == 96 && c->at[10] == 0xff);
}

static void
look_at_listeners(struct daemon *d, struct findings *f)
{
	const struct conf *c = d->conf;
	unsigned open = 0;

	for (size_t i = 0; i < c->listen.n; i++) {
		if (is_loopback(&c->listen.at[i].sa))
			continue;
		open++;
		findings_add(f, DOCTOR_LISTEN, DOCTOR_NOTE,
		    str_of(c->listen.at[i].text),
		    "put a proxy that speaks TLS in front, or reach it through "
		    "ssh or a VPN",
		    "clients send their keys there without TLS");
	}
	for (size_t i = 0; i < c->metrics.n; i++)
		if (!is_loopback(&c->metrics.at[i].sa)) {
			open++;
			findings_add(f, DOCTOR_LISTEN, DOCTOR_SMELL,
			    str_of(c->metrics.at[i].text),
			    "let metrics listen on a loopback address",
			    "metrics tell names of accounts and keys, to "
			    "everybody who can connect");
		}
	if (!open)
		findings_add(f, DOCTOR_LISTEN, DOCTOR_FINE, STR(""), "",
		    "on loopback addresses only");
}

static void
look_at_conf(struct daemon *d, struct findings *f)
{
	const struct conf *c = d->conf;
	unsigned before = f->count;

	if (!c->sandbox)
		findings_add(f, DOCTOR_CONFIG, DOCTOR_SMELL, STR("sandbox"),
		    "sandbox = yes",
		    "relayd keeps all rights it was born with");
	if (!getuid())
		findings_add(f, DOCTOR_CONFIG, DOCTOR_SMELL, STR(""),
		    "start it as a service of its own user: relayd.service",
		    "relayd runs as root");
	for (size_t i = 0; i < c->trusted_proxies.n; i++)
		if (is_everybody(&c->trusted_proxies.at[i]))
			findings_add(f, DOCTOR_CONFIG, DOCTOR_BROKEN,
			    STR("trusted_proxies"),
			    "name the addresses of your own proxies",
			    "everybody is believed about the address that a "
			    "request is said to come from");
	if (!d->settings.retry_budget_percent &&
	    !d->settings.retry_budget_floor)
		findings_add(f, DOCTOR_CONFIG, DOCTOR_SMELL,
		    STR("retry_budget_percent"),
		    "relayctl unset retry_budget_percent; relayctl unset "
		    "retry_budget_floor",
		    "no request is ever sent to a second account");
	if (f->count == before)
		findings_add(f, DOCTOR_CONFIG, DOCTOR_FINE, STR(""), "", "%s",
		    c->file);
}

/* --- objects --------------------------------------------------------------- */

static void
look_at_account(struct daemon *d, const struct account *a, struct findings *f)
{
	enum gate which;

	if (a->is_forbidden)
		findings_add(f, DOCTOR_ACCOUNTS, DOCTOR_BROKEN, a->rec.name,
		    "oauth_accounts = yes, in relayd.conf, allows them",
		    "it is a subscription, which the owner of this host does "
		    "not allow");
	else if (account_is_signed_out(&a->rec))
		findings_add(f, DOCTOR_ACCOUNTS, DOCTOR_BROKEN, a->rec.name,
		    "relayctl account reauth NAME", "its sign-in is over");
	else if (a->outlet.no_way)
		findings_add(f, DOCTOR_ACCOUNTS, DOCTOR_BROKEN, a->rec.name,
		    "relayctl proxy ls", "%s", a->outlet.no_way);
	else if (a->rec.held)
		findings_add(f, DOCTOR_ACCOUNTS, DOCTOR_NOTE, a->rec.name,
		    "relayctl account release NAME", "held: %.*s",
		    STR_ARG(str_first(a->rec.held_reason, 160)));
	else if (gate_until(&a->gates, loop_ms(d->loop), &which))
		findings_add(f, DOCTOR_ACCOUNTS,
		    which == GATE_AUTH || which == GATE_CREDIT ? DOCTOR_BROKEN
							       : DOCTOR_NOTE,
		    a->rec.name, "relayctl account show NAME", "%s: %s",
		    gate_text(which), a->gates.reason[which]);
}

static void
look_at_accounts(struct daemon *d, struct findings *f)
{
	const struct account *a;
	unsigned before = f->count, ready = 0;
	int64_t until_ms;

	TAILQ_FOREACH (a, &d->pool->accounts, link) {
		ready += !strcmp(account_state(a, loop_ms(d->loop), &until_ms),
		    "ready");
		look_at_account(d, a, f);
	}
	if (!d->pool->count)
		findings_add(f, DOCTOR_ACCOUNTS, DOCTOR_SMELL, STR(""),
		    "relayctl account kinds; relayctl account add KIND NAME",
		    "there are none, so nobody can be answered");
	else if (!ready)
		findings_add(f, DOCTOR_ACCOUNTS, DOCTOR_BROKEN, STR(""),
		    "look at each of them: relayctl account ls",
		    "none of %u can be used", d->pool->count);
	else if (f->count == before)
		findings_add(f, DOCTOR_ACCOUNTS, DOCTOR_FINE, STR(""), "",
		    "all %u can be used", d->pool->count);
}

static void
look_at_keys(struct daemon *d, struct findings *f)
{
	unsigned active = 0;
	const struct apikey *k;

	TAILQ_FOREACH (k, &d->keys->keys, link) {
		const char *state = apikey_state(k, clock_wall_ms());

		active += !strcmp(state, "active") || !strcmp(state, "unused");
	}
	if (active)
		findings_add(f, DOCTOR_KEYS, DOCTOR_FINE, STR(""), "",
		    "%u of %u can be used", active, d->keys->count);
	else
		findings_add(f, DOCTOR_KEYS, DOCTOR_SMELL, STR(""),
		    "relayctl key create NAME --env claude",
		    "no key can be used, so nobody can ask");
}

static void
look_at_proxies(struct daemon *d, struct findings *f)
{
	const struct proxy *p;
	unsigned bad = 0;

	TAILQ_FOREACH (p, &d->proxies->list, link) {
		if (p->last_error_wall_ms <= p->tested_wall_ms)
			continue;
		bad++;
		findings_add(f, DOCTOR_PROXIES, DOCTOR_SMELL, p->rec.name,
		    "relayctl proxy test NAME", "%s", p->last_error);
	}
	if (d->proxies->count && !bad)
		findings_add(f, DOCTOR_PROXIES, DOCTOR_FINE, STR(""), "",
		    "%u, none has failed lately", d->proxies->count);
}

static void
look_at_channels(struct daemon *d, struct findings *f)
{
	const struct channels *cs = &d->notices->channels;
	const struct channel *c;
	unsigned bad = 0;

	TAILQ_FOREACH (c, &cs->list, link) {
		if (!c->failures)
			continue;
		bad++;
		findings_add(f, DOCTOR_NOTICES, DOCTOR_BROKEN, c->rec.name,
		    "relayctl notify test NAME",
		    "%u deliveries in a row have failed: %s", c->failures,
		    c->error);
	}
	if (!cs->count)
		findings_add(f, DOCTOR_NOTICES, DOCTOR_NOTE, STR(""),
		    "relayctl notify add KIND NAME",
		    "nobody is told when an account fails: there is no "
		    "channel");
	else if (!bad)
		findings_add(f, DOCTOR_NOTICES, DOCTOR_FINE, STR(""), "",
		    "%u channels", cs->count);
}

void
doctor_look(struct daemon *d, struct findings *f)
{
	look_at_store(d, f);
	look_at_process(d, f);
	look_at_listeners(d, f);
	look_at_conf(d, f);
	look_at_accounts(d, f);
	look_at_keys(d, f);
	look_at_proxies(d, f);
	look_at_channels(d, f);
}
