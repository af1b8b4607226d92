/* SPDX-License-Identifier: MIT */
/* doctor.c - the control method doctor: what the loop knows, what the disk
 * tells, and whether every place that accounts go to can be reached. */
#include "relayd/doctor.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/mem.h"

#include "store/store.h"

#include "relayd/account.h"
#include "relayd/control.h"
#include "relayd/daemon.h"

/* So many different places are tried, at once. */
#define PLACES_MAX 32

struct round;

struct place {
	struct round *round;
	struct dial *dial;  /* NULL: it is over */
	char name[72];	    /* of the first account that goes there */
	char *host, *proxy; /* proxy NULL: straight */
	uint16_t port;
};

struct disk_job {
	struct job job;
	struct round *round; /* NULL: it was given up */
	struct doctor_places places;
	struct findings findings;
};

/* One look at everything. */
struct round {
	struct ctl_call *call;
	struct findings findings;
	struct disk_job *disk; /* NULL: it is over */
	struct place places[PLACES_MAX];
	unsigned count, going;
	unsigned left_out;
};

static void
round_free(struct round *r)
{
	if (r->disk)
		r->disk->round = NULL;
	for (unsigned i = 0; i < r->count; i++) {
		dial_cancel(r->places[i].dial);
		free(r->places[i].host);
		free(r->places[i].proxy);
	}
	findings_fini(&r->findings);
	free(r);
}

static void
put_findings(struct json_out *j, const struct findings *f)
{
	json_open(j, '[');
	for (unsigned i = 0; i < f->count; i++) {
		const struct finding *it = &f->at[i];

		json_open(j, '{');
		json_say(j, "check", str_of(doctor_check_word(it->check)));
		json_say(j, "state", str_of(doctor_state_word(it->state)));
		json_say(j, "object", str_of(it->object));
		json_say(j, "text", str_of(it->text));
		json_say(j, "advice", str_of(it->advice));
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
end_when_done(struct round *r)
{
	if (r->disk || r->going)
		return;
	if (r->left_out)
		findings_add(&r->findings, DOCTOR_NAMES, DOCTOR_NOTE, STR(""),
		    "relayctl account test NAME",
		    "%u more places were not tried", r->left_out);
	findings_sort(&r->findings);
	put_findings(&r->call->out, &r->findings);
	ctl_answer(r->call, 0, STR(""));
	round_free(r);
}

/* --- the disk -------------------------------------------------------------- */

static enum err
disk_work(struct job *job, struct txn *t, struct why *out_why)
{
	struct disk_job *j = (struct disk_job *)job;

	(void)t;
	(void)out_why;
	doctor_look_disk(&j->places, &j->findings);
	return OK;
}

static void
disk_done(struct job *job)
{
	struct disk_job *j = (struct disk_job *)job;
	struct round *r = j->round;

	if (r) {
		r->disk = NULL;
		for (unsigned i = 0; i < j->findings.count; i++) {
			const struct finding *it = &j->findings.at[i];

			findings_add(&r->findings, it->check, it->state,
			    str_of(it->object), it->advice, "%s", it->text);
		}
		if (job->result)
			findings_add(&r->findings, DOCTOR_STORE, DOCTOR_BROKEN,
			    STR(""), "", "the store's reader does not answer");
	}
	doctor_places_fini(&j->places);
	findings_fini(&j->findings);
	free(j);
	if (r)
		end_when_done(r);
}

static void
ask_disk(struct round *r)
{
	struct disk_job *j = xcalloc(1, sizeof(*j));

	j->job = (struct job){ .work = disk_work, .done = disk_done };
	j->round = r;
	doctor_places_init(&j->places, r->call->daemon);
	findings_init(&j->findings);
	r->disk = j;
	store_post(r->call->daemon->store, LANE_READ, &j->job);
}

/* --- the world outside ----------------------------------------------------- */

static const char *
step_text(enum dial_step s)
{
	static const char *const texts[] = {
		[DIAL_NAME] = "its name is not found",
		[DIAL_ADDRESS] = "its address is not allowed",
		[DIAL_CONNECT] = "it cannot be connected to",
		[DIAL_PROXY] = "the proxy does not lead there",
		[DIAL_TLS] = "TLS fails",
	};

	return texts[s];
}

static const char *
step_advice(enum dial_step s)
{
	static const char *const texts[] = {
		[DIAL_NAME] = "look at resolver in relayd.conf, and at the URL "
			      "of the account",
		[DIAL_ADDRESS] = "allow_private = yes on the account, if it is "
				 "one of your own hosts",
		[DIAL_CONNECT] = "look at the firewall; or give the account a "
				 "proxy",
		[DIAL_PROXY] = "relayctl proxy test NAME",
		[DIAL_TLS] = "is the clock right, and ca_file whole? something "
			     "may also be reading along",
	};

	return texts[s];
}

static void
on_dialled(void *arg, struct dial_result *result)
{
	struct place *p = arg;
	struct round *r = p->round;
	char where[128];

	p->dial = NULL;
	r->going--;
	snprintf(where, sizeof(where), "%s:%u%s%s", p->host, p->port,
	    p->proxy ? " through " : "", p->proxy ? p->proxy : "");
	if (!result->wire)
		findings_add(&r->findings, DOCTOR_NAMES, DOCTOR_BROKEN,
		    str_of(p->name), step_advice(result->step), "%s: %s: %s",
		    where, step_text(result->step), result->why.text);
	else
		findings_add(&r->findings, DOCTOR_NAMES, DOCTOR_FINE,
		    str_of(p->name), "",
		    "%s: name %lld ms, connection %lld ms, TLS %lld ms", where,
		    (long long)result->name_us / 1000,
		    (long long)result->connect_us / 1000,
		    (long long)result->tls_us / 1000);
	wire_close(result->wire);
	end_when_done(r);
}

static bool
is_same(const struct place *p, const struct account *a)
{
	return p->port == a->port && !strcmp(p->host, a->host) &&
	    !p->proxy == !a->outlet.proxy &&
	    (!p->proxy || !strcmp(p->proxy, a->outlet.proxy));
}

static bool
is_known(const struct round *r, const struct account *a)
{
	for (unsigned i = 0; i < r->count; i++)
		if (is_same(&r->places[i], a))
			return true;
	return false;
}

/* Accounts outlive the round only while they are there: what is needed of them
 * is copied. */
static void
try_place(struct round *r, const struct account *a)
{
	struct place *p = &r->places[r->count++];
	struct dial_to to = { .tls = a->tls,
		.host = a->host,
		.port = a->port,
		.allow_private = a->rec.allow_private };

	outlet_lead(&a->outlet, &to);
	*p = (struct place){ .round = r, .port = a->port };
	snprintf(p->name, sizeof(p->name), "%.*s", STR_ARG(a->rec.name));
	p->host = xstrdup(a->host);
	p->proxy = a->outlet.proxy ? xstrdup(a->outlet.proxy) : NULL;
	r->going++;
	p->dial = dial_start(r->call->daemon->dialer, &to, on_dialled, p);
}

static void
try_places(struct round *r)
{
	const struct account *a;

	TAILQ_FOREACH (a, &r->call->daemon->pool->accounts, link) {
		if (a->outlet.no_way || is_known(r, a))
			continue;
		if (r->count == PLACES_MAX)
			r->left_out++;
		else
			try_place(r, a);
	}
}

static void
abandon(struct ctl_call *c)
{
	round_free(c->state);
	ctl_refuse(c, ERR_CLOSED, NULL);
}

void
ctl_doctor(struct ctl_call *c)
{
	struct round *r = xcalloc(1, sizeof(*r));

	r->call = c;
	findings_init(&r->findings);
	ctl_wait(c, abandon, r);
	doctor_look(c->daemon, &r->findings);
	try_places(r);
	ask_disk(r);
}
