/* injection.h - system calls that fail, or kill the process, on order
 *
 * Linked into a test program it takes the place of fdatasync, fsync, pwrite, write, openat and unlinkat, also for libdb. Each
 * but write and openat counts as one step. Set before threads start; after fork() the child has its own. */
#ifndef JOBGATE_INJECTION_H
#define JOBGATE_INJECTION_H

#include <stdatomic.h>

struct injection {
    _Atomic int die_at;         /* SIGKILL at this step from now; 0 = never */
    _Atomic int sync_delay;     /* so many fdatasync and fsync go well, … */
    _Atomic int sync_failures;  /* … then so many fail … */
    _Atomic int sync_errno;     /* … with this */
    _Atomic int write_failures; /* so many pwrite and write fail … */
    _Atomic int write_errno;    /* … with this */
    _Atomic int open_failures;  /* so many openat of a log file fail … */
    _Atomic int open_errno;     /* … with this */
    _Atomic int folder_syncs;   /* counts fsync on folders */
    /* Called after each fdatasync and fsync that went well. */
    void (*after_sync)(int descriptor);
};

extern struct injection injection;

#endif
