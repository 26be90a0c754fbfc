/* futex.h - sleeping on a word of shared memory
 *
 * For words that processes share in a file's mapping (not FUTEX_PRIVATE). Linux only. */
#ifndef JOBGATE_FUTEX_H
#define JOBGATE_FUTEX_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FUTEX_EVERYBODY INT_MAX

/* Sleeps while *word is `seen`, at most `left`. May return at any time for no reason. */
static inline void futex_sleep(_Atomic uint32_t *word, uint32_t seen, struct timespec left)
{
    syscall(SYS_futex, word, FUTEX_WAIT, seen, &left, NULL, 0);
}

/* Wakes up to `most` sleepers; returns how many there were. */
static inline int futex_wake(_Atomic uint32_t *word, int most)
{
    long woken = syscall(SYS_futex, word, FUTEX_WAKE, most, NULL, NULL, 0);
    return woken > 0 ? (int)woken : 0;
}

#endif
