/* runner.h - one run of a function: what goes in, how it ends
 *
 * A struct attempt is filled by the worker, run by a runner, and then has the verdict. A runner knows how a
 * kind of function is run: exec.c starts a program for each attempt. Whatever happens, run() ends with no
 * process of the attempt left (or strays_left), and with a verdict. Belongs to one thread. */
#ifndef JOBGATE_RUNNER_H
#define JOBGATE_RUNNER_H

#include "account.h"
#include "capture.h"
#include "configuration.h"
#include "function.h"
#include "job.h"
#include "signals.h"
#include "strays.h"

/* How often at most an attempt tells of itself: progress, log, and whether it was cancelled. A cancel is thus
 * seen after 100 ms in the mean, for the price of one look at the store in each interval; a thread sleeping
 * on the job's doorbell would see it at once, but costs a thread for each worker where 25 processes are all
 * one has, and two hand-overs for each job of a millisecond. */
#define ATTEMPT_TELL_MS 200

enum attempt_order {
    ATTEMPT_GO_ON,
    ATTEMPT_CANCEL,    /* somebody wants it stopped */
    ATTEMPT_GIVE_BACK, /* the worker has to leave: stop it, the job goes back to the queue */
    ATTEMPT_ABANDON,   /* the job is no longer ours: stop it, report nothing */
};

struct attempt {
    /* The caller's, unchanged while it runs. */
    const struct job *job;
    const struct buffer *event; /* as submitted */
    const struct function *function;
    const struct configuration *configuration;
    const struct function_settings *settings;
    const struct account *account; /* who it runs as; NULL = as the worker */
    const char *folder;            /* working directory and TMPDIR: exists, empty */
    struct signals *signals;
    /* Called when everything is ready for the function to start; NULL = nothing is to be waited for. When it is not OK,
     * the function does not start. */
    enum outcome (*ready)(struct attempt *attempt, void *context, struct error *error);
    /* Called at soon_ms (monotonic), when the function still runs then, and again at the time that it gives back, INT64_MAX =
     * never. NULL = there is nothing to do. */
    int64_t (*soon)(struct attempt *attempt, void *context);
    int64_t soon_ms;
    /* Called every ATTEMPT_TELL_MS and once at the end, when the order no longer counts. Takes what it likes
     * from `log` (log_capture_clear) and `progress` (changed = false); the rest is offered again. */
    enum attempt_order (*tell)(struct attempt *attempt, void *context);
    void *context;
    /* Start them from zero, but for their limits and progress.percent. */
    struct result_capture result;
    struct log_capture log;
    struct progress_capture progress;
    /* The verdict. */
    enum job_event verdict;
    struct job_attempt record; /* finished_ms, exit_status, signal, error_*, cpu_us, peak_memory_kib */
    bool abandoned;
    bool strays_left; /* some process could not be ended: this worker should leave its slot */
};

struct runner {
    const char *name;
    void (*run)(struct attempt *attempt);
};

extern const struct runner exec_runner;
/* NULL: no runner for this kind; *error says so. */
const struct runner *runner_for(const struct function *function, struct error *error);

/* The verdicts, in Lambda's words ("RequestId: ID Error: …"). */
void attempt_fail(struct attempt *attempt, enum job_event verdict, const char *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What waitpid said of the function: success, EX_TEMPFAIL, EX_DATAERR, failure or signal. */
void attempt_judge_status(struct attempt *attempt, int status);
void attempt_fail_timeout(struct attempt *attempt);
void attempt_fail_result_size(struct attempt *attempt);
/* The function could not be started. */
void attempt_fail_start(struct attempt *attempt, enum outcome outcome, const char *words);

#endif
