/* SPDX-License-Identifier: MIT */
/* crc32c.h - the checksum of Castagnoli, as in RFC 3720: with the processor's
 * own instruction where there is one. */
#ifndef STORE_CRC32C_H
#define STORE_CRC32C_H

#include "proto/str.h"

/* Of what stood before (0: nothing) and s. */
uint32_t crc32c(uint32_t before, struct str s);
/* The same without the instruction. */
uint32_t crc32c_scalar(uint32_t before, struct str s);

#endif
