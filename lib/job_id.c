#include "config.h"
#include "job_id.h"
#include "clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#define COUNTER_BITS 12

/* The first 60 bits of the latest id: milliseconds, then rand_a. A second id of the same millisecond takes
 * the next number (RFC 9562, section 6.2, method 1); when rand_a runs over, or the clock stands or goes back,
 * the carry borrows from the millisecond to come. The 62 bits behind are drawn anew each time, so that a
 * neighbour cannot be guessed. */
static _Atomic uint64_t latest;

static uint64_t next_prefix(uint64_t random)
{
    /* A new millisecond starts in the lower half of rand_a, to leave room to count up. */
    uint64_t fresh = (uint64_t)clock_wall_ms() << COUNTER_BITS | (random & ((1U << (COUNTER_BITS - 1)) - 1));
    uint64_t before = atomic_load_explicit(&latest, memory_order_relaxed);
    uint64_t next;
    do {
        next = fresh >> COUNTER_BITS > before >> COUNTER_BITS ? fresh : before + 1;
    } while (!atomic_compare_exchange_weak_explicit(&latest, &before, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return next;
}

enum outcome job_id_make(struct job_id *id, struct error *error)
{
    uint64_t random[2];
    ssize_t got;
    do {
        got = getrandom(random, sizeof random, 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof random)
        return error_set_errno(error, IO, got < 0 ? errno : EIO, "getrandom");
    uint64_t prefix = next_prefix(random[0]);
    uint64_t high = prefix >> COUNTER_BITS << 16 | 0x7000 | (prefix & ((1U << COUNTER_BITS) - 1));
    uint64_t low = (random[1] & (UINT64_MAX >> 2)) | (uint64_t)1 << 63;
    for (int i = 0; i < 8; i++) {
        id->bytes[i] = (uint8_t)(high >> (56 - 8 * i));
        id->bytes[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
    return OK;
}

static bool dash_is_before_byte(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

char *job_id_format(const struct job_id *id, char *text)
{
    static const char digits[] = "0123456789abcdef";
    char *at = text;
    for (size_t i = 0; i < JOB_ID_BYTES; i++) {
        if (dash_is_before_byte(i))
            *at++ = '-';
        *at++ = digits[id->bytes[i] >> 4];
        *at++ = digits[id->bytes[i] & 15];
    }
    *at = '\0';
    return text;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum outcome job_id_parse(const char *text, size_t length, struct job_id *id)
{
    if (length != JOB_ID_TEXT_SIZE - 1)
        return INVALID;
    struct job_id parsed;
    for (size_t i = 0; i < JOB_ID_BYTES; i++) {
        if (dash_is_before_byte(i) && *text++ != '-')
            return INVALID;
        int high = digit_value(*text++);
        int low = digit_value(*text++);
        if (high < 0 || low < 0)
            return INVALID;
        parsed.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *id = parsed;
    return OK;
}

/* The next one; the last one there can be stays: it is no job's, for it has another version in it. */
static void step(struct job_id *id)
{
    struct job_id next = *id;
    for (size_t i = JOB_ID_BYTES; i-- > 0;) {
        if (++next.bytes[i] != 0) {
            *id = next;
            return;
        }
    }
}

enum outcome job_id_range(const char *prefix, struct job_id *first, struct job_id *behind)
{
    size_t digits = 0;
    memset(first->bytes, 0, JOB_ID_BYTES);
    memset(behind->bytes, 0xff, JOB_ID_BYTES);
    for (; *prefix != '\0'; prefix++) {
        if (*prefix == '-')
            continue;
        int digit = digit_value(*prefix);
        if (digit < 0 || digits == 2 * JOB_ID_BYTES)
            return INVALID;
        uint8_t *low = &first->bytes[digits / 2], *high = &behind->bytes[digits / 2];
        bool is_upper_half = digits++ % 2 == 0;
        *low = (uint8_t)(is_upper_half ? digit << 4 : *low | digit);
        *high = (uint8_t)(is_upper_half ? digit << 4 | 15 : (*high & 0xf0) | digit);
    }
    step(behind);
    return digits > 0 ? OK : INVALID;
}

bool job_id_equal(const struct job_id *a, const struct job_id *b)
{
    return memcmp(a->bytes, b->bytes, JOB_ID_BYTES) == 0;
}

int64_t job_id_wall_ms(const struct job_id *id)
{
    int64_t milliseconds = 0;
    for (int i = 0; i < 6; i++)
        milliseconds = milliseconds << 8 | id->bytes[i];
    return milliseconds;
}
