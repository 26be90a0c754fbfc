#include "config.h"
#include "runner.h"
#include "clock.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

const struct runner *runner_for(const struct function *function, struct error *error)
{
    if (function->kind == FUNCTION_EXECUTABLE)
        return &exec_runner;
    error_set(error, INVALID,
              "function %s is a folder with a bootstrap; this worker runs executable files only",
              function->name);
    return NULL;
}

void attempt_fail(struct attempt *attempt, enum job_event verdict, const char *type, const char *format, ...)
{
    struct job_attempt *record = &attempt->record;
    char id[JOB_ID_TEXT_SIZE];
    attempt->verdict = verdict;
    snprintf(record->error_type, sizeof record->error_type, "%s", type);
    int used = snprintf(record->error_message, sizeof record->error_message,
                        "RequestId: %s Error: ", job_id_format(&attempt->job->id, id));
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(record->error_message + used, sizeof record->error_message - (size_t)used, format, arguments);
    va_end(arguments);
}

static void judge_exit(struct attempt *attempt, int status)
{
    attempt->record.exit_status = status;
    if (status == 0) {
        attempt->verdict = JOB_SUCCEED;
        return;
    }
    enum job_event verdict = status == EX_TEMPFAIL  ? JOB_TRY_LATER
                             : status == EX_DATAERR ? JOB_FAIL_FOR_GOOD
                                                    : JOB_FAIL;
    attempt_fail(attempt, verdict, "Runtime.ExitError", "Runtime exited with error: exit status %d", status);
}

void attempt_judge_status(struct attempt *attempt, int status)
{
    attempt->record.exit_status = -1;
    attempt->record.signal = 0;
    if (WIFEXITED(status)) {
        judge_exit(attempt, WEXITSTATUS(status));
        return;
    }
    int number = WTERMSIG(status);
    const char *name = sigabbrev_np(number);
    attempt->record.signal = number;
    if (name != NULL)
        attempt_fail(attempt, JOB_FAIL, "Runtime.ExitError", "Runtime exited with error: signal: SIG%s",
                     name);
    else
        attempt_fail(attempt, JOB_FAIL, "Runtime.ExitError", "Runtime exited with error: signal: %d", number);
}

void attempt_fail_timeout(struct attempt *attempt)
{
    attempt_fail(attempt, JOB_FAIL, "Sandbox.Timedout", "Task timed out after %.2f seconds",
                 (double)attempt->settings->timeout_ms / 1000);
}

void attempt_fail_result_size(struct attempt *attempt)
{
    attempt_fail(attempt, JOB_FAIL_FOR_GOOD, "Function.ResponseSizeTooLarge",
                 "Response payload size exceeded maximum allowed payload size (%" PRId64 " bytes).",
                 attempt->configuration->max_result_size);
}

void attempt_fail_start(struct attempt *attempt, enum outcome outcome, const char *words)
{
    attempt->record.exit_status = -1;
    /* What the system lacks now comes back; what is wrong with the program does not change by waiting. */
    if (outcome == IO || outcome == INVALID)
        attempt_fail(attempt, JOB_FAIL_FOR_GOOD, "Runtime.InvalidEntrypoint", "%s", words);
    else if (outcome == NOTFOUND)
        attempt_fail(attempt, JOB_FAIL_FOR_GOOD, "ResourceNotFoundException", "%s", words);
    else
        attempt_fail(attempt, JOB_TRY_LATER, "Worker.StartFailed", "%s", words);
}
