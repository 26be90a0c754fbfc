/* The records of the store. What is accepted encodes to a record that decodes to the same. */
#include "config.h"
#include "fuzz.h"

#include "store_bdb/record.h"

static const struct job_id id = {{1, 2, 3}};

static void try_job(const uint8_t *bytes, size_t size)
{
    static uint8_t again[RECORD_JOB_MAX], third[RECORD_JOB_MAX];
    static struct job job, copy;
    if (!record_get_job(bytes, size, &id, &job))
        return;
    size_t length = record_put_job(&job, again);
    PROMISE(length <= sizeof again && record_get_job(again, length, &id, &copy));
    PROMISE(record_put_job(&copy, third) == length && memcmp(again, third, length) == 0);
    PROMISE(job.status == copy.status && strcmp(job.function, copy.function) == 0 &&
            job_id_equal(&copy.id, &id));
}

static void try_attempt(const uint8_t *bytes, size_t size)
{
    static uint8_t again[RECORD_ATTEMPT_MAX], third[RECORD_ATTEMPT_MAX];
    static struct job_attempt attempt, copy;
    if (!record_get_attempt(bytes, size, &attempt))
        return;
    size_t length = record_put_attempt(&attempt, again);
    PROMISE(length <= sizeof again && record_get_attempt(again, length, &copy));
    PROMISE(record_put_attempt(&copy, third) == length && memcmp(again, third, length) == 0);
}

static void try_small(const uint8_t *bytes, size_t size)
{
    uint8_t again[RECORD_DELIVERY_MAX];
    struct record_idempotency idempotency, same;
    struct store_delivery delivery, copy;
    int64_t forget_ms, forgotten_ms;
    if (record_get_idempotency(bytes, size, &idempotency))
        PROMISE(record_get_idempotency(again, record_put_idempotency(&idempotency, again), &same) &&
                same.expires_ms == idempotency.expires_ms);
    if (record_get_gone(bytes, size, &forget_ms))
        PROMISE(record_get_gone(again, record_put_gone(forget_ms, again), &forgotten_ms) &&
                forgotten_ms == forget_ms);
    if (record_get_delivery(bytes, size, &id, 1, &delivery))
        PROMISE(record_get_delivery(again, record_put_delivery(&delivery, again), &id, 1, &copy) &&
                copy.tries == delivery.tries);
}

/* The first byte chooses the decoder. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    /* A copy of its own size, so that a read beyond it is seen. */
    uint8_t *record = malloc(size > 1 ? size - 1 : 1);
    memcpy(record, bytes + 1, size - 1);
    switch (bytes[0] % 3) {
    case 0:
        try_job(record, size - 1);
        break;
    case 1:
        try_attempt(record, size - 1);
        break;
    default:
        try_small(record, size - 1);
    }
    free(record);
    return 0;
}
