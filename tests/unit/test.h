/* test.h - what every C test includes
 *
 * A test program is one file: cases as static functions `static void retry_waits_longer_each_time(void
 * **state)`, and at its end
 *
 *     TEST_MAIN(cmocka_unit_test(retry_waits_longer_each_time), cmocka_unit_test(…))
 *
 * It prints TAP, one line for each case. With JOBGATE_CASE='pattern' in the environment it runs those cases only (* and ?). A
 * program that hangs is ended by SIGALRM: after ten minutes, or two when it runs chosen cases, times JOBGATE_PATIENCE. */
#ifndef JOBGATE_TEST_H
#define JOBGATE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST_MAIN(...)                                                                                       \
    int main(void)                                                                                           \
    {                                                                                                        \
        const struct CMUnitTest cases[] = {__VA_ARGS__};                                                     \
        test_begin();                                                                                        \
        return cmocka_run_group_tests(cases, NULL, NULL) == 0 ? 0 : 1;                                       \
    }

/* Called by TEST_MAIN. */
void test_begin(void);
/* A new empty folder (0700) for this case alone, below $TMPDIR or /tmp; its absolute path in memory of its
 * own. Fails the case when there is none to be had. */
char *test_folder(void);
/* Removes the folder with all it holds and frees the path. */
void test_folder_remove(char *folder);
/* Writes folder/name (mode 0600) with these bytes. Returns its path, to be freed. */
char *test_file(const char *folder, const char *name, const char *content);
/* The bytes of a file, NUL-terminated, to be freed. Fails the case when it cannot be read. */
char *test_read_file(const char *path);

#endif
