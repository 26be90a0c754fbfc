/* injection.h - system calls that fail, or kill the process, on order
 *
 * Linked into a test program it takes the place of fdatasync, fsync, pwrite and unlinkat, also for libdb. Each counts
 * as one step. Set before threads start; after fork() the child has its own. */
#ifndef JOBGATE_INJECTION_H
#define JOBGATE_INJECTION_H

#include <stdatomic.h>

struct injection {
    _Atomic int die_at;        /* SIGKILL at this step from now; 0 = never */
    _Atomic int sync_failures; /* so many fdatasync and fsync fail … */
    _Atomic int sync_errno;    /* … with this */
    _Atomic int folder_syncs;  /* counts fsync on folders */
    /* Called after each fdatasync and fsync that went well. */
    void (*after_sync)(int descriptor);
};

extern struct injection injection;

#endif
