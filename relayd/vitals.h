/* SPDX-License-Identifier: MIT */
/* vitals.h - what the kernel knows of this process: memory, descriptors, CPU.
 *
 * Its files are opened before rights are given up, and only read again after:
 * no path is looked up, no disk is touched. */
#ifndef RELAYD_VITALS_H
#define RELAYD_VITALS_H

#include <stdint.h>

struct vitals {
	int memory_fd, files_fd; /* -1: the kernel does not tell */
};

/* 0 when it is not known. */
struct vital_signs {
	uint64_t resident_bytes, virtual_bytes;
	uint64_t files, files_max;
	uint64_t cpu_us;
};

void vitals_open(struct vitals *v);
void vitals_close(struct vitals *v);
void vitals_read(const struct vitals *v, struct vital_signs *out);

#endif
