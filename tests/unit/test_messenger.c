/* SPDX-License-Identifier: MIT */
/* test_messenger.c - what each kind of channel is sent, byte for byte, and how
 * answers are read.
 *
 * Signatures were computed with Python's hmac. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/enc.h"

#include "relayd/delivery.h"

#define WALL_MS INT64_C(1795192100500)

/* Everything a stranger would try at once. */
static const struct notice hostile = {
	.id = "01M7WWGAHXRB948QQMJJYRWZG7",
	.event = NOTICE_account_blocked,
	.object = { "<@all> *a* & b", 14 },
	.text = { "401 \"no\" <script> [x](y) @everyone", 34 },
	.at_ms = INT64_C(1795192007229),
	.missed = 2,
	.attempt = 3,
	.host = "relay",
};

struct golden {
	const char *kind;
	const char *url, *secret, *sign; /* sign may be "" */
	const char *to, *group, *sound;
	const char *url_out, *fields_out, *body_out;
};

#define JSON "Content-Type: application/json; charset=utf-8\n"
#define PLAIN_TAIL                                                             \
	"\\n2 more like it were not told before."                              \
	"\\ncritical, 2026-11-20 16:26:47 +0000"

static const struct golden goldens[] = {
	{ "webhook", "", "https://h.test/hook?a=1", "signing-key-4711", "", "",
	    "", "https://h.test/hook?a=1",
	    "Content-Type: application/json\n"
	    "X-Relayd-Id: 01M7WWGAHXRB948QQMJJYRWZG7\n"
	    "X-Relayd-Attempt: 3\n"
	    "X-Relayd-Timestamp: 1795192100\n"
	    "X-Relayd-Signature: v1=d70e97910a31f558653d65a502db290b"
	    "8ca55563f51eb660a422b3c5c3200509\n",
	    "{\"id\":\"01M7WWGAHXRB948QQMJJYRWZG7\",\"attempt\":3,"
	    "\"event\":\"account_blocked\",\"severity\":\"critical\","
	    "\"title\":\"account blocked\",\"object\":\"<@all> *a* & b\","
	    "\"text\":\"401 \\\"no\\\" <script> [x](y) @everyone\","
	    "\"at\":\"2026-11-20T16:26:47.229Z\",\"missed\":2,"
	    "\"host\":\"relay\"}" },
	{ "slack", "", "https://hooks.slack.com/services/T/B/X", "", "", "", "",
	    "https://hooks.slack.com/services/T/B/X", JSON,
	    "{\"text\":\"relayd on relay: account blocked: &lt;@all&gt; *a* "
	    "&amp; b\\n401 \\\"no\\\" &lt;script&gt; [x](y) "
	    "@everyone" PLAIN_TAIL "\",\"mrkdwn\":false,\"parse\":\"none\","
	    "\"link_names\":false,\"unfurl_links\":false,"
	    "\"unfurl_media\":false}" },
	{ "discord", "", "https://discord.com/api/webhooks/1/x", "", "", "", "",
	    "https://discord.com/api/webhooks/1/x", JSON,
	    "{\"content\":\"relayd on relay: account blocked: "
	    "\\\\<\\\\@all\\\\> \\\\*a\\\\* & b\\n401 \\\"no\\\" "
	    "\\\\<script\\\\> \\\\[x\\\\](y) \\\\@everyone" PLAIN_TAIL "\","
	    "\"allowed_mentions\":{\"parse\":[]},\"flags\":4}" },
	{ "telegram", "https://api.telegram.org", "12:AB/c", "", "-100", "", "",
	    "https://api.telegram.org/bot12:AB%2Fc/sendMessage", JSON,
	    "{\"chat_id\":\"-100\",\"text\":\"<b>relayd on relay: account "
	    "blocked: &lt;@all&gt; *a* &amp; b</b>\\n401 \\\"no\\\" "
	    "&lt;script&gt; [x](y) @everyone" PLAIN_TAIL "\","
	    "\"parse_mode\":\"HTML\","
	    "\"link_preview_options\":{\"is_disabled\":true}}" },
	{ "ntfy", "https://ntfy.sh", "tk_1", "", "topic", "", "",
	    "https://ntfy.sh/", JSON "Authorization: Bearer tk_1\n",
	    "{\"topic\":\"topic\",\"title\":\"relayd on relay: account "
	    "blocked: <@all> *a* & b\",\"message\":\"401 \\\"no\\\" <script> "
	    "[x](y) @everyone" PLAIN_TAIL "\",\"priority\":5,"
	    "\"tags\":[\"account_blocked\"]}" },
	{ "bark", "https://api.day.app", "devkey", "", "", "", "minuet",
	    "https://api.day.app/push", JSON,
	    "{\"device_key\":\"devkey\",\"title\":\"relayd on relay: account "
	    "blocked: <@all> *a* & b\",\"body\":\"401 \\\"no\\\" <script> "
	    "[x](y) @everyone" PLAIN_TAIL "\",\"group\":\"relayd\","
	    "\"level\":\"timeSensitive\",\"sound\":\"minuet\"}" },
	{ "feishu", "", "https://open.feishu.cn/hook/x", "SECsigning-key-4711",
	    "", "", "", "https://open.feishu.cn/hook/x", JSON,
	    "{\"timestamp\":\"1795192100\","
	    "\"sign\":\"RK2mo4n9/+FbZPDoXmRxLTHBmynuD5JrpMwP2DN7saw=\","
	    "\"msg_type\":\"post\",\"content\":{\"post\":{\"zh_cn\":{"
	    "\"title\":\"relayd\",\"content\":[[{\"tag\":\"text\",\"text\":"
	    "\"relayd on relay: account blocked: \xef\xbc\x9c@all\xef\xbc\x9e "
	    "*a* & b\\n401 \\\"no\\\" \xef\xbc\x9cscript\xef\xbc\x9e [x](y) "
	    "@everyone" PLAIN_TAIL "\"}]]}}}}" },
	{ "dingtalk", "", "https://oapi.dingtalk.com/robot/send?access_token=x",
	    "SECsigning-key-4711", "", "", "",
	    "https://oapi.dingtalk.com/robot/send?access_token=x"
	    "&timestamp=1795192100500"
	    "&sign=MkTB8dD4yV6hSr5EyyJVdVez5i98grc5oKIFU8%2BnEAc%3D",
	    JSON,
	    "{\"msgtype\":\"text\",\"text\":{\"content\":\"relayd on relay: "
	    "account blocked: <@all> *a* & b\\n401 \\\"no\\\" <script> "
	    "[x](y) @everyone" PLAIN_TAIL "\"},\"at\":{\"isAtAll\":false}}" },
	{ "wecom", "", "https://qyapi.weixin.qq.com/cgi-bin/x?key=y", "", "",
	    "", "", "https://qyapi.weixin.qq.com/cgi-bin/x?key=y", JSON,
	    "{\"msgtype\":\"text\",\"text\":{\"content\":\"relayd on relay: "
	    "account blocked: <@all> *a* & b\\n401 \\\"no\\\" <script> "
	    "[x](y) @everyone" PLAIN_TAIL "\"}}" },
};

static int
setup(void **state)
{
	(void)state;
	setenv("TZ", "UTC0", 1);
	tzset();
	return 0;
}

static void
each_kind_is_sent_what_its_service_documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++) {
		const struct golden *g = &goldens[i];
		const struct messenger *m = messenger_find(str_of(g->kind));
		const struct channel_rec rec = { .to = str_of(g->to),
			.group = str_of(g->group),
			.sound = str_of(g->sound) };
		const struct mailbox to = { .rec = &rec,
			.url = g->url,
			.secret = str_of(g->secret),
			.sign = str_of(g->sign) };
		struct message out;

		assert_non_null(m);
		message_init(&out);
		assert_int_equal(m->write(&to, &hostile, WALL_MS, &out), OK);
		assert_string_equal(buf_cstr(&out.url), g->url_out);
		assert_string_equal(buf_cstr(&out.fields), g->fields_out);
		assert_string_equal(buf_cstr(&out.body), g->body_out);
		message_fini(&out);
	}
}

static void
all_kinds_but_mail_have_a_golden_message(void **state)
{
	const struct messenger *m;
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; (m = messenger_at(i)); i++)
		n += !m->is_mail;
	assert_int_equal(n, sizeof(goldens) / sizeof(goldens[0]));
}

/* The longest notice there can be, of characters that grow when escaped. */
static void
the_longest_notice_fits_every_kind(void **state)
{
	static const char *const fills[] = { "*", "<", "&", "\"", "\\",
		"\xf0\x9f\x98\x80" };
	char object[NOTICE_OBJECT_MAX] = "", text[NOTICE_TEXT_MAX] = "";
	const struct messenger *m;

	(void)state;
	for (size_t f = 0; f < sizeof(fills) / sizeof(fills[0]); f++) {
		const struct channel_rec rec = { .from =
						     STR("relay@example.com"),
			.to = STR("ann@example.com") };
		const struct mailbox to = { .rec = &rec,
			.url = "https://h.test",
			.secret = STR("https://h.test/x"),
			.sign = STR("signing-key") };
		struct notice n = hostile;
		char host[65];
		size_t len = strlen(fills[f]);

		for (size_t at = 0; at + len < sizeof(object); at += len)
			memcpy(object + at, fills[f], len + 1);
		for (size_t at = 0; at + len < sizeof(text); at += len)
			memcpy(text + at, fills[f], len + 1);
		memset(host, 'h', 64);
		host[64] = '\0';
		n.object = str_of(object);
		n.text = str_of(text);
		n.host = host;
		n.missed = UINT64_MAX;
		for (unsigned i = 0; (m = messenger_at(i)); i++) {
			struct message out;

			message_init(&out);
			assert_int_equal(m->write(&to, &n, WALL_MS, &out), OK);
			message_fini(&out);
		}
	}
}

/* --- mail ------------------------------------------------------------------ */

static void
unbase64(struct str text, char *out, size_t size)
{
	struct buf lines, plain;
	struct str rest = text, line;

	buf_init(&lines, 16384);
	buf_init(&plain, 16384);
	while (rest.at) {
		line = str_cut(&rest, '\n');
		assert_true(line.len <= 77);
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		buf_must(&lines, line);
	}
	assert_int_equal(enc_unbase64(&plain, buf_str(&lines), ENC_BASE64), OK);
	snprintf(out, size, "%s", buf_cstr(&plain));
	buf_fini(&lines);
	buf_fini(&plain);
}

static void
a_mail_has_a_head_that_no_text_can_add_to(void **state)
{
	const struct channel_rec rec = { .from = STR("relay@example.com"),
		.to = STR("ann@example.com, bob@example.com") };
	const struct mailbox to = { .rec = &rec,
		.url = "smtps://mail.example.com" };
	struct notice n = hostile;
	struct message out;
	char plain[4096];
	struct str head;
	ptrdiff_t end;

	(void)state;
	/* notice_raise() lets no line break through; should one come... */
	n.object = STR("a\r\nBcc: eve@example.com\r\n\r\n.\r\nQUIT \xc3\xa9");
	message_init(&out);
	assert_int_equal(messenger_email.write(&to, &n, WALL_MS, &out), OK);
	end = str_find(buf_str(&out.body), STR("\r\n\r\n"));
	assert_true(end > 0);
	head = str_first(buf_str(&out.body), (size_t)end);
	assert_true(str_eq(head,
	    STR("From: relayd <relay@example.com>\r\n"
		"To: ann@example.com,\r\n"
		" bob@example.com\r\n"
		"Subject: =?utf-8?B?cmVsYXlkIG9uIHJlbGF5OiBhY2NvdW50IGJsb2Nr"
		"ZWQ6IGENCkJjYzog?=\r\n"
		" =?utf-8?B?ZXZlQGV4YW1wbGUuY29tDQoNCi4NClFVSVQgw6k=?=\r\n"
		"Date: Fri, 20 Nov 2026 16:28:20 +0000\r\n"
		"Message-ID: <01M7WWGAHXRB948QQMJJYRWZG7@example.com>\r\n"
		"Auto-Submitted: auto-generated\r\n"
		"X-Relayd-Event: account_blocked\r\n"
		"X-Relayd-Severity: critical\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: base64")));
	unbase64(str_skip(buf_str(&out.body), (size_t)end + 4), plain,
	    sizeof(plain));
	assert_non_null(strstr(plain, "account blocked: a\r"));
	assert_non_null(strstr(plain, "401 \"no\" <script>"));
	assert_non_null(strstr(plain, "critical, 2026-11-20 16:26:47 +0000"));
	message_fini(&out);
}

static const struct {
	const char *url, *from, *to, *field; /* field NULL: good */
} mails[] = {
	{ "smtps://m.test", "a@b.test", "c@d.test", NULL },
	{ "smtp://m.test:587", "a+x@b.test", "c@d.test,e@f.test", NULL },
	{ "https://m.test", "a@b.test", "c@d.test", "url" },
	{ "", "a@b.test", "c@d.test", "url" },
	{ "smtps://m.test", "a", "c@d.test", "from" },
	{ "smtps://m.test", "a@b.test>\r\nRCPT TO:<x@y", "c@d.test", "from" },
	{ "smtps://m.test", "a b@b.test", "c@d.test", "from" },
	{ "smtps://m.test", "a@b@c.test", "c@d.test", "from" },
	{ "smtps://m.test", "a@b.test", "", "to" },
	{ "smtps://m.test", "a@b.test", "c@d.test,<e@f.test>", "to" },
	{ "smtps://m.test", "a@b.test", "@d.test", "to" },
	{ "smtps://m.test", "a@b.test", "c@", "to" },
	{ "smtps://m.test", "a@b.test",
	    "a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b,a@b", "to" },
};

static void
addresses_that_could_say_more_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++) {
		const struct channel_rec r = { .url = str_of(mails[i].url),
			.from = str_of(mails[i].from),
			.to = str_of(mails[i].to) };
		struct why why = { .field = "" };
		enum err e = messenger_email.check(&r, &why);

		assert_int_equal(e, mails[i].field ? ERR_VALUE : OK);
		assert_string_equal(why.field,
		    mails[i].field ? mails[i].field : "");
	}
}

/* --- answers --------------------------------------------------------------- */

static const struct {
	const char *kind;
	unsigned status;
	const char *body;
	enum delivered_how how;
} answers[] = {
	{ "webhook", 200, "", DELIVERED },
	{ "webhook", 204, "", DELIVERED },
	{ "webhook", 301, "", DELIVERY_REFUSED },
	{ "webhook", 400, "", DELIVERY_REFUSED },
	{ "webhook", 404, "", DELIVERY_REFUSED },
	{ "webhook", 408, "", DELIVERY_LATER },
	{ "webhook", 410, "", DELIVERY_REFUSED },
	{ "webhook", 429, "", DELIVERY_LATER },
	{ "webhook", 500, "", DELIVERY_LATER },
	{ "webhook", 503, "", DELIVERY_LATER },
	{ "slack", 200, "ok", DELIVERED },
	{ "slack", 403, "invalid_token", DELIVERY_REFUSED },
	{ "feishu", 200, "{\"code\":0,\"msg\":\"success\"}", DELIVERED },
	{ "feishu", 200, "{\"code\":19021,\"msg\":\"sign match fail\"}",
	    DELIVERY_REFUSED },
	{ "feishu", 200, "{\"code\":11232}", DELIVERY_LATER },
	{ "feishu", 200, "<html>", DELIVERY_LATER },
	{ "feishu", 200, "{}", DELIVERY_LATER },
	{ "dingtalk", 200, "{\"errcode\":0,\"errmsg\":\"ok\"}", DELIVERED },
	{ "dingtalk", 200, "{\"errcode\":310000}", DELIVERY_REFUSED },
	{ "dingtalk", 200, "{\"errcode\":130101}", DELIVERY_LATER },
	{ "dingtalk", 200, "{\"errcode\":-1}", DELIVERY_LATER },
	{ "wecom", 200, "{\"errcode\":45009}", DELIVERY_LATER },
	{ "wecom", 200, "{\"errcode\":93000}", DELIVERY_REFUSED },
	{ "wecom", 200, "{\"errcode\":\"0\"}", DELIVERY_LATER },
	{ "bark", 200, "{\"code\":200}", DELIVERED },
	{ "bark", 400, "{\"code\":400}", DELIVERY_REFUSED },
	{ "email", 250, "", DELIVERED },
	{ "email", 451, "", DELIVERY_LATER },
	{ "email", 550, "", DELIVERY_REFUSED },
};

static void
an_answer_is_yes_later_or_no(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		assert_int_equal(
		    delivery_judge(messenger_find(str_of(answers[i].kind)),
			answers[i].status, str_of(answers[i].body)),
		    answers[i].how);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_sent_what_its_service_documents),
		cmocka_unit_test(all_kinds_but_mail_have_a_golden_message),
		cmocka_unit_test(the_longest_notice_fits_every_kind),
		cmocka_unit_test(a_mail_has_a_head_that_no_text_can_add_to),
		cmocka_unit_test(addresses_that_could_say_more_are_refused),
		cmocka_unit_test(an_answer_is_yes_later_or_no),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
