/* SPDX-License-Identifier: MIT */
/* way.h - how one handle of libcurl is led to its destination.
 *
 * What a dial and a fetch have in common: the destination checked, the name
 * that has to be asked for, the addresses that may be connected to, and every
 * option that must not be left to libcurl's defaults. */
#ifndef RELAYD_WAY_H
#define RELAYD_WAY_H

#include <curl/curl.h>

#include "proto/buf.h"

#include "relayd/dial.h"
#include "relayd/dns.h"

struct way {
	char *host; /* lower case, no brackets, no final dot */
	uint16_t port;
	bool tls, allow_private;
	enum dial_family family;
	char *proxy_url, *proxy_host, *proxy_user; /* NULL: direct */
	uint16_t proxy_port;
	bool proxy_tls;
	struct buf proxy_password;
	struct curl_slist *resolve;
	struct why refused; /* the last address egress said no to */
	bool is_refused;
	bool was_connected; /* a socket closed since had got through */
	int kept_fd;	    /* not to be closed by libcurl; -1: none */
};

/* Check and copy.  On failure the way is empty, and fini is fine. */
enum err way_init(struct way *w, const struct dial_to *to,
    enum dial_step *out_step, struct why *out_why) CHECKED;
void way_fini(struct way *w);

/* The host whose addresses have to be known: the proxy's, or the target's. */
const char *way_asks(const struct way *w);
/* Take the addresses, less those egress refuses; ERR_DENIED: none is left. */
enum err way_answer(struct way *w, const struct dns_answer *a,
    struct why *out_why) CHECKED;
/* Everything but URL and method.  w must outlive the connection. */
void way_apply(struct way *w, CURL *easy, const struct dialer_conf *conf);
/* Is the socket's stream the target's plain bytes? */
bool way_is_plain(const struct way *w);
/* What went wrong, to people and to callers. */
enum err way_explain(const struct way *w, CURL *easy, CURLcode code,
    const char *libcurl_text, enum dial_step *out_step, struct why *out_why);

#endif
