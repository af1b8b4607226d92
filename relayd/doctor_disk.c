/* SPDX-License-Identifier: MIT */
/* doctor_disk.c - what is wrong as far as the disk and the kernel tell: run by
 * the store's reader, because even stat(2) waits on a disk that hangs. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "proto/mem.h"

#include "relayd/conf.h"
#include "relayd/daemon.h"
#include "relayd/doctor.h"

/* Less than this free, and less than 5 %, is little. */
#define DISK_LITTLE_BYTES (UINT64_C(512) * 1024 * 1024)
/* relayd is younger than this: a clock that is older is wrong. */
#define EARLIEST_S INT64_C(1767225600) /* 2026-01-01 */

void
doctor_places_init(struct doctor_places *p, const struct daemon *d)
{
	const struct conf *c = d->conf;

	p->state_dir = xstrdup(c->state_dir);
	p->conf_file = xstrdup(c->file);
	p->key_file = xstrdup(c->master_key);
	p->ca_file = xstrdup(c->ca_file);
	p->control = xstrdup(c->control);
}

void
doctor_places_fini(struct doctor_places *p)
{
	free(p->state_dir);
	free(p->conf_file);
	free(p->key_file);
	free(p->ca_file);
	free(p->control);
}

static void
look_at_clock(struct findings *f)
{
	struct timex t = { .modes = 0 };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec < EARLIEST_S)
		findings_add(f, DOCTOR_CLOCK, DOCTOR_BROKEN, STR(""),
		    "set it: timedatectl set-ntp true",
		    "it is in the past: certificates and tokens are not good "
		    "yet, limits begin at wrong times");
	else if (adjtimex(&t) >= 0 && (t.status & STA_UNSYNC))
		findings_add(f, DOCTOR_CLOCK, DOCTOR_NOTE, STR(""),
		    "timedatectl set-ntp true, or chrony",
		    "the kernel does not know of a service that keeps it "
		    "right");
	else
		findings_add(f, DOCTOR_CLOCK, DOCTOR_FINE, STR(""), "",
		    "it is kept right");
}

static void
look_at_room(const char *dir, struct findings *f)
{
	struct statvfs s;
	uint64_t left, all;

	if (statvfs(dir, &s)) {
		findings_add(f, DOCTOR_DISK, DOCTOR_BROKEN, str_of(dir), "",
		    "it cannot be looked at: %s", strerrordesc_np(errno));
		return;
	}
	left = (uint64_t)s.f_bavail * s.f_frsize;
	all = (uint64_t)s.f_blocks * s.f_frsize;
	findings_add(f, DOCTOR_DISK,
	    left < DISK_LITTLE_BYTES && left < all / 20 ? DOCTOR_BROKEN
							: DOCTOR_FINE,
	    str_of(dir),
	    left < DISK_LITTLE_BYTES
		? "make room, or keep less: relayctl set keep_receipts 90d"
		: "",
	    "%llu MiB are left", (unsigned long long)(left >> 20));
	if (s.f_favail && s.f_favail < 1000)
		findings_add(f, DOCTOR_DISK, DOCTOR_SMELL, str_of(dir),
		    "remove small files", "only %llu more files can be made",
		    (unsigned long long)s.f_favail);
}

/* May others do what only its owner should? */
static void
look_at_mode(const char *path, mode_t bad, const char *may, struct findings *f)
{
	struct stat s;

	if (!path[0] || stat(path, &s) || !(s.st_mode & bad))
		return;
	findings_add(f, DOCTOR_RIGHTS, DOCTOR_BROKEN, str_of(path),
	    "chmod go-rwx, and change what may have been seen",
	    "others may %s it (mode %03o)", may, (unsigned)(s.st_mode & 0777));
}

static void
look_at_rights(const struct doctor_places *p, struct findings *f)
{
	unsigned before = f->count;
	struct stat s;

	look_at_mode(p->state_dir, 0077, "look into", f);
	look_at_mode(p->key_file, 0077, "read", f);
	look_at_mode(p->conf_file, 0022, "change", f);
	look_at_mode(p->control, 0007, "connect to", f);
	if (stat(p->ca_file, &s))
		findings_add(f, DOCTOR_RIGHTS, DOCTOR_BROKEN,
		    str_of(p->ca_file), "apt install ca-certificates",
		    "the certificates of authorities are not there: %s",
		    strerrordesc_np(errno));
	if (f->count == before)
		findings_add(f, DOCTOR_RIGHTS, DOCTOR_FINE, STR(""), "",
		    "state, keys and configuration are nobody else's");
}

void
doctor_look_disk(const struct doctor_places *p, struct findings *f)
{
	look_at_clock(f);
	look_at_room(p->state_dir, f);
	look_at_rights(p, f);
}
