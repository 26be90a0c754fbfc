/* submission.h - from an accepted event to a committed job
 *
 * What POST /job and POST /job/{id}/retry share. A struct submission gathers what the request says, checked;
 * then it is committed and answered. Every check that fails has answered the exchange and returned false. */
#ifndef JOBGATE_SUBMISSION_H
#define JOBGATE_SUBMISSION_H

#include "exchange.h"
#include "preference.h"

struct submission {
    const char *function; /* a name that is installed */
    const void *event;    /* checked JSON */
    size_t event_size;
    int64_t delay_ms;
    const struct job_id *retry_of; /* NULL = none */
    const char *callback_url;      /* "" = nobody is told */
    char key[256];                 /* idempotency key, "" = none */
    struct preference preference;
};

/* 415 unless the body is declared as JSON; an empty body needs no Content-Type, but not from another site. */
bool submission_check_type(struct exchange *exchange);
/* The body as event: valid JSON, or 400 with the offset; no body at all is {}. */
bool submission_take_event(struct exchange *exchange, struct submission *submission);
/* 404 when it is not installed. */
bool submission_take_function(struct exchange *exchange, struct submission *submission, const char *name);
/* ?delay=, X-Callback-Url, Idempotency-Key or amz-sdk-invocation-id, Prefer. */
bool submission_take_wishes(struct exchange *exchange, struct submission *submission);

/* Commits the job and sees to a worker. True: *job is the record and exchange->ticket its ticket. */
bool submission_commit(struct exchange *exchange, const struct submission *submission, struct job *job);
/* The 202 (accepted_status). With Prefer: wait, 200 and the job's document when it ended in that time. */
void submission_answer(struct exchange *exchange, const struct submission *submission, struct job *job);
/* Location, X-Amzn-RequestId: what every answer has that speaks of the new job. */
void submission_name_job(struct exchange *exchange, const struct job *job);

#endif
