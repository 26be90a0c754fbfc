#include "config.h"
#include "test.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"

#ifdef __SANITIZE_THREAD__
const char *__tsan_default_suppressions(void);

/* libdb is not built with the sanitizer, which sees its locks but not what they protect, and takes the order in
 * which one transaction locks pages for a deadlock. All calls of libdb happen inside the gate, whose own lock is
 * seen; what we do with the memory it hands out is checked as ever. */
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libdb-5.3.so\n";
}
#endif

void test_begin(void)
{
    const char *chosen = getenv("JOBGATE_CASE");
    const char *patience = getenv("JOBGATE_PATIENCE");
    cmocka_set_message_output(CM_OUTPUT_TAP);
    if (chosen != NULL)
        cmocka_set_test_filter(chosen);
    alarm((chosen != NULL ? 120U : 600U) * (patience != NULL ? (unsigned)atoi(patience) : 1U));
}

char *test_folder(void)
{
    const char *base = getenv("TMPDIR");
    struct buffer path = {0};
    buffer_printf(&path, "%s/jobgate-test-XXXXXX", base != NULL && base[0] == '/' ? base : "/tmp");
    assert_false(path.failed);
    assert_non_null(mkdtemp(path.data));
    return path.data;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

void test_folder_remove(char *folder)
{
    assert_int_equal(nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(folder);
}

char *test_file(const char *folder, const char *name, const char *content)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/%s", folder, name);
    int descriptor = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content, strlen(content)), strlen(content));
    assert_int_equal(close(descriptor), 0);
    return path.data;
}

char *test_read_file(const char *path)
{
    struct buffer content = {0};
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    ssize_t got;
    do {
        char *room = buffer_reserve(&content, 4096);
        assert_non_null(room);
        got = read(descriptor, room, 4096);
        assert_true(got >= 0);
        buffer_grown(&content, (size_t)got);
    } while (got > 0);
    close(descriptor);
    return content.data;
}
