/* SPDX-License-Identifier: MIT */
/* ctl_session.c - a request under way as the control socket tells it. */
#include "relayd/ctl_session.h"

#include "relayd/apikey.h"
#include "relayd/loop.h"
#include "relayd/relay.h"

/* As the upstream told, or counted: about four bytes to a token. */
static int64_t
output_of(const struct relay *r)
{
	int64_t seen = (int64_t)(r->watch.delta_bytes / 4);

	return r->watch.usage.output > seen ? r->watch.usage.output : seen;
}

/* Tokens per second since the first of them. */
static int64_t
speed_of(const struct relay *r, int64_t age_us)
{
	int64_t took_us = age_us - r->first_us;

	if (!r->first_us || took_us < 1000)
		return 0;
	return output_of(r) * 1000 / (took_us / 1000);
}

void
ctl_put_session(struct json_out *j, const struct relay *r, enum ctl_role role)
{
	int64_t age_us = clock_us() - r->began_us;
	char session[SESSION_TEXT] = "", peer[64];

	if (r->session.id)
		session_text(r->session.id, session);
	json_open(j, '{');
	json_say(j, "id", str_of(r->id_text));
	json_say(j, "phase", str_of(relay_state_text(r->state)));
	json_say(j, "key", r->key ? r->key->rec.name : STR(""));
	json_say(j, "account", str_of(role > CTL_SELF ? r->account_name : ""));
	json_say(j, "model", buf_str(&r->model));
	json_say(j, "session", str_of(session));
	json_say_i64(j, "at", clock_wall_ms() - age_us / 1000);
	json_say_i64(j, "age_us", age_us);
	json_say_i64(j, "wait_us", r->wait_us);
	json_say_i64(j, "head_us", r->head_us);
	json_say_i64(j, "first_us", r->first_us);
	json_say_i64(j, "input", usage_read(&r->watch.usage));
	json_say_i64(j, "output", output_of(r));
	json_say_i64(j, "speed", speed_of(r, age_us));
	json_say_i64(j, "tries", r->tries);
	json_say(j, "client", str_of(r->client));
	relay_peer(r, peer);
	json_say(j, "peer", str_of(peer));
	json_close(j, '}');
}
