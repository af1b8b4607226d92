/* SPDX-License-Identifier: MIT */
/* daemon.h - the root of everything that lives: passed by pointer, born and
 * buried in main.c. */
#ifndef RELAYD_DAEMON_H
#define RELAYD_DAEMON_H

#include <sys/queue.h>

#include "relayd/counters.h"
#include "relayd/rates.h"
#include "relayd/setting.h"

struct budgets;
struct client_secrets;
struct clients;
struct conf;
struct conn;
struct control;
struct dialer;
struct dns;
struct drain;
struct due;
struct figures_desk;
struct gate_keeper;
struct groups;
struct keyring;
struct ledger;
struct listeners;
struct lookout;
struct loop;
struct notices;
struct pool;
struct proxies;
struct price_table;
struct relays;
struct renewals;
struct rules;
struct signins;
struct store;
struct tally;
struct traces;
struct upstreams;
struct vitals;
struct vouchers;
struct whys;

struct daemon {
	struct loop *loop;
	const struct conf *conf; /* counted; replaced by a reload */
	struct settings settings;
	struct counters counters;
	struct tally *tally;
	struct store *store;
	struct ledger *ledger;
	struct figures_desk *figures;
	struct price_table *prices; /* never changes; replaced as a whole */
	struct rates rates;	    /* of services */
	struct dns *dns;
	struct dialer *dialer;
	struct upstreams *upstreams;
	struct proxies *proxies;
	struct pool *pool;
	struct groups *groups;
	struct rules *rules;
	struct gate_keeper *gates;
	struct keyring *keys;
	struct clients *clients;
	struct budgets *budgets;
	struct vouchers *vouchers;
	struct listeners *listeners;
	struct listeners *scrape_listeners; /* NULL: not wanted */
	struct relays *relays;
	struct renewals *renewals;
	struct signins *signins;
	struct client_secrets *client_secrets;
	struct control *control;
	struct vitals *vitals;
	struct notices *notices;
	struct lookout *lookout;
	struct due *due;
	struct traces *traces;
	struct whys *whys;
	struct drain *drain;
	int64_t started_wall_ms;
	int64_t started_ms; /* monotonic */
	bool draining;
	LIST_HEAD(, conn) conns;
	char scratch[64 * 1024]; /* for one receive; never kept */
};

#endif
