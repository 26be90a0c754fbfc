/* test_store_log.c - contract: a job's log, by offset, while it grows and is trimmed */
#include "config.h"

#include "fixture.h"

#include <stdio.h>

#define NO_LIMIT ((size_t)1 << 30)

struct running {
    struct fixture *fixture;
    struct store_attempt attempt;
    struct job_id id;
};

static struct running start(struct fixture *fixture)
{
    struct job job = fixture_submit(fixture, "report");
    struct job claimed = fixture_claim(fixture, 0);

    return (struct running){.fixture = fixture, .attempt = fixture_attempt(&claimed), .id = job.id};
}

static void append(struct running *running, uint64_t skipped, const char *text, size_t max_log_size)
{
    assert_int_equal(store_log_append(running->fixture->store, &running->attempt, skipped, text, strlen(text),
                                      max_log_size, PATIENCE, &running->fixture->error),
                     OK);
}

struct part {
    char text[256];
    uint64_t start;
    uint64_t size;
};

static struct part read_log(struct running *running, uint64_t offset, size_t most)
{
    struct buffer log = {0};
    struct part part = {.start = 9999};

    buffer_append_text(&log, "before ");
    assert_int_equal(store_log(running->fixture->store, &running->id, offset, most, PATIENCE, &log,
                               &part.start, &part.size, &running->fixture->error),
                     OK);
    assert_memory_equal(log.data, "before ", 7);
    assert_in_range(log.length - 7, 0, sizeof part.text - 1);
    memcpy(part.text, log.data + 7, log.length - 7);
    part.text[log.length - 7] = '\0';
    buffer_free(&log);
    return part;
}

static void assert_part(struct running *running, uint64_t offset, size_t most, const char *text,
                        uint64_t start, uint64_t size)
{
    struct part part = read_log(running, offset, most);

    assert_string_equal(part.text, text);
    assert_int_equal(part.start, start);
    assert_int_equal(part.size, size);
}

static void a_log_that_was_never_written_is_empty(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct running running = start(fixture);

    assert_part(&running, 0, 100, "", 0, 0);
    assert_part(&running, 50, 100, "", 0, 0);
    fixture_close(fixture);
}

static void what_is_appended_is_read_from_any_offset(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct running running = start(fixture);

    append(&running, 0, "hello ", NO_LIMIT);
    append(&running, 0, "big ", NO_LIMIT);
    append(&running, 0, "world\n", NO_LIMIT);
    assert_part(&running, 0, 100, "hello big world\n", 0, 16);
    assert_part(&running, 6, 100, "big world\n", 6, 16);
    assert_part(&running, 8, 100, "g world\n", 8, 16);
    assert_part(&running, 15, 100, "\n", 15, 16);
    assert_part(&running, 16, 100, "", 16, 16);
    assert_part(&running, 99, 100, "", 16, 16);
    assert_part(&running, 3, 5, "lo bi", 3, 16);
    assert_part(&running, 0, 6, "hello ", 0, 16);
    assert_part(&running, 5, 0, "", 5, 16);
    assert_int_equal(fixture_get(fixture, &running.id).log_size, 16);
    fixture_close(fixture);
}

static void the_log_stays_when_the_job_has_ended(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct running running = start(fixture);
    struct job ended;

    append(&running, 0, "done\n", NO_LIMIT);
    assert_int_equal(fixture_try_finish(fixture, &running.attempt, JOB_SUCCEED, NULL, &ended), OK);
    assert_part(&running, 0, 100, "done\n", 0, 5);
    fixture_close(fixture);
}

static void logs_of_neighbours_are_apart(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct running first = start(fixture);
    struct running second = start(fixture);
    struct running third = start(fixture);

    append(&first, 0, "first", NO_LIMIT);
    append(&third, 0, "third", NO_LIMIT);
    assert_part(&second, 0, 100, "", 0, 0);
    append(&second, 0, "second", NO_LIMIT);
    assert_part(&first, 2, 100, "rst", 2, 5);
    assert_part(&second, 3, 100, "ond", 3, 6);
    assert_part(&third, 0, 100, "third", 0, 5);
    fixture_close(fixture);
}

static void only_the_tail_is_kept(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct running running = start(fixture);

    append(&running, 0, "0123456789", 8);
    assert_part(&running, 0, 100, "23456789", 2, 10);
    append(&running, 0, "abc", 8);
    assert_part(&running, 0, 100, "56789abc", 5, 13);
    assert_part(&running, 6, 3, "678", 6, 13);
    append(&running, 0, "ABCDEFGH", 8);
    assert_part(&running, 0, 100, "ABCDEFGH", 13, 21);
    append(&running, 0, "x", 8);
    append(&running, 0, "y", 8);
    assert_part(&running, 0, 100, "CDEFGHxy", 15, 23);
    append(&running, 0, "1234567", 8);
    assert_part(&running, 0, 100, "y1234567", 22, 30); /* a piece that is dropped whole */
    append(&running, 0, "Z", 8);
    assert_part(&running, 0, 100, "1234567Z", 23, 31); /* one of a single byte */
    fixture_close(fixture);
}

static void skipped_bytes_count_in_the_offsets(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct running running = start(fixture);

    append(&running, 0, "head", NO_LIMIT);
    append(&running, 1000, "tail", NO_LIMIT);
    assert_part(&running, 0, 100, "head", 0, 1008); /* up to the gap … */
    assert_part(&running, 4, 100, "tail", 1004, 1008);
    assert_part(&running, 500, 100, "tail", 1004, 1008); /* … and what comes behind it says where it starts */
    assert_part(&running, 1005, 100, "ail", 1005, 1008);
    append(&running, 7, "", NO_LIMIT);
    assert_part(&running, 1008, 100, "", 1015, 1015);
    append(&running, 0, "end", NO_LIMIT);
    assert_part(&running, 1008, 100, "end", 1015, 1018);
    append(&running, 2000, "z", 100);
    assert_part(&running, 0, 100, "z", 3018, 3019);
    fixture_close(fixture);
}

static void a_log_of_no_size_keeps_nothing(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct running running = start(fixture);

    append(&running, 0, "hello", 0);
    assert_part(&running, 0, 100, "", 5, 5);
    fixture_close(fixture);
}

/* Appends of all sizes against a plain copy of the whole log. */
static void a_megabyte_in_pieces_of_all_sizes_reads_back(void **state)
{
    size_t total = 1200000;
    size_t kept = 1000000;
    struct fixture *fixture = fixture_open(NULL);
    struct running running = start(fixture);
    char *whole = malloc(total);
    struct buffer log = {0};
    uint64_t start_of;
    uint64_t size;
    size_t done = 0;

    for (size_t i = 0; i < total; i++)
        whole[i] = (char)(i * 2654435761U >> 13);
    for (size_t length = 1; done < total; length = length * 3 % 100003) {
        size_t rest = total - done;

        assert_int_equal(store_log_append(fixture->store, &running.attempt, 0, whole + done,
                                          length < rest ? length : rest, kept, PATIENCE, &fixture->error),
                         OK);
        done += length < rest ? length : rest;
    }
    assert_int_equal(
        store_log(fixture->store, &running.id, 0, total, PATIENCE, &log, &start_of, &size, &fixture->error),
        OK);
    assert_int_equal(size, total);
    assert_int_equal(start_of, total - kept);
    assert_int_equal(log.length, kept);
    assert_memory_equal(log.data, whole + total - kept, kept);
    for (size_t offset = total - kept; offset < total; offset += 99991) {
        buffer_clear(&log);
        assert_int_equal(store_log(fixture->store, &running.id, offset, 50000, PATIENCE, &log, &start_of,
                                   &size, &fixture->error),
                         OK);
        assert_int_equal(start_of, offset);
        assert_int_equal(log.length, total - offset < 50000 ? total - offset : 50000);
        assert_memory_equal(log.data, whole + offset, log.length);
    }
    buffer_free(&log);
    free(whole);
    fixture_close(fixture);
}

static void a_line_of_the_log_does_not_change_the_revision(void **state)
{
    struct fixture *fixture = fixture_open(NULL);
    struct running running = start(fixture);
    uint64_t revision = fixture_get(fixture, &running.id).revision;

    append(&running, 0, "line\n", NO_LIMIT);
    assert_int_equal(fixture_get(fixture, &running.id).revision, revision);
    fixture_close(fixture);
}

TEST_MAIN(cmocka_unit_test(a_log_that_was_never_written_is_empty),
          cmocka_unit_test(what_is_appended_is_read_from_any_offset),
          cmocka_unit_test(the_log_stays_when_the_job_has_ended),
          cmocka_unit_test(logs_of_neighbours_are_apart), cmocka_unit_test(only_the_tail_is_kept),
          cmocka_unit_test(skipped_bytes_count_in_the_offsets),
          cmocka_unit_test(a_log_of_no_size_keeps_nothing),
          cmocka_unit_test(a_megabyte_in_pieces_of_all_sizes_reads_back),
          cmocka_unit_test(a_line_of_the_log_does_not_change_the_revision))
