/* A disk that is full: hazards 17 and 18, on a small file system of the test's own. Needs the right to mount; skipped
 * without. */
#include "config.h"
#include "injection.h"
#include "store_fixture.h"
#include "test.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT_MOUNT 77

/* A case runs in a child, in a mount namespace that goes with it. CHECK is what assert_true is elsewhere. */
#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #condition, words.text);                         \
            _exit(1);                                                                                        \
        }                                                                                                    \
    } while (0)

static struct error words;

typedef void scenario(struct fixture *fixture);

static void run_on(struct fixture *fixture, const char *options, scenario *play)
{
    int status;
    fixture_close(fixture);
    pid_t pid = fork();
    if (pid == 0) {
        snprintf(fixture->data, sizeof fixture->data, "%s/small/data", fixture->parent);
        char point[600];
        snprintf(point, sizeof point, "%s/small", fixture->parent);
        if (mkdir(point, 0700) != 0 || unshare(CLONE_NEWNS) != 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("tmpfs", point, "tmpfs", 0, options) != 0)
            _exit(CANNOT_MOUNT);
        play(fixture);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_MOUNT)
        skip();
    assert_int_equal(status, 0);
}

static struct environment *open_small(struct fixture *fixture)
{
    struct environment *environment;
    CHECK(environment_open(&fixture->configuration, STORE_WRITE, &environment, &words) == OK);
    return environment;
}

static char *filler_path(struct fixture *fixture, char path[600])
{
    snprintf(path, 600, "%s/small/filler", fixture->parent);
    return path;
}

/* Takes what is left, but for `spared` bytes. */
static void fill(struct fixture *fixture, off_t spared)
{
    char path[600];
    static char block[65536];
    int descriptor = open(filler_path(fixture, path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    memset(block, 'x', sizeof block);
    while (write(descriptor, block, sizeof block) > 0)
        ;
    off_t size = lseek(descriptor, 0, SEEK_END);
    CHECK(ftruncate(descriptor, size > spared ? size - spared : 0) == 0);
    close(descriptor);
}

static void make_room(struct fixture *fixture)
{
    char path[600];
    CHECK(unlink(filler_path(fixture, path)) == 0);
}

static void write_records(struct environment *environment, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        struct record record = record_of(1, 1, i);
        CHECK(record_write(environment, &record, &words) == OK);
    }
}

static void read_records(struct environment *environment, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct record record = record_of(1, 1, i);
        CHECK(record_read(environment, &record, &words) == OK && record.value == i);
    }
}

static enum outcome space_soon(struct environment *environment, enum outcome wanted)
{
    int64_t deadline = clock_deadline(5000);
    enum outcome outcome;
    while ((outcome = environment_has_space(environment, 0, &words)) != wanted && clock_left(deadline) > 0)
        clock_sleep_us(10000);
    return outcome;
}

static void refuse_in_time(struct fixture *fixture)
{
    fixture->configuration.disk_reserve = 8 << 20;
    struct environment *environment = open_small(fixture);
    write_records(environment, 0, 50);
    CHECK(space_soon(environment, OK) == OK);
    fill(fixture, 4 << 20);
    CHECK(space_soon(environment, FULL) == FULL);
    read_records(environment, 50);
    make_room(fixture);
    CHECK(space_soon(environment, OK) == OK);
    write_records(environment, 50, 60);
    environment_close(environment);
}

static void hazard_17_little_space_refuses_and_space_accepts_again(void **state)
{
    run_on(*state, "size=128m", refuse_in_time);
}

/* No reserve: libdb itself meets the end of the disk. */
static void write_until_full(struct fixture *fixture)
{
    struct environment *environment = open_small(fixture);
    enum outcome outcome = OK;
    uint32_t written = 0;
    write_records(environment, 0, 50);
    CHECK(space_soon(environment, OK) == OK);
    fill(fixture, 1 << 20);
    for (written = 50; outcome == OK && written < 100000; written++) {
        struct record record = record_of(1, 1, written);
        record.fill = RECORD_FILL_MAX;
        outcome = record_write(environment, &record, &words);
    }
    CHECK(outcome == FULL);
    read_records(environment, written - 1);
    make_room(fixture);
    CHECK(space_soon(environment, OK) == OK);
    write_records(environment, written - 1, written + 50);
    read_records(environment, written + 50);
    environment_close(environment);
}

static void hazard_17_end_of_the_disk_is_survived(void **state)
{
    run_on(*state, "size=128m", write_until_full);
}

static void run_out_of_inodes(struct fixture *fixture)
{
    struct environment *environment = open_small(fixture);
    write_records(environment, 0, 10);
    CHECK(space_soon(environment, OK) == OK);
    for (int i = 0; i < 64; i++) {
        char path[700];
        snprintf(path, sizeof path, "%s/small/file-%d", fixture->parent, i);
        int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor < 0)
            break;
        close(descriptor);
    }
    CHECK(space_soon(environment, FULL) == FULL);
    read_records(environment, 10);
    environment_close(environment);
}

static void hazard_17_no_inodes_refuses(void **state)
{
    run_on(*state, "size=128m,nr_inodes=60", run_out_of_inodes);
}

static void hazard_17_quota_is_a_full_disk(void **state)
{
    struct fixture *fixture = *state;
    struct record record = record_of(1, 1, 10);
    write_records(fixture->environment, 0, 10);
    injection.write_errno = EDQUOT;
    injection.write_failures = 2; /* pwrite, and write, which libdb tries after it */
    assert_int_equal(record_write(fixture->environment, &record, &words), FULL);
    assert_int_equal(environment_has_space(fixture->environment, 0, &words), FULL);
    read_records(fixture->environment, 10);
    assert_int_equal(space_soon(fixture->environment, OK), OK);
    record_must_write(fixture->environment, &record);
}

static void crash_inside(struct fixture *fixture)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct environment *environment = open_small(fixture);
        struct record record = record_of(2, 2, 2);
        injection.die_at = 1;
        record_write(environment, &record, NULL);
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

static void recover_when_full(struct fixture *fixture)
{
    char path[600];
    struct environment *environment = open_small(fixture);
    write_records(environment, 0, 200);
    CHECK(space_soon(environment, OK) == OK); /* and the ballast is there */
    snprintf(path, sizeof path, "%s/ballast", fixture->data);
    CHECK(access(path, F_OK) == 0);
    crash_inside(fixture);
    fill(fixture, 0);
    read_records(environment, 200);
    make_room(fixture);
    write_records(environment, 200, 210);
    environment_close(environment);
}

static void hazard_18_recovers_on_a_full_disk(void **state)
{
    run_on(*state, "size=128m", recover_when_full);
}

static int set_up(void **state)
{
    memset(&injection, 0, sizeof injection);
    return fixture_set_up(state);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

TEST_MAIN(CASE(hazard_17_little_space_refuses_and_space_accepts_again),
          CASE(hazard_17_end_of_the_disk_is_survived), CASE(hazard_17_no_inodes_refuses),
          CASE(hazard_17_quota_is_a_full_disk), CASE(hazard_18_recovers_on_a_full_disk))
