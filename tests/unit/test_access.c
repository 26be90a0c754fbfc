#include "config.h"
#include "test.h"

#include "clock.h"
#include "access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *folder;
static char file[4096];

static int set_up(void **state)
{
    folder = test_folder();
    snprintf(file, sizeof file, "%s/keys", folder);
    return 0;
}

static int tear_down(void **state)
{
    test_folder_remove(folder);
    return 0;
}

static void a_key_is_found_by_its_secret_only(void **state)
{
    struct access_key wanted = {
        .name = "reports", .scopes = SCOPE_SUBMIT | SCOPE_READ, .function_count = 1, .limits.rate = 50};
    char secret[ACCESS_SECRET_SIZE];
    struct access_keys *keys;
    struct error error;
    snprintf(wanted.functions[0], JOB_FUNCTION_SIZE, "report");
    assert_int_equal(access_add(file, &wanted, secret, &error), OK);
    assert_int_equal(strlen(secret), ACCESS_SECRET_SIZE - 1);
    assert_int_equal(access_load(file, &keys, &error), OK);
    const struct access_key *key = access_find(keys, secret, strlen(secret));
    assert_non_null(key);
    assert_string_equal(key->name, "reports");
    assert_true(access_may(key, SCOPE_READ));
    assert_false(access_may(key, SCOPE_CANCEL));
    assert_true(access_may_use(key, "report"));
    assert_false(access_may_use(key, "other"));
    assert_int_equal(key->limits.rate, 50);
    secret[10] = secret[10] == 'a' ? 'b' : 'a';
    assert_null(access_find(keys, secret, strlen(secret)));
    assert_null(access_find(keys, "", 0));
    access_free(keys);
}

static void the_file_does_not_hold_the_secret_and_is_private(void **state)
{
    char secret[ACCESS_SECRET_SIZE];
    struct error error;
    struct stat status;
    assert_int_equal(access_add(file, &(struct access_key){.name = "a"}, secret, &error), OK);
    char *text = test_read_file(file);
    assert_null(strstr(text, secret + 3));
    free(text);
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_name_is_taken_once(void **state)
{
    char secret[ACCESS_SECRET_SIZE];
    struct error error;
    assert_int_equal(access_add(file, &(struct access_key){.name = "a"}, secret, &error), OK);
    assert_int_equal(access_add(file, &(struct access_key){.name = "a"}, secret, &error), CONFLICT);
    assert_int_equal(access_add(file, &(struct access_key){.name = "b c"}, secret, &error), INVALID);
}

static void a_removed_key_opens_nothing(void **state)
{
    char first[ACCESS_SECRET_SIZE], second[ACCESS_SECRET_SIZE];
    struct access_keys *keys;
    struct error error;
    assert_int_equal(access_add(file, &(struct access_key){.name = "a"}, first, &error), OK);
    assert_int_equal(access_add(file, &(struct access_key){.name = "b"}, second, &error), OK);
    assert_int_equal(access_remove(file, "a", &error), OK);
    assert_int_equal(access_remove(file, "a", &error), NOTFOUND);
    assert_int_equal(access_load(file, &keys, &error), OK);
    assert_int_equal(access_count(keys), 1);
    assert_null(access_find(keys, first, strlen(first)));
    assert_non_null(access_find(keys, second, strlen(second)));
    access_free(keys);
}

static void an_open_file_is_refused_with_the_cure(void **state)
{
    char secret[ACCESS_SECRET_SIZE];
    struct access_keys *keys;
    struct error error;
    assert_int_equal(access_add(file, &(struct access_key){.name = "a"}, secret, &error), OK);
    assert_int_equal(chmod(file, 0644), 0);
    assert_int_equal(access_load(file, &keys, &error), INVALID);
    assert_non_null(strstr(error.text, "chmod 600"));
}

static void a_wrong_line_is_named(void **state)
{
    static const char *const wrong[] = {
        "a\n",
        "a 1234\n",
        "a b c\n",
        "a 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef allow=fly\n",
        "a 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef rate=-1\n",
        "a 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef rate=x\n",
        "a 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef functions=a/b\n",
        "a 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef colour=red\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[512];
        struct access_keys *keys;
        struct error error;
        snprintf(text, sizeof text, "# comment\n\n%s", wrong[i]);
        free(test_file(folder, "keys", text));
        assert_int_equal(access_load(file, &keys, &error), INVALID);
        assert_non_null(strstr(error.text, "keys:3: "));
    }
}

static void scopes_round_trip(void **state)
{
    unsigned scopes;
    char text[64];
    struct error error;
    assert_int_equal(access_scopes_parse("submit, read,admin", &scopes, &error), OK);
    assert_int_equal(scopes, SCOPE_SUBMIT | SCOPE_READ | SCOPE_ADMIN);
    assert_string_equal(access_scopes_format(scopes, text), "submit,read,admin");
    assert_int_equal(access_scopes_parse("all", &scopes, &error), OK);
    assert_int_equal(scopes, SCOPE_ALL);
    assert_string_equal(access_scopes_format(SCOPE_ALL, text), "submit,read,list,cancel,metrics,admin");
    assert_int_equal(access_scopes_parse("none", &scopes, &error), OK);
    assert_int_equal(scopes, 0);
    assert_string_equal(access_scopes_format(0, text), "none");
    assert_int_equal(access_scopes_parse("submit,fly", &scopes, &error), INVALID);
    assert_non_null(strstr(error.text, "fly"));
}

static int64_t fake_us;

static int64_t fake_monotonic_us(void)
{
    return fake_us;
}

static int64_t fake_wall_ms(void)
{
    return fake_us / 1000;
}

static void an_edit_counts_without_a_restart(void **state)
{
    static const struct clock_source source = {fake_wall_ms, fake_monotonic_us};
    char secret[ACCESS_SECRET_SIZE];
    struct access_key key;
    struct error error;
    fake_us = 1000000;
    clock_replace(&source);
    assert_int_equal(access_lookup(file, "jg_x", 4, &key, &error), NOTFOUND);
    assert_int_equal(access_add(file, &(struct access_key){.name = "late"}, secret, &error), OK);
    fake_us += 1500000;
    assert_int_equal(access_lookup(file, secret, strlen(secret), &key, &error), OK);
    assert_string_equal(key.name, "late");
    free(test_file(folder, "keys", "nonsense\n"));
    fake_us += 1500000;
    assert_int_equal(access_lookup(file, secret, strlen(secret), &key, &error), UNAVAILABLE);
    clock_replace(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(CASE(a_key_is_found_by_its_secret_only), CASE(the_file_does_not_hold_the_secret_and_is_private),
          CASE(a_name_is_taken_once), CASE(a_removed_key_opens_nothing),
          CASE(an_open_file_is_refused_with_the_cure), CASE(a_wrong_line_is_named), CASE(scopes_round_trip),
          CASE(an_edit_counts_without_a_restart))
