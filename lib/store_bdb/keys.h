/* keys.h - the keys of the tables
 *
 * All tables are B-trees in byte order, so numbers are big-endian and a function's name ends with its NUL,
 * which sorts before every character a name may have. Ids are UUIDv7: the order of JOBS is that of creation,
 * and new records go to the right edge of the tree.
 *
 *     JOBS, EVENTS, RESULTS, GONE   id
 *     ATTEMPTS                      id, number (4)
 *     LOGS                          id, offset of the first byte (8)
 *     DUE                           function NUL, due_ms (8), id          QUEUED jobs, in the order of claiming
 *     RUNNING                       function NUL, id                      RUNNING jobs
 *     LISTING                       function NUL, status (1), id          all jobs
 *     ACTIVE                        caller NUL, id                        jobs of named callers that have not ended
 *     IDEMPOTENCY                   SHA-256 of caller NUL key (32)
 *     DELIVERIES                    id, target (1)
 *     DELIVERY_DUE                  due_ms (8), id, target (1)            deliveries that are still to be made
 *     EXPIRY                        time (8), kind (1), id or SHA-256     what is to be removed when
 *
 * DUE, RUNNING, ACTIVE, LISTING, DELIVERY_DUE and EXPIRY have empty values: the key says it all. Times below zero do not occur
 * (they are stored as 0). Pure functions; thread-safe. */
#ifndef JOBGATE_STORE_BDB_KEYS_H
#define JOBGATE_STORE_BDB_KEYS_H

#include "job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_HASH_BYTES 32
#define KEY_MAX        (JOB_FUNCTION_SIZE + 8 + JOB_ID_BYTES)

struct key {
    size_t size;
    uint8_t bytes[KEY_MAX];
};

struct key key_of_id(const struct job_id *id);
struct key key_of_attempt(const struct job_id *id, uint32_t number);
struct key key_of_log(const struct job_id *id, uint64_t offset);
bool key_is_of_id(const struct key *key, const struct job_id *id);
/* The number or offset behind the id. */
uint32_t key_attempt_number(const struct key *key);
uint64_t key_log_offset(const struct key *key);

struct key key_of_due(const char *function, int64_t due_ms, const struct job_id *id);
struct key key_of_running(const char *function, const struct job_id *id);
struct key key_of_listing(const char *function, enum job_status status, const struct job_id *id);
struct key key_of_active(const char *caller, const struct job_id *id);
/* Where the keys of this function (or caller, in ACTIVE) start (in DUE, RUNNING, LISTING), and where they end: the first key that a
 * later function could have. */
struct key key_first_of(const char *function);
struct key key_behind(const char *function);
/* In LISTING: where the function's jobs of this status start. `status` may be one too many. */
struct key key_first_of_status(const char *function, unsigned status);
/* Taking them apart; false when the key is damaged. */
bool key_function(const struct key *key, char *function);
bool key_split_due(const struct key *key, char *function, int64_t *due_ms, struct job_id *id);
bool key_split_running(const struct key *key, char *function, struct job_id *id);
bool key_split_listing(const struct key *key, char *function, enum job_status *status, struct job_id *id);

/* `target` is an enum store_target. */
struct key key_of_delivery(const struct job_id *id, unsigned target);
struct key key_of_delivery_due(int64_t due_ms, const struct job_id *id, unsigned target);
bool key_split_delivery_due(const struct key *key, int64_t *due_ms, struct job_id *id, unsigned *target);

enum expiry_kind { EXPIRY_JOB = 1, EXPIRY_GONE, EXPIRY_IDEMPOTENCY };
struct key key_of_expiry(int64_t at_ms, enum expiry_kind kind, const void *name, size_t size);
/* *name points into the key: JOB_ID_BYTES, or KEY_HASH_BYTES for EXPIRY_IDEMPOTENCY. */
bool key_split_expiry(const struct key *key, int64_t *at_ms, enum expiry_kind *kind, const uint8_t **name);

#endif
