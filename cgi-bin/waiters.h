/* waiters.h - how many processes may have requests that wait
 *
 * Under mod_fcgid and CGI a request that waits holds a whole process, of which a shared host may have 25. A process that
 * has waiting requests therefore holds a lock on one byte of the file `waiters` in the data folder; when WAITERS_MAX bytes
 * are taken, requests of other processes do not wait but are answered at once. A process with a pool of threads
 * takes one byte for all its waits: there the pool has the cap. The kernel gives a byte back with its process.
 *
 * Thread-safe. */
#ifndef JOBGATE_WAITERS_H
#define JOBGATE_WAITERS_H

#include "outcome.h"

#include <stdbool.h>

#define WAITERS_MAX 8

struct waiters;

enum outcome waiters_open(const char *data_dir, struct waiters **waiters, struct error *error);
void waiters_close(struct waiters *waiters); /* NULL is legal */
/* True: the caller may wait, and says waiters_leave afterwards. */
bool waiters_enter(struct waiters *waiters);
void waiters_leave(struct waiters *waiters);

#endif
