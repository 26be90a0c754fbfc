#include "config.h"
#include "test.h"

#include "store_bdb/keys.h"
#include "store_bdb/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct job_id some_id(void)
{
    struct job_id id;

    for (unsigned i = 0; i < JOB_ID_BYTES; i++)
        id.bytes[i] = (uint8_t)(0xA0 + i);
    return id;
}

static struct job plain_job(void)
{
    return (struct job){
        .id = some_id(),
        .revision = 1,
        .status = JOB_QUEUED,
        .function = "report",
        .created_ms = 1800000000123,
        .first_due_ms = 1800000000123,
        .due_ms = 1800000000123,
        .progress_percent = -1,
        .event_size = 300,
    };
}

static void fill(char *text, size_t size)
{
    for (size_t i = 0; i + 1 < size; i++)
        text[i] = (char)('a' + i % 26);
    text[size - 1] = '\0';
}

/* Every field at its largest. */
static struct job full_job(void)
{
    struct job job = {
        .id = some_id(),
        .revision = UINT64_MAX,
        .status = JOB_CANCELLED,
        .created_ms = INT64_MAX,
        .first_due_ms = INT64_MIN,
        .due_ms = INT64_MIN,
        .started_ms = INT64_MAX,
        .finished_ms = INT64_MIN,
        .expires_ms = INT64_MAX,
        .attempts = UINT32_MAX,
        .failures = UINT32_MAX,
        .interruptions = UINT32_MAX,
        .runner = {.slot = UINT32_MAX, .life = UINT64_MAX},
        .progress_percent = INT32_MIN,
        .event_size = UINT64_MAX,
        .result_size = UINT64_MAX,
        .log_size = UINT64_MAX,
        .waits_for_retry = true,
        .cancel_requested = true,
        .has_retry_of = true,
        .raw_event = true,
        .purged = true,
    };

    memset(job.retry_of.bytes, 0xFF, JOB_ID_BYTES);
    fill(job.function, sizeof job.function);
    fill(job.progress_message, sizeof job.progress_message);
    fill(job.error_type, sizeof job.error_type);
    fill(job.error_message, sizeof job.error_message);
    fill(job.result_type, sizeof job.result_type);
    fill(job.cancel_reason, sizeof job.cancel_reason);
    fill(job.cancelled_by, sizeof job.cancelled_by);
    fill(job.caller, sizeof job.caller);
    fill(job.callback_url, sizeof job.callback_url);
    fill(job.traceparent, sizeof job.traceparent);
    fill(job.destination, sizeof job.destination);
    return job;
}

static void assert_same_job(const struct job *a, const struct job *b)
{
    uint8_t bytes[2][RECORD_JOB_MAX];
    size_t size = record_put_job(a, bytes[0]);

    assert_true(job_id_equal(&a->id, &b->id));
    assert_int_equal(record_put_job(b, bytes[1]), size);
    assert_memory_equal(bytes[0], bytes[1], size);
}

static void a_job_comes_back_as_it_was(void **state)
{
    struct job jobs[] = {plain_job(), full_job()};

    for (unsigned i = 0; i < 2; i++) {
        uint8_t bytes[RECORD_JOB_MAX];
        size_t size = record_put_job(&jobs[i], bytes);
        struct job job;

        memset(&job, 0x55, sizeof job);
        assert_true(size <= sizeof bytes);
        assert_true(record_get_job(bytes, size, &jobs[i].id, &job));
        assert_same_job(&jobs[i], &job);
        assert_string_equal(job.function, jobs[i].function);
        assert_string_equal(job.error_message, jobs[i].error_message);
        assert_string_equal(job.traceparent, jobs[i].traceparent);
        assert_string_equal(job.destination, jobs[i].destination);
        assert_int_equal(job.created_ms, jobs[i].created_ms);
        assert_int_equal(job.first_due_ms, jobs[i].first_due_ms);
        assert_int_equal(job.expires_ms, jobs[i].expires_ms);
        assert_int_equal(job.progress_percent, jobs[i].progress_percent);
        assert_true(job.runner.life == jobs[i].runner.life && job.revision == jobs[i].revision);
        assert_true(job.purged == jobs[i].purged && job.raw_event == jobs[i].raw_event);
        assert_true(job_id_equal(&job.retry_of, &jobs[i].retry_of));
    }
}

/* Stores that exist are read by these bytes: a change here needs a new version, and the old one still decoded. */
static void version_1_of_a_job_has_these_bytes(void **state)
{
    static const uint8_t golden[] = {
        0x01, 0x01, 0x00, 0x01, 0x06, 'r',  'e',  'p',  'o',  'r',  't', /* version, status, flags, revision */
        0xF6, 0xC1, 0xE2, 0x85, 0xE3, 0x68,                              /* created */
        0xF6, 0xC1, 0xE2, 0x85, 0xE3, 0x68,                              /* first due */
        0xF6, 0xC1, 0xE2, 0x85, 0xE3, 0x68,                              /* due */
        0x00, 0x00, 0x00,                                                /* started, finished, expires */
        0x00, 0x00, 0x00, /* attempts, failures, interruptions */
        0x00, 0x00, 0x01, /* runner, progress -1 */
        0x00, 0x00, 0x00, 0xAC, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, /* texts, event size 300 */
    };
    struct job job = plain_job();
    uint8_t bytes[RECORD_JOB_MAX];
    size_t size = record_put_job(&job, bytes);

    assert_int_equal(size, sizeof golden);
    assert_memory_equal(bytes, golden, sizeof golden);
}

/* The same with another value in each field, so that no two of them can change places. */
static void version_1_of_a_job_has_its_fields_in_this_order(void **state)
{
    static const uint8_t golden[] = {
        0x01, 0x04, 0x0E, 0x02, 0x01, 0x66, 0x02, 0x04, 0x06, 0x08, 0x0A, 0x0C, 0x07, 0x08, 0x09, 0x0A,
        0x0B, 0x18, 0x02, 0x70, 0x6D, 0x02, 0x65, 0x74, 0x02, 0x65, 0x6D, 0x0D, 0x0E, 0x02, 0x72, 0x74,
        0x0F, 0x02, 0x63, 0x72, 0x02, 0x63, 0x62, 0x02, 0x63, 0x61, 0x02, 0x75, 0x72, 0x02, 0x74, 0x70,
        0xB0, 0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xBB, 0xBC, 0xBD, 0xBE, 0xBF,
    };
    struct job job = {
        .status = JOB_FAILED,
        .cancel_requested = true,
        .has_retry_of = true,
        .raw_event = true,
        .revision = 2,
        .function = "f",
        .created_ms = 1,
        .first_due_ms = 2,
        .due_ms = 3,
        .started_ms = 4,
        .finished_ms = 5,
        .expires_ms = 6,
        .attempts = 7,
        .failures = 8,
        .interruptions = 9,
        .runner = {.slot = 10, .life = 11},
        .progress_percent = 12,
        .progress_message = "pm",
        .error_type = "et",
        .error_message = "em",
        .event_size = 13,
        .result_size = 14,
        .result_type = "rt",
        .log_size = 15,
        .cancel_reason = "cr",
        .cancelled_by = "cb",
        .caller = "ca",
        .callback_url = "ur",
        .traceparent = "tp",
    };
    uint8_t bytes[RECORD_JOB_MAX];
    struct job back;

    for (unsigned i = 0; i < JOB_ID_BYTES; i++)
        job.retry_of.bytes[i] = (uint8_t)(0xB0 + i);
    assert_int_equal(record_put_job(&job, bytes), sizeof golden);
    assert_memory_equal(bytes, golden, sizeof golden);
    assert_true(record_get_job(golden, sizeof golden, &job.id, &back));
    assert_int_equal(back.due_ms, 3);
    assert_int_equal(back.interruptions, 9);
    assert_int_equal(back.log_size, 15);
    assert_string_equal(back.error_type, "et");
    assert_string_equal(back.cancelled_by, "cb");
    assert_string_equal(back.caller, "ca");
    assert_string_equal(back.callback_url, "ur");
    assert_true(job_id_equal(&back.retry_of, &job.retry_of));
}

static void version_1_of_the_others_has_these_bytes(void **state)
{
    static const uint8_t golden_attempt[] = {0x01, 0x02, 0xD0, 0x0F, 0xA0, 0x1F, 0x01, 0x12, 0x01,
                                             'T',  0x02, 'n',  'o',  0xD2, 0x09, 0xB7, 0x04, 0x05};
    static const uint8_t golden_gone[] = {0x01, 0xD0, 0x0F};
    struct job_attempt attempt = {
        .number = 2,
        .started_ms = 1000,
        .finished_ms = 2000,
        .exit_status = -1,
        .signal = 9,
        .error_type = "T",
        .error_message = "no",
        .cpu_us = 1234,
        .peak_memory_kib = 567,
        .log_offset = 5,
    };
    struct record_idempotency key = {.id = some_id(), .created_ms = 1000, .expires_ms = 2000};
    struct record_idempotency key_back;
    struct job_attempt attempt_back;
    uint8_t bytes[RECORD_ATTEMPT_MAX];
    int64_t forget_ms;
    size_t size;

    size = record_put_attempt(&attempt, bytes);
    assert_int_equal(size, sizeof golden_attempt);
    assert_memory_equal(bytes, golden_attempt, size);
    assert_true(record_get_attempt(bytes, size, &attempt_back));
    assert_int_equal(attempt_back.exit_status, -1);
    assert_int_equal(attempt_back.signal, 9);
    assert_string_equal(attempt_back.error_message, "no");

    size = record_put_gone(1000, bytes);
    assert_int_equal(size, sizeof golden_gone);
    assert_memory_equal(bytes, golden_gone, size);
    assert_true(record_get_gone(bytes, size, &forget_ms));
    assert_int_equal(forget_ms, 1000);

    memset(key.fingerprint, 7, sizeof key.fingerprint);
    size = record_put_idempotency(&key, bytes);
    assert_int_equal(size, 1 + 16 + 2 + 2 + 32);
    assert_int_equal(bytes[0], 1);
    assert_memory_equal(bytes + 1, key.id.bytes, 16);
    assert_memory_equal(bytes + 17, "\xD0\x0F\xA0\x1F\x07\x07", 6);
    assert_true(record_get_idempotency(bytes, size, &key_back));
    assert_int_equal(key_back.expires_ms, 2000);
    assert_memory_equal(key_back.fingerprint, key.fingerprint, sizeof key.fingerprint);
}

static void a_usual_job_is_small(void **state)
{
    struct job job = plain_job();
    uint8_t bytes[RECORD_JOB_MAX];

    assert_true(record_put_job(&job, bytes) <= 64);
}

static void records_of_another_version_are_refused(void **state)
{
    struct job job = full_job();
    struct job_attempt attempt = {.number = 1};
    uint8_t bytes[RECORD_JOB_MAX];
    size_t size = record_put_job(&job, bytes);

    bytes[0]++;
    assert_false(record_get_job(bytes, size, &job.id, &job));
    size = record_put_attempt(&attempt, bytes);
    bytes[0] = 0;
    assert_false(record_get_attempt(bytes, size, &attempt));
}

static void a_record_that_is_cut_or_too_long_is_refused(void **state)
{
    struct job full = full_job();
    uint8_t bytes[RECORD_JOB_MAX + 1];
    size_t size = record_put_job(&full, bytes);

    bytes[size] = 0;
    for (size_t length = 0; length <= size + 1; length++) {
        uint8_t *exact = malloc(length + 1); /* so that a sanitizer sees each byte read too far */
        struct job job;

        memcpy(exact, bytes, length);
        assert_int_equal(record_get_job(exact, length, &full.id, &job), length == size);
        free(exact);
    }
}

static void values_out_of_range_are_refused(void **state)
{
    struct job job = plain_job();
    uint8_t good[RECORD_JOB_MAX];
    uint8_t bytes[RECORD_JOB_MAX];
    size_t size = record_put_job(&job, good);
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {1, 0},    /* no status */
        {1, 6},    /* no status */
        {2, 0x40}, /* a flag that is none */
        {4, 65},   /* a function's name longer than it can be */
        {5, 0},    /* a NUL in a name */
    };

    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        memcpy(bytes, good, size);
        bytes[changes[i].at] = changes[i].value;
        assert_false(record_get_job(bytes, size, &job.id, &job));
    }
}

static void a_number_of_more_than_64_bits_is_refused(void **state)
{
    static const uint8_t most[] = {1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01};
    static const uint8_t more[] = {1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02};
    static const uint8_t longer[] = {1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
    int64_t value;

    assert_true(record_get_gone(most, sizeof most, &value));
    assert_true(value == INT64_MIN);
    assert_false(record_get_gone(more, sizeof more, &value));
    assert_false(record_get_gone(longer, sizeof longer, &value));
}

/* A generator of its own, so that a failure can be repeated. */
static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return (uint32_t)(*seed >> 33);
}

static void check_any(const uint8_t *bytes, size_t size)
{
    struct job_id id = some_id();
    struct record_idempotency key;
    struct job_attempt attempt;
    int64_t forget_ms;
    struct job job;

    if (record_get_job(bytes, size, &id, &job)) { /* what is accepted must be fit for use */
        struct job again;
        uint8_t back[RECORD_JOB_MAX];
        size_t length = record_put_job(&job, back);

        assert_non_null(job_status_name(job.status));
        assert_true(record_get_job(back, length, &id, &again));
        assert_same_job(&job, &again);
    }
    record_get_attempt(bytes, size, &attempt);
    record_get_idempotency(bytes, size, &key);
    record_get_gone(bytes, size, &forget_ms);
}

static void any_bytes_are_survived(void **state)
{
    uint64_t seed = 20261123;
    struct job full = full_job();
    struct job plain = plain_job();
    uint8_t good[2][RECORD_JOB_MAX];
    size_t sizes[2] = {record_put_job(&plain, good[0]), record_put_job(&full, good[1])};

    for (int round = 0; round < 20000; round++) {
        size_t which = round % 2;
        size_t size = sizes[which];
        uint8_t *bytes = malloc(size + 1);

        memcpy(bytes, good[which], size);
        for (uint32_t changes = 1 + next_random(&seed) % 4; changes > 0; changes--)
            bytes[next_random(&seed) % (round % 3 ? size : 40)] = (uint8_t)next_random(&seed);
        if (round % 5 == 0)
            size = next_random(&seed) % (size + 1);
        if (round % 7 == 0) {
            for (size_t i = 1; i < size; i++)
                bytes[i] = (uint8_t)next_random(&seed);
        }
        bytes = realloc(bytes, size > 0 ? size : 1);
        check_any(bytes, size);
        free(bytes);
    }
}

/* ---- keys ---- */

static int order(const struct key *a, const struct key *b)
{
    size_t common = a->size < b->size ? a->size : b->size;
    int result = memcmp(a->bytes, b->bytes, common);

    return result != 0 ? result : (a->size > b->size) - (a->size < b->size);
}

static void keys_of_a_queue_sort_by_function_then_time_then_id(void **state)
{
    struct job_id low = some_id();
    struct job_id high = some_id();
    struct key keys[8];

    high.bytes[0]++;
    keys[0] = key_first_of("a");
    keys[1] = key_of_due("a", -5, &low); /* as 0 */
    keys[2] = key_of_due("a", 255, &high);
    keys[3] = key_of_due("a", 256, &low);
    keys[4] = key_of_due("a", 256, &high);
    keys[5] = key_behind("a");
    keys[6] = key_of_due("a-", 1, &low);
    keys[7] = key_of_due("aa", 0, &low);
    for (int i = 0; i < 7; i++)
        assert_true(order(&keys[i], &keys[i + 1]) < 0);
}

static void keys_come_apart_as_they_were_put_together(void **state)
{
    char longest[JOB_FUNCTION_SIZE];
    char function[JOB_FUNCTION_SIZE];
    uint8_t hash[KEY_HASH_BYTES] = {1, 2, 3};
    struct job_id id = some_id();
    struct job_id back;
    enum job_status status;
    enum expiry_kind kind;
    const uint8_t *name;
    int64_t time_ms;
    struct key key;

    fill(longest, sizeof longest);
    key = key_of_due(longest, 1800000000123, &id);
    assert_true(key.size <= KEY_MAX);
    assert_true(key_split_due(&key, function, &time_ms, &back));
    assert_string_equal(function, longest);
    assert_int_equal(time_ms, 1800000000123);
    assert_true(job_id_equal(&id, &back));
    key = key_of_listing("f", JOB_FAILED, &id);
    assert_true(key_split_listing(&key, function, &status, &back));
    assert_int_equal(status, JOB_FAILED);
    key = key_of_running("f", &id);
    assert_true(key_split_running(&key, function, &back));
    assert_false(key_split_listing(&key, function, &status, &back));
    key = key_of_expiry(77, EXPIRY_IDEMPOTENCY, hash, sizeof hash);
    assert_true(key_split_expiry(&key, &time_ms, &kind, &name));
    assert_int_equal(time_ms, 77);
    assert_int_equal(kind, EXPIRY_IDEMPOTENCY);
    assert_memory_equal(name, hash, sizeof hash);
    assert_int_equal(key_attempt_number(&(struct key){.size = 3}), 0);
    key = key_of_attempt(&id, 0x01020304);
    assert_int_equal(key_attempt_number(&key), 0x01020304);
    key = key_of_log(&id, 0x0102030405060708);
    assert_int_equal(key_log_offset(&key), 0x0102030405060708);
    assert_true(key_is_of_id(&key, &id));
}

static void damaged_keys_are_refused(void **state)
{
    uint64_t seed = 42;
    char function[JOB_FUNCTION_SIZE];
    struct job_id id;
    enum job_status status;
    enum expiry_kind kind;
    const uint8_t *name;
    int64_t time_ms;

    for (int round = 0; round < 20000; round++) {
        struct key key = {.size = next_random(&seed) % (KEY_MAX + 1)};

        for (size_t i = 0; i < key.size; i++)
            key.bytes[i] = (uint8_t)(next_random(&seed) % (round % 2 ? 256 : 4));
        key_split_due(&key, function, &time_ms, &id);
        key_split_running(&key, function, &id);
        if (key_split_listing(&key, function, &status, &id))
            assert_non_null(job_status_name(status));
        key_split_expiry(&key, &time_ms, &kind, &name);
        key_function(&key, function);
    }
    assert_false(key_function(&(struct key){.size = 0}, function));
    assert_false(key_function(&(struct key){.size = 3, .bytes = "abc"}, function));
}

TEST_MAIN(cmocka_unit_test(a_job_comes_back_as_it_was), cmocka_unit_test(version_1_of_a_job_has_these_bytes),
          cmocka_unit_test(version_1_of_a_job_has_its_fields_in_this_order),
          cmocka_unit_test(version_1_of_the_others_has_these_bytes), cmocka_unit_test(a_usual_job_is_small),
          cmocka_unit_test(records_of_another_version_are_refused),
          cmocka_unit_test(a_record_that_is_cut_or_too_long_is_refused),
          cmocka_unit_test(values_out_of_range_are_refused),
          cmocka_unit_test(a_number_of_more_than_64_bits_is_refused),
          cmocka_unit_test(any_bytes_are_survived),
          cmocka_unit_test(keys_of_a_queue_sort_by_function_then_time_then_id),
          cmocka_unit_test(keys_come_apart_as_they_were_put_together),
          cmocka_unit_test(damaged_keys_are_refused))
