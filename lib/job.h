/* job.h - the job record, and its life as a pure function
 *
 * A job is one submission of an event to a function. This header has the record that the store keeps, the HTTP side
 * shows and the worker acts on, and job_apply, the only code that may change a job's status:
 *
 *     QUEUED --CLAIM--> RUNNING --SUCCEED--------------------------------> SUCCEEDED
 *       ^  |               |----FAIL, retries left (backoff)-----> QUEUED
 *       |  |               |----FAIL, none left; FAIL_FOR_GOOD---> FAILED
 *       |  |               |----TRY_LATER (no retry used up)-----> QUEUED, FAILED past max_event_age
 *       |  |               |----INTERRUPT (its worker died)------> QUEUED, FAILED after max_interruptions
 *       |  |               `----any end with cancel_requested----> CANCELLED (SUCCEED stays SUCCEEDED)
 *       |  `--CANCEL--> CANCELLED            RUNNING --CANCEL--> RUNNING with cancel_requested
 *       |-- a claim past max_event_age: FAILED, Event.AgeExceeded
 *
 * Times are wall-clock milliseconds, 0 = not yet. Strings are NUL-terminated UTF-8 in the record itself: a struct job
 * owns nothing and is copied by assignment. Thread safety: pure functions. */
#ifndef JOBGATE_JOB_H
#define JOBGATE_JOB_H

#include "job_id.h"
#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_FUNCTION_SIZE    65 /* [A-Za-z0-9_-]{1,64} and its NUL: Lambda's own limit */
#define JOB_ERROR_TYPE_SIZE  65
#define JOB_MESSAGE_SIZE     1024
#define JOB_PROGRESS_SIZE    201
#define JOB_REASON_SIZE      201
#define JOB_CALLER_SIZE      65
#define JOB_URL_SIZE         1025
#define JOB_TRACEPARENT_SIZE 56 /* W3C Trace Context: 55 characters */
#define JOB_TYPE_SIZE        65 /* a media type */

enum job_status { JOB_QUEUED = 1, JOB_RUNNING, JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELLED };
#define JOB_STATUS_COUNT 6 /* for arrays indexed by status */

/* "QUEUED", … as in the HTTP contract; NULL for no status. */
const char *job_status_name(enum job_status status);
/* 0 when the text is no status. Upper case only. */
enum job_status job_status_parse(const char *text);
bool job_status_is_terminal(enum job_status status);
/* [A-Za-z0-9_-]{1,64} */
bool job_function_name_is_valid(const char *name);
/* Into a field of a record: what fits into `size` with its NUL, cut at a character's boundary (half a UTF-8 sequence
 * would make the job's JSON invalid). `from` may be NULL. */
void job_text_copy(char *to, size_t size, const char *from);

/* Who runs an attempt: a slot number, and the random number that tells one worker in that slot from the next. */
struct slot_identity {
    uint32_t slot;
    uint64_t life;
};

/* One run of the function. Kept for each attempt, served in the job document. */
struct job_attempt {
    uint32_t number; /* from 1 */
    int64_t started_ms;
    int64_t finished_ms;                  /* 0 while it runs */
    int32_t exit_status;                  /* -1 when it did not exit by itself */
    int32_t signal;                       /* the signal that ended it, else 0 */
    char error_type[JOB_ERROR_TYPE_SIZE]; /* empty when it succeeded */
    char error_message[JOB_MESSAGE_SIZE];
    uint64_t cpu_us;          /* user + system time of all its processes that were waited for */
    uint64_t peak_memory_kib; /* ru_maxrss */
    uint64_t log_offset;      /* where its part of the job's log starts, in bytes */
};

struct job {
    struct job_id id;
    uint64_t revision; /* grows with each change of the record; the ETag comes from it */
    enum job_status status;
    char function[JOB_FUNCTION_SIZE];
    int64_t created_ms;
    int64_t first_due_ms; /* created plus the delay asked for: max_event_age counts from here */
    int64_t
        due_ms; /* not claimed before. Kept while RUNNING, so that an interrupted job gets its old place; then 0 */
    int64_t started_ms;          /* of the latest attempt */
    int64_t finished_ms;         /* when it became terminal */
    int64_t expires_ms;          /* when its content goes; 0 until terminal */
    uint32_t attempts;           /* runs started */
    uint32_t failures;           /* runs that used up a retry */
    uint32_t interruptions;      /* runs whose worker died */
    struct slot_identity runner; /* RUNNING only */
    int32_t progress_percent;    /* -1 = none told */
    char progress_message[JOB_PROGRESS_SIZE];
    char error_type[JOB_ERROR_TYPE_SIZE]; /* FAILED: why; QUEUED for a retry: why the last attempt failed */
    char error_message[JOB_MESSAGE_SIZE];
    uint64_t event_size;             /* bytes */
    uint64_t result_size;            /* bytes */
    char result_type[JOB_TYPE_SIZE]; /* media type; empty = no result */
    uint64_t log_size;               /* bytes ever written to the log; the kept tail may be shorter */
    bool waits_for_retry; /* QUEUED after a failure or TRY_LATER, as against submitted with a delay */
    bool cancel_requested;
    char cancel_reason[JOB_REASON_SIZE];
    char cancelled_by[JOB_CALLER_SIZE];
    bool has_retry_of;
    struct job_id retry_of;
    char caller[JOB_CALLER_SIZE];    /* name of the key, empty for anonymous */
    char callback_url[JOB_URL_SIZE]; /* told when it has ended, whichever way */
    char destination
        [JOB_URL_SIZE]; /* on_success or on_failure as it stood when the job ended: URL or function */
    char traceparent[JOB_TRACEPARENT_SIZE];
    bool
        raw_event; /* the function gets the event itself (Lambda's Invoke), not the {"jobId","body"} envelope */
    bool purged;   /* event, result and log were erased on request */
};

enum job_event {
    JOB_CLAIM = 1,     /* a worker takes it */
    JOB_SUCCEED,       /* exit 0 */
    JOB_FAIL,          /* any other end of the function; uses up a retry */
    JOB_FAIL_FOR_GOOD, /* exit 65 (EX_DATAERR), function missing, result too large: trying again cannot help */
    JOB_TRY_LATER,     /* exit 75 (EX_TEMPFAIL) */
    JOB_INTERRUPT,     /* the worker died or had to give the job back */
    JOB_CANCEL,
};

/* What the configuration says of the job's function; see configuration.h for meaning and defaults. */
struct job_policy {
    int64_t retries;
    int64_t backoff_ms; /* before the first retry; doubles with each further one (60 s, 120 s: Lambda's) */
    int64_t max_event_age_ms; /* since first due; 0 = no limit */
    int64_t max_interruptions;
    int64_t retention_ms[JOB_STATUS_COUNT]; /* by terminal status */
    const char *on_success; /* where to tell of it: URL or function; NULL or empty = nowhere */
    const char *on_failure;
};

/* What comes along with the event. */
struct job_change {
    int64_t now_ms;
    struct slot_identity runner; /* CLAIM */
    const char *error_type;      /* FAIL, FAIL_FOR_GOOD, TRY_LATER; may be NULL otherwise */
    const char *error_message;
    const char *reason;       /* CANCEL; may be NULL */
    const char *caller;       /* CANCEL; may be NULL */
    uint32_t jitter_permille; /* 0..1000, drawn by the caller: adds up to 25 % to a backoff */
};

/* True when somebody is to be told that this job has ended. */
bool job_has_deliveries(const struct job *job);

/* When a queued job is due, seen from now: its due_ms, unless that is further away than such a job ever waits (its delay, or
 * the longest pause before a retry). Then the wall clock was put back meanwhile, and it is due that long from now. */
int64_t job_due_seen(const struct job *job, const struct job_policy *policy, int64_t now_ms);

/* Applies the event to *job (status, times, counters, error, revision + 1). OK: *job is the new record. CONFLICT:
 * the status does not take this event, *job is as it was. A CLAIM of a job past its max_event_age is OK and leaves it
 * FAILED with Event.AgeExceeded: look at the status. Never allocates, never looks at a clock. */
enum outcome job_apply(struct job *job, enum job_event event, const struct job_policy *policy,
                       const struct job_change *change);

#endif
