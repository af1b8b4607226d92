/* SPDX-License-Identifier: MIT */
/* fuzz_oauth.c - what people paste and providers answer at a sign-in: a code
 * that is found is found again in each of its forms, and what is taken for a
 * token can stand in a header. */
#include <stdlib.h>

#include "proto/enc.h"

#include "relayd/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(truth)                                                           \
	do {                                                                   \
		if (!(truth))                                                  \
			abort();                                               \
	} while (0)

static struct oauth_flow
flow(void)
{
	struct oauth_flow f = { .provider = &provider_claude_oauth,
		.client = STR("c"),
		.api_url = STR("https://x") };
	uint8_t random[64] = { 1, 2, 3 };

	oauth_flow_draw(&f, random);
	return f;
}

static void
check_again(const struct oauth_flow *f, struct str pasted, struct str code)
{
	struct buf again;

	buf_init(&again, OAUTH_PASTE_MAX);
	CHECK(!oauth_paste(f, pasted, &again, NULL));
	CHECK(str_eq(buf_str(&again), code));
	buf_fini(&again);
}

/* The same code inside of an address. */
static void
check_address(const struct oauth_flow *f, struct str code)
{
	struct buf url;

	buf_init(&url, 4 * OAUTH_PASTE_MAX);
	buf_must(&url, STR("http://localhost/cb?code="));
	CHECK(!enc_percent(&url, code, ""));
	buf_mustf(&url, "&state=%s", f->state);
	if (buf_len(&url) < OAUTH_PASTE_MAX)
		check_again(f, buf_str(&url), code);
	buf_fini(&url);
}

static void
check_paste(const struct oauth_flow *f, struct str in)
{
	struct why why = { .text = "" };
	struct buf code;
	enum err e;

	buf_init(&code, OAUTH_PASTE_MAX);
	e = oauth_paste(f, in, &code, &why);
	if (e) {
		CHECK(why.text[0] && !buf_len(&code));
	} else {
		CHECK(buf_len(&code) >= 4);
		check_address(f, buf_str(&code));
	}
	buf_fini(&code);
}

static void
check_token(struct str token)
{
	for (size_t i = 0; i < token.len; i++)
		CHECK(token.at[i] > ' ' && token.at[i] < 0x7f);
}

static void
check_answer(const struct oauth_flow *f, unsigned status, struct str in)
{
	struct oauth_device device;
	struct oauth_grant g;
	struct why why;
	int64_t pace = 5;

	oauth_grant_init(&g);
	oauth_device_init(&device);
	if (oauth_read(f, status, in, &g, &why) == OK) {
		CHECK(status < 300 && buf_len(&g.access));
		check_token(buf_str(&g.access));
		check_token(buf_str(&g.refresh));
	}
	(void)!oauth_device_read(f, status, in, &device, &why);
	(void)!oauth_poll_read(f, status, in, &pace, &g, &why);
	CHECK(pace > 0 && pace <= 60);
	oauth_device_fini(&device);
	oauth_grant_fini(&g);
}

static void
check_file(struct str in)
{
	const struct provider *kind = NULL;
	struct oauth_grant g;
	struct why why = { .text = "" };

	oauth_grant_init(&g);
	if (oauth_import(in, &kind, &g, &why) == OK)
		CHECK(kind && buf_len(&g.access));
	else
		CHECK(why.text[0]);
	oauth_grant_fini(&g);
}

static void
check_limits(struct str in)
{
	struct windows w = { .count = 0 };

	(void)!provider_claude_oauth.oauth->limits_read(200, in, &w, NULL);
	CHECK(w.count <= WINDOWS_MAX);
	(void)window_moment(in);
	(void)window_share(in, 100);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned statuses[] = { 200, 400, 401, 429, 500 };
	struct oauth_flow f = flow();
	struct str in = str_at((const char *)data, size);

	check_paste(&f, in);
	check_file(in);
	check_limits(in);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		check_answer(&f, statuses[i], in);
	return 0;
}
