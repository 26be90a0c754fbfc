/* worker.h - the worker: one job after another in one slot
 *
 * worker.c has the loop, errand.c one job from claim to outcome, care.c what is done for all in passing. Single-threaded. */
#ifndef JOBGATE_WORKER_H
#define JOBGATE_WORKER_H

#include "buffer.h"
#include "configuration.h"
#include "control.h"
#include "scratch.h"
#include "signals.h"
#include "slots.h"
#include "store.h"
#include "unsynced.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define STORE_MS       10000 /* how long the worker waits for the store in one call */
#define WORKER_SYNC_MS 30000 /* … and for the disk */

struct worker {
    struct configuration *configuration; /* in force; changed between two jobs only */
    struct store *store;
    struct slots *slots;
    struct slot_identity identity;
    struct scratch *scratch;
    struct signals signals;
    struct stat program; /* its own file when it started */
    char program_path[4096];
    struct store_ticket before; /* to be on disk before the claimed job's function starts */
    struct unsynced unsynced;   /* outcomes and claims */
    int64_t next_care_ms;       /* monotonic deadlines */
    int64_t next_look_ms;
    int64_t next_program_ms;
    uint64_t jobs; /* attempts run */
    bool supervised;
    bool was_idle;    /* nobody has looked yet whether others are needed as well for what has come */
    bool strays_left; /* something could not be ended: leave the slot to the supervisor's patience */
};

/* worker.c: the worker's whole life; the exit status. The struct is prepared by main.c up to `store`, `slots` and
 * `identity`, and emptied by it. */
int worker_live(struct worker *worker);
/* Takes over an edited configuration: slots, log. */
void worker_refresh(struct worker *worker);
/* Asks the supervisor. No-op without one. */
void worker_ask(const struct worker *worker, enum control what);
/* True when no worker holds a lower slot: one of all does what is to be done once. */
bool worker_is_keeper(const struct worker *worker);

/* errand.c */

/* Runs the job that was claimed and records the outcome: worker->unsynced. False when it could not be recorded: the
 * worker must leave, so that the job is put back. */
bool errand_run(struct worker *worker, const struct job *job, const struct buffer *event);

/* care.c */

/* Puts back the jobs of dead workers: ends what they left running (for at most `patience_ms` each), removes their
 * folders. `synced`: they are on disk when it returns. Returns how many. Needs configuration, store and slots only. */
unsigned care_orphans(struct worker *worker, int64_t patience_ms);
/* Everything that is done now and then by whoever has nothing else to do. */
void care_idle(struct worker *worker);
/* The same by a worker that runs a long job: only what cannot wait for its end, and only by the keeper. */
void care_busy(struct worker *worker);
/* Wakes another worker, or has one started, when more is due than this one can do. */
void care_due(struct worker *worker);

#endif
