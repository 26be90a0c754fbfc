/* deliverer.h - makes sure that callbacks are on their way
 *
 * The deliverer (worker/deliverer.c, the program jobgate-deliver) is the one process of an installation that talks to the
 * network, so that a slow receiver holds no slot and libcurl is in no worker. It is started when there is something to
 * deliver, and ends when nothing is due soon. An OFD lock on the file `deliverer` in the data folder says that it lives.
 * Thread-safe. */
#ifndef JOBGATE_DELIVERER_H
#define JOBGATE_DELIVERER_H

#include "configuration.h"
#include "store.h"

/* For the deliverer itself: OK and the lock is held until *lock is closed; UNAVAILABLE: there is one already. */
enum outcome deliverer_lock(const char *data_dir, int *lock, struct error *error);

/* Wakes the deliverer. False: none lives. For a process whose children are ended with an attempt, and which therefore has
 * another one start it. */
bool deliverer_ring(const struct configuration *configuration, struct store *store);

/* Wakes the deliverer, or starts it when none lives. To be called after a job has ended that job_has_deliveries, and by
 * whoever finds a delivery due. IO: it could not be started; the delivery waits for the next call. */
enum outcome deliverer_wake(const struct configuration *configuration, struct store *store,
                            struct error *error);

#endif
