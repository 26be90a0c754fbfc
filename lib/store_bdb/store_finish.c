/* store_finish.c - how an attempt ended (writing half) */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "store_bdb/due_astray.h"
#include "store_bdb/job_rows.h"
#include "store_bdb/record.h"
#include "store_bdb/table.h"

#include <string.h>

struct finish {
    const struct store_attempt *attempt;
    const struct store_report *report;
    const struct job_policy *policy;
    struct job_change change;
    struct job *job;
};

/* 0 to 1000, another one for each attempt of each job: an id has 74 random bits, so nothing has to be drawn
 * here. */
static uint32_t jitter(const struct store_attempt *attempt)
{
    uint64_t mixed;

    memcpy(&mixed, attempt->id.bytes + JOB_ID_BYTES - sizeof mixed, sizeof mixed);
    mixed = (mixed ^ attempt->attempt) * 0x9E3779B97F4A7C15U; /* 2^64 divided by the golden ratio (Knuth) */
    return (uint32_t)((mixed >> 32) % 1001);
}

static enum outcome end_attempt(struct transaction *transaction, const struct finish *call,
                                const struct job *before, struct error *error)
{
    const struct store_report *report = call->report;
    struct key key = key_of_attempt(&before->id, before->attempts);
    struct job_attempt attempt = {.number = before->attempts, .started_ms = before->started_ms};
    uint8_t bytes[RECORD_ATTEMPT_MAX];
    size_t size;
    enum outcome outcome = table_get(transaction, TABLE_ATTEMPTS, &key, bytes, sizeof bytes, &size, error);

    if (outcome != OK && outcome != NOTFOUND)
        return outcome;
    if (outcome == OK && !record_get_attempt(bytes, size, &attempt))
        return error_set(error, IO, "the record of an attempt is damaged or of a newer version");
    attempt.finished_ms = call->change.now_ms;
    attempt.exit_status = report->attempt.exit_status;
    attempt.signal = report->attempt.signal;
    attempt.cpu_us = report->attempt.cpu_us;
    attempt.peak_memory_kib = report->attempt.peak_memory_kib;
    job_text_copy(attempt.error_type, sizeof attempt.error_type, report->error_type);
    job_text_copy(attempt.error_message, sizeof attempt.error_message, report->error_message);
    return table_put(transaction, TABLE_ATTEMPTS, &key, bytes, record_put_attempt(&attempt, bytes), error);
}

/* Only the attempt that ends the job leaves a result. */
static enum outcome save_result(struct transaction *transaction, const struct finish *call,
                                struct error *error)
{
    const struct store_report *report = call->report;
    struct job *job = call->job;
    struct key key = key_of_id(&job->id);

    if (report->result == NULL || !job_status_is_terminal(job->status))
        return OK;
    job->result_size = report->result_size;
    job_text_copy(job->result_type, sizeof job->result_type, report->result_type);
    return table_put(transaction, TABLE_RESULTS, &key, report->result, report->result_size, error);
}

static enum outcome finish(struct transaction *transaction, void *context, struct error *error)
{
    struct finish *call = context;
    struct job before;
    enum outcome outcome = job_rows_load(transaction, &call->attempt->id, 0, &before, error);

    if (outcome == NOTFOUND || outcome == GONE ||
        (outcome == OK && !attempt_is_current(call->attempt, &before)))
        return CONFLICT;
    if (outcome != OK)
        return outcome;
    *call->job = before;
    outcome = job_apply(call->job, call->report->event, call->policy, &call->change);
    if (outcome == OK)
        outcome = end_attempt(transaction, call, &before, error);
    if (outcome == OK)
        outcome = save_result(transaction, call, error);
    if (outcome == OK && call->job->status == JOB_QUEUED)
        due_astray_note(transaction, call->change.now_ms);
    return outcome == OK ? job_rows_update(transaction, &before, call->job, error) : outcome;
}

enum outcome store_finish(struct store *store, const struct store_attempt *attempt,
                          const struct store_report *report, const struct job_policy *policy,
                          int64_t deadline_ms, struct job *job, struct store_ticket *ticket,
                          struct error *error)
{
    int64_t now_ms = report->attempt.finished_ms;
    struct finish call = {
        .attempt = attempt,
        .report = report,
        .policy = policy,
        .change =
            {
                .now_ms = now_ms > 0 ? now_ms : clock_wall_ms(),
                .error_type = report->error_type,
                .error_message = report->error_message,
                .jitter_permille = jitter(attempt),
            },
        .job = job,
    };
    enum outcome outcome = environment_run(store->environment, finish, &call, deadline_ms, ticket, error);

    if (outcome == OK) {
        store_ring_job(store, &attempt->id);
        meter_stopped(store->meter, job, call.change.now_ms - job->started_ms, call.change.now_ms);
    }
    return outcome;
}
