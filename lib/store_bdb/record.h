/* record.h - the records of the tables as bytes
 *
 * One format for each kind of record, with its version in the first byte. Numbers are LEB128 varints (7 bits
 * a byte, low first), times and other signed numbers zigzag varints, strings a varint length and their bytes;
 * the id is not in the value, it is the key. A usual job takes 70 to 150 bytes, against 2,900 in memory: that
 * is what a status change writes to the log.
 *
 * Decoders take any bytes: they read inside `size` only, and answer false for another version, a value
 * outside its range, a NUL in a string, bytes that are missing or left over. What they accept encodes to a
 * record that decodes to the same. Pure functions; thread-safe. */
#ifndef JOBGATE_STORE_BDB_RECORD_H
#define JOBGATE_STORE_BDB_RECORD_H

#include "job.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Enough for the longest record of each kind. */
#define RECORD_JOB_MAX         4352
#define RECORD_ATTEMPT_MAX     1280
#define RECORD_IDEMPOTENCY_MAX 80
#define RECORD_GONE_MAX        16
#define RECORD_DELIVERY_MAX    320

#define RECORD_FINGERPRINT_BYTES 32

/* Encoders return the bytes written; they cannot fail. `bytes` has the size above. */
size_t record_put_job(const struct job *job, uint8_t *bytes);
/* `id` is the record's key, and becomes job->id. */
bool record_get_job(const uint8_t *bytes, size_t size, const struct job_id *id, struct job *job);

size_t record_put_attempt(const struct job_attempt *attempt, uint8_t *bytes);
bool record_get_attempt(const uint8_t *bytes, size_t size, struct job_attempt *attempt);

/* What an idempotency key stands for. */
struct record_idempotency {
    struct job_id id;
    int64_t created_ms; /* of the job, for an answer after it has expired */
    int64_t expires_ms; /* of the key */
    uint8_t fingerprint[RECORD_FINGERPRINT_BYTES];
};
size_t record_put_idempotency(const struct record_idempotency *record, uint8_t *bytes);
bool record_get_idempotency(const uint8_t *bytes, size_t size, struct record_idempotency *record);

/* The id of a job that has expired is remembered until then. */
size_t record_put_gone(int64_t forget_ms, uint8_t *bytes);
bool record_get_gone(const uint8_t *bytes, size_t size, int64_t *forget_ms);

/* `id` and `target` are the record's key. */
size_t record_put_delivery(const struct store_delivery *delivery, uint8_t *bytes);
bool record_get_delivery(const uint8_t *bytes, size_t size, const struct job_id *id, enum store_target target,
                         struct store_delivery *delivery);

#endif
