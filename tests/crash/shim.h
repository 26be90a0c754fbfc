/* shim.h - what shim.so is told, in the file `orders` that it and the campaign (orders.py) have mapped
 *
 * One order at a time stands in it: the `wait`th call of a kind, in one of these programs, on a file of the data folder
 * whose name begins or ends so, does not go its way: the process is killed or stopped there, or the call fails.
 * A running process obeys at once. */
#ifndef JOBGATE_SHIM_H
#define JOBGATE_SHIM_H

#include <stdatomic.h>
#include <stdint.h>

enum call {
    CALL_WRITE,
    CALL_READ,
    CALL_SYNC,
    CALL_OPEN,
    CALL_NAME, /* rename, unlink */
    CALL_SIZE, /* ftruncate, fallocate */
    CALL_LOCK,
    CALL_MAP,
    CALL_START,  /* clone, pthread_create: no file */
    CALL_MEMORY, /* malloc and its like: no file */
    CALL_COUNT
};

enum action { ACTION_FAIL, ACTION_KILL, ACTION_STOP };

struct orders {
    char data[256];               /* the data folder */
    _Atomic int64_t clock_ms;     /* how far the wall clock is off */
    _Atomic uint32_t syncs_lie;   /* the control: a sync says yes and keeps nothing */
    _Atomic uint32_t armed;       /* what follows holds; written last */
    _Atomic uint32_t programs;    /* bit for each in shim.c */
    _Atomic uint32_t calls;       /* bit for each enum call */
    _Atomic uint32_t action;      /* enum action */
    _Atomic uint32_t errno_value; /* of ACTION_FAIL */
    _Atomic int32_t wait;         /* the first call that is struck, from 1 */
    _Atomic int32_t times;        /* how many are, from there */
    _Atomic uint32_t struck;      /* how many have been */
    _Atomic int32_t victim;       /* the process struck last */
    char file[32];                /* empty: any */
};

#endif
