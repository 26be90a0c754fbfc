/* job_id.h - a job's name: a UUID version 7 (RFC 9562, section 5.7)
 *
 * 48 bits of Unix milliseconds, then 74 random bits from getrandom(2): ids made later sort later (memcmp on
 * `bytes` is the order of creation to the millisecond, and within one process strictly), and nobody can guess one.
 * The text form is lower case, 36 characters. Thread-safe. */
#ifndef JOBGATE_JOB_ID_H
#define JOBGATE_JOB_ID_H

#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_ID_BYTES     16
#define JOB_ID_TEXT_SIZE 37 /* with the NUL */

struct job_id {
    uint8_t bytes[JOB_ID_BYTES];
};

/* IO when the kernel gives no randomness. */
enum outcome job_id_make(struct job_id *id, struct error *error);
/* Writes JOB_ID_TEXT_SIZE bytes. Returns text. */
char *job_id_format(const struct job_id *id, char *text);
/* Takes exactly the 36 characters of a UUID, either case; INVALID otherwise (no words: the caller answers 404). */
enum outcome job_id_parse(const char *text, size_t length, struct job_id *id);
/* The ids that begin with `prefix`, 1 to 32 hexadecimal digits in either case, dashes do not count: from *first on, all
 * before *behind. INVALID otherwise. */
enum outcome job_id_range(const char *prefix, struct job_id *first, struct job_id *behind);
bool job_id_equal(const struct job_id *a, const struct job_id *b);
/* The millisecond it was made. */
int64_t job_id_wall_ms(const struct job_id *id);

#endif
