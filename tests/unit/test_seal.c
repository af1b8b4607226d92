/* SPDX-License-Identifier: MIT */
/* test_seal.c - a sealed value opens in its own place with its own key, and
 * nowhere else; a master key that others could read is not used. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "store/seal.h"

static const uint8_t master[32] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
	32 };

#define PLACE(t, r, f)                                                         \
	(&(struct seal_place){                                                 \
	    .table = STR(t), .record = STR(r), .field = STR(f) })

static int
folder_make(void **state)
{
	char *dir = strdup("/tmp/seal-test.XXXXXX");

	unsetenv("CREDENTIALS_DIRECTORY");
	*state = dir;
	return mkdtemp(dir) ? 0 : -1;
}

static int
folder_remove(void **state)
{
	char *command;

	if (asprintf(&command, "rm -rf '%s'", (char *)*state) < 0 ||
	    system(command) != 0)
		return -1;
	free(command);
	free(*state);
	return 0;
}

static void
a_value_opens_in_its_place(void **state)
{
	struct seal *s = seal_of_key(master);
	struct buf sealed, plain;

	(void)state;
	buf_init(&sealed, 4096);
	buf_init(&plain, 4096);
	assert_int_equal(seal_close(s, PLACE("account", "north", "credential"),
			     STR("sk-ant-api03-x"), &sealed),
	    OK);
	assert_int_equal(buf_len(&sealed), SEAL_OVERHEAD + 14);
	assert_int_equal(str_find(buf_str(&sealed), STR("sk-ant")), -1);
	assert_int_equal(seal_open(s, PLACE("account", "north", "credential"),
			     buf_str(&sealed), &plain),
	    OK);
	assert_true(str_eq(buf_str(&plain), STR("sk-ant-api03-x")));
	buf_wipe(&plain);
	buf_fini(&sealed);
	seal_free(s);
	seal_free(NULL);
}

static void
a_value_that_was_moved_does_not_open(void **state)
{
	const struct seal_place *const elsewhere[] = {
		PLACE("account", "south", "credential"),
		PLACE("account", "north", "proxy_password"),
		PLACE("apikey", "north", "credential"),
		PLACE("accountn", "orth", "credential"),
		PLACE("account", "northc", "redential"),
		PLACE("account", "", "northcredential"),
	};
	struct seal *s = seal_of_key(master);
	struct buf sealed, plain;

	(void)state;
	buf_init(&sealed, 4096);
	buf_init(&plain, 4096);
	assert_int_equal(seal_close(s, PLACE("account", "north", "credential"),
			     STR("secret"), &sealed),
	    OK);
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		assert_int_equal(seal_open(s, elsewhere[i], buf_str(&sealed),
				     &plain),
		    ERR_CRYPTO);
		assert_int_equal(buf_len(&plain), 0);
	}
	buf_fini(&plain);
	buf_fini(&sealed);
	seal_free(s);
}

static void
every_flipped_bit_and_every_cut_is_seen(void **state)
{
	const struct seal_place *place = PLACE("account", "a", "credential");
	struct seal *s = seal_of_key(master);
	struct buf sealed, plain;

	(void)state;
	buf_init(&sealed, 4096);
	buf_init(&plain, 4096);
	assert_int_equal(seal_close(s, place, STR("secret"), &sealed), OK);
	for (size_t i = 0; i < buf_len(&sealed) * 8; i++) {
		uint8_t *byte = (uint8_t *)sealed.mem + i / 8;

		*byte ^= (uint8_t)(1u << i % 8);
		assert_int_equal(seal_open(s, place, buf_str(&sealed), &plain),
		    ERR_CRYPTO);
		*byte ^= (uint8_t)(1u << i % 8);
	}
	for (size_t n = 0; n < buf_len(&sealed); n++)
		assert_int_equal(seal_open(s, place,
				     str_first(buf_str(&sealed), n), &plain),
		    ERR_CRYPTO);
	assert_int_equal(seal_open(s, place, buf_str(&sealed), &plain), OK);
	buf_fini(&plain);
	buf_fini(&sealed);
	seal_free(s);
}

static void
another_master_opens_nothing(void **state)
{
	const struct seal_place *place = PLACE("account", "a", "credential");
	uint8_t other[32], check_a[32], check_b[32];
	struct seal *a = seal_of_key(master), *b;
	struct buf sealed, plain;

	(void)state;
	memcpy(other, master, 32);
	other[31] ^= 1;
	b = seal_of_key(other);
	buf_init(&sealed, 4096);
	buf_init(&plain, 4096);
	assert_int_equal(seal_close(a, place, STR("secret"), &sealed), OK);
	assert_int_equal(seal_open(b, place, buf_str(&sealed), &plain),
	    ERR_CRYPTO);
	seal_check_value(a, check_a);
	seal_check_value(b, check_b);
	assert_memory_not_equal(check_a, check_b, 32);
	buf_fini(&plain);
	buf_fini(&sealed);
	seal_free(a);
	seal_free(b);
}

/* What is on disk must open after an update of the program. */
static void
the_format_is_pinned(void **state)
{
	static const char want_check[] =
	    "8219a588c6c50320ac83de09a5db6cd45eaabbe34ab325f8653e5bc0910664fe";
	static const char want_index[] =
	    "f5e290855e403385ee544f945cf91ccb4fa59218b5f18e118c2fa132e5f2c62e";
	static const char sealed_hex[] =
	    "01019cc7ef03494465a2b4d533ebadfc1e91632a2079292ba27789eb719a86ea"
	    "1e9816265e530902dc6d89050eac5983193e15";
	struct seal *s = seal_of_key(master);
	uint8_t check[32], index[32], sealed[128];
	struct key_index k;
	struct buf plain;
	char hex[65];
	size_t len;

	(void)state;
	seal_check_value(s, check);
	assert_string_equal(sodium_bin2hex(hex, 65, check, 32), want_check);
	seal_key_index(s, &k);
	key_index_of(&k, STR("cr_example"), index);
	assert_string_equal(sodium_bin2hex(hex, 65, index, 32), want_index);
	assert_int_equal(sodium_hex2bin(sealed, sizeof(sealed), sealed_hex,
			     strlen(sealed_hex), NULL, &len, NULL),
	    0);
	buf_init(&plain, 100);
	assert_int_equal(seal_open(s, PLACE("account", "north", "credential"),
			     str_at((char *)sealed, len), &plain),
	    OK);
	assert_true(str_eq(buf_str(&plain), STR("sk-pinned")));
	buf_fini(&plain);
	seal_free(s);
}

static void
nothing_is_added_above_the_ceiling(void **state)
{
	const struct seal_place *place = PLACE("account", "a", "credential");
	struct seal *s = seal_of_key(master);
	struct buf small, sealed;
	char *name = calloc(1, 5000);

	(void)state;
	buf_init(&small, SEAL_OVERHEAD + 5);
	buf_init(&sealed, 100);
	assert_int_equal(seal_close(s, place, STR("secret"), &small),
	    ERR_LIMIT);
	assert_int_equal(buf_len(&small), 0);
	assert_int_equal(seal_close(s, place, STR("secre"), &small), OK);
	assert_int_equal(seal_close(s, place, STR("secret"), &sealed), OK);
	buf_fini(&small);
	buf_init(&small, 5);
	assert_int_equal(seal_open(s, place, buf_str(&sealed), &small),
	    ERR_LIMIT);
	assert_int_equal(seal_close(s,
			     &(struct seal_place){
				 .record = str_at(name, 5000) },
			     STR("x"), &small),
	    ERR_LIMIT);
	buf_fini(&small);
	buf_fini(&sealed);
	free(name);
	seal_free(s);
}

/* --- where the master key comes from --------------------------------------- */

static void
file_make(const char *path, size_t len, mode_t mode)
{
	char bytes[100] = { 7 };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
check_of(const char *dir, const char *file, bool make, uint8_t out[32])
{
	struct why why = { .text = "" };
	struct seal *s;

	if (seal_new(dir, file, make, &s, &why))
		fail_msg("%s", why.text);
	seal_check_value(s, out);
	seal_free(s);
}

static void
a_missing_key_is_made_once(void **state)
{
	uint8_t first[32], second[32];
	struct why why;
	struct stat st;
	struct seal *s;
	char *path;

	assert_true(asprintf(&path, "%s/master.key", (char *)*state) > 0);
	assert_int_equal(seal_new(*state, NULL, false, &s, &why), ERR_UNKNOWN);
	assert_non_null(strstr(why.text, "backup"));
	assert_int_equal(stat(path, &st), -1);
	check_of(*state, NULL, true, first);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 32);
	assert_int_equal(st.st_mode & 07777, 0400);
	check_of(*state, NULL, true, second);
	assert_memory_equal(first, second, 32);
	check_of(*state, NULL, false, second);
	assert_memory_equal(first, second, 32);
	free(path);
}

static void
a_key_others_could_have_is_refused(void **state)
{
	static const struct {
		size_t len;
		mode_t mode;
		bool linked, symlink, folder;
		enum err want;
		const char *says;
	} cases[] = {
		{ 32, 0400, .want = OK },
		{ 32, 0600, .want = OK },
		{ 32, 0640, .want = ERR_DENIED, .says = "chmod 400" },
		{ 32, 0404, .want = ERR_DENIED, .says = "chmod 400" },
		{ 32, 0400, .linked = true, .want = ERR_DENIED,
		    .says = "links" },
		{ 32, 0400, .symlink = true, .want = ERR_DENIED,
		    .says = "symbolic" },
		{ 0, 0, .folder = true, .want = ERR_DENIED, .says = "regular" },
		{ 31, 0400, .want = ERR_VALUE, .says = "31 bytes" },
		{ 33, 0400, .want = ERR_VALUE, .says = "33 bytes" },
		{ 0, 0400, .want = ERR_VALUE, .says = "0 bytes" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path, *other;
		struct why why = { .text = "" };
		struct seal *s = NULL;

		assert_true(asprintf(&path, "%s/k%zu", (char *)*state, i) > 0);
		assert_true(asprintf(&other, "%s/o%zu", (char *)*state, i) > 0);
		if (cases[i].folder)
			assert_int_equal(mkdir(path, 0700), 0);
		else
			file_make(path, cases[i].len, cases[i].mode);
		if (cases[i].linked)
			assert_int_equal(link(path, other), 0);
		if (cases[i].symlink) {
			assert_int_equal(rename(path, other), 0);
			assert_int_equal(symlink(other, path), 0);
		}
		assert_int_equal(seal_new(*state, path, true, &s, &why),
		    cases[i].want);
		if (cases[i].says)
			assert_non_null(strstr(why.text, cases[i].says));
		seal_free(s);
		free(path);
		free(other);
	}
}

static void
a_key_of_somebody_else_is_refused(void **state)
{
	struct why why;
	struct seal *s;
	char *path;

	/* Only root can give a file away. */
	if (geteuid() != 0)
		skip();
	assert_true(asprintf(&path, "%s/master.key", (char *)*state) > 0);
	file_make(path, 32, 0400);
	assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
	assert_int_equal(seal_new(*state, NULL, true, &s, &why), ERR_DENIED);
	assert_non_null(strstr(why.text, "12345"));
	free(path);
}

static void
the_credential_goes_before_the_folder_and_the_file_before_both(void **state)
{
	uint8_t of_dir[32], of_credential[32], got[32];
	char *file, *credentials, *credential;
	struct why why;
	struct seal *s;

	assert_true(asprintf(&file, "%s/own", (char *)*state) > 0);
	assert_true(asprintf(&credentials, "%s/cred", (char *)*state) > 0);
	assert_true(asprintf(&credential, "%s/master", credentials) > 0);
	assert_int_equal(mkdir(credentials, 0700), 0);
	setenv("CREDENTIALS_DIRECTORY", credentials, 1);
	check_of(*state, NULL, true, of_dir);
	/* As systemd shows it when an ACL lets the service in. */
	file_make(credential, 32, 0440);
	check_of(*state, NULL, true, of_credential);
	assert_memory_not_equal(of_dir, of_credential, 32);
	/* One that is named and missing is not replaced by another. */
	assert_int_equal(seal_new(*state, file, true, &s, &why), ERR_UNKNOWN);
	assert_non_null(strstr(why.text, file));
	file_make(file, 32, 0400);
	check_of(*state, file, true, got);
	assert_memory_equal(got, of_credential, 32); /* the same bytes */
	/* One that is there and bad is not passed over. */
	assert_int_equal(chmod(credential, 0600), 0);
	assert_int_equal(truncate(credential, 5), 0);
	assert_int_equal(seal_new(*state, NULL, true, &s, &why), ERR_VALUE);
	unsetenv("CREDENTIALS_DIRECTORY");
	check_of(*state, NULL, true, got);
	assert_memory_equal(got, of_dir, 32);
	free(file);
	free(credentials);
	free(credential);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_opens_in_its_place),
		cmocka_unit_test(a_value_that_was_moved_does_not_open),
		cmocka_unit_test(every_flipped_bit_and_every_cut_is_seen),
		cmocka_unit_test(another_master_opens_nothing),
		cmocka_unit_test(the_format_is_pinned),
		cmocka_unit_test(nothing_is_added_above_the_ceiling),
		TEST(a_missing_key_is_made_once),
		TEST(a_key_others_could_have_is_refused),
		TEST(a_key_of_somebody_else_is_refused),
		TEST(
		    the_credential_goes_before_the_folder_and_the_file_before_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
