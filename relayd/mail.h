/* SPDX-License-Identifier: MIT */
/* mail.h - handing a mail to a mail server, always over TLS.
 *
 * smtps:// begins with it, smtp:// has to go over to it (STARTTLS) before
 * anything is said.  As ordinary a transfer as those of dial.h: the address is
 * judged, the certificate verified, one connection, one deadline. */
#ifndef RELAYD_MAIL_H
#define RELAYD_MAIL_H

#include "relayd/dial.h"

struct mail;

struct mail_ask {
	struct dial_to way; /* proxy, allow_private; the rest from the URL */
	const char *url;
	struct str user, password; /* empty user: no login */
	struct str from;
	struct str to;	    /* addresses with commas */
	struct str message; /* with its head; copied */
	unsigned total_ms;
};

/* As a fetch: the status is the last one of SMTP, body the server's words. */
struct mail *mail_start(struct dialer *d, const struct mail_ask *ask,
    fetch_done *done, void *arg);
/* NULL is fine; never after done. */
void mail_cancel(struct mail *take_mail);

#endif
