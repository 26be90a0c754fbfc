#include "config.h"
#include "test.h"

#include "clock.h"
#include "function.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char *folder;
    struct configuration configuration;
};

static int open_place(void **state)
{
    static struct place place;
    place.folder = test_folder();
    place.configuration = (struct configuration){.functions_dir = place.folder};
    *state = &place;
    return 0;
}

static int close_place(void **state)
{
    struct place *place = *state;
    log_open("test", NULL, LOG_LEVEL_INFO, NULL);
    test_folder_remove(place->folder);
    return 0;
}

static void put(struct place *place, const char *name, mode_t mode)
{
    char *path = test_file(place->folder, name, "#!/bin/sh\n");
    assert_int_equal(chmod(path, mode), 0);
    free(path);
}

static void put_folder(struct place *place, const char *name, mode_t mode)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", place->folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void put_link(struct place *place, const char *name, const char *target)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", place->folder, name);
    assert_int_equal(symlink(target, path), 0);
}

static void assert_found(struct place *place, const char *name, enum function_kind kind, const char *file)
{
    struct function function = {.name = ""};
    struct error error = {""};
    if (function_find(&place->configuration, name, &function, &error) != OK)
        fail_msg("%s: %s", name, error.text);
    assert_string_equal(function.name, name);
    assert_string_equal(function.file, file);
    assert_int_equal(function.kind, kind);
}

static void assert_not_found(struct place *place, const char *name, enum outcome expected, const char *words)
{
    struct function function = {.name = "untouched"};
    struct error error = {""};
    assert_int_equal(function_find(&place->configuration, name, &function, &error), expected);
    assert_string_equal(function.name, "untouched");
    if (strstr(error.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, words);
}

static void executable_file_is_found_by_its_name(void **state)
{
    struct place *place = *state;
    put(place, "report", 0755);
    assert_found(place, "report", FUNCTION_EXECUTABLE, "report");
}

static void one_extension_does_not_count(void **state)
{
    struct place *place = *state;
    put(place, "wordcount.py", 0755);
    put(place, "a.b.c", 0755);
    put(place, "dot.", 0755);
    assert_found(place, "wordcount", FUNCTION_EXECUTABLE, "wordcount.py");
    assert_not_found(place, "a", NOTFOUND, "no function");
    assert_not_found(place, "dot", NOTFOUND, "no function");
    assert_not_found(place, "wordcoun", NOTFOUND, "no function");
}

static void folder_with_a_bootstrap_is_found(void **state)
{
    struct place *place = *state;
    put_folder(place, "thumb", 0755);
    put(place, "thumb/bootstrap", 0755);
    assert_found(place, "thumb", FUNCTION_BOOTSTRAP, "thumb/bootstrap");
    put_folder(place, "empty", 0755);
    assert_not_found(place, "empty", INVALID, "empty/bootstrap");
    put_folder(place, "x.d", 0755);
    put(place, "x.d/bootstrap", 0755);
    assert_not_found(place, "x", INVALID, "extension");
}

static void names_that_are_paths_are_not_found(void **state)
{
    struct place *place = *state;
    static const char *const names[] = {
        "", ".", "..", "../report", "/bin/sh", "thumb/bootstrap", "a b", "report.sh", "report\n", "%2e%2e"};
    put(place, "report.sh", 0755);
    put_folder(place, "thumb", 0755);
    put(place, "thumb/bootstrap", 0755);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_not_found(place, names[i], NOTFOUND, "no function");
}

static void program_wins_over_its_source(void **state)
{
    struct place *place = *state;
    put(place, "primes", 0755);
    put(place, "primes.c", 0644);
    put(place, "tool.c", 0644);
    put(place, "tool.bin", 0755);
    assert_found(place, "primes", FUNCTION_EXECUTABLE, "primes");
    assert_found(place, "tool", FUNCTION_EXECUTABLE, "tool.bin");
}

static void two_programs_of_one_name_are_refused(void **state)
{
    struct place *place = *state;
    put(place, "report.sh", 0755);
    put(place, "report.py", 0755);
    assert_not_found(place, "report", INVALID, "report.py and report.sh");
    put(place, "report", 0755);
    assert_found(place, "report", FUNCTION_EXECUTABLE, "report");
}

static void file_without_the_executable_bit_says_so(void **state)
{
    struct place *place = *state;
    put(place, "report.sh", 0644);
    put(place, "other", 0644);
    assert_not_found(place, "report", INVALID, "chmod +x");
    assert_not_found(place, "other", INVALID, "chmod +x");
}

/* Hazard 34. */
static void what_others_can_write_is_refused(void **state)
{
    struct place *place = *state;
    put(place, "report", 0775);
    put(place, "open.sh", 0757);
    put_folder(place, "thumb", 0775);
    put(place, "thumb/bootstrap", 0755);
    put_folder(place, "image", 0755);
    put(place, "image/bootstrap", 0777);
    assert_not_found(place, "report", INVALID, "chmod go-w");
    assert_not_found(place, "open", INVALID, "chmod go-w");
    assert_not_found(place, "thumb", INVALID, "chmod go-w");
    assert_not_found(place, "image", INVALID, "chmod go-w");
}

static void functions_dir_that_others_can_write_is_refused(void **state)
{
    struct place *place = *state;
    put(place, "report", 0755);
    assert_int_equal(chmod(place->folder, 0777), 0);
    assert_not_found(place, "report", INVALID, place->folder);
}

/* Hazard 34. */
static void program_of_a_third_user_is_refused(void **state)
{
    struct place *place = *state;
    if (geteuid() != 0)
        skip();
    char path[512];
    put(place, "report", 0755);
    snprintf(path, sizeof path, "%s/report", place->folder);
    assert_int_equal(chown(path, 65533, (gid_t)-1), 0);
    assert_not_found(place, "report", INVALID, "belongs to user 65533");
    assert_int_equal(chown(place->folder, 65533, (gid_t)-1), 0);
    assert_found(place, "report", FUNCTION_EXECUTABLE, "report");
    assert_int_equal(chown(path, 0, (gid_t)-1), 0);
    assert_found(place, "report", FUNCTION_EXECUTABLE, "report");
}

/* Hazard 29. */
static void symlinks_are_refused_wherever_they_lead(void **state)
{
    struct place *place = *state;
    put(place, "report", 0755);
    put_folder(place, "thumb", 0755);
    put_link(place, "inside", "report");
    put_link(place, "outside", "/bin/sh");
    put_link(place, "script.sh", "/bin/sh");
    put_link(place, "thumb/bootstrap", "/bin/sh");
    put_link(place, "folder", "thumb");
    assert_not_found(place, "inside", INVALID, "symlink");
    assert_not_found(place, "outside", INVALID, "symlink");
    assert_not_found(place, "script", INVALID, "symlink");
    assert_not_found(place, "thumb", INVALID, "symlink");
    assert_not_found(place, "folder", INVALID, "symlink");
}

static void missing_functions_dir_is_named(void **state)
{
    struct place *place = *state;
    struct place missing = {.configuration = {.functions_dir = "/nonexistent"}};
    (void)place;
    assert_not_found(&missing, "report", IO, "/nonexistent");
}

static void list_is_sorted_and_has_what_find_finds(void **state)
{
    struct place *place = *state;
    struct function *functions = NULL;
    size_t count = 99;
    assert_int_equal(function_list(&place->configuration, &functions, &count, NULL), OK);
    assert_int_equal(count, 0);
    free(functions);
    put(place, "wordcount.py", 0755);
    put(place, "report", 0755);
    put(place, "report.txt", 0644);
    put(place, "README.md", 0644);
    put(place, ".hidden", 0755);
    put(place, "open", 0777);
    put(place, "twice.a", 0755);
    put(place, "twice.b", 0755);
    put_folder(place, "thumb", 0755);
    put(place, "thumb/bootstrap", 0755);
    put_folder(place, "data", 0755);
    assert_int_equal(function_list(&place->configuration, &functions, &count, NULL), OK);
    static const char *const expected[] = {"report", "thumb/bootstrap", "wordcount.py"};
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(functions[i].file, expected[i]);
        assert_found(place, functions[i].name, functions[i].kind, functions[i].file);
    }
    free(functions);
}

static void refused_functions_are_logged_once(void **state)
{
    struct place *place = *state;
    char *folder = test_folder();
    char *file = test_file(folder, "log", "");
    log_open("test", file, LOG_LEVEL_INFO, NULL);
    put(place, "open", 0777);
    for (int i = 0; i < 3; i++) {
        struct function *functions;
        size_t count;
        assert_int_equal(function_list(&place->configuration, &functions, &count, NULL), OK);
        free(functions);
    }
    char *text = test_read_file(file);
    char *first = strstr(text, "event=function_refused");
    assert_non_null(first);
    assert_non_null(strstr(first, "/open can be written"));
    assert_null(strstr(first + 1, "event=function_refused"));
    free(text);
    free(file);
    log_open("test", NULL, LOG_LEVEL_INFO, NULL);
    test_folder_remove(folder);
}

static int64_t fake_us;

static int64_t read_wall(void)
{
    return 0;
}

static int64_t read_monotonic(void)
{
    return fake_us;
}

static const struct clock_source standing = {.wall_ms = read_wall, .monotonic_us = read_monotonic};

/* What was found is remembered for a second: not longer than it is true. */
static void changed_program_is_seen_at_once(void **state)
{
    struct place *place = *state;
    char path[512];
    clock_replace(&standing);
    put(place, "report.sh", 0755);
    assert_found(place, "report", FUNCTION_EXECUTABLE, "report.sh");
    put(place, "report.sh", 0775);
    assert_not_found(place, "report", INVALID, "chmod go-w");
    put(place, "report.sh", 0755);
    assert_found(place, "report", FUNCTION_EXECUTABLE, "report.sh");
    snprintf(path, sizeof path, "%s/report.sh", place->folder);
    assert_int_equal(unlink(path), 0);
    assert_not_found(place, "report", NOTFOUND, "no function");
    put(place, "report.py", 0755);
    assert_found(place, "report", FUNCTION_EXECUTABLE, "report.py");
    clock_replace(NULL);
}

static void program_added_beside_another_is_seen_within_a_second(void **state)
{
    struct place *place = *state;
    clock_replace(&standing);
    put(place, "report.sh", 0755);
    assert_found(place, "report", FUNCTION_EXECUTABLE, "report.sh");
    put(place, "report", 0755);
    fake_us += 1000000;
    assert_found(place, "report", FUNCTION_EXECUTABLE, "report");
    clock_replace(NULL);
}

static void functions_of_another_folder_are_not_mixed_up(void **state)
{
    struct place *place = *state;
    struct place other = {.folder = test_folder()};
    other.configuration.functions_dir = other.folder;
    put(place, "report.sh", 0755);
    put(&other, "report.py", 0755);
    for (int i = 0; i < 3; i++) {
        assert_found(place, "report", FUNCTION_EXECUTABLE, "report.sh");
        assert_found(&other, "report", FUNCTION_EXECUTABLE, "report.py");
    }
    test_folder_remove(other.folder);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

TEST_MAIN(CASE(executable_file_is_found_by_its_name), CASE(one_extension_does_not_count),
          CASE(folder_with_a_bootstrap_is_found), CASE(names_that_are_paths_are_not_found),
          CASE(program_wins_over_its_source), CASE(two_programs_of_one_name_are_refused),
          CASE(file_without_the_executable_bit_says_so), CASE(what_others_can_write_is_refused),
          CASE(functions_dir_that_others_can_write_is_refused), CASE(program_of_a_third_user_is_refused),
          CASE(symlinks_are_refused_wherever_they_lead), CASE(missing_functions_dir_is_named),
          CASE(changed_program_is_seen_at_once), CASE(program_added_beside_another_is_seen_within_a_second),
          CASE(functions_of_another_folder_are_not_mixed_up), CASE(list_is_sorted_and_has_what_find_finds),
          CASE(refused_functions_are_logged_once))
