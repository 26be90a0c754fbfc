/* Records of the store: a decoder takes any bytes, and what it accepts encodes to a record that decodes to the same. */
#include "config.h"
#include "fuzz.h"

#include "store_bdb/record.h"

static const struct job_id some_id = {{1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 11, 12, 13, 14, 15, 16}};

static void try_job(const uint8_t *bytes, size_t size)
{
    static uint8_t first[RECORD_JOB_MAX], second[RECORD_JOB_MAX];
    struct job job, again;
    if (!record_get_job(bytes, size, &some_id, &job))
        return;
    size_t length = record_put_job(&job, first);
    PROMISE(length <= RECORD_JOB_MAX && record_get_job(first, length, &some_id, &again));
    PROMISE(record_put_job(&again, second) == length && memcmp(first, second, length) == 0);
}

static void try_others(const uint8_t *bytes, size_t size)
{
    uint8_t first[RECORD_ATTEMPT_MAX];
    struct job_attempt attempt;
    struct record_idempotency idempotency;
    struct store_delivery delivery;
    int64_t forget_ms;
    if (record_get_attempt(bytes, size, &attempt))
        PROMISE(record_put_attempt(&attempt, first) <= RECORD_ATTEMPT_MAX);
    if (record_get_idempotency(bytes, size, &idempotency))
        PROMISE(record_put_idempotency(&idempotency, first) <= RECORD_IDEMPOTENCY_MAX);
    if (record_get_delivery(bytes, size, &some_id, TARGET_CALLBACK, &delivery))
        PROMISE(record_put_delivery(&delivery, first) <= RECORD_DELIVERY_MAX);
    if (record_get_gone(bytes, size, &forget_ms))
        PROMISE(record_put_gone(forget_ms, first) <= RECORD_GONE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    try_job(bytes, size);
    try_others(bytes, size);
    return 0;
}
