/* SPDX-License-Identifier: MIT */
/* vitals.c - what the kernel knows of this process. */
#include "relayd/vitals.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/str.h"

void
vitals_open(struct vitals *v)
{
	v->memory_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	v->files_fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void
vitals_close(struct vitals *v)
{
	if (v->memory_fd >= 0)
		close(v->memory_fd);
	if (v->files_fd >= 0)
		close(v->files_fd);
	v->memory_fd = v->files_fd = -1;
}

static void
read_memory(const struct vitals *v, struct vital_signs *out)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), size, resident;
	char text[128];
	ssize_t n = pread(v->memory_fd, text, sizeof(text), 0);
	struct str rest = str_at(text, n > 0 ? (size_t)n : 0);

	/* "size resident ...", in pages. */
	if (str_u64(str_cut(&rest, ' '), &size) ||
	    str_u64(str_cut(&rest, ' '), &resident))
		return;
	out->virtual_bytes = size * page;
	out->resident_bytes = resident * page;
}

static uint64_t
time_us(struct timeval tv)
{
	return (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
}

void
vitals_read(const struct vitals *v, struct vital_signs *out)
{
	struct rusage used;
	struct rlimit lim;
	struct stat st;

	*out = (struct vital_signs){ .files = 0 };
	read_memory(v, out);
	/* Since Linux 6.2 the size of that folder is how many there are;
	 * listing a hundred thousand of them would hold up the loop. */
	if (!fstat(v->files_fd, &st) && st.st_size > 0)
		out->files = (uint64_t)st.st_size;
	if (!getrlimit(RLIMIT_NOFILE, &lim))
		out->files_max = lim.rlim_cur;
	if (!getrusage(RUSAGE_SELF, &used))
		out->cpu_us = time_us(used.ru_utime) + time_us(used.ru_stime);
}
