/* SPDX-License-Identifier: MIT */
/* main.c - options, and the order in which everything is born and dies. */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>
#include <sodium.h>

#include "proto/mem.h"
#include "proto/version.h"

#include "store/store.h"

#include "relayd/account.h"
#include "relayd/apikey.h"
#include "relayd/budget.h"
#include "relayd/client.h"
#include "relayd/clientsecret.h"
#include "relayd/conf.h"
#include "relayd/conn.h"
#include "relayd/control.h"
#include "relayd/daemon.h"
#include "relayd/dial.h"
#include "relayd/dns.h"
#include "relayd/drain.h"
#include "relayd/due.h"
#include "relayd/figures.h"
#include "relayd/gate_save.h"
#include "relayd/group.h"
#include "relayd/ledger.h"
#include "relayd/listen.h"
#include "relayd/log.h"
#include "relayd/lookout.h"
#include "relayd/notices.h"
#include "relayd/prices.h"
#include "relayd/relay.h"
#include "relayd/renew.h"
#include "relayd/rule.h"
#include "relayd/sandbox.h"
#include "relayd/scrape.h"
#include "relayd/sdnotify.h"
#include "relayd/signin.h"
#include "relayd/tally.h"
#include "relayd/trace.h"
#include "relayd/trash.h"
#include "relayd/upstream.h"
#include "relayd/vitals.h"
#include "relayd/voucher.h"
#include "relayd/why.h"

/* How often a draining daemon looks whether it is done, and an idle one gives
 * memory back. */
#define DRAIN_LOOK_MS 50
#define TRIM_MS	      10000
#define PRUNE_MS      (10 * 60 * 1000)
/* How long the end waits for its own notice. */
#define TELL_MS 2000

/* What only main knows. */
struct process {
	struct daemon d;
	struct sdnotify notify;
	struct event *term, *intr, *hup, *stored;
	struct timer drain, watchdog, trim, prune;
	int64_t drain_until_ms, tell_until_ms;
	bool stopping; /* a signal has said so */
	uint64_t trimmed_at;
};

/* --- memory --------------------------------------------------------------------------- */

/* Large bodies come and go: without this each of them is a mapping of its own,
 * made and undone (a quarter of the CPU at 512 KB, measured). */
static void
tune_malloc(void)
{
	mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 256 * 1024 * 1024);
}

static void
on_trim(void *arg)
{
	struct process *p = arg;
	const struct counters *c = &p->d.counters;

	if (!c->requests_now && c->requests_total != p->trimmed_at) {
		malloc_trim(0);
		p->trimmed_at = c->requests_total;
	}
	timer_set(p->d.loop, &p->trim, loop_ms(p->d.loop) + TRIM_MS);
}

/* --- what was kept long enough --------------------------------------------------------- */

static void
on_prune(void *arg)
{
	struct process *p = arg;
	const struct settings *s = &p->d.settings;
	const struct ledger_keep keep = { .receipts_ms = s->keep_receipts_ms,
		.minutes_ms = s->keep_minutes_ms,
		.hours_ms = s->keep_hours_ms,
		.days_ms = s->keep_days_ms };

	ledger_prune(p->d.ledger, &keep, clock_wall_ms());
	trash_tend(p->d.keys, p->d.budgets, s->trash_keep_ms);
	whys_prune(p->d.whys);
	timer_set(p->d.loop, &p->prune, loop_ms(p->d.loop) + PRUNE_MS);
}

/* --- signals ----------------------------------------------------------------------------- */

/* Nobody waits for long to be told that relayd stops: what is left of it is
 * told when it starts again. */
static bool
is_telling(const struct process *p, int64_t now_ms)
{
	return now_ms < p->tell_until_ms &&
	    notices_have(p->d.notices, NOTICE_stop);
}

static void
on_drain(void *arg)
{
	struct process *p = arg;
	struct daemon *d = &p->d;
	int64_t now_ms = loop_ms(d->loop);
	char status[64];

	if (!d->counters.requests_now && !d->counters.connections_now &&
	    !is_telling(p, now_ms)) {
		loop_stop(d->loop);
		return;
	}
	snprintf(status, sizeof(status), "finishing %llu requests",
	    (unsigned long long)d->counters.requests_now);
	sdnotify_status(&p->notify, status);
	if (now_ms >= p->drain_until_ms) {
		relays_stop(d->relays);
		p->drain_until_ms = now_ms + 5000;
		if (!d->counters.requests_now)
			loop_stop(d->loop);
	}
	timer_set(d->loop, &p->drain, now_ms + DRAIN_LOOK_MS);
}

static void
drain(struct process *p)
{
	struct daemon *d = &p->d;
	struct conn *c, *next;

	if (p->stopping) {
		log_note(LOG_WARN, "stop", "told twice: ending at once");
		loop_stop(d->loop);
		return;
	}
	log_note(LOG_INFO, "drain", "no new requests; %llu are under way",
	    (unsigned long long)d->counters.requests_now);
	sdnotify_stopping(&p->notify, "finishing the requests under way");
	notice_raise(d->notices, NOTICE_stop, STR(""),
	    "%llu requests are under way, and may end",
	    (unsigned long long)d->counters.requests_now);
	p->stopping = d->draining = true;
	listeners_stop(d->listeners);
	relays_drain(d->relays);
	for (c = LIST_FIRST(&d->conns); c; c = next) {
		next = LIST_NEXT(c, link);
		conn_drain(c);
	}
	p->tell_until_ms = loop_ms(d->loop) + TELL_MS;
	/* By command it may have begun before. */
	p->drain_until_ms = drain_since(d->drain)
	    ? drain_until(d->drain)
	    : loop_ms(d->loop) + d->settings.drain_max_ms;
	drain_leave(d->drain);
	timer_set(d->loop, &p->drain, loop_ms(d->loop) + 1);
}

/* Local time, from here on, is that of the option timezone. */
static void
use_zone(const struct conf *conf)
{
	setenv("TZ", conf->timezone, 1);
	tzset();
}

/* Subscriptions are the owner of the host's to allow, and to stop. */
static void
allow_oauth(struct daemon *d)
{
	const struct account *a;
	unsigned n = 0;

	pool_allow_oauth(d->pool, d->conf->oauth_accounts);
	TAILQ_FOREACH (a, &d->pool->accounts, link)
		n += a->is_forbidden;
	if (n)
		log_note(LOG_WARN, "accounts",
		    "%u accounts that were signed in to are not used: "
		    "oauth_accounts is no",
		    n);
}

static void
reload(struct process *p)
{
	enum conf_option changed[CONF_NR];
	struct daemon *d = &p->d;
	const struct conf *next;
	struct why why;
	size_t n;

	sdnotify_reloading(&p->notify);
	log_reopen();
	if (conf_reread(d->conf, &next, &why)) {
		log_note(LOG_ERROR, "reload", "%s; the old one is kept",
		    why.text);
		sdnotify_ready(&p->notify, "configuration was not accepted");
		return;
	}
	n = conf_diff(d->conf, next, changed);
	for (size_t i = 0; i < n; i++) {
		struct conf_row row;

		conf_row(next, changed[i], &row);
		log_note(LOG_INFO, "reload", "%s is now \"%s\"%s", row.name,
		    row.value, row.needs_restart ? ", after a restart" : "");
	}
	conf_unref(d->conf);
	d->conf = next;
	use_zone(next);
	if (ledger_use_zone(d->ledger, str_of(next->timezone)))
		log_note(LOG_ERROR, "reload",
		    "the zone was changed too often: it is %s after a restart",
		    next->timezone);
	budgets_use_zone(d->budgets, ledger_zone(d->ledger));
	log_set_level((enum log_level)next->log_level);
	listeners_reload(d->listeners);
	allow_oauth(d);
	renewals_look(d->renewals);
	if (control_reload(d->control, next, &why))
		log_note(LOG_ERROR, "reload", "%s: %s", why.field, why.text);
	sdnotify_ready(&p->notify, "serving");
}

static void
on_signal(evutil_socket_t signal, short what, void *arg)
{
	(void)what;
	if (signal == SIGHUP)
		reload(arg);
	else
		drain(arg);
}

static void
on_watchdog(void *arg)
{
	struct process *p = arg;

	sdnotify_alive(&p->notify);
	timer_set(p->d.loop, &p->watchdog,
	    loop_ms(p->d.loop) + p->notify.watchdog_ms);
}

static void
on_stored(evutil_socket_t fd, short what, void *arg)
{
	struct process *p = arg;

	(void)fd;
	(void)what;
	store_collect(p->d.store);
}

/* --- settings -------------------------------------------------------------------------------- */

struct settings_job {
	struct job job;
	struct settings *out;
};

static bool
load_setting(void *arg, struct str key, struct str value)
{
	struct why why;

	if (settings_set(arg, key, value, &why))
		log_note(LOG_WARN, "setting", "%.*s is ignored: %s",
		    STR_ARG(key), why.text);
	return true;
}

static enum err
settings_work(struct job *j, struct txn *t, struct why *out_why)
{
	struct settings_job *s = (struct settings_job *)j;

	(void)out_why;
	return txn_scan(t, TABLE_setting, STR(""), false, load_setting, s->out);
}

static enum err
load_settings(struct daemon *d, struct why *out_why)
{
	struct settings_job s = { .job = { .work = settings_work },
		.out = &d->settings };
	enum err e;

	settings_default(&d->settings);
	e = store_now(d->store, LANE_READ, &s.job);
	if (e && out_why)
		*out_why = s.job.why;
	return e;
}

/* --- birth -------------------------------------------------------------------------------------- */

/* The last request of an account that was drained. */
static void
on_drained(void *arg, const struct account *a)
{
	struct daemon *d = arg;

	notice_raise(d->notices, NOTICE_account_drained, a->rec.name,
	    "its last request has ended");
}

/* Once for each step in a window; each step is another object, so that none is
 * taken for a repetition of the one before. */
static void
on_budget(void *arg, const struct budget *b, unsigned percent)
{
	struct daemon *d = arg;
	const struct apikey *k = keyring_id(d->keys, b->rec.subject);
	struct str subject = k ? k->rec.name : b->rec.subject;
	char amount[BUDGET_TEXT], used[BUDGET_TEXT], object[128];

	budget_amount_text(b->unit, b->rec.amount, amount);
	budget_amount_text(b->unit, b->used, used);
	snprintf(object, sizeof(object), "%.*s, %s%s%.*s at %u %%",
	    STR_ARG(b->rec.id), budget_scope_word(b->scope),
	    subject.len ? " " : "", STR_ARG(str_first(subject, 64)),
	    percent == BUDGET_REFUSED ? 100 : percent);
	notice_raise(d->notices, NOTICE_budget_reached, str_of(object),
	    "%s of %s per %.*s are used%s", used, amount,
	    STR_ARG(b->rec.window),
	    percent == BUDGET_REFUSED ? "; there was no room for a request"
				      : "");
}

static enum err
bear_budgets(struct daemon *d, struct why *out_why)
{
	d->budgets = xcalloc(1, sizeof(*d->budgets));
	budgets_init(d->budgets, d->loop, d->store, ledger_zone(d->ledger));
	d->budgets->alert = on_budget;
	d->budgets->alert_arg = d;
	return budgets_load(d->budgets, out_why);
}

/* Connections that are there stay; what waits for a way may have one now. */
static void
on_ways(void *arg)
{
	struct daemon *d = arg;

	pool_find_ways(d->pool);
	if (d->renewals)
		renewals_look(d->renewals);
}

static enum err
bear_proxies(struct daemon *d, struct why *out_why)
{
	enum err e;

	d->proxies = xcalloc(1, sizeof(*d->proxies));
	proxies_init(d->proxies, d->store);
	e = proxies_load(d->proxies, out_why);
	proxies_set_default(d->proxies, d->settings.proxy_default);
	d->proxies->changed = on_ways;
	d->proxies->changed_arg = d;
	return e;
}

static enum err
bear_vouchers(struct daemon *d, struct why *out_why)
{
	d->vouchers = xcalloc(1, sizeof(*d->vouchers));
	vouchers_init(d->vouchers, d->loop, d->store, d->keys, d->budgets,
	    &d->settings);
	return vouchers_load(d->vouchers, out_why);
}

static enum err
bear_traces(struct daemon *d, struct why *out_why)
{
	d->traces = xcalloc(1, sizeof(*d->traces));
	traces_init(d->traces, d->loop, d->store, &d->settings);
	return traces_load(d->traces, out_why);
}

static enum err
bear_clients(struct daemon *d, struct why *out_why)
{
	d->clients = xcalloc(1, sizeof(*d->clients));
	clients_init(d->clients, d->store);
	return clients_load(d->clients, out_why);
}

static enum err
bear_gates(struct daemon *d, struct why *out_why)
{
	d->gates = xcalloc(1, sizeof(*d->gates));
	gate_keeper_init(d->gates, d->loop, d->store, d->pool);
	gate_keeper_start(d->gates);
	return gate_keeper_load(d->gates, out_why);
}

static enum err
bear_rules(struct daemon *d, struct why *out_why)
{
	d->rules = xcalloc(1, sizeof(*d->rules));
	rules_init(d->rules, d->store);
	return rules_load(d->rules, out_why);
}

static enum err
bear_groups(struct daemon *d, struct why *out_why)
{
	d->groups = xcalloc(1, sizeof(*d->groups));
	groups_init(d->groups, d->pool, d->store);
	return groups_load(d->groups, out_why);
}

static void
on_groups_changed(void *arg)
{
	struct budgets *all = arg;

	all->generation++;
}

/* Budgets of groups count what is answered by accounts that are in them. */
static void
lead_budgets(struct daemon *d)
{
	d->budgets->groups = d->groups;
	d->groups->changed = on_groups_changed;
	d->groups->changed_arg = d->budgets;
}

static enum err
bear_whys(struct daemon *d, struct why *out_why)
{
	d->whys = xcalloc(1, sizeof(*d->whys));
	whys_init(d->whys, d->store, &d->settings);
	return whys_load(d->whys, out_why);
}

static enum err
bear_store(struct daemon *d, struct why *out_why)
{
	const struct store_conf conf = { .ops = &store_lmdb,
		.dir = d->conf->state_dir,
		.key_file =
		    d->conf->master_key[0] ? d->conf->master_key : NULL };
	enum err e;

	e = store_open(&conf, &d->store, out_why);
	if (e)
		return e;
	e = load_settings(d, out_why);
	if (e)
		return e;
	e = bear_proxies(d, out_why);
	if (e)
		return e;
	pool_init(d->pool, d->loop, d->store);
	d->pool->proxies = d->proxies;
	d->pool->on_drained = on_drained;
	d->pool->on_drained_arg = d;
	e = pool_load(d->pool, out_why);
	if (!e)
		e = bear_groups(d, out_why);
	if (!e)
		e = bear_clients(d, out_why);
	if (!e)
		e = bear_rules(d, out_why);
	if (!e)
		e = bear_gates(d, out_why);
	if (e)
		return e;
	d->notices = notices_new(d->loop, &d->settings);
	e = notices_load(d->notices, d->store, out_why);
	channels_set_proxies(&d->notices->channels, d->proxies);
	if (e)
		return e;
	e = keyring_init(d->keys, d->loop, d->store);
	if (!e)
		e = keyring_load(d->keys, out_why);
	if (!e)
		e = client_secrets_load(d->store, &d->client_secrets, out_why);
	if (!e)
		e = prices_load(d->store, &d->prices, out_why);
	if (!e)
		e = rates_load(d->store, &d->rates, out_why);
	if (!e)
		e = ledger_new(d->store, d->conf->state_dir, &d->ledger,
		    out_why);
	if (!e)
		e = ledger_use_zone(d->ledger, str_of(d->conf->timezone));
	if (!e)
		e = bear_traces(d, out_why);
	if (!e)
		e = bear_whys(d, out_why);
	/* What was used is known when the ledger has taken over. */
	if (!e)
		e = bear_budgets(d, out_why);
	if (!e)
		e = bear_vouchers(d, out_why);
	if (!e)
		lead_budgets(d);
	return e ? e : store_start(d->store, out_why);
}

static enum err
bear_net(struct daemon *d, struct why *out_why)
{
	struct dialer_conf conf = { .ca_file = d->conf->ca_file,
		.connect_wait_ms = (unsigned)d->settings.connect_wait_ms };
	struct buf servers;
	enum err e;

	buf_init(&servers, 1024);
	for (size_t i = 0; i < d->conf->resolver.n; i++)
		buf_mustf(&servers, "%s%s", i ? "," : "",
		    d->conf->resolver.at[i].text);
	e = dns_new(d->loop, buf_len(&servers) ? buf_cstr(&servers) : NULL,
	    &d->dns, out_why);
	buf_fini(&servers);
	if (!e)
		e = dialer_new(d->loop, d->dns, &conf, &d->dialer, out_why);
	return e;
}

static enum err
bear_some(struct daemon *d, const struct conf_addrs *a, const char *option,
    struct listeners **out, struct why *out_why)
{
	struct sockaddr_storage at[64];
	enum err e;

	if (a->n > 64)
		return why_set(out_why, ERR_LIMIT, option,
		    "more than 64 addresses");
	for (size_t i = 0; i < a->n; i++)
		at[i] = a->at[i].sa;
	e = listeners_new(d, at, a->n, out, out_why);
	if (e)
		snprintf(out_why->field, sizeof(out_why->field), "%s", option);
	return e;
}

static enum err
bear_listeners(struct daemon *d, struct why *out_why)
{
	enum err e =
	    bear_some(d, &d->conf->listen, "listen", &d->listeners, out_why);

	if (!e && d->conf->metrics.n)
		e = bear_some(d, &d->conf->metrics, "metrics",
		    &d->scrape_listeners, out_why);
	return e;
}

static void
watch_signals(struct process *p)
{
	struct event_base *base = loop_base(p->d.loop);

	signal(SIGPIPE, SIG_IGN);
	p->term = evsignal_new(base, SIGTERM, on_signal, p);
	p->intr = evsignal_new(base, SIGINT, on_signal, p);
	p->hup = evsignal_new(base, SIGHUP, on_signal, p);
	p->stored = event_new(base, store_fd(p->d.store), EV_READ | EV_PERSIST,
	    on_stored, p);
	event_add(p->term, NULL);
	event_add(p->intr, NULL);
	event_add(p->hup, NULL);
	event_add(p->stored, NULL);
	timer_init(&p->drain, on_drain, p);
	timer_init(&p->trim, on_trim, p);
	timer_init(&p->prune, on_prune, p);
	timer_init(&p->watchdog, on_watchdog, p);
	timer_set(p->d.loop, &p->trim, loop_ms(p->d.loop) + TRIM_MS);
	timer_set(p->d.loop, &p->prune, loop_ms(p->d.loop) + TRIM_MS);
	if (p->notify.watchdog_ms)
		on_watchdog(p);
}

static enum err
bear(struct process *p, struct why *out_why)
{
	struct daemon *d = &p->d;
	enum err e;

	d->pool = xcalloc(1, sizeof(*d->pool));
	d->keys = xcalloc(1, sizeof(*d->keys));
	d->tally = xcalloc(1, sizeof(*d->tally));
	d->vitals = xcalloc(1, sizeof(*d->vitals));
	vitals_open(d->vitals);
	d->started_wall_ms = clock_wall_ms();
	LIST_INIT(&d->conns);
	e = sdnotify_open(&p->notify, out_why);
	if (!e)
		e = loop_new(&d->loop, out_why);
	if (e)
		return e;
	d->started_ms = loop_ms(d->loop);
	e = bear_listeners(d, out_why);
	if (!e)
		e = sandbox_user(d->conf, out_why);
	if (!e)
		e = sandbox_enter(d->conf, out_why);
	if (!e)
		e = log_start(d->conf->log_file, out_why);
	if (!e)
		e = bear_store(d, out_why);
	if (!e)
		e = bear_net(d, out_why);
	if (e)
		return e;
	notices_run(d->notices, d->dialer);
	d->lookout = lookout_new(d);
	d->due = due_new(d);
	upstreams_new(d, &d->upstreams);
	figures_new(d, &d->figures);
	relays_new(d, &d->relays);
	d->drain = drain_new(d);
	renewals_new(d, NULL, &d->renewals);
	signins_new(d, &d->signins);
	e = control_new(d, &d->control, out_why);
	if (e)
		return e;
	allow_oauth(d);
	watch_signals(p);
	renewals_look(d->renewals);
	listeners_begin(d->listeners, &relay_conn_user);
	if (d->scrape_listeners)
		listeners_begin(d->scrape_listeners, &scrape_conn_user);
	return OK;
}

/* --- death, in the opposite order; fine after half a birth ------------------------------------------ */

static void
bury(struct process *p)
{
	struct daemon *d = &p->d;
	struct conn *c;

	listeners_free(d->listeners);
	listeners_free(d->scrape_listeners);
	relays_free(d->relays);
	d->relays = NULL;
	while ((c = LIST_FIRST(&d->conns))) {
		c->owner = NULL;
		conn_kill(c);
	}
	control_free(d->control);
	drain_free(d->drain);
	signins_stop(d->signins);
	renewals_stop(d->renewals);
	upstreams_free(d->upstreams);
	notices_stop(d->notices);
	dialer_free(d->dialer);
	dns_free(d->dns);
	lookout_stop(d->lookout);
	due_stop(d->due);
	if (d->traces)
		traces_stop(d->traces);
	if (d->whys)
		whys_stop(d->whys);
	if (d->gates)
		gate_keeper_stop(d->gates);
	store_close(d->store);
	due_free(d->due);
	lookout_free(d->lookout);
	notices_free(d->notices);
	signins_free(d->signins);
	client_secrets_free(d->client_secrets);
	renewals_free(d->renewals);
	figures_free(d->figures);
	ledger_free(d->ledger);
	price_table_unref(d->prices);
	if (d->keys && d->keys->store)
		keyring_fini(d->keys);
	if (d->groups)
		groups_fini(d->groups);
	free(d->groups);
	if (d->clients)
		clients_fini(d->clients);
	free(d->clients);
	free(d->gates);
	if (d->rules)
		rules_fini(d->rules);
	free(d->rules);
	if (d->pool && d->pool->store)
		pool_fini(d->pool);
	if (d->vouchers)
		vouchers_fini(d->vouchers);
	free(d->vouchers);
	if (d->proxies)
		proxies_fini(d->proxies);
	free(d->proxies);
	if (d->budgets)
		budgets_fini(d->budgets);
	free(d->budgets);
	if (d->traces)
		traces_fini(d->traces);
	free(d->traces);
	if (d->whys)
		whys_fini(d->whys);
	free(d->whys);
	free(d->keys);
	free(d->pool);
	free(d->tally);
	vitals_close(d->vitals);
	free(d->vitals);
	if (p->term) {
		event_free(p->term);
		event_free(p->intr);
		event_free(p->hup);
		event_free(p->stored);
	}
	loop_free(d->loop);
	sdnotify_close(&p->notify);
	log_stop();
	conf_unref(d->conf);
}

static void
say_ready(struct process *p)
{
	struct daemon *d = &p->d;
	char text[64];

	for (size_t i = 0; listener_text(d->listeners, i, text); i++)
		log_note(LOG_INFO, "listen", "http://%s", text);
	for (size_t i = 0;
	     d->scrape_listeners && listener_text(d->scrape_listeners, i, text);
	     i++)
		log_note(LOG_INFO, "metrics", "http://%s/metrics", text);
	log_note(LOG_INFO, "ready",
	    "relayd %s: %u accounts, %u keys, control at %s", relayd_version,
	    d->pool->count, d->keys->count, d->conf->control);
	notice_raise(d->notices, NOTICE_start, STR(""),
	    "version %s, %u accounts, %u keys", relayd_version, d->pool->count,
	    d->keys->count);
	sdnotify_ready(&p->notify, "serving");
}

static int
complain(const struct why *why)
{
	fprintf(stderr, "relayd: %s%s%s\n", why->field,
	    why->field[0] ? ": " : "", why->text);
	return 1;
}

static const char usage_text[] =
    "usage: relayd [-c FILE] [-t]\n"
    "  -c, --config FILE  read this instead of the usual relayd.conf\n"
    "  -t, --check        read the configuration, say what is wrong, exit\n"
    "  -V, --version      print the version, exit\n"
    "  -h, --help         print this, exit\n"
    "It stays in the foreground. See relayd(8); relayctl(8) administers it.\n";

/* Returns -1 to go on, else the exit status. */
static int
options(int argc, char **argv, const char **out_file, bool *out_check)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 't' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "c:tVh", longs, NULL)) != -1) {
		switch (opt) {
		case 'c':
			*out_file = optarg;
			break;
		case 't':
			*out_check = true;
			break;
		case 'V':
			printf("relayd %s\n", relayd_version);
			return 0;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			fputs(usage_text, stderr);
			return 2;
		}
	}
	if (optind == argc)
		return -1;
	fputs(usage_text, stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	struct process *p;
	const char *file = NULL;
	bool check = false;
	struct why why = { .field = "" };
	int status;

	status = options(argc, argv, &file, &check);
	if (status >= 0)
		return status;
	if (sodium_init() < 0) {
		fputs("relayd: the random source cannot be used\n", stderr);
		return 1;
	}
	tune_malloc();
	p = xcalloc(1, sizeof(*p));
	p->notify.fd = -1;
	if (conf_read(file, &p->d.conf, &why)) {
		free(p);
		why.field[0] =
		    '\0'; /* file, line and option stand in the text */
		return complain(&why);
	}
	if (check) {
		printf("%s: good\n", p->d.conf->file);
		conf_unref(p->d.conf);
		free(p);
		return 0;
	}
	sandbox_begin();
	use_zone(p->d.conf);
	log_set_level((enum log_level)p->d.conf->log_level);
	if (bear(p, &why)) {
		bury(p);
		free(p);
		return complain(&why);
	}
	say_ready(p);
	loop_run(p->d.loop);
	log_note(LOG_INFO, "stop", "relayd ends");
	bury(p);
	free(p);
	return 0;
}
