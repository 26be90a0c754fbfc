/* gate.h - one caller at a time inside libdb, over all processes
 *
 * Internal to lib/store_bdb. libdb 5.3's process-shared mutexes are not robust: a process that dies inside
 * the library wedges every other one for ever. They are switched off (DB_NOLOCKING), and every libdb call of every process
 * happens between gate_enter and gate_leave, under an exclusive flock(2) that the kernel takes back from whoever dies, and
 * a page shared by all (the file `gate`) says whether the one before left in good order:
 *
 *     enter:  mutex of the process, flock, [dirty already set? recovery is due], dirty = 1
 *     leave:  written = end of the log, dirty = 0, unlock
 *
 * A process can be killed between any two instructions: dirty is set before the first libdb call and cleared
 * after the last, so whatever happened in between is seen by the next one in. The page is a cache of facts
 * for everything else: the end of the log, how far it is synced, and where each job's last commit ended.
 *
 * Watching. The holder's process, thread and start time stand in the page with the time of its last sign of
 * life (gate_pulse). Whoever waits and finds no sign for GATE_PATIENCE_MS proves the holder (pidfd and start
 * time) and kills it, also when that is a thread of the same process; a holder in uninterruptible sleep (a
 * slow disk) gets GATE_DISK_PATIENCE_MS. No timer, no signal handler: a holder that nobody waits for harms
 * nobody.
 *
 * A position is a place in the log: file number << 32 | offset. Positions only grow.
 *
 * Thread safety: all functions may be called by all threads, except those marked "inside": only by the
 * holder. After fork() the child's calls fail with UNAVAILABLE. */
#ifndef JOBGATE_GATE_H
#define JOBGATE_GATE_H

#include "../job.h"
#include "../outcome.h"
#include "keys.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define GATE_PATIENCE_MS      8000
#define GATE_DISK_PATIENCE_MS 60000
#define GATE_JOB_WORDS        1024
#define GATE_ATTACH_SLOTS     512
#define GATE_ATTACHES_MAX     200 /* dead ones; libdb spins in its allocator at about 1,300 */

/* Out of service until an operator clears it (gate_clear_fault). */
enum gate_fault { GATE_SOUND = 0, GATE_SYNC_FAILED, GATE_DAMAGED };

/* Which process: a number is used again, a number with its start time is not. */
struct gate_process {
    _Atomic int32_t pid;
    _Atomic int32_t thread;
    _Atomic uint64_t started;   /* field 22 of /proc/PID/stat */
    _Atomic uint64_t pid_space; /* inode of its pid namespace: elsewhere the number means another process */
};

/* What is known of the queues without a look at them. Written inside only; a crash in the middle of it is followed by a recovery,
 * which begins it anew. */
struct gate_queue {
    char turn[JOB_FUNCTION_SIZE]; /* the function served last */
    bool astray; /* the clock may have been put back, and is not known to have done no harm: due_astray.h */
    int64_t clock_ms; /* the wall clock at the last claim, or a later one at which a row was written since */
    struct key searched; /* the row that the search has come to */
};

/* The file `gate`. Older programs refuse a newer layout, newer ones make an older page anew. */
struct gate_page {
    _Atomic uint64_t magic;
    _Atomic uint32_t layout;
    _Atomic uint32_t dirty;
    _Atomic uint64_t
        generation; /* grows with each recovery: handles of another generation are to be abandoned */
    _Atomic uint32_t library; /* version of libdb: major << 16 | minor << 8 | patch */
    _Atomic uint32_t fault;   /* enum gate_fault */
    _Atomic int32_t fault_errno;
    _Atomic uint32_t unused;
    _Atomic int64_t fault_ms; /* wall clock */
    char fault_text[256];     /* GATE_DAMAGED: what is wrong; written before `fault` */
    char boot_id[40];         /* regions of another boot are half-written */

    _Alignas(64) _Atomic uint64_t entries; /* counts gate_enter: tells one stay from the next */
    struct gate_process holder;            /* pid 0: nobody inside */
    _Atomic int64_t pulse_ms;              /* monotonic: its last sign of life */

    _Alignas(64) _Atomic uint32_t released; /* futex: moves on leaving when somebody waits */
    _Atomic uint32_t waiters;               /* a hint: how many sleep */
    _Atomic uint32_t wanted;                /* pid that has waited long: newcomers give way. A hint */

    _Alignas(64) _Atomic uint64_t written; /* end of the log, all of it handed to the kernel */
    _Atomic uint64_t synced; /* on disk up to here; also the mark that recovery may not fall short of */
    _Atomic uint32_t folder_changes;       /* new files in the folder … */
    _Atomic uint32_t folder_synced;        /* … whose entries are on disk */
    _Atomic uint64_t checkpoint;           /* position of the last one */
    _Atomic int64_t checkpoint_started_ms; /* monotonic: one is under way, 0 = none */
    _Atomic int64_t spare_started_ms;      /* the same for the next log file (log_spare.h) */
    _Atomic uint32_t spare_ready;          /* a hint */
    _Atomic uint64_t syncs;                /* of the log, that went well: for the operator, as is … */
    _Atomic uint64_t sync_us;              /* … the time they took together */
    _Atomic uint32_t sync_ended;           /* futex: moves with `synced` when somebody waits */
    _Atomic uint32_t sync_waiters;         /* a hint: how many sleep */

    _Alignas(64) _Atomic uint32_t attaches; /* environment handles opened in this generation and not closed */
    struct {
        _Atomic int32_t pid;
        _Atomic uint64_t started;
    } attached[GATE_ATTACH_SLOTS];

    struct gate_queue queue;
    _Alignas(
        64) _Atomic uint64_t jobs[GATE_JOB_WORDS]; /* where the last commit of these jobs (by hash) ended */
};

struct gate;

/* Opens, or makes, the file `gate` in the folder; `library` is libdb's version. `folder` is the caller's and
 * only used in here. INVALID: made by a newer version of Jobgate, or no plain file of this user. */
enum outcome gate_open(int folder, uint32_t library, struct gate **gate, struct error *error);
void gate_close(struct gate *gate); /* NULL is legal. Not inside */
struct gate_page *gate_page(struct gate *gate);

/* UNAVAILABLE in a child after fork(). */
enum outcome gate_usable(const struct gate *gate, struct error *error);
/* UNAVAILABLE with words that name the holder. */
enum outcome gate_busy(const struct gate *gate, struct error *error);
/* What a waiter knows of the holder it waits for. Begins as zeroes. */
struct gate_watch {
    uint64_t entry;
    int64_t pulse_ms;
    int64_t since_ms;
};
/* Called now and then by whoever waits for somebody inside: see above. */
void gate_watch(struct gate *gate, struct gate_watch *watch);

/* UNAVAILABLE at the deadline (monotonic ms), after a fork, when the file was removed or when the store is
 * damaged. */
enum outcome gate_enter(struct gate *gate, int64_t deadline_ms, struct error *error);
/* Inside. Why the regions cannot be used as they are; NULL when they can. */
const char *gate_recovery_due(const struct gate *gate);
/* Inside. A recovery has gone well: new generation, no attaches, everything up to `position` on disk. */
void gate_recovered(struct gate *gate, uint64_t position);
/* Inside. Counts this process among those that hold an environment open, and takes it off again. */
void gate_attach(struct gate *gate);
void gate_detach(struct gate *gate);
/* Inside. "I am alive": from whatever takes long. */
void gate_pulse(struct gate *gate);
/* Inside. `sound` says that libdb is in good order; otherwise the next one in recovers. */
void gate_leave(struct gate *gate, bool sound);

/* The process should end when it is idle and let a new one take its place: the file was removed under it. */
bool gate_is_stale(const struct gate *gate);

/* A sync has failed: the kernel may have dropped what it could not write, so nothing may be acknowledged any
 * more. */
void gate_sync_failed(struct gate *gate, int errno_value);
/* Inside. What was read is wrong, and recovery does not help. The first words stay. */
void gate_damaged(struct gate *gate, const char *text);
/* UNAVAILABLE with words that say what to do, OK when sound. With only_damage a failed sync counts as sound
 * (reading). */
enum outcome gate_fault(struct gate *gate, bool only_damage, struct error *error);
/* Inside, for the operator: sound again; the next one in recovers. accept_loss also forgets how far the log
 * once reached, so that a recovery from a shortened log is accepted. */
void gate_clear_fault(struct gate *gate, bool accept_loss);

/* Raises *word to `value`, never lowers it. */
void gate_raise(_Atomic uint64_t *word, uint64_t value);

/* Tests only: other patience for this process, other boot id for gates opened from now on (NULL: the real
 * one). */
void gate_set_patience(int64_t patience_ms, int64_t disk_patience_ms);
void gate_set_boot_id(const char *boot_id);

#endif
