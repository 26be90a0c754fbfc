/* store.h - where jobs live
 *
 * The store in the words of the domain. An implementation (lib/store_bdb: Berkeley DB behind a gate) can be replaced
 * by another one that passes tests/contract; nothing of cursors, transactions or paths shows here.
 *
 * Durability. A call that changes something returns as soon as the change is visible to every process, with a
 * struct store_ticket; the change is on disk once store_sync(ticket) is OK. Many tickets share one sync. The rule: nobody
 * outside is told (202, an outcome) before the ticket is synced, and no function is started before all that its job was
 * when it was claimed is on disk. The claim itself is nobody's promise and may follow (store_claim). What a reading call
 * returns is synced already.
 *
 * Atomicity. Every call is one transaction: wholly there or not at all, also when the process is killed in it.
 *
 * Outcomes of every call, beside its own: UNAVAILABLE (deadline passed, or the store is out of service: poisoned by a
 * failed sync, damaged; the words say which and what to do), FULL (disk; only calls that add), NOMEM, IO.
 * Deadlines are absolute monotonic milliseconds (clock.h).
 *
 * Thread safety: a struct store may be used by all threads of a process at once. After fork() the child may not use it.
 * Memory: what a call returns belongs to the caller; struct buffers are freed by buffer_free. */
#ifndef JOBGATE_STORE_H
#define JOBGATE_STORE_H

#include "buffer.h"
#include "configuration.h"
#include "job.h"
#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum store_access {
    STORE_READ = 1, /* status: get, list, wait; the tables are opened read-only */
    STORE_WRITE,
};

/* Opens (and for STORE_WRITE creates) the store in data_dir. Refuses, with words: a folder of another owner, with
 * rights for group or others, behind a symlink, or on a network file system. Cheap: tables are opened when first used. */
enum outcome store_open(const struct configuration *configuration, enum store_access access,
                        struct store **store, struct error *error);
/* The configuration was edited: disk_reserve, which the store looks at by itself, follows. Cheap; at any time. */
void store_configure(struct store *store, const struct configuration *configuration);
/* Detaches cleanly. NULL is legal. No other call may be under way. */
void store_close(struct store *store);

/* True when this process keeps the remains of so many recoveries (or its data folder was taken away) that it should end
 * when it is idle and let a new one take its place: a FastCGI process between two requests, a worker between two jobs.
 * Everything goes on working meanwhile, but for a folder that is gone. Never blocks. */
bool store_wants_restart(const struct store *store);

/* A point in the store's history. Zero means "nothing to wait for". */
struct store_ticket {
    uint64_t position;
};
/* OK when everything up to the ticket is on disk. UNAVAILABLE for good after a sync has failed: the kernel may have dropped what
 * it could not write. */
enum outcome store_sync(struct store *store, struct store_ticket ticket, int64_t deadline_ms,
                        struct error *error);
/* Whether it is, as far as that is known without a sync. Cheap. */
bool store_is_synced(const struct store *store, struct store_ticket ticket);
/* store_sync, of what another process has committed and is about to sync, as everybody does after a submit: waits a moment
 * for that, which takes less time than a second sync behind it. */
enum outcome store_sync_with_others(struct store *store, struct store_ticket ticket, int64_t deadline_ms,
                                    struct error *error);

/* Moves with each change of a job (now and then also without one), and with each recovery. What was read of a job after a
 * stamp was taken is true as long as the stamp is the same. Costs no visit to the database. */
struct store_stamp {
    uint64_t generation; /* 0: not known */
    uint64_t position;
};
struct store_stamp store_stamp(struct store *store, const struct job_id *id);

/* ---- submit side ---- */

struct store_submission {
    struct job
        job; /* id, function, created_ms, due_ms, caller, callback_url, traceparent, retry_of, raw_event are taken */
    const void *event;
    size_t event_size;
    const char *idempotency_key; /* NULL = none; with caller it makes the scope */
    int64_t idempotency_ttl_ms;  /* how long the key is kept; of the configuration in force */
    int64_t queue_max;           /* FULL when that many are queued, of all functions; 0 = no limit */
    int64_t active_max;      /* FULL when the job's caller has that many that have not ended; 0 = no limit */
    uint8_t fingerprint[32]; /* SHA-256 of function and body; compared when the key was seen before */
};
/* OK: *job is the record (of the earlier submission when *replayed; when that job has expired before its key, a record
 * of what its 202 said: id, function, created_ms, QUEUED). CONFLICT: the key was used with another body. INVALID: the id
 * is taken. FULL: *queue_full tells queue_max and active_max (the words say which) from disk space. */
enum outcome store_submit(struct store *store, const struct store_submission *submission, int64_t deadline_ms,
                          struct job *job, bool *replayed, bool *queue_full, struct store_ticket *ticket,
                          struct error *error);
/* QUEUED: cancelled at once. RUNNING: the wish is recorded and the worker woken (job->status stays RUNNING). OK also
 * when it was CANCELLED before. CONFLICT when it ended otherwise; *job is the record in all three. NOTFOUND, GONE. */
enum outcome store_cancel(struct store *store, const struct configuration *configuration,
                          const struct job_id *id, const char *reason, const char *caller,
                          int64_t deadline_ms, struct job *job, struct store_ticket *ticket,
                          struct error *error);
/* Erases event, result and log of an ended job; the record stays until it expires. CONFLICT while it has not ended. */
enum outcome store_purge(struct store *store, const struct job_id *id, int64_t deadline_ms, struct job *job,
                         struct store_ticket *ticket, struct error *error);
/* Removes up to `batch` jobs whose expires_ms has passed (their ids are remembered for GONE for retention once more),
 * forgotten ids and old idempotency keys. *removed counts; 0 = nothing left to do. */
enum outcome store_expire(struct store *store, int64_t now_ms, unsigned batch, int64_t deadline_ms,
                          unsigned *removed, struct error *error);

/* ---- reading side ---- */

/* OK, NOTFOUND, GONE. */
enum outcome store_get(struct store *store, const struct job_id *id, int64_t deadline_ms, struct job *job,
                       struct error *error);
/* Appends. NOTFOUND also when the job has no such thing (no result yet, purged). */
enum outcome store_event(struct store *store, const struct job_id *id, int64_t deadline_ms,
                         struct buffer *event, struct error *error);
enum outcome store_result(struct store *store, const struct job_id *id, int64_t deadline_ms,
                          struct buffer *result, struct error *error);
/* The kept log from byte `offset` on, at most `most` bytes. *start is the offset of the first byte returned (later
 * than asked for when the head was dropped), *size the bytes ever written. */
enum outcome store_log(struct store *store, const struct job_id *id, uint64_t offset, size_t most,
                       int64_t deadline_ms, struct buffer *log, uint64_t *start, uint64_t *size,
                       struct error *error);
/* The attempts, oldest first, the newest STORE_ATTEMPTS_KEPT of them; *attempts is given back with free(). */
#define STORE_ATTEMPTS_KEPT 100
enum outcome store_attempts(struct store *store, const struct job_id *id, int64_t deadline_ms,
                            struct job_attempt **attempts, size_t *count, struct error *error);
/* Sleeps until the job's revision differs from `revision`, or the deadline. OK when it does (*job), UNAVAILABLE when
 * the deadline came first (*job is then the unchanged record). */
enum outcome store_wait(struct store *store, const struct job_id *id, uint64_t revision, int64_t deadline_ms,
                        struct job *job, struct error *error);

struct store_filter {
    enum job_status status; /* 0 = any */
    const char *function;   /* NULL = any */
    /* When `function` is NULL: only these. function_count 0 = all. */
    const char (*functions)[JOB_FUNCTION_SIZE];
    size_t function_count;
    const struct job_id *from; /* none older than this one; NULL = any */
};
/* Up to `limit` jobs, newest first, before `before` (NULL = from the newest). *jobs is given back with free(); *more
 * says that an older one exists: go on with the last id. The cost is that of the page, whatever the store holds. */
enum outcome store_list(struct store *store, const struct store_filter *filter, const struct job_id *before,
                        size_t limit, int64_t deadline_ms, struct job **jobs, size_t *count, bool *more,
                        struct error *error);

/* Jobs by function and status; exact. *counts is given back with free(). Functions that have jobs, sorted. */
struct store_counts {
    char function[JOB_FUNCTION_SIZE];
    uint64_t jobs[JOB_STATUS_COUNT];
};
enum outcome store_count(struct store *store, int64_t deadline_ms, struct store_counts **counts,
                         size_t *count, struct error *error);

/* Why a QUEUED job waits. */
enum store_wait_reason {
    WAITS_NEXT = 1,
    WAITS_DELAY,
    WAITS_RETRY,
    WAITS_CONCURRENCY,
    WAITS_PAUSED,
    WAITS_BUSY
};
struct store_queue_place {
    uint64_t position; /* 1 = next of its function */
    enum store_wait_reason reason;
};
enum outcome store_queue_place(struct store *store, const struct job *job,
                               const struct configuration *configuration, int64_t now_ms, int64_t deadline_ms,
                               struct store_queue_place *place, struct error *error);
const char *store_wait_reason_name(enum store_wait_reason reason); /* "delay", "retry", "concurrency", … */

/* Who is told that a job has ended. Made in the transaction that ends it, so that no end goes untold. */
enum store_target { TARGET_CALLBACK = 1, TARGET_DESTINATION };
#define STORE_TARGETS 2
enum store_delivery_state { DELIVERY_WAITS = 1, DELIVERY_DONE, DELIVERY_GIVEN_UP };
struct store_delivery {
    struct job_id job;
    enum store_target target;
    enum store_delivery_state state;
    uint32_t tries;
    int64_t due_ms;      /* of the next try; of the end of the lease while one is under way */
    int64_t ended_ms;    /* 0 while it waits */
    int32_t http_status; /* of the last try; 0 = no answer */
    char words[256];     /* why the last try did not do it; empty when it did */
};
#define STORE_DELIVERY_NAME_SIZE (JOB_ID_TEXT_SIZE + 12)
/* "0199…-callback": the same at every try, used as webhook-id. Returns name. */
char *store_delivery_name(const struct store_delivery *delivery, char *name);
const char *
store_delivery_state_name(enum store_delivery_state state); /* "WAITING", "DELIVERED", "GIVEN_UP" */
const char *store_target_name(enum store_target target);    /* "callback", "destination" */

/* A job with all that its document tells, read in one go: what is told fits together, and costs one visit to the store
 * instead of four. The result is read when it has at most result_most bytes. What is NOTFOUND of the parts is left out.
 * OK: give back with store_view_free. NOTFOUND, GONE. */
struct store_view {
    struct job job;
    struct job_attempt *attempts; /* oldest first, the newest STORE_ATTEMPTS_KEPT */
    size_t attempt_count;
    struct buffer result;
    bool has_result;
    struct store_queue_place place; /* QUEUED only */
    bool has_place;
    struct store_delivery deliveries[STORE_TARGETS];
    size_t delivery_count;
};
enum outcome store_view(struct store *store, const struct job_id *id,
                        const struct configuration *configuration, size_t result_most, int64_t deadline_ms,
                        struct store_view *view, struct error *error);
void store_view_free(struct store_view *view); /* repeatable */

/* Whether something is due for a worker at now_ms, and when the next thing is (0 = nothing waits). Paused functions
 * and functions at their limit do not count. */
enum outcome store_next_due(struct store *store, const struct configuration *configuration, int64_t now_ms,
                            int64_t deadline_ms, int64_t *next_ms, struct error *error);

/* ---- worker side ---- */

/* Takes the job that is due longest, functions in turn, limits of concurrency kept. OK: *job is RUNNING by `runner` and
 * event has its bytes (appended). NOTFOUND: nothing to do until *next_ms (0 = until rung; now_ms: call again, it took its
 * time). A job past its maximum age (or whose event is lost to damage) is ended on the way: *aged counts those; the caller
 * goes on.
 * Before the function starts, *before has to be synced: that the job was accepted, and how its last attempt ended. (NULL:
 * the caller syncs *ticket.) *ticket may follow within moments: a power cut takes a claim that was not synced back, and
 * the job, QUEUED again, is run again, as it would be after any death of its worker; but the number of the attempt is
 * used twice, and max_interruptions does not count it. No process that could report for it is left then. */
enum outcome store_claim(struct store *store, const struct configuration *configuration,
                         struct slot_identity runner, int64_t now_ms, int64_t deadline_ms, struct job *job,
                         struct buffer *event, int64_t *next_ms, unsigned *aged, struct store_ticket *before,
                         struct store_ticket *ticket, struct error *error);
/* The fence of the calls below: they are CONFLICT, and change nothing, unless the job is RUNNING this attempt by this
 * runner. */
struct store_attempt {
    struct job_id id;
    uint32_t attempt;
    struct slot_identity runner;
};
enum outcome store_progress(struct store *store, const struct store_attempt *attempt, int percent,
                            const char *message, int64_t deadline_ms, bool *cancel_requested,
                            struct error *error);
/* Adds bytes to the job's log and drops what lies more than max_log_size before its end. `skipped` bytes before these
 * were never stored (a flood): they count in the offsets. */
enum outcome store_log_append(struct store *store, const struct store_attempt *attempt, uint64_t skipped,
                              const void *bytes, size_t length, size_t max_log_size, int64_t deadline_ms,
                              struct error *error);
struct store_report {
    enum job_event event; /* SUCCEED, FAIL, FAIL_FOR_GOOD, TRY_LATER, INTERRUPT */
    const char *error_type;
    const char *error_message;
    const void *result; /* NULL = none */
    size_t result_size;
    const char *result_type;
    struct job_attempt attempt; /* finished_ms, exit_status, signal, cpu_us, peak_memory_kib are taken */
};
enum outcome store_finish(struct store *store, const struct store_attempt *attempt,
                          const struct store_report *report, const struct job_policy *policy,
                          int64_t deadline_ms, struct job *job, struct store_ticket *ticket,
                          struct error *error);
/* The jobs that are RUNNING, with their runners: at most a few for each slot. free() *jobs. */
enum outcome store_running(struct store *store, int64_t deadline_ms, struct job **jobs, size_t *count,
                           struct error *error);
/* Sleeps until work is there, or the deadline. `seen` comes from store_work_seen, called before the queue was looked at:
 * what is rung in between is not missed. */
uint32_t store_work_seen(struct store *store);
void store_wait_work(struct store *store, uint32_t seen, int64_t deadline_ms);
/* Wakes one sleeping worker. False when none slept: start one if a slot is free (launch.h). */
bool store_ring_work(struct store *store);
/* The same for the sleepers on one job (long-polls, the worker that runs it). store_cancel, _finish, _progress
 * and _log_append do it themselves. */
void store_ring_job(struct store *store, const struct job_id *id);

/* ---- callbacks and destinations ---- */

/* Those of one job: up to STORE_TARGETS are written to `deliveries`. */
enum outcome store_deliveries(struct store *store, const struct job_id *id, int64_t deadline_ms,
                              struct store_delivery *deliveries, size_t *count, struct error *error);
/* When the first one is due, 0 = none waits. */
enum outcome store_next_delivery(struct store *store, int64_t deadline_ms, int64_t *next_ms,
                                 struct error *error);
/* Takes the one that is due longest, for `lease_ms`: after that another one may take it. NOTFOUND: none is due until
 * *next_ms (0 = until rung). delivery->tries counts this one already. */
enum outcome store_claim_delivery(struct store *store, int64_t now_ms, int64_t lease_ms, int64_t deadline_ms,
                                  struct job *job, struct store_delivery *delivery, int64_t *next_ms,
                                  struct store_ticket *ticket, struct error *error);
/* What came of a claimed one: state, due_ms, ended_ms, http_status and words are taken. CONFLICT: somebody else has it by
 * now, or the job is gone. */
enum outcome store_finish_delivery(struct store *store, const struct store_delivery *delivery,
                                   int64_t deadline_ms, struct store_ticket *ticket, struct error *error);
/* The sleep of the deliverer, as store_work_seen, store_wait_work and store_ring_work. */
uint32_t store_delivery_seen(struct store *store);
void store_wait_delivery(struct store *store, uint32_t seen, int64_t deadline_ms);
void store_ring_delivery(struct store *store);

/* ---- health ---- */

struct store_health {
    uint64_t generation; /* recoveries since it was made */
    uint64_t free_bytes; /* of its file system */
    uint64_t syncs;      /* that went well, of all processes, since it was made … */
    uint64_t sync_us;    /* … and the time they took together */
    enum outcome
        accepts; /* what a submission would be told: OK, FULL (disk_reserve), UNAVAILABLE (a failed sync, damage) */
    char trouble[ERROR_TEXT_SIZE]; /* empty when all is well */
};
enum outcome store_health(struct store *store, int64_t deadline_ms, struct store_health *health,
                          struct error *error);

/* ---- keeping ---- */

/* Called now and then from what takes long; `total` 0 = not known. */
typedef void store_tell(void *context, const char *what, uint64_t done, uint64_t total);

/* A copy of the store into an empty folder (its descriptor stays the caller's), while everybody goes on working: nobody
 * waits for it longer than for a megabyte. Everything that was acknowledged before the call is in it. With it are the
 * keys, the callbacks' secret, the paused functions and the figures. Synced on OK. INVALID: the folder is not empty. */
enum outcome store_backup(struct store *store, int folder, store_tell *tell, void *context, uint64_t *bytes,
                          struct error *error);
/* Brings a backup into the configuration's data_dir, which has to be empty or missing. Every file is held against the sum
 * that was taken of it. INVALID: no backup, damaged, of another version of the database library, or the folder is not
 * empty. What is found there afterwards is not complete unless it is OK. */
enum outcome store_restore(int folder, const struct configuration *configuration, store_tell *tell,
                           void *context, struct error *error);

/* Reads everything and holds it against everything else: each job's rows in the indexes, each index's jobs, events,
 * results, logs, attempts and deliveries. Others go on meanwhile. `pages`: libdb looks at every page as well; others wait
 * for each table. Each thing that is wrong is told by `found`. OK when it could be looked at; look at summary->wrong. */
struct store_summary {
    uint64_t jobs;
    uint64_t records; /* of all tables */
    uint64_t wrong;
};
typedef void store_found(void *context, const char *words);
enum outcome store_verify(struct store *store, bool pages, store_tell *tell, store_found *found,
                          void *context, struct store_summary *summary, struct error *error);

/* A job from another store, with all that it has. One that was RUNNING is QUEUED again. CONFLICT: its id is there. */
struct store_import {
    struct job job;
    const void *event; /* NULL = none */
    size_t event_size;
    const void *result;
    size_t result_size;
    const void *log; /* the kept end of it: up to job.log_size */
    size_t log_size;
    const struct job_attempt *attempts;
    size_t attempt_count;
    const struct store_delivery *deliveries;
    size_t delivery_count;
};
enum outcome store_import(struct store *store, const struct store_import *import, int64_t deadline_ms,
                          struct store_ticket *ticket, struct error *error);

/* For the operator (jobgatectl recover, --accept-loss): back in service after a failed sync or found damage, as far as
 * the disk plays along (IO: it does not). accept_loss: also with a store that lacks what it once had. Programs may be
 * running. */
enum outcome store_clear_fault(const struct configuration *configuration, bool accept_loss,
                               struct error *error);

#endif
