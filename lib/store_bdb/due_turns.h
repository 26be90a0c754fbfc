/* due_turns.h - the functions that have queued jobs, in turn
 *
 * Reads the head of each function's queue in DUE: one seek for each function that has queued jobs, however
 * many jobs stand behind it, so a function that is paused or at its limit costs no more than one seek. Inside
 * a transaction body only; part of the reading half (claim and next_due both use it). */
#ifndef JOBGATE_STORE_BDB_DUE_TURNS_H
#define JOBGATE_STORE_BDB_DUE_TURNS_H

#include "store_bdb/table.h"

struct due_head {
    char function[JOB_FUNCTION_SIZE];
    int64_t due_ms;
    struct job_id id;
};

struct due_turns {
    struct walk walk;
    char after[JOB_FUNCTION_SIZE];   /* where the round started: that function comes last */
    char current[JOB_FUNCTION_SIZE]; /* the one given last */
    bool wrapped;
};

/* `after` is the function served last, "" for none. Close also when open failed. */
enum outcome due_turns_open(struct due_turns *turns, struct transaction *transaction, const char *after,
                            struct error *error);
void due_turns_close(struct due_turns *turns);
/* The next function's head. NOTFOUND when each function had its turn. */
enum outcome due_turns_next(struct due_turns *turns, struct due_head *head, struct error *error);
/* The head of the function given last, again: after its first job was taken away. NOTFOUND: none is left. */
enum outcome due_turns_again(struct due_turns *turns, struct due_head *head, struct error *error);

/* Whether jobs that are not due may have come while the clock was ahead: the next claim looks (due_astray.h). */
bool due_may_be_astray(struct transaction *transaction);
/* By more than a clock is set right by, since the last claim. */
bool due_clock_was_put_back(const struct gate_queue *queue, int64_t now_ms);

/* Whether one more attempt of this function may run: OK, NOTFOUND when it is paused or at its limit. */
enum outcome due_may_run(struct transaction *transaction, const char *function,
                         const struct function_settings *settings, struct error *error);
/* The attempts that run now: of one function, or of all when NULL. Counts no further than `most`. */
enum outcome due_count_running(struct transaction *transaction, const char *function, int64_t most,
                               int64_t *count, struct error *error);

#endif
