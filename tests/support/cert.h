/* SPDX-License-Identifier: MIT */
/* cert.h - an authority of the test's own, and certificates good and bad. */
#ifndef TESTS_SUPPORT_CERT_H
#define TESTS_SUPPORT_CERT_H

struct authority;
struct ssl_ctx_st;

enum cert {
	CERT_NONE, /* no TLS */
	CERT_GOOD, /* localhost, 127.0.0.1 and *.peer.test */
	CERT_EXPIRED,
	CERT_WRONG_HOST,
	CERT_SELF_SIGNED,
	CERT_OLD_TLS /* a good one, but TLS 1.1 at most */
};

struct authority *authority_new(void);
/* Removes the file too. */
void authority_free(struct authority *a);
/* Its certificate in a PEM file. */
const char *authority_file(const struct authority *a);
/* A server's context; free it with SSL_CTX_free(). */
struct ssl_ctx_st *authority_issue(struct authority *a, enum cert kind);

#endif
