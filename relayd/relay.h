/* SPDX-License-Identifier: MIT */
/* relay.h - one request on its way through, from its head to its receipt.
 *
 * What happens when stands in relay_moves.def.  The moves are spread over the
 * files by subject: admit.c (the way in), attempt.c (one try at one account),
 * attempt_judge.c (its failure), waiting.c (for a place), answer.c (what comes back), answer_end.c (how
 * that ends), and relay.c (the machine itself). */
#ifndef RELAYD_RELAY_H
#define RELAYD_RELAY_H

#include <sys/queue.h>

#include "proto/coding.h"
#include "proto/dialect.h"
#include "proto/ulid.h"

#include "store/rec.h"
#include "store/store.h"

#include "relayd/conn.h"
#include "relayd/queue.h"
#include "relayd/receipt.h"
#include "relayd/renew.h"
#include "relayd/retry.h"
#include "relayd/route.h"
#include "relayd/sched.h"
#include "relayd/session.h"
#include "relayd/sticky.h"
#include "relayd/upstream.h"
#include "relayd/verdict.h"
#include "relayd/why.h"

struct apikey;
struct capture;
struct daemon;
struct holder;
struct reshape;
struct reservation;
struct seal_job;
struct shape;

enum relay_state {
#define X(name, text) R_##name,
#include "relayd/relay_states.def"
#undef X
	R_COUNT
};

enum relay_event {
#define X(name) E_##name,
#include "relayd/relay_events.def"
#undef X
	E_COUNT
};

/* "req_" and a ulid. */
#define RELAY_ID_TEXT (4 + ULID_TEXT + 1)

struct relay {
	TAILQ_ENTRY(relay) link;
	struct relays *all;
	struct daemon *d;
	struct conn *c; /* NULL once it has been let go */
	struct task task;
	struct timer timer;
	enum relay_state state;
	unsigned events; /* bits of enum relay_event */

	/* What was asked. */
	struct ulid id;
	char id_text[RELAY_ID_TEXT];
	int64_t began_us;
	int64_t whole_us;   /* the turn in which its last byte was there */
	struct apikey *key; /* NULL before it was found */
	struct routed routed;
	const struct dialect *dialect;
	enum op op;
	struct buf path_text; /* what routed points into */
	struct buf query;     /* without credentials */
	struct scan scan;
	struct asked asked;
	struct decoder *decoder; /* of a compressed request body */
	struct buf decoded;
	struct buf model;
	bool says_vendor;    /* the body names a kind beside the model */
	struct buf alias;    /* what the client says for it; empty: the same */
	struct buf up_model; /* as the account calls it; empty: the same */
	struct str body;     /* decoded */
	struct buf own_body; /* the connection's body, once it is taken over */
	struct buf shaped;   /* as the account's kind wants it */
	struct shape *shape; /* that is being made */
	uint8_t sha256[32];  /* of `shaped`, for kinds that sign */
	size_t charged; /* of all these, in the daemon's budget for bodies */
	struct str up_body;	      /* the one that goes to the account */
	struct holder *holder;	      /* of a question about the key */
	struct reservation *reserved; /* NULL: under no budget */
	bool is_options;
	struct addr from; /* whose it is (source.h) */
	char client[48];  /* product of the User-Agent */
	enum fault fault; /* why it is refused, when it is */
	struct buf fault_text;
	int64_t fault_retry_ms;
	struct capture *capture; /* of a trace; NULL: of none */
	struct buf story;	 /* steps of its way (why.h) */
	unsigned story_lost;	 /* that there was no room for */
	bool story_tells;	 /* more than its receipt */

	struct session session;

	/* Waiting (waiting.c). */
	struct queue_waiter waiter;
	const struct account *waits_for; /* compared, never looked into */
	int64_t wait_began_us;
	int64_t wait_until_ms;	/* then it is refused; 0: it never waited */
	int64_t tier_until_ms;	/* for the first tier; 0: it did not */
	int64_t stick_until_ms; /* for the session's account; 0: it did not */
	int64_t queued_us;	/* before the first try */
	bool is_running;	/* in its key's count */
	bool for_turn;		/* it waits for one, and not for a place */

	/* The tries. */
	struct sched_ask ask;
	struct account *account; /* of the try under way */
	struct account *place;	 /* where it has one, before the try */
	struct account *turn_of; /* that serves its turn, until the head */
	struct upstream up;
	bool up_open, up_fresh, up_noted;
	struct buf up_head;
	unsigned tries, same_tries;
	bool forgiven;	   /* a failure that only counts when it comes twice */
	unsigned silences; /* accounts that did not answer in time */
	struct buf attempts; /* encoded, for the receipt */
	int64_t tries_began_ms;
	struct verdict const *verdict;
	struct verdict by_rule; /* what that is, when an operator's rule says */
	struct renew_wait renewing; /* the account's token, in BACKOFF */
	enum err renew_end;	    /* how that ended */
	struct why renew_why;
	bool renewed;	       /* once for a request */
	uint64_t token_at;     /* of the token that was sent */
	unsigned key_nr;       /* of the account's keys; 0: it has no several */
	int64_t account_ppm;   /* its rate of costs, and its service's */
	char account_name[72]; /* of the last try; accounts may be removed */

	/* The answer. */
	struct sse sse;
	struct watch watch;
	struct decoder *undo;	 /* of an upstream that compresses anyway */
	struct reshape *reshape; /* of one that speaks in another form */
	struct buf reshaped;	 /* a piece of that */
	const char *shown_type;	 /* its Content-Type; NULL: the upstream's */
	struct buf held;  /* not shown yet: an answer, or a piece of an event */
	struct buf plain; /* decoded piece */
	enum coding is_coded; /* passed on compressed */
	size_t whole;	      /* bytes of `held` that can be shown */
	struct seal_job *sealing;
	bool is_sse, head_sent, hides_usage, chunked, lost_track;
	bool saw_event;
	unsigned status;	   /* what the client was told; 0: nothing */
	int64_t deadline_ms;	   /* of the state */
	int64_t heard_ms, said_ms; /* when the upstream, and we, last spoke */
	int64_t heard_wall_ms;	   /* the head of its answer */
	int64_t wait_us, head_us, first_us;
	int64_t told_ms; /* how long the upstream asked to be left alone */
	int64_t shut_until_ms; /* what the verdict has shut; 0: nothing */
	uint64_t bytes_in, bytes_out;
	unsigned flags;	      /* RECEIPT_ bits */
	bool settled;	      /* the receipt is written */
	bool opened;	      /* the ledger has its opening */
	bool tallied;	      /* it is counted by how it ended */
	enum outcome outcome; /* that */
};

TAILQ_HEAD(relay_list, relay);

#define RELAYS_PROVIDERS_MAX 32

typedef void
relay_observer(void *arg, const struct ulid *id, const struct receipt_rec *r);

/* Who wants to know what happens to requests while it does.  Those without a
 * key, and those that are answered here, are nobody's business. */
struct relay_watcher {
	void (*phase)(void *arg, const struct relay *r);
	void (*account_gone)(void *arg, const struct account *a);
	void *arg;
};

struct relays {
	struct daemon *d;
	uint32_t (*draw)(void); /* a random number; tests have their own */
	struct relay_list live;
	unsigned count;
	struct retry_budget
	    retries[RELAYS_PROVIDERS_MAX]; /* by provider_nr() */
	relay_observer *observer;
	void *observer_arg;
	struct relay_watcher watcher; /* its members are NULL: nobody */
	struct sticky sticky;
	struct queue line;    /* for a place at an account */
	int64_t line_seen_ms; /* when all of it was looked at */
	uint8_t session_secret[SESSION_SECRET];
	/* For the ids of requests, fetched for many at once; used from the
	 * end. */
	uint8_t random[64 * ULID_RANDOM];
	size_t random_left;
};

/* What listeners give their connections to. */
extern const struct conn_user relay_conn_user;

void relays_new(struct daemon *d, struct relays **out);
/* End all that are under way (the client is told). */
void relays_stop(struct relays *all);
/* Those that only wait are told to come again. */
void relays_drain(struct relays *all);
/* End the one of that id (the client is told); false: there is none. */
bool relays_kill(struct relays *all, struct str id);
void relays_free(struct relays *all);
/* fn is called as each request ends, with its receipt (borrowed). */
void relays_observe(struct relays *all, relay_observer *fn, void *arg);
/* Instead of the one there was; NULL: nobody watches any more. */
void relays_watch(struct relays *all, const struct relay_watcher *w);
const char *relay_state_text(enum relay_state s);

/* --- between relay.c and the files of its moves ------------------------------- */

struct relay *relay_new(struct relays *all, struct conn *c);
void relay_run(void *arg);
void relay_post(struct relay *r, enum relay_event e);
/* What is known by now, for the ledger; borrows from r. */
void relay_receipt(const struct relay *r, struct receipt_rec *out);
/* Its own copies of the body have grown or gone: count them like the body. */
void relay_charge(struct relay *r);
/* What that comes to, from what it says was used. */
void relay_price(const struct relay *r, struct receipt_rec *io_rec);
/* The state's one timer. */
void relay_wait_until(struct relay *r, int64_t at_ms);
/* Where it comes from, for people. */
void relay_peer(const struct relay *r, char out[64]);
/* Write down why it is refused; the text is for the client. */
void relay_fault(struct relay *r, enum fault f, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* admit.c */
enum relay_state do_begin(struct relay *r);
enum relay_state do_refuse(struct relay *r);
/* An answer of our own; `more` are whole header lines. */
void relay_answer(struct relay *r, unsigned status, const char *type,
    const char *more, struct str body);

/* admit_policy.c: may its key do this?  They say why not. */
enum fault relay_policy_head(struct relay *r);
/* May it have the model that it says?  Makes the model of its alias. */
enum fault relay_policy_model(struct relay *r);
/* What the client calls the model. */
struct str relay_said_model(const struct relay *r);

/* holder.c */
enum relay_state holder_begin(struct relay *r);
enum relay_state do_tell(struct relay *r);
enum relay_state do_late(struct relay *r);
/* The relay ends. */
void holder_forget(struct relay *r);

/* reserve.c: the first says why not. */
enum fault relay_reserve(struct relay *r);
/* An account has been chosen; again for another one. */
void relay_reserve_account(struct relay *r);
/* What it is charged to, for its receipt; until it is settled. */
struct str relay_charges(struct relay *r);
/* What was reserved becomes what its receipt says, or nothing. */
void relay_spend(struct relay *r, const struct receipt_rec *rec);
void relay_unreserve(struct relay *r);

/* waiting.c */
/* The key has changed, or is about to go. */
void waiting_look_at_key(struct apikey *k);
/* Its key's places: go on at once, or wait. */
enum relay_state waiting_begin(struct relay *r);
/* No account could be used: may it wait for one?  Then *out_next says what
 * follows. */
bool waiting_helps(struct relay *r, const struct sched_choice *c,
    enum relay_state *out_next);
/* Would it rather wait than go to the next tier of its key? */
bool waiting_for_tier(const struct relay *r);
/* It would be another account than the session's: is that one worth waiting
 * for?  Then it says so in *io. */
void waiting_stick(struct relay *r, struct sched_choice *io);
/* A serial account may serve another turn soon. */
void waiting_turn_over(struct relays *all, const struct account *a);
/* Would it wait, and not be refused, when that is what was chosen? */
bool waiting_may_help(struct relay *r, const struct sched_choice *c);
/* Others wait for such an account: they come first. */
void waiting_serve(struct relays *all, struct account *a);
enum relay_state do_turn(struct relay *r);
enum relay_state do_overdue(struct relay *r);
/* The relay ends: its places are free, and others may have them. */
void waiting_end(struct relay *r);

/* attempt.c */
/* Which account?  As attempt_open(), for others to ask; it changes nothing but
 * what r remembers of the question. */
void attempt_choose(struct relay *r, struct sched_choice *out);
/* Count r at the account, until the try or until it is given back. */
void attempt_take_place(struct relay *r, struct account *a);
void attempt_give_back(struct relay *r);
/* Its account has begun to answer: the next turn may begin. */
void attempt_pass_turn(struct relay *r);
/* What its account is asked, as kinds see it; borrows from r. */
struct ask attempt_ask(const struct relay *r);
enum relay_state attempt_open(struct relay *r);
/* It shall wait no longer: write down why no account can be used. */
void attempt_say_unusable(struct relay *r);
/* Ask r->account, for the first time or again. */
enum relay_state attempt_account(struct relay *r);
/* Note the try under way in the receipt, which is written before the try has
 * given its connection back; the first note counts. */
void attempt_note(struct relay *r, enum attempt_outcome outcome,
    unsigned status, const char *error);
/* End the try under way, noted like that if it was not before. */
void attempt_end(struct relay *r, enum attempt_outcome outcome, unsigned status,
    const char *error);
enum relay_state do_shaped(struct relay *r);
enum relay_state do_again(struct relay *r);

/* attempt_bind.c */
/* To which session does it belong? */
void attempt_session(struct relay *r);
/* What the next choice has to know of its key and session, as they are now. */
void attempt_ask_bound(const struct relay *r, struct sched_ask *ask);
/* What it has left in the cache of its session's account. */
void attempt_note_cached(struct relay *r, const struct receipt_rec *rec);
/* That account was chosen. */
void attempt_bind(struct relay *r, const struct sched_choice *choice);

/* It has been answered whole, by an account that may be asked to go on from
 * there. */
void attempt_bind_answer(struct relay *r);

/* attempt_tell.c */
/* Shut the gate that the verdict names, and tell when that is for long. */
void attempt_shut_gate(struct relay *r, const char *error);
/* What there is to say to verdict_apply() about the account's gate. */
struct verdict_blow attempt_blow(const struct relay *r, const char *error);
/* It has answered well: take back what was said about it. */
void attempt_open_gates(struct relay *r);
/* Warn of windows that are nearly used up, once in each run of them. */
void attempt_tell_windows(struct relay *r);

/* attempt_key.c */
/* What the account is asked with: the key whose turn it is. */
struct str attempt_take_key(struct relay *r);
/* Was it the key that was refused, and is there another one to use? */
bool attempt_has_other_key(const struct relay *r);
enum key_rests {
	KEY_NONE, /* the verdict is not about a key */
	KEY_ONE,  /* others are left */
	KEY_LAST, /* the account rests with it: its gate is shut */
};
/* If the verdict is about the key, that one rests. */
enum key_rests attempt_rest_key(struct relay *r, const char *error);
/* The key has served well. */
void attempt_praise_key(struct relay *r);

/* attempt_judge.c */
enum relay_state do_judge(struct relay *r);
enum relay_state do_gather(struct relay *r);
enum relay_state do_weigh(struct relay *r);
enum relay_state do_retry(struct relay *r);
enum relay_state do_waited(struct relay *r);
/* Say something to a client that has waited in silence, if it is time to; and
 * by when it has to be again, if that is before at_ms. */
int64_t attempt_ping(struct relay *r, int64_t at_ms);
/* A failure of that status and body before the client saw anything; ends the
 * try, if nobody has. */
enum relay_state attempt_failed(struct relay *r, unsigned status,
    struct str body, const char *error);
/* The whole answer, in r->held, is a refusal of that status. */
enum relay_state attempt_refused(struct relay *r, unsigned status);
/* May the request be sent once more, to whomever? */
bool attempt_may_repeat(struct relay *r);
void attempt_forget_answer(struct relay *r);
/* The verdict decides: count it. */
void attempt_count_verdict(struct relay *r);
/* Who judges a failure of that status and body; r->verdict is set. */
void attempt_find_verdict(struct relay *r, unsigned status, struct str body);
/* The retry budget of its account's provider. */
struct retry_budget *attempt_retries(struct relay *r);

/* attempt_token.c */
/* Wait for the account's token to be renewed, then try it again. */
enum relay_state attempt_renew(struct relay *r);
/* What the try under way says who asks with; it must not be told on. */
struct str attempt_secret(const struct relay *r);
/* May this refusal be of an old token, so that the account deserves another
 * try with a new one? */
bool attempt_token_is_old(const struct relay *r, unsigned status);
/* In BACKOFF: the renewal is over, or has taken too long.  False: it is not
 * what was waited for. */
bool attempt_renewed(struct relay *r, enum relay_state *out_next);
void attempt_forget_renewal(struct relay *r);

/* answer.c */
enum relay_state answer_begin(struct relay *r);
enum relay_state answer_pass_error(struct relay *r);
void answer_ping(struct relay *r);
/* Give the client bytes of the body, or the whole events that are held, and
 * send them; hold the upstream back while the client is slow. */
void answer_emit(struct relay *r, struct str bytes);
void answer_emit_whole(struct relay *r);
void answer_flush(struct relay *r);
/* Show the client the upstream's head.  From here on the answer can be ended,
 * not replaced. */
void answer_show_head(struct relay *r);
/* Take in what the upstream has sent by now; the WATCH_ bits of it. */
unsigned answer_take_all(struct relay *r);
/* Has the upstream said all? */
bool answer_is_ended(const struct relay *r);
enum relay_state do_hold(struct relay *r);
enum relay_state do_enough(struct relay *r);
enum relay_state do_whole(struct relay *r);
enum relay_state do_pass(struct relay *r);
enum relay_state do_silent(struct relay *r);

/* answer_end.c */
/* It has come to its end: the receipt first, then the rest of it. */
enum relay_state answer_end(struct relay *r);
/* The relay ends before its receipt was stored. */
void answer_forget_seal(struct relay *r);
enum relay_state do_finish(struct relay *r);
enum relay_state do_cut(struct relay *r);
enum relay_state do_part(struct relay *r);
enum relay_state do_leave(struct relay *r);
enum relay_state do_tail(struct relay *r);
enum relay_state do_close(struct relay *r);
enum relay_state do_unseal(struct relay *r);
enum relay_state do_reseal(struct relay *r);
enum relay_state do_settle(struct relay *r);
/* Count it by how it ended; the first word counts. */
void relay_tally(struct relay *r, enum outcome outcome);
/* Write the receipt: exactly once, before the client can see the end. */
void relay_settle(struct relay *r, enum outcome outcome);

#endif
