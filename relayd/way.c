/* SPDX-License-Identifier: MIT */
/* way.c - how one handle of libcurl is led to its destination.
 *
 * Nothing here waits.  libcurl is given addresses and never asks for a name of
 * its own; a socket is opened only after egress had its say about the very
 * address it will be connected to. */
#include "relayd/way.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/mem.h"

#include "relayd/egress.h"

#define URL_MAX		  512
#define PASSWORD_MAX	  4096
#define HAPPY_EYEBALLS_MS 200
#define KEEPALIVE_IDLE_S  30
#define KEEPALIVE_EVERY_S 15
#define UNACKED_MAX_MS	  (60 * 1000)
#define NEVER_S		  1000000000L

/* --- where to -------------------------------------------------------------- */

/* Fill in a socket address when the text is a literal. */
static bool
literal(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		memcpy(out, &in, sizeof(in));
	else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
		memcpy(out, &in6, sizeof(in6));
	else
		return false;
	return true;
}

static char *
host_copy(const char *host)
{
	size_t len = strlen(host);
	char *copy = xmemdup(host, len);

	for (size_t i = 0; i < len; i++) {
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] - 'A' + 'a');
	}
	if (len > 1 && copy[len - 1] == '.')
		copy[len - 1] = '\0';
	return copy;
}

/* A literal or a name, and in one spelling only: what we judge and what
 * libcurl connects to must not be able to differ. */
static bool
is_host(const char *host)
{
	struct sockaddr_storage ss;

	return literal(host, &ss) || dns_is_name(str_of(host));
}

struct proxy_kind {
	const char *scheme, *used;
	uint16_t port;
	bool tls;
};

/* The proxy resolves the target's name, whichever spelling of SOCKS 5 the
 * operator prefers: nothing about the target is asked for from here. */
static const struct proxy_kind proxy_kinds[] = {
	{ "socks5h", "socks5h", 1080, false },
	{ "socks5", "socks5h", 1080, false },
	{ "http", "http", 80, false },
	{ "https", "https", 443, true },
};

static const struct proxy_kind *
proxy_kind(const char *scheme)
{
	for (size_t i = 0; i < sizeof(proxy_kinds) / sizeof(proxy_kinds[0]);
	     i++) {
		if (!strcmp(scheme, proxy_kinds[i].scheme))
			return &proxy_kinds[i];
	}
	return NULL;
}

/* One part of a parsed URL as a string of our own; NULL when it is not there. */
static char *
url_part(CURLU *url, CURLUPart what, unsigned flags)
{
	char *part = NULL, *copy;

	if (curl_url_get(url, what, &part, flags) != CURLUE_OK || !part)
		return NULL;
	copy = xstrdup(part);
	curl_free(part);
	return copy;
}

static char *
without_brackets(char *take_host)
{
	size_t len = strlen(take_host);
	char *bare;

	if (len < 2 || take_host[0] != '[' || take_host[len - 1] != ']')
		return take_host;
	bare = xmemdup(take_host + 1, len - 2);
	free(take_host);
	return bare;
}

static enum err
read_proxy(struct way *w, CURLU *url, struct why *out_why)
{
	char *scheme = url_part(url, CURLUPART_SCHEME, 0);
	char *host = url_part(url, CURLUPART_HOST, 0);
	char *port = url_part(url, CURLUPART_PORT, 0);
	char *password = url_part(url, CURLUPART_PASSWORD, 0);
	const struct proxy_kind *kind = scheme ? proxy_kind(scheme) : NULL;
	bool is_v6 = host && host[0] == '[';
	enum err e = OK;

	if (password) {
		e = why_set(out_why, ERR_VALUE, "proxy",
		    "the password does not belong into the proxy's URL");
	} else if (!kind) {
		e = why_set(out_why, ERR_VALUE, "proxy",
		    "a proxy is socks5h://, http:// or https://");
	} else if (!host) {
		e = why_set(out_why, ERR_VALUE, "proxy", "it names no host");
	} else {
		host = without_brackets(host);
		w->proxy_host = host_copy(host);
		w->proxy_port =
		    port ? (uint16_t)strtoul(port, NULL, 10) : kind->port;
		w->proxy_tls = kind->tls;
		w->proxy_user = url_part(url, CURLUPART_USER, CURLU_URLDECODE);
		w->proxy_url = xasprintf(is_v6 ? "%s://[%s]:%u" : "%s://%s:%u",
		    kind->used, w->proxy_host, w->proxy_port);
		if (!is_host(w->proxy_host))
			e = why_set(out_why, ERR_VALUE, "proxy",
			    "%s is not a host name", w->proxy_host);
	}
	if (password)
		explicit_bzero(password, strlen(password));
	free(password);
	free(port);
	free(host);
	free(scheme);
	return e;
}

static enum err
take_proxy(struct way *w, const char *proxy, struct why *out_why)
{
	CURLU *url = curl_url();
	enum err e;

	if (strlen(proxy) > URL_MAX ||
	    curl_url_set(url, CURLUPART_URL, proxy, CURLU_NON_SUPPORT_SCHEME))
		e = why_set(out_why, ERR_VALUE, "proxy",
		    "this is not the URL of a proxy");
	else
		e = read_proxy(w, url, out_why);
	curl_url_cleanup(url);
	return e;
}

enum err
way_init(struct way *w, const struct dial_to *to, enum dial_step *out_step,
    struct why *out_why)
{
	struct sockaddr_storage ss;
	enum err e;

	*w = (struct way){ .port = to->port,
		.tls = to->tls,
		.allow_private = to->allow_private,
		.family = to->family,
		.kept_fd = -1 };
	buf_init(&w->proxy_password, PASSWORD_MAX);
	*out_step = DIAL_PROXY;
	if (to->no_way)
		return why_set(out_why, ERR_DENIED, "proxy", "%s", to->no_way);
	*out_step = DIAL_NAME;
	w->host = host_copy(to->host);
	if (!is_host(w->host) || !w->port) {
		e = why_set(out_why, ERR_VALUE, "host",
		    "%s:%u is not a host name or address and a port", w->host,
		    w->port);
		goto out_fini;
	}
	*out_step = DIAL_ADDRESS;
	if (literal(w->host, &ss)) {
		e = egress_check((struct sockaddr *)&ss, w->allow_private,
		    out_why);
		if (e)
			goto out_fini;
	}
	*out_step = DIAL_PROXY;
	if (to->proxy && to->proxy[0]) {
		e = take_proxy(w, to->proxy, out_why);
		if (e)
			goto out_fini;
		e = buf_add(&w->proxy_password, to->proxy_password);
		if (e)
			goto out_fini;
	}
	return OK;

out_fini:
	way_fini(w);
	return e;
}

void
way_fini(struct way *w)
{
	free(w->host);
	free(w->proxy_url);
	free(w->proxy_host);
	free(w->proxy_user);
	buf_wipe(&w->proxy_password);
	curl_slist_free_all(w->resolve);
	w->host = w->proxy_url = w->proxy_host = w->proxy_user = NULL;
	w->resolve = NULL;
}

const char *
way_asks(const struct way *w)
{
	return w->proxy_host ? w->proxy_host : w->host;
}

bool
way_is_plain(const struct way *w)
{
	return !w->tls && !(w->proxy_url && w->proxy_tls);
}

/* Did the operator name this address's machine?  For the proxy: yes. */
static bool
may_be_private(const struct way *w)
{
	return w->proxy_url || w->allow_private;
}

static bool
is_of_family(const struct way *w, int family)
{
	return w->family == DIAL_ANY ||
	    family == (w->family == DIAL_4 ? AF_INET : AF_INET6);
}

/* May it be connected to? */
static enum err
check_address(const struct way *w, const struct sockaddr *sa,
    struct why *out_why)
{
	enum err e = egress_check(sa, may_be_private(w), out_why);

	if (e || is_of_family(w, sa->sa_family))
		return e;
	return why_set(out_why, ERR_DENIED, "family",
	    "%s has no IPv%d address, and family is %d", way_asks(w),
	    w->family == DIAL_4 ? 4 : 6, w->family == DIAL_4 ? 4 : 6);
}

static void
address_text(const struct sockaddr *sa, char *out, size_t size)
{
	char bare[INET6_ADDRSTRLEN] = "?";

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		inet_ntop(AF_INET, &in.sin_addr, bare, sizeof(bare));
		snprintf(out, size, "%s", bare);
	} else {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		inet_ntop(AF_INET6, &in6.sin6_addr, bare, sizeof(bare));
		snprintf(out, size, "[%s]", bare);
	}
}

enum err
way_answer(struct way *w, const struct dns_answer *a, struct why *out_why)
{
	const char *host = way_asks(w);
	struct sockaddr_storage ss;
	struct buf line;
	enum err e = ERR_DENIED;
	unsigned taken = 0;

	buf_init(&line, 1024);
	buf_mustf(&line, "%s:%u:", host,
	    w->proxy_host ? w->proxy_port : w->port);
	for (unsigned i = 0; i < a->count; i++) {
		const struct sockaddr *sa = (const struct sockaddr *)&a->at[i];
		char text[INET6_ADDRSTRLEN + 2];

		e = check_address(w, sa, out_why);
		if (e)
			continue;
		address_text(sa, text, sizeof(text));
		buf_mustf(&line, "%s%s", taken++ ? "," : "", text);
	}
	if (taken) {
		e = OK;
		/* libcurl reads a literal by itself. */
		if (!literal(host, &ss))
			w->resolve =
			    curl_slist_append(w->resolve, buf_cstr(&line));
	}
	buf_fini(&line);
	return e;
}

/* --- the handle ------------------------------------------------------------ */

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct way *w = arg;

	if (purpose != CURLSOCKTYPE_IPCXN ||
	    check_address(w, &to->addr, &w->refused)) {
		w->is_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    to->protocol);
}

static int
on_opened(void *arg, curl_socket_t fd, curlsocktype purpose)
{
	int wait_ms = UNACKED_MAX_MS;

	(void)arg;
	(void)purpose;
	/* Not vital: without it a silent peer is noticed later. */
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &wait_ms,
	    sizeof(wait_ms));
	return CURL_SOCKOPT_OK;
}

static int
on_close(void *arg, curl_socket_t fd)
{
	struct way *w = arg;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (fd == w->kept_fd)
		return 0;
	/* libcurl's own times do not tell before TLS is through. */
	if (!getpeername(fd, (struct sockaddr *)&ss, &len))
		w->was_connected = true;
	return close(fd);
}

static void
apply_proxy(struct way *w, CURL *easy, const struct dialer_conf *conf)
{
	/* Empty and not NULL, or the environment would be asked. */
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(easy, CURLOPT_PROXY, w->proxy_url ? w->proxy_url : "");
	if (!w->proxy_url)
		return;
	curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXYAUTH, CURLAUTH_BASIC);
	curl_easy_setopt(easy, CURLOPT_SOCKS5_AUTH, CURLAUTH_BASIC);
	if (w->proxy_user) {
		curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, w->proxy_user);
		curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD,
		    buf_cstr(&w->proxy_password));
	}
	curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, conf->ca_file);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_PROXY_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_2);
}

static void
apply_tls(CURL *easy, const struct dialer_conf *conf)
{
	/* A CApath would keep libcurl from sharing the parsed bundle: 28 ms
	 * and a megabyte for every connection. */
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_CAINFO, conf->ca_file);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION,
	    (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
}

void
way_apply(struct way *w, CURL *easy, const struct dialer_conf *conf)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
	    w->tls ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
	    (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)conf->connect_wait_ms);
	curl_easy_setopt(easy, CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS,
	    (long)HAPPY_EYEBALLS_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_EVERY_S);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_opened);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, w);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, w);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	/* At every dial libcurl tidies up what it takes for idle: wires are
	 * none of its business, however old they are. */
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, NEVER_S);
	if (w->resolve)
		curl_easy_setopt(easy, CURLOPT_RESOLVE, w->resolve);
	apply_proxy(w, easy, conf);
	apply_tls(easy, conf);
}

/* --- what went wrong ------------------------------------------------------- */

struct failure {
	CURLcode code;
	enum dial_step step;
	enum err e;
};

static const struct failure failures[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, DIAL_NAME, ERR_UNKNOWN },
	{ CURLE_COULDNT_RESOLVE_PROXY, DIAL_NAME, ERR_UNKNOWN },
	{ CURLE_COULDNT_CONNECT, DIAL_CONNECT, ERR_IO },
	{ CURLE_PROXY, DIAL_PROXY, ERR_IO },
	{ CURLE_PEER_FAILED_VERIFICATION, DIAL_TLS, ERR_DENIED },
	{ CURLE_SSL_ISSUER_ERROR, DIAL_TLS, ERR_DENIED },
	{ CURLE_SSL_INVALIDCERTSTATUS, DIAL_TLS, ERR_DENIED },
	{ CURLE_SSL_CACERT_BADFILE, DIAL_TLS, ERR_IO },
	{ CURLE_SSL_CONNECT_ERROR, DIAL_TLS, ERR_IO },
};

static struct failure
failure_of(CURLcode code)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (failures[i].code == code)
			return failures[i];
	}
	return (struct failure){ code, DIAL_CONNECT,
		code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_IO };
}

/* The phase that was under way, for codes that do not tell. */
static enum dial_step
step_reached(const struct way *w, CURL *easy)
{
	long status = 0;

	if (!w->proxy_url)
		return w->tls && w->was_connected ? DIAL_TLS : DIAL_CONNECT;
	curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
	return status / 100 == 2 && w->tls ? DIAL_TLS : DIAL_PROXY;
}

static enum err
explain_proxy(const struct way *w, CURL *easy, CURLcode code, const char *text,
    struct why *out_why)
{
	enum err e = code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_IO;
	long status = 0, reason = CURLPX_OK;

	curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
	/* A handle used before still knows the reason of then. */
	if (code == CURLE_PROXY)
		curl_easy_getinfo(easy, CURLINFO_PROXY_ERROR, &reason);
	if (status == 407 || reason == CURLPX_USER_REJECTED ||
	    reason == CURLPX_NO_AUTH)
		return why_set(out_why, ERR_DENIED, "proxy",
		    "proxy %s wants other credentials", w->proxy_url);
	if (status)
		return why_set(out_why, ERR_IO, "proxy",
		    "proxy %s answered %ld to CONNECT", w->proxy_url, status);
	return why_set(out_why, e, "proxy", "proxy %s: %s", w->proxy_url, text);
}

enum err
way_explain(const struct way *w, CURL *easy, CURLcode code,
    const char *libcurl_text, enum dial_step *out_step, struct why *out_why)
{
	struct failure f = failure_of(code);
	const char *text = libcurl_text && libcurl_text[0]
	    ? libcurl_text
	    : curl_easy_strerror(code);
	long os_error = 0;

	if (w->is_refused) {
		*out_step = DIAL_ADDRESS;
		*out_why = w->refused;
		return ERR_DENIED;
	}
	if (f.step == DIAL_CONNECT)
		f.step = step_reached(w, easy);
	*out_step = f.step;
	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
	if (code == CURLE_COULDNT_CONNECT && os_error)
		text = strerror((int)os_error);
	if (f.step == DIAL_PROXY)
		return explain_proxy(w, easy, code, text, out_why);
	if (f.e == ERR_DENIED)
		return why_set(out_why, f.e, "tls",
		    "certificate of %s is not trusted: %s", w->host, text);
	if (f.e == ERR_TIMEOUT)
		return why_set(out_why, f.e, "host",
		    "%s:%u does not answer in time", w->host, w->port);
	return why_set(out_why, f.e, "host", "%s:%u: %s", w->host, w->port,
	    text);
}
