#include "config.h"
#include "store_fixture.h"
#include "test.h"

#include "clock.h"
#include "store_bdb/gate.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void what_was_written_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct record record = record_make(17);
    record_must_write(fixture->environment, &record);
    record_must_read(fixture->environment, &record);
}

/* Hazard 35. */
static void what_a_body_refuses_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    struct record record = record_make(17);
    record.verdict = CONFLICT;
    assert_int_equal(record_write(fixture->environment, &record, NULL), CONFLICT);
    assert_int_equal(record_read(fixture->environment, &record, NULL), NOTFOUND);
}

static void another_opening_reads_it(void **state)
{
    struct fixture *fixture = *state;
    struct record record = record_make(23);
    struct environment *reader;
    record_must_write(fixture->environment, &record);
    assert_int_equal(environment_open(&fixture->configuration, STORE_READ, &reader, NULL), OK);
    record_must_read(reader, &record);
    environment_close(reader);
}

static void reader_of_an_empty_store_finds_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct record record = record_make(0);
    struct environment *reader;
    assert_int_equal(environment_open(&fixture->configuration, STORE_READ, &reader, NULL), OK);
    assert_int_equal(record_read(reader, &record, NULL), NOTFOUND);
    environment_close(reader);
}

static void it_is_there_after_closing_and_opening(void **state)
{
    struct fixture *fixture = *state;
    struct record record = record_make(5);
    record_must_write(fixture->environment, &record);
    uint64_t generation = fixture_generation(fixture);
    fixture_close(fixture);
    fixture_open(fixture);
    record_must_read(fixture->environment, &record);
    assert_int_equal(fixture_generation(fixture), generation);
}

static void big_records_pass_the_ends_of_log_files(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < 3000; i++) {
        struct record record = record_of(0, 0, i);
        record.fill = RECORD_FILL_MAX;
        assert_int_equal(record_commit(fixture->environment, &record, NULL, NULL), OK);
    }
    struct record last = record_make(1);
    record_must_write(fixture->environment, &last);
    for (uint32_t i = 0; i < 3000; i += 100) {
        struct record record = record_of(0, 0, i);
        record_must_read(fixture->environment, &record);
    }
}

static void hazard_11_no_descriptor_is_inherited(void **state)
{
    struct fixture *fixture = *state;
    struct record record = record_make(1);
    int of_the_store = 0;
    record_must_write(fixture->environment, &record);
    for (int descriptor = 3; descriptor < 256; descriptor++) {
        char link[64], target[600] = "";
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        if (readlink(link, target, sizeof target - 1) < 0 ||
            strncmp(target, fixture->parent, strlen(fixture->parent)) != 0)
            continue;
        of_the_store++;
        if ((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) == 0)
            fail_msg("%s would be inherited", target);
    }
    assert_true(of_the_store >= 5);
}

static void hazard_17_regions_have_all_their_blocks(void **state)
{
    static const char *const names[] = {"__db.001", "__db.002", "__db.003", "gate"};
    struct fixture *fixture = *state;
    struct record record = record_make(1);
    record_must_write(fixture->environment, &record);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[600];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", fixture->data, names[i]);
        assert_int_equal(stat(path, &status), 0);
        if (status.st_blocks * 512 < status.st_size)
            fail_msg("%s has holes", names[i]);
    }
}

#define THREADS 16
#define EACH    200

static void *write_many(void *context)
{
    for (uint32_t i = 0; i < EACH; i++) {
        struct record record = record_make(i);
        if (record_write(context, &record, NULL) != OK || record_read(context, &record, NULL) != OK ||
            record.value != i)
            return context;
    }
    return NULL;
}

static void threads_share_one_environment(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, fixture->environment), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

static struct gate_page *map_page(struct fixture *fixture)
{
    char path[600];
    snprintf(path, sizeof path, "%s/gate", fixture->data);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    assert_true(descriptor >= 0);
    struct gate_page *page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    assert_true(page != MAP_FAILED);
    close(descriptor);
    return page;
}

#define RECOVERIES 2000000

struct recoveries {
    struct gate_page *page;
    unsigned word;
    _Atomic bool done;
};

/* What a recovery and the first change after it do to the page. */
static void *recover_many(void *context)
{
    struct recoveries *recoveries = context;
    struct gate_page *page = recoveries->page;
    for (int i = 0; i < RECOVERIES; i++) {
        uint64_t generation = ++page->generation;
        page->jobs[recoveries->word] = 0;
        for (volatile int pause = 0; pause < 100; pause++)
            ;
        page->jobs[recoveries->word] = generation;
        for (volatile int pause = 0; pause < 100; pause++)
            ;
    }
    recoveries->done = true;
    return NULL;
}

static void stamp_never_goes_back_within_a_generation(void **state)
{
    struct fixture *fixture = *state;
    struct record record = record_make(17);
    record_must_write(fixture->environment, &record);
    struct recoveries recoveries = {.page = map_page(fixture)};
    while (recoveries.page->jobs[recoveries.word] == 0)
        recoveries.word++;
    unsigned went_back = 0;
    pthread_t thread;
    struct store_stamp last = environment_stamp(fixture->environment, &record.id);
    assert_int_equal(pthread_create(&thread, NULL, recover_many, &recoveries), 0);
    while (!recoveries.done) {
        struct store_stamp now = environment_stamp(fixture->environment, &record.id);
        if (now.generation == last.generation && last.position == last.generation && now.position == 0)
            went_back++;
        last = now;
    }
    pthread_join(thread, NULL);
    munmap(recoveries.page, sizeof *recoveries.page);
    assert_int_equal(went_back, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

TEST_MAIN(CASE(what_was_written_is_read), CASE(what_a_body_refuses_is_not_there),
          CASE(another_opening_reads_it), CASE(reader_of_an_empty_store_finds_nothing),
          CASE(it_is_there_after_closing_and_opening), CASE(hazard_11_no_descriptor_is_inherited),
          CASE(hazard_17_regions_have_all_their_blocks), CASE(big_records_pass_the_ends_of_log_files),
          CASE(threads_share_one_environment), CASE(stamp_never_goes_back_within_a_generation))
