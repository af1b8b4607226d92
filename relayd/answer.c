/* SPDX-License-Identifier: MIT */
/* answer.c - what comes back: held until it is worth showing, then passed on
 * event by event, listened to on the way.
 *
 *	held = | whole events (or body) | part of an event |
 *	       0                      whole              end
 *
 * Only whole events are passed on, so that a ping or an error can always be
 * put between two of them, and so that the receipt is written before a byte
 * of the event that ends the answer can be seen (answer_end.c). */
#include <stdio.h>

#include "relayd/capture.h"
#include "relayd/daemon.h"
#include "relayd/log.h"
#include "relayd/outbound.h"
#include "relayd/relay.h"
#include "relayd/rename.h"
#include "relayd/reshape.h"
#include "relayd/tally.h"

/* An answer that is no stream is held whole up to this, so that it can be
 * replaced when it breaks, and its usage be read; a larger one is passed on
 * as it comes. */
#define WHOLE_MAX (8 * 1024 * 1024)
/* One relay's share of a turn. */
#define TURN_MAX (64 * 1024)

/* --- writing to the client ---------------------------------------------------------- */

void
answer_emit(struct relay *r, struct str bytes)
{
	struct buf *out = conn_out(r->c);
	enum err e;

	if (!bytes.len)
		return;
	if (r->capture)
		capture_told(r, bytes);
	e = r->chunked ? http1_put_chunk(out, bytes) : buf_add(out, bytes);
	if (e) {
		/* Marks hold the source back long before this ceiling. */
		log_note(LOG_ERROR, "output", "%s: the output is full",
		    r->id_text);
		return;
	}
	r->bytes_out += bytes.len;
	r->said_ms = loop_ms(r->d->loop);
	if (!r->first_us)
		r->first_us = clock_us() - r->began_us;
}

/* Pass on the whole events that are held. */
void
answer_emit_whole(struct relay *r)
{
	answer_emit(r, str_first(buf_str(&r->held), r->whole));
	buf_eat(&r->held, r->whole);
	r->whole = 0;
}

/* Send, and hold the upstream back while the client is slow. */
void
answer_flush(struct relay *r)
{
	conn_flush(r->c);
	if (conn_backlog(r->c) > CONN_OUT_HIGH && r->up_open) {
		r->c->told_room = true;
		upstream_hold(&r->up, true);
	}
}

/* The head of a stream whose first bytes are a ping of ours. */
static void
show_bare_head(struct relay *r)
{
	struct buf *out = conn_out(r->c);
	size_t from = buf_len(out);

	r->chunked = r->c->head->minor >= 1;
	buf_mustf(out,
	    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
	    "cache-control: no-cache\r\nx-relay-request-id: %s\r\n%s\r\n",
	    r->id_text,
	    r->chunked ? "transfer-encoding: chunked\r\n"
		       : "connection: close\r\n");
	if (!r->chunked)
		r->c->keeps = false;
	if (r->capture)
		capture_told_head(r, str_skip(buf_str(out), from));
	r->head_sent = true;
	r->status = 200;
}

void
answer_ping(struct relay *r)
{
	if (!r->head_sent)
		show_bare_head(r);
	answer_emit(r, r->dialect->ping);
	r->bytes_out -= r->dialect->ping.len;
	answer_flush(r);
}

bool
answer_is_ended(const struct relay *r)
{
	return r->up.phase == UP_ENDED;
}

/* There will be no other try: the request's memory is not needed while the
 * answer streams for minutes. */
static void
let_request_go(struct relay *r)
{
	if (!upstream_drop_request(&r->up))
		return;
	conn_drop_body(r->c);
	buf_fini(&r->decoded);
	buf_fini(&r->own_body);
	buf_fini(&r->shaped);
	relay_charge(r);
	buf_wipe(&r->up_head);
	r->body = r->up_body = STR("");
}

/* Show the client the upstream's head.  From here on the answer can be ended,
 * not replaced. */
void
answer_show_head(struct relay *r)
{
	const struct http1_head *h = &r->up.answer;
	struct buf *out = conn_out(r->c);
	bool sized = !r->is_sse && answer_is_ended(r);
	size_t from = buf_len(out);

	let_request_go(r);
	if (r->head_sent)
		return;
	r->head_sent = true;
	r->status = h->status;
	r->chunked = !sized && r->c->head->minor >= 1;
	if (!sized && !r->chunked)
		r->c->keeps = false;
	if (http1_put_status(out, h->status) ||
	    outbound_answer(h, r->undo != NULL, r->shown_type, out) ||
	    http1_put_field(out, STR("x-relay-request-id"),
		str_of(r->id_text)) ||
	    (sized && h->status != 204 &&
		http1_put_number(out, STR("content-length"),
		    buf_len(&r->held))))
		log_note(LOG_ERROR, "output", "%s: the head does not fit",
		    r->id_text);
	if (r->chunked)
		buf_must(out, STR("transfer-encoding: chunked\r\n"));
	if (!conn_keeps(r->c))
		buf_must(out, STR("connection: close\r\n"));
	buf_must(out, STR("\r\n"));
	if (r->capture)
		capture_told_head(r, str_skip(buf_str(out), from));
}

/* --- listening ------------------------------------------------------------------------ */

/* Put a piece of a stream behind what is held and see which events it makes
 * whole.  Returns what was noticed in them (WATCH_ bits). */
static unsigned
take_events(struct relay *r, struct str piece)
{
	unsigned noticed = 0;
	struct sse_event event;
	size_t used;

	while (piece.len && !r->lost_track) {
		unsigned bits;
		enum err e = sse_feed(&r->sse, piece, &used, &event);

		if (e == ERR_AGAIN)
			break;
		if (e) {
			/* An event over the ceiling: pass on, unheard. */
			r->lost_track = true;
			break;
		}
		bits = r->dialect->watch(&r->watch, &event);
		r->saw_event = true;
		noticed |= bits;
		if (r->hides_usage && bits & WATCH_USAGE_ONLY) {
			buf_chop(&r->held, buf_len(&r->held) - r->whole);
		} else if (buf_add(&r->held, str_first(piece, used))) {
			r->lost_track = true;
			break;
		}
		r->whole = buf_len(&r->held);
		piece = str_skip(piece, used);
	}
	if (buf_add(&r->held, piece)) {
		answer_emit_whole(r);
		answer_emit(r, buf_str(&r->held));
		buf_clear(&r->held);
		answer_emit(r, piece);
	}
	if (r->lost_track || sse_between(&r->sse))
		r->whole = buf_len(&r->held);
	return noticed;
}

static unsigned
bad_body(struct relay *r, enum upstream_fault f)
{
	r->up.fault = f;
	r->events |= 1u << E_FAIL;
	return 0;
}

/* A piece of the body in the dialect's own form. */
static unsigned
take_plain(struct relay *r, struct str piece)
{
	if (r->is_sse)
		return take_events(r, piece);
	r->watch.delta_bytes += piece.len;
	if (buf_add(&r->held, piece)) {
		answer_emit_whole(r);
		answer_emit(r, piece);
	} else {
		r->whole = buf_len(&r->held);
	}
	return 0;
}

/* A piece of the body in whatever form it came: decoded, reshaped, held. */
static unsigned
take_piece(struct relay *r, struct str piece)
{
	if (r->capture)
		capture_heard(r, piece);
	if (r->undo) {
		buf_clear(&r->plain);
		if (decoder_feed(r->undo, piece, &r->plain))
			return bad_body(r, UP_BAD_BODY);
		piece = buf_str(&r->plain);
	}
	if (r->reshape) {
		enum err e;

		buf_clear(&r->reshaped);
		e = r->reshape->ops->feed(r->reshape, piece, &r->reshaped,
		    &r->up.why);
		relay_charge(r);
		if (e)
			return bad_body(r, UP_BAD_BODY);
		piece = buf_str(&r->reshaped);
	}
	return take_plain(r, piece);
}

/* The upstream's body has ended; what reshapes it may have kept a last word. */
static unsigned
take_last(struct relay *r)
{
	struct reshape *s = r->reshape;

	if (!s || s->ended)
		return 0;
	s->ended = true;
	if (!s->ops->end)
		return 0;
	buf_clear(&r->reshaped);
	if (s->ops->end(s, &r->reshaped, &r->up.why))
		return bad_body(r, UP_CUT);
	return take_plain(r, buf_str(&r->reshaped));
}

/* All that the upstream has sent by now, within a turn's share. */
unsigned
answer_take_all(struct relay *r)
{
	unsigned noticed = 0;
	struct str piece;
	size_t turn = 0;

	while (turn < TURN_MAX && upstream_piece(&r->up, &piece)) {
		r->heard_ms = loop_ms(r->d->loop);
		noticed |= take_piece(r, piece);
		turn += piece.len;
		if (noticed & WATCH_TERMINAL || r->events & 1u << E_FAIL)
			break;
	}
	if (r->up.phase == UP_ENDED)
		noticed |= take_last(r);
	if (r->events & 1u << E_FAIL)
		return noticed;
	if (r->up.phase == UP_ENDED)
		r->events |= 1u << E_END;
	else if (r->up.phase == UP_FAILED)
		r->events |= 1u << E_FAIL;
	else if (turn >= TURN_MAX || noticed & WATCH_TERMINAL)
		loop_ready(r->d->loop, &r->task);
	return noticed;
}

/* --- the beginning ----------------------------------------------------------------------- */

static bool
client_takes(const struct relay *r, struct str coding)
{
	return http1_has_token(r->c->head, STR("accept-encoding"), coding);
}

/* An upstream that compresses though it was not asked to, or a stream, is
 * decoded; other answers pass compressed when the client takes that. */
static void
choose_decoding(struct relay *r)
{
	const struct header *f =
	    http1_find(&r->up.answer, STR("content-encoding"));
	enum coding coding;

	if (!f)
		return;
	coding = coding_of(f->value);
	if (coding == CODING_IDENTITY)
		return;
	if (coding == CODING_OTHER) {
		r->lost_track = true;
		return;
	}
	if (!r->is_sse && !r->reshape && r->up.answer.status < 300 &&
	    client_takes(r, f->value)) {
		r->is_coded = coding;
		return;
	}
	r->undo = decoder_new(coding, 1024 * 1024 * 1024);
}

static bool
is_event_stream(const struct http1_head *h)
{
	const struct header *f = http1_find(h, STR("content-type"));

	return f && str_istarts(f->value, STR("text/event-stream"));
}

/* Nothing can be put between events that cannot be told apart. */
static bool
may_ping(const struct relay *r)
{
	return r->is_sse && !r->lost_track;
}

static void
wait_holding(struct relay *r)
{
	const struct settings *s = &r->d->settings;
	int64_t at_ms = r->deadline_ms;
	int64_t ping_ms =
	    r->said_ms + (r->head_sent ? s->ping_after_ms : s->ping_before_ms);

	if (may_ping(r) && ping_ms < at_ms)
		at_ms = ping_ms;
	relay_wait_until(r, at_ms);
}

/* An upstream that speaks in another form is listened to in the dialect's. */
static void
choose_reshaping(struct relay *r)
{
	const struct provider *p = r->account->provider;
	const struct ask ask = attempt_ask(r);
	const struct reshape_ops *ops =
	    p->answer ? p->answer(&ask, &r->up.answer) : NULL;

	if (ops)
		r->is_sse = reshape_is_events(ops);
	else if (buf_len(&r->up_model))
		ops = r->is_sse ? &rename_events : &rename_whole;
	if (!ops)
		return;
	r->reshape = reshape_new(ops);
	r->shown_type = ops->content_type;
	if (buf_len(&r->up_model))
		r->reshape->model = relay_said_model(r);
}

enum relay_state
answer_begin(struct relay *r)
{
	const struct settings *s = &r->d->settings;

	r->is_sse = is_event_stream(&r->up.answer);
	choose_reshaping(r);
	choose_decoding(r);
	r->deadline_ms = r->heard_ms +
	    (r->is_sse ? s->first_event_wait_ms : s->stream_idle_ms);
	wait_holding(r);
	r->events |= 1u << E_DATA;
	return R_HOLDING;
}

static enum relay_state
go_streaming(struct relay *r)
{
	if (r->is_sse)
		account_note_ttft(r->account,
		    (clock_us() - r->up.began_us) / 1000);
	answer_show_head(r);
	answer_emit_whole(r);
	answer_flush(r);
	return do_silent(r);
}

/* The upstream says no in the stream before it said anything else. */
static enum relay_state
error_first(struct relay *r)
{
	struct str type = str_of(r->watch.error_type);
	unsigned status = verdict_status_of(type);
	char error[96];

	snprintf(error, sizeof(error), "%u in the stream: %.*s", status,
	    STR_ARG(type));
	attempt_find_verdict(r, status, type);
	if (r->verdict->next == NEXT_RETURN) {
		attempt_count_verdict(r);
		return go_streaming(r);
	}
	r->told_ms = 0;
	return attempt_failed(r, status, type, error);
}

/* An upstream's refusal that is the request's affair: as it came. */
enum relay_state
answer_pass_error(struct relay *r)
{
	bool ended = r->up.phase == UP_ENDED || r->up.phase == UP_FAILED;
	unsigned status = r->up.answer.status;

	/* What was put into other words is all there is. */
	if (r->shown_type)
		ended = true;
	r->whole = buf_len(&r->held);
	r->is_sse = false;
	r->lost_track = true;
	r->watch.error = true;
	if (!ended)
		return go_streaming(r);
	if (r->up.phase != UP_ENDED)
		r->up.answer.keep_alive = false;
	r->up.phase = UP_ENDED;
	answer_show_head(r);
	attempt_note(r, ATTEMPT_ERROR_STATUS, status, "");
	relay_settle(r, OUTCOME_UPSTREAM);
	answer_emit_whole(r);
	attempt_end(r, ATTEMPT_ERROR_STATUS, status, "");
	return do_settle(r);
}

enum relay_state
do_hold(struct relay *r)
{
	const struct settings *s = &r->d->settings;
	bool had = r->saw_event;
	int64_t heard_ms = r->heard_ms;
	unsigned noticed = answer_take_all(r);

	if (!r->is_sse) {
		if (buf_len(&r->held) > WHOLE_MAX) {
			r->lost_track = true;
			return go_streaming(r);
		}
		/* Only what was heard moves the deadline: setting the timer
		 * anew takes back that it has expired. */
		if (r->heard_ms != heard_ms) {
			r->deadline_ms = r->heard_ms + s->stream_idle_ms;
			wait_holding(r);
		}
		return R_HOLDING;
	}
	if (noticed & WATCH_ERROR && !r->watch.content)
		return error_first(r);
	if (noticed & WATCH_TERMINAL)
		return answer_end(r);
	if (noticed & WATCH_CONTENT || r->lost_track ||
	    buf_len(&r->held) > s->hold_size_bytes)
		return go_streaming(r);
	if (r->saw_event && !had) {
		r->deadline_ms = r->heard_ms + s->hold_time_ms;
		wait_holding(r);
	}
	return R_HOLDING;
}

/* HOLDING's timer: long enough held, or too long silent. */
enum relay_state
do_enough(struct relay *r)
{
	int64_t now_ms = loop_ms(r->d->loop);

	if (now_ms >= r->deadline_ms && r->saw_event)
		return go_streaming(r);
	if (now_ms >= r->deadline_ms) {
		attempt_end(r, ATTEMPT_TIMEOUT, 0, "no event in time");
		account_note_ttft(r->account,
		    (clock_us() - r->up.began_us) / 1000);
		r->told_ms = 0;
		return attempt_failed(r, STATUS_SILENT, STR(""),
		    "no event in time");
	}
	if (may_ping(r))
		answer_ping(r);
	wait_holding(r);
	return R_HOLDING;
}

/* The usage of an answer that was not streamed. */
static void
read_whole(struct relay *r)
{
	struct decoder *d;
	struct buf plain;

	if (r->op != OP_GENERATE && r->op != OP_COMPACT && r->op != OP_EMBED)
		return;
	r->watch.delta_bytes = buf_len(&r->held);
	if (!r->is_coded) {
		r->dialect->watch_body(&r->watch, buf_str(&r->held));
		return;
	}
	d = decoder_new(r->is_coded, 4 * WHOLE_MAX);
	buf_init(&plain, 4 * WHOLE_MAX);
	if (!decoder_feed(d, buf_str(&r->held), &plain))
		r->dialect->watch_body(&r->watch, buf_str(&plain));
	decoder_free(d);
	buf_fini(&plain);
}

/* The answer ended while nothing of it was shown. */
enum relay_state
do_whole(struct relay *r)
{
	if (r->is_sse && !r->watch.terminal) {
		attempt_end(r, ATTEMPT_CUT, 0, "the stream ended too early");
		r->told_ms = 0;
		return attempt_failed(r, 502, STR(""),
		    "the stream ended too early");
	}
	if (r->reshape && r->reshape->status)
		return attempt_refused(r, r->reshape->status);
	r->whole = buf_len(&r->held);
	if (!r->is_sse)
		read_whole(r);
	return answer_end(r);
}

/* --- the middle --------------------------------------------------------------------------- */

enum relay_state
do_pass(struct relay *r)
{
	unsigned noticed = answer_take_all(r);

	if (noticed & WATCH_TERMINAL)
		return answer_end(r);
	answer_emit_whole(r);
	answer_flush(r);
	return R_STREAMING;
}

/* STREAMING's timer: the upstream is silent for too long, or the client has
 * heard nothing for a while. */
enum relay_state
do_silent(struct relay *r)
{
	const struct settings *s = &r->d->settings;
	int64_t now_ms = loop_ms(r->d->loop), at_ms;

	/* While the client is slow, the silence is its own. */
	if (r->up.held)
		r->heard_ms = now_ms;
	at_ms = r->heard_ms + s->stream_idle_ms;
	if (now_ms >= at_ms)
		return do_cut(r);
	if (may_ping(r)) {
		if (now_ms >= r->said_ms + s->ping_after_ms)
			answer_ping(r);
		if (r->said_ms + s->ping_after_ms < at_ms)
			at_ms = r->said_ms + s->ping_after_ms;
	}
	relay_wait_until(r, at_ms);
	return R_STREAMING;
}
