/* SPDX-License-Identifier: MIT */
/* cert.c - an authority of the test's own, and certificates good and bad. */
#include "tests/support/cert.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/mem.h"

#define DAY_S (24L * 60 * 60)

struct authority {
	EVP_PKEY *key;
	X509 *cert;
	long serials;
	char file[64];
};

/* Tests have no use for half an authority. */
static void
must(int ok)
{
	if (ok <= 0)
		abort();
}

static void
extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(extension != NULL);
	must(X509_add_ext(cert, extension, -1));
	X509_EXTENSION_free(extension);
}

static X509 *
cert_new(struct authority *a, EVP_PKEY *key, const char *name, long from_s,
    long until_s)
{
	X509 *cert = X509_new();

	must(cert != NULL);
	must(X509_set_version(cert, X509_VERSION_3));
	must(ASN1_INTEGER_set(X509_get_serialNumber(cert), ++a->serials));
	X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
	X509_gmtime_adj(X509_getm_notAfter(cert), until_s);
	must(X509_set_pubkey(cert, key));
	must(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
	    MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0));
	return cert;
}

struct authority *
authority_new(void)
{
	struct authority *a = xcalloc(1, sizeof(*a));
	FILE *f;
	int fd;

	a->key = EVP_EC_gen("P-256");
	must(a->key != NULL);
	a->cert = cert_new(a, a->key, "test authority", -DAY_S, DAY_S);
	must(X509_set_issuer_name(a->cert, X509_get_subject_name(a->cert)));
	extend(a->cert, a->cert, NID_basic_constraints, "critical,CA:TRUE");
	extend(a->cert, a->cert, NID_key_usage, "critical,keyCertSign");
	must(X509_sign(a->cert, a->key, EVP_sha256()));
	snprintf(a->file, sizeof(a->file), "/tmp/authority.XXXXXX");
	fd = mkstemp(a->file);
	must(fd >= 0);
	f = fdopen(fd, "w");
	must(f != NULL);
	must(PEM_write_X509(f, a->cert));
	must(fclose(f) == 0);
	return a;
}

void
authority_free(struct authority *a)
{
	if (!a)
		return;
	unlink(a->file);
	X509_free(a->cert);
	EVP_PKEY_free(a->key);
	free(a);
}

const char *
authority_file(const struct authority *a)
{
	return a->file;
}

struct ssl_ctx_st *
authority_issue(struct authority *a, enum cert kind)
{
	bool is_own = kind == CERT_SELF_SIGNED, is_old = kind == CERT_EXPIRED;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = cert_new(a, key, "test server",
	    is_old ? -2 * DAY_S : -DAY_S, is_old ? -DAY_S : DAY_S);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	must(X509_set_issuer_name(cert,
	    X509_get_subject_name(is_own ? cert : a->cert)));
	extend(cert, is_own ? cert : a->cert, NID_subject_alt_name,
	    kind == CERT_WRONG_HOST
		? "DNS:other.example"
		: "DNS:localhost,DNS:*.peer.test,IP:127.0.0.1");
	must(X509_sign(cert, is_own ? key : a->key, EVP_sha256()));
	must(SSL_CTX_use_certificate(ctx, cert));
	must(SSL_CTX_use_PrivateKey(ctx, key));
	if (kind == CERT_OLD_TLS) {
		SSL_CTX_set_security_level(ctx, 0);
		must(SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION));
		must(SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION));
	}
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}
