/* SPDX-License-Identifier: MIT */
/* clientsecret.h - the secrets of the OAuth clients that relayd.conf names.
 *
 * The ids stand in the file (options that end with _client), the secrets never:
 * they are sealed in the store (`relayctl oauth client set`), or come as a
 * credential of systemd named OPTION_secret, which counts more. */
#ifndef RELAYD_CLIENTSECRET_H
#define RELAYD_CLIENTSECRET_H

#include "proto/str.h"

struct audit_who;
struct client_secrets;
struct store;

/* Before the store's threads run: read all of them. */
enum err client_secrets_load(struct store *s, struct client_secrets **out,
    struct why *out_why) CHECKED;
/* After the store is closed.  NULL is fine. */
void client_secrets_free(struct client_secrets *c);

/* The secret of a client, by its option's name ("gemini_client"), borrowed for
 * this turn of the loop; empty: it has none.  NULL c: nobody has one. */
struct str client_secret_of(const struct client_secrets *c, struct str option);
/* Was it given by systemd, so that the store's does not count? */
bool client_secret_is_given(const struct client_secrets *c, struct str option);

typedef void client_secret_done(void *arg, enum err e, const struct why *why);
/* Seal and keep a secret (copied, the copies are wiped); an empty one forgets
 * what was kept. */
void client_secret_set(struct client_secrets *c, struct str option,
    struct str secret, const struct audit_who *who, client_secret_done *done,
    void *arg);

#endif
