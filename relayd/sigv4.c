/* SPDX-License-Identifier: MIT */
/* sigv4.c - requests signed as AWS wants them. */
#include "relayd/sigv4.h"

#include <stdio.h>
#include <time.h>

#include <sodium.h>

#include "proto/enc.h"

#define CANONICAL_MAX (64 * 1024)
/* Parameters of a query. */
#define QUERY_MAX 32

void
sigv4_date(int64_t wall_ms, char out[SIGV4_DATE_SIZE])
{
	time_t at = (time_t)(wall_ms / 1000);
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(out, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm);
}

/* --- the canonical request ---------------------------------------------------- */

/* The order of parameters: of their names, then of their values. */
static int
parameter_cmp(struct str a, struct str b)
{
	struct str a_name = str_cut(&a, '='), b_name = str_cut(&b, '=');
	int order = str_cmp(a_name, b_name);

	return order ? order : str_cmp(a, b);
}

/* Every parameter as name=value. */
static enum err
put_query(struct str query, struct buf *out)
{
	struct str at[QUERY_MAX], rest = query;
	size_t count = 0;
	enum err e = OK;

	while (rest.len) {
		struct str one = str_cut(&rest, '&');
		size_t i = count++;

		if (count > QUERY_MAX)
			return ERR_LIMIT;
		for (; i > 0 && parameter_cmp(at[i - 1], one) > 0; i--)
			at[i] = at[i - 1];
		at[i] = one;
	}
	for (size_t i = 0; i < count && !e; i++) {
		if (i)
			e = buf_addc(out, '&');
		if (!e)
			e = buf_add(out, at[i]);
		if (!e && str_chr(at[i], '=') < 0)
			e = buf_addc(out, '=');
	}
	return e;
}

/* Without blanks at the ends; a run of them inside becomes one. */
static enum err
put_value(struct str value, struct buf *out)
{
	bool blank = false;
	enum err e = OK;

	value = str_trim(value);
	for (size_t i = 0; i < value.len && !e; i++) {
		if (value.at[i] == ' ' && blank)
			continue;
		blank = value.at[i] == ' ';
		e = buf_addc(out, value.at[i]);
	}
	return e;
}

/* The signed fields in order of their names, x-amz-date among them. */
static size_t
sorted_fields(const struct sigv4 *q, struct str date,
    struct sigv4_field out[SIGV4_FIELDS_MAX])
{
	size_t count = 0;

	for (size_t n = 0; n <= q->count; n++) {
		struct sigv4_field f = n < q->count
		    ? q->fields[n]
		    : (struct sigv4_field){ STR("x-amz-date"), date };
		size_t i = count++;

		for (; i > 0 && str_cmp(out[i - 1].name, f.name) > 0; i--)
			out[i] = out[i - 1];
		out[i] = f;
	}
	return count;
}

static enum err
put_names(const struct sigv4_field *fields, size_t count, struct buf *out)
{
	enum err e = OK;

	for (size_t i = 0; i < count && !e; i++)
		e = buf_addf(out, "%s%.*s", i ? ";" : "",
		    STR_ARG(fields[i].name));
	return e;
}

static enum err
put_fields(const struct sigv4_field *fields, size_t count, struct buf *out)
{
	enum err e = OK;

	for (size_t i = 0; i < count && !e; i++) {
		e = buf_addf(out, "%.*s:", STR_ARG(fields[i].name));
		if (!e)
			e = put_value(fields[i].value, out);
		if (!e)
			e = buf_addc(out, '\n');
	}
	return e;
}

enum err
sigv4_canonical(const struct sigv4 *q, struct buf *out)
{
	struct sigv4_field fields[SIGV4_FIELDS_MAX];
	char date[SIGV4_DATE_SIZE];
	size_t count;
	enum err e;

	sigv4_date(q->wall_ms, date);
	count = sorted_fields(q, str_of(date), fields);
	e = buf_addf(out, "%.*s\n", STR_ARG(q->method));
	if (!e)
		e = enc_percent(out, q->path, "/");
	if (!e)
		e = buf_addc(out, '\n');
	if (!e)
		e = put_query(q->query, out);
	if (!e)
		e = buf_addc(out, '\n');
	if (!e)
		e = put_fields(fields, count, out);
	if (!e)
		e = buf_addc(out, '\n');
	if (!e)
		e = put_names(fields, count, out);
	if (!e)
		e = buf_addc(out, '\n');
	if (!e)
		e = enc_hex(out,
		    str_at((const char *)q->body_sha256, SIGV4_SHA256));
	return e;
}

/* --- the signature --------------------------------------------------------------- */

static void
hmac(const uint8_t *key, size_t key_len, struct str text,
    uint8_t out[crypto_auth_hmacsha256_BYTES])
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, key_len);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)text.at,
	    text.len);
	crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
}

/* The key of one day, region and service. */
static enum err
signing_key(const struct sigv4 *q, struct str day,
    uint8_t key[crypto_auth_hmacsha256_BYTES])
{
	const struct str steps[] = { q->region, q->service,
		STR("aws4_request") };
	struct buf first;
	enum err e;

	buf_init(&first, 1024);
	e = buf_add(&first, STR("AWS4"));
	if (!e)
		e = buf_add(&first, q->secret_key);
	if (!e) {
		hmac((const uint8_t *)buf_str(&first).at, buf_len(&first), day,
		    key);
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
			hmac(key, crypto_auth_hmacsha256_BYTES, steps[i], key);
	}
	buf_wipe(&first);
	return e;
}

static enum err
put_scope(const struct sigv4 *q, struct str day, struct buf *out)
{
	return buf_addf(out, "%.*s/%.*s/%.*s/aws4_request", STR_ARG(day),
	    STR_ARG(q->region), STR_ARG(q->service));
}

static enum err
put_text_to_sign(const struct sigv4 *q, struct str date, struct str day,
    struct buf *out)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	struct buf canonical;
	enum err e;

	buf_init(&canonical, CANONICAL_MAX);
	e = sigv4_canonical(q, &canonical);
	if (!e) {
		crypto_hash_sha256(hash,
		    (const uint8_t *)buf_str(&canonical).at,
		    buf_len(&canonical));
		e = buf_addf(out, "AWS4-HMAC-SHA256\n%.*s\n", STR_ARG(date));
	}
	if (!e)
		e = put_scope(q, day, out);
	if (!e)
		e = buf_addc(out, '\n');
	if (!e)
		e = enc_hex(out, str_at((const char *)hash, sizeof(hash)));
	/* It may hold a session token. */
	buf_wipe(&canonical);
	return e;
}

static enum err
put_authorization(const struct sigv4 *q, struct str date, struct str day,
    const uint8_t signature[crypto_auth_hmacsha256_BYTES], struct buf *out)
{
	struct sigv4_field fields[SIGV4_FIELDS_MAX];
	size_t count = sorted_fields(q, date, fields);
	enum err e;

	e = buf_addf(out, "AWS4-HMAC-SHA256 Credential=%.*s/",
	    STR_ARG(q->access_key));
	if (!e)
		e = put_scope(q, day, out);
	if (!e)
		e = buf_add(out, STR(", SignedHeaders="));
	if (!e)
		e = put_names(fields, count, out);
	if (!e)
		e = buf_add(out, STR(", Signature="));
	if (!e)
		e = enc_hex(out,
		    str_at((const char *)signature,
			crypto_auth_hmacsha256_BYTES));
	return e;
}

enum err
sigv4_sign(const struct sigv4 *q, struct buf *out)
{
	uint8_t key[crypto_auth_hmacsha256_BYTES];
	uint8_t signature[crypto_auth_hmacsha256_BYTES];
	char date[SIGV4_DATE_SIZE];
	struct str day;
	struct buf text;
	enum err e;

	sigv4_date(q->wall_ms, date);
	day = str_first(str_of(date), 8);
	buf_init(&text, 1024);
	e = put_text_to_sign(q, str_of(date), day, &text);
	if (!e)
		e = signing_key(q, day, key);
	if (!e) {
		hmac(key, sizeof(key), buf_str(&text), signature);
		e = put_authorization(q, str_of(date), day, signature, out);
	}
	sodium_memzero(key, sizeof(key));
	buf_fini(&text);
	return e;
}
