/* control.h - what a worker asks of its supervisor
 *
 * A pipe on CONTROL_DESCRIPTOR; each wish is one byte. A worker starts nothing lasting by itself: as a subreaper it would
 * become the parent, and end it with the next attempt. When the supervisor is gone, the pipe says so (control_is_alive).
 * The worker's exit status is the last wish. */
#ifndef JOBGATE_CONTROL_H
#define JOBGATE_CONTROL_H

#include <stdbool.h>

#define SLOTS_DESCRIPTOR   3 /* of the worker program: holds the slot's lock, see slots.h */
#define CONTROL_DESCRIPTOR 4
#define GIVEN_DESCRIPTOR   5 /* the configuration in force, see configuration_start_given */

enum control {
    CONTROL_CLAIMED = 'c', /* it has got as far as a job: its end is no reason to give up on workers */
    CONTROL_WORKER = 'w',  /* start a worker in another slot: more is due */
    CONTROL_DELIVER = 'd', /* start the deliverer */
};

/* Exit statuses beside 0 (nothing to do, or told to leave) and those of sysexits.h. */
#define EXIT_STARTED_ANEW 90 /* the slot is free, and something is due: start a worker */

#endif
