/* SPDX-License-Identifier: MIT */
/* proxyproto.c - the PROXY protocol's header, both versions. */
#include "proto/proxyproto.h"

/* Of version 1, with its line end. */
#define LINE_MAX_BYTES 107

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2_HEAD	  16 /* up to where the addresses begin */
#define V2_TCP4	  0x11
#define V2_TCP6	  0x21
/* Both addresses and both ports. */
#define TCP4_BYTES (2 * 4 + 2 * 2)
#define TCP6_BYTES (2 * 16 + 2 * 2)

static bool
begins_alike(struct str in, struct str with)
{
	size_t len = in.len < with.len ? in.len : with.len;

	return !memcmp(in.at, with.at, len);
}

/* --- version 1 ------------------------------------------------------------- */

/* "0" to "65535", with no zeros in front. */
static bool
read_port(struct str s, uint16_t *out)
{
	uint64_t n;

	if (!s.len || s.len > 5 || (s.len > 1 && s.at[0] == '0') ||
	    str_u64(s, &n) || n > UINT16_MAX)
		return false;
	*out = (uint16_t)n;
	return true;
}

static bool
read_address(struct str s, bool is6, struct addr *out)
{
	return is6 == (str_chr(s, ':') >= 0) && !addr_read(s, out);
}

/* What stands behind "PROXY ". */
static enum err
read_words(struct str line, struct proxyproto *out)
{
	struct str family = str_cut(&line, ' '), from, to;
	bool is6 = str_eq(family, STR("TCP6"));
	struct addr ignored;
	uint16_t port;

	if (str_eq(family, STR("UNKNOWN"))) {
		*out = (struct proxyproto){ .relays = false };
		return OK;
	}
	if (!is6 && !str_eq(family, STR("TCP4")))
		return ERR_SYNTAX;
	from = str_cut(&line, ' ');
	to = str_cut(&line, ' ');
	*out = (struct proxyproto){ .relays = true };
	if (!read_address(from, is6, &out->from) ||
	    !read_address(to, is6, &ignored) ||
	    !read_port(str_cut(&line, ' '), &out->port) ||
	    !read_port(line, &port))
		return ERR_SYNTAX;
	return OK;
}

static enum err
read_v1(struct str in, struct proxyproto *out, size_t *out_used)
{
	struct str line = str_first(in, LINE_MAX_BYTES);
	ptrdiff_t end = str_find(line, STR("\r\n"));
	struct proxyproto said;
	enum err e;

	if (end < 0)
		return in.len < LINE_MAX_BYTES ? ERR_AGAIN : ERR_SYNTAX;
	e = read_words(str_skip(str_first(line, (size_t)end), 6), &said);
	if (e)
		return e;
	*out = said;
	*out_used = (size_t)end + 2;
	return OK;
}

/* --- version 2 ------------------------------------------------------------- */

static enum err
read_v2(struct str in, struct proxyproto *out, size_t *out_used)
{
	const uint8_t *at = (const uint8_t *)in.at;
	size_t addr_len, need, len;
	bool relays;

	/* Version 2 and the commands LOCAL and PROXY. */
	if (in.len > 12 && at[12] != 0x20 && at[12] != 0x21)
		return ERR_SYNTAX;
	if (in.len < V2_HEAD)
		return ERR_AGAIN;
	len = (size_t)(at[14] << 8 | at[15]);
	if (len > PROXYPROTO_MAX - V2_HEAD)
		return ERR_LIMIT;
	relays = at[12] == 0x21 && (at[13] == V2_TCP4 || at[13] == V2_TCP6);
	need = at[13] == V2_TCP6 ? TCP6_BYTES : TCP4_BYTES;
	if (relays && len < need)
		return ERR_SYNTAX;
	if (in.len < V2_HEAD + len)
		return ERR_AGAIN;
	*out = (struct proxyproto){ .relays = relays };
	*out_used = V2_HEAD + len;
	if (!relays)
		return OK;
	addr_len = at[13] == V2_TCP6 ? 16 : 4;
	at += V2_HEAD;
	out->from = addr_of_bytes(at, addr_len);
	at += 2 * addr_len;
	out->port = (uint16_t)(at[0] << 8 | at[1]);
	return OK;
}

enum err
proxyproto_read(struct str in, struct proxyproto *out, size_t *out_used)
{
	if (!in.len)
		return ERR_AGAIN;
	if (begins_alike(in, STR("PROXY ")))
		return in.len < 6 ? ERR_AGAIN : read_v1(in, out, out_used);
	if (begins_alike(in, STR(SIGNATURE)))
		return read_v2(in, out, out_used);
	return ERR_SYNTAX;
}
