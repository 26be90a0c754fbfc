/* record.c - see record.h */
#include "config.h"

#include "store_bdb/record.h"

#include <string.h>

/* A format that changes gets the next number here, a branch in its decoder, and golden bytes in tests/unit.
 */
#define JOB_VERSION         1
#define ATTEMPT_VERSION     1
#define IDEMPOTENCY_VERSION 1
#define GONE_VERSION        1
#define DELIVERY_VERSION    1

enum job_flag {
    FLAG_WAITS_FOR_RETRY = 1,
    FLAG_CANCEL_REQUESTED = 2,
    FLAG_RETRY_OF = 4,
    FLAG_RAW_EVENT = 8,
    FLAG_PURGED = 16,
    FLAG_DESTINATION = 32,
    FLAGS_ALL = 63,
};

/* ---- writing ---- */

static uint8_t *put_unsigned(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put_signed(uint8_t *at, int64_t value)
{
    return put_unsigned(at, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

static uint8_t *put_text(uint8_t *at, const char *text)
{
    size_t length = strlen(text);

    return put_bytes(put_unsigned(at, length), text, length);
}

/* ---- reading ---- */

/* Once something was wrong, `wrong` stays set and every further read gives zero: the decoders look once, at
 * the end. */
struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool wrong;
};

static uint64_t get_unsigned(struct reader *reader)
{
    uint64_t value = 0;

    for (unsigned shift = 0; !reader->wrong && reader->at < reader->end && shift < 64; shift += 7) {
        uint8_t byte = *reader->at++;

        if (shift == 63 && byte > 1)
            break; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return value;
    }
    reader->wrong = true;
    return 0;
}

static uint64_t get_at_most(struct reader *reader, uint64_t most)
{
    uint64_t value = get_unsigned(reader);

    if (value <= most)
        return value;
    reader->wrong = true;
    return 0;
}

static int64_t get_signed(struct reader *reader)
{
    uint64_t value = get_unsigned(reader);

    return (int64_t)((value >> 1) ^ (value & 1 ? UINT64_MAX : 0));
}

static int32_t get_signed_32(struct reader *reader)
{
    int64_t value = get_signed(reader);

    if (value >= INT32_MIN && value <= INT32_MAX)
        return (int32_t)value;
    reader->wrong = true;
    return 0;
}

static void get_bytes(struct reader *reader, void *bytes, size_t size)
{
    if (reader->wrong || (size_t)(reader->end - reader->at) < size) {
        reader->wrong = true;
        memset(bytes, 0, size);
        return;
    }
    memcpy(bytes, reader->at, size);
    reader->at += size;
}

static void get_text(struct reader *reader, char *text, size_t size)
{
    size_t length = (size_t)get_at_most(reader, size - 1);

    get_bytes(reader, text, length);
    text[length] = '\0';
    if (memchr(text, '\0', length) != NULL)
        reader->wrong = true;
}

static struct reader open_record(const uint8_t *bytes, size_t size, uint8_t version)
{
    bool known = size > 0 && bytes[0] == version;

    return (struct reader){
        .at = known ? bytes + 1 : bytes, .end = known ? bytes + size : bytes, .wrong = !known};
}

static bool is_whole(const struct reader *reader)
{
    return !reader->wrong && reader->at == reader->end;
}

/* ---- job ---- */

static unsigned job_flags(const struct job *job)
{
    return (job->waits_for_retry ? FLAG_WAITS_FOR_RETRY : 0U) |
           (job->cancel_requested ? FLAG_CANCEL_REQUESTED : 0U) | (job->has_retry_of ? FLAG_RETRY_OF : 0U) |
           (job->raw_event ? FLAG_RAW_EVENT : 0U) | (job->purged ? FLAG_PURGED : 0U) |
           (job->destination[0] != '\0' ? FLAG_DESTINATION : 0U);
}

size_t record_put_job(const struct job *job, uint8_t *bytes)
{
    uint8_t *at = bytes;

    *at++ = JOB_VERSION;
    *at++ = (uint8_t)job->status;
    *at++ = (uint8_t)job_flags(job);
    at = put_unsigned(at, job->revision);
    at = put_text(at, job->function);
    at = put_signed(at, job->created_ms);
    at = put_signed(at, job->first_due_ms);
    at = put_signed(at, job->due_ms);
    at = put_signed(at, job->started_ms);
    at = put_signed(at, job->finished_ms);
    at = put_signed(at, job->expires_ms);
    at = put_unsigned(at, job->attempts);
    at = put_unsigned(at, job->failures);
    at = put_unsigned(at, job->interruptions);
    at = put_unsigned(at, job->runner.slot);
    at = put_unsigned(at, job->runner.life);
    at = put_signed(at, job->progress_percent);
    at = put_text(at, job->progress_message);
    at = put_text(at, job->error_type);
    at = put_text(at, job->error_message);
    at = put_unsigned(at, job->event_size);
    at = put_unsigned(at, job->result_size);
    at = put_text(at, job->result_type);
    at = put_unsigned(at, job->log_size);
    at = put_text(at, job->cancel_reason);
    at = put_text(at, job->cancelled_by);
    at = put_text(at, job->caller);
    at = put_text(at, job->callback_url);
    at = put_text(at, job->traceparent);
    if (job->has_retry_of)
        at = put_bytes(at, job->retry_of.bytes, JOB_ID_BYTES);
    if (job->destination[0] != '\0')
        at = put_text(at, job->destination);
    return (size_t)(at - bytes);
}

/* True: the record ends with a destination. */
static bool get_job_head(struct reader *reader, struct job *job)
{
    uint8_t head[2];
    unsigned flags;

    get_bytes(reader, head, sizeof head);
    flags = head[1];
    if (job_status_name((enum job_status)head[0]) == NULL || flags > FLAGS_ALL)
        reader->wrong = true;
    job->status = (enum job_status)head[0];
    job->waits_for_retry = (flags & FLAG_WAITS_FOR_RETRY) != 0;
    job->cancel_requested = (flags & FLAG_CANCEL_REQUESTED) != 0;
    job->has_retry_of = (flags & FLAG_RETRY_OF) != 0;
    job->raw_event = (flags & FLAG_RAW_EVENT) != 0;
    job->purged = (flags & FLAG_PURGED) != 0;
    return (flags & FLAG_DESTINATION) != 0;
}

static void get_job_numbers(struct reader *reader, struct job *job)
{
    job->revision = get_unsigned(reader);
    get_text(reader, job->function, sizeof job->function);
    job->created_ms = get_signed(reader);
    job->first_due_ms = get_signed(reader);
    job->due_ms = get_signed(reader);
    job->started_ms = get_signed(reader);
    job->finished_ms = get_signed(reader);
    job->expires_ms = get_signed(reader);
    job->attempts = (uint32_t)get_at_most(reader, UINT32_MAX);
    job->failures = (uint32_t)get_at_most(reader, UINT32_MAX);
    job->interruptions = (uint32_t)get_at_most(reader, UINT32_MAX);
    job->runner.slot = (uint32_t)get_at_most(reader, UINT32_MAX);
    job->runner.life = get_unsigned(reader);
    job->progress_percent = get_signed_32(reader);
}

static void get_job_texts(struct reader *reader, struct job *job)
{
    get_text(reader, job->progress_message, sizeof job->progress_message);
    get_text(reader, job->error_type, sizeof job->error_type);
    get_text(reader, job->error_message, sizeof job->error_message);
    job->event_size = get_unsigned(reader);
    job->result_size = get_unsigned(reader);
    get_text(reader, job->result_type, sizeof job->result_type);
    job->log_size = get_unsigned(reader);
    get_text(reader, job->cancel_reason, sizeof job->cancel_reason);
    get_text(reader, job->cancelled_by, sizeof job->cancelled_by);
    get_text(reader, job->caller, sizeof job->caller);
    get_text(reader, job->callback_url, sizeof job->callback_url);
    get_text(reader, job->traceparent, sizeof job->traceparent);
    if (job->has_retry_of)
        get_bytes(reader, job->retry_of.bytes, JOB_ID_BYTES);
    else
        memset(&job->retry_of, 0, sizeof job->retry_of);
}

bool record_get_job(const uint8_t *bytes, size_t size, const struct job_id *id, struct job *job)
{
    struct reader reader = open_record(bytes, size, JOB_VERSION);

    job->id = *id;
    bool has_destination = get_job_head(&reader, job);
    get_job_numbers(&reader, job);
    get_job_texts(&reader, job);
    job->destination[0] = '\0';
    if (has_destination)
        get_text(&reader, job->destination, sizeof job->destination);
    if (has_destination && job->destination[0] == '\0')
        reader.wrong = true;
    return is_whole(&reader);
}

/* ---- attempt ---- */

size_t record_put_attempt(const struct job_attempt *attempt, uint8_t *bytes)
{
    uint8_t *at = bytes;

    *at++ = ATTEMPT_VERSION;
    at = put_unsigned(at, attempt->number);
    at = put_signed(at, attempt->started_ms);
    at = put_signed(at, attempt->finished_ms);
    at = put_signed(at, attempt->exit_status);
    at = put_signed(at, attempt->signal);
    at = put_text(at, attempt->error_type);
    at = put_text(at, attempt->error_message);
    at = put_unsigned(at, attempt->cpu_us);
    at = put_unsigned(at, attempt->peak_memory_kib);
    at = put_unsigned(at, attempt->log_offset);
    return (size_t)(at - bytes);
}

bool record_get_attempt(const uint8_t *bytes, size_t size, struct job_attempt *attempt)
{
    struct reader reader = open_record(bytes, size, ATTEMPT_VERSION);

    attempt->number = (uint32_t)get_at_most(&reader, UINT32_MAX);
    attempt->started_ms = get_signed(&reader);
    attempt->finished_ms = get_signed(&reader);
    attempt->exit_status = get_signed_32(&reader);
    attempt->signal = get_signed_32(&reader);
    get_text(&reader, attempt->error_type, sizeof attempt->error_type);
    get_text(&reader, attempt->error_message, sizeof attempt->error_message);
    attempt->cpu_us = get_unsigned(&reader);
    attempt->peak_memory_kib = get_unsigned(&reader);
    attempt->log_offset = get_unsigned(&reader);
    return is_whole(&reader);
}

/* ---- idempotency key, remembered id ---- */

size_t record_put_idempotency(const struct record_idempotency *record, uint8_t *bytes)
{
    uint8_t *at = bytes;

    *at++ = IDEMPOTENCY_VERSION;
    at = put_bytes(at, record->id.bytes, JOB_ID_BYTES);
    at = put_signed(at, record->created_ms);
    at = put_signed(at, record->expires_ms);
    at = put_bytes(at, record->fingerprint, RECORD_FINGERPRINT_BYTES);
    return (size_t)(at - bytes);
}

bool record_get_idempotency(const uint8_t *bytes, size_t size, struct record_idempotency *record)
{
    struct reader reader = open_record(bytes, size, IDEMPOTENCY_VERSION);

    get_bytes(&reader, record->id.bytes, JOB_ID_BYTES);
    record->created_ms = get_signed(&reader);
    record->expires_ms = get_signed(&reader);
    get_bytes(&reader, record->fingerprint, RECORD_FINGERPRINT_BYTES);
    return is_whole(&reader);
}

size_t record_put_gone(int64_t forget_ms, uint8_t *bytes)
{
    uint8_t *at = bytes;

    *at++ = GONE_VERSION;
    at = put_signed(at, forget_ms);
    return (size_t)(at - bytes);
}

bool record_get_gone(const uint8_t *bytes, size_t size, int64_t *forget_ms)
{
    struct reader reader = open_record(bytes, size, GONE_VERSION);

    *forget_ms = get_signed(&reader);
    return is_whole(&reader);
}

/* ---- delivery ---- */

size_t record_put_delivery(const struct store_delivery *delivery, uint8_t *bytes)
{
    uint8_t *at = bytes;

    *at++ = DELIVERY_VERSION;
    *at++ = (uint8_t)delivery->state;
    at = put_unsigned(at, delivery->tries);
    at = put_signed(at, delivery->due_ms);
    at = put_signed(at, delivery->ended_ms);
    at = put_signed(at, delivery->http_status);
    at = put_text(at, delivery->words);
    return (size_t)(at - bytes);
}

bool record_get_delivery(const uint8_t *bytes, size_t size, const struct job_id *id, enum store_target target,
                         struct store_delivery *delivery)
{
    struct reader reader = open_record(bytes, size, DELIVERY_VERSION);
    uint8_t state;

    *delivery = (struct store_delivery){.job = *id, .target = target};
    get_bytes(&reader, &state, 1);
    if (state < DELIVERY_WAITS || state > DELIVERY_GIVEN_UP)
        reader.wrong = true;
    delivery->state = (enum store_delivery_state)state;
    delivery->tries = (uint32_t)get_at_most(&reader, UINT32_MAX);
    delivery->due_ms = get_signed(&reader);
    delivery->ended_ms = get_signed(&reader);
    delivery->http_status = get_signed_32(&reader);
    get_text(&reader, delivery->words, sizeof delivery->words);
    return is_whole(&reader);
}
