/* SPDX-License-Identifier: MIT */
/* metrics_notice.c - numbers of notices and channels, of which there are few. */
#include "relayd/daemon.h"
#include "relayd/metrics.h"
#include "relayd/notices.h"

void
put_notices(const struct daemon *d, struct exposition *x)
{
	struct label label = { .name = "event" };

	for (int i = 0; i < NOTICE_EVENTS; i++) {
		label.value = str_of(notice_row((enum notice_event)i)->name);
		sample_u64(x, &label, 1, d->notices->raised[i]);
	}
}

void
put_held_back(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, d->notices->repeats.held_back);
}

void
put_sent(const struct daemon *d, struct exposition *x)
{
	struct label label = { .name = "channel" };
	const struct channel *c;

	TAILQ_FOREACH (c, &d->notices->channels.list, link) {
		label.value = c->rec.name;
		sample_u64(x, &label, 1, c->sent);
	}
}

void
put_given_up(const struct daemon *d, struct exposition *x)
{
	struct label label = { .name = "channel" };
	const struct channel *c;

	TAILQ_FOREACH (c, &d->notices->channels.list, link) {
		label.value = c->rec.name;
		sample_u64(x, &label, 1, c->failed);
	}
}

void
put_waiting(const struct daemon *d, struct exposition *x)
{
	struct label label = { .name = "channel" };
	const struct channel *c;

	TAILQ_FOREACH (c, &d->notices->channels.list, link) {
		label.value = c->rec.name;
		sample_u64(x, &label, 1,
		    notice_queue_count(&d->notices->queue, c->rec.name, false));
	}
}

void
put_dropped(const struct daemon *d, struct exposition *x)
{
	sample_u64(x, NULL, 0, d->notices->queue.dropped);
}
