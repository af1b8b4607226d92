/* SPDX-License-Identifier: MIT */
/* replay.c - run a fuzz target over the files named in argv, without a fuzzer:
 * what was found once stays found. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The whole of a file in memory that ends where the file ends; NULL when it
 * cannot be read. */
static uint8_t *
file_read(const char *path, size_t *out_size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	long size;

	if (!file)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0) {
		rewind(file);
		data = malloc(size ? (size_t)size : 1);
		*out_size = (size_t)size;
		if (data && fread(data, 1, *out_size, file) != *out_size) {
			free(data);
			data = NULL;
		}
	}
	fclose(file);
	return data;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		size_t size = 0;
		uint8_t *data = file_read(argv[i], &size);

		if (!data) {
			perror(argv[i]);
			return 1;
		}
		/* The last name printed is the one that crashed. */
		printf("%s\n", argv[i]);
		fflush(stdout);
		LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	return 0;
}
