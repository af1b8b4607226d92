/* SPDX-License-Identifier: MIT */
/* question.h - what relayd asks an account's provider because somebody at the
 * control socket wants to know it: with a token that is good, renewed once when
 * it has ended or is refused, the account's way. */
#ifndef RELAYD_QUESTION_H
#define RELAYD_QUESTION_H

#include "relayd/control.h"
#include "relayd/dial.h"
#include "relayd/renew.h"

struct question;

/* Put the question to the account with question_fetch(). */
typedef enum err
question_put(struct question *q, const struct account *a, struct why *out_why);
/* What came back, whatever its status: answer the call, or refuse it. */
typedef void question_hear(struct ctl_call *c, struct account *a,
    const struct fetch_result *result);

struct question {
	struct ctl_call *call;
	const struct provider *kind;
	question_put *put;
	question_hear *hear;
	struct fetch *fetch;
	struct renew_wait wait;
	bool renewed; /* once is enough */
};

/* The call whose parameter `name` names the account then waits; or it is
 * refused, when it may not be asked or the question cannot be put. */
void question_begin(struct ctl_call *c, struct account *a, question_put *put,
    question_hear *hear);
/* Of a question_put: send it; way and time are filled in. */
void question_fetch(struct question *q, const struct account *a,
    const struct fetch_ask *ask);

#endif
