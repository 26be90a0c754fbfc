/* fake_world.h - everything that the HTTP side stands on, in memory, and able to fail
 *
 * Stands in for configuration, functions, store, slots and launching when a test is linked with fake_world.c: handlers
 * can be tried without a disk, and each call can be made to fail with any outcome. One world for the whole process;
 * fake_reset before each case. The installed functions: "echo" (the default), "paused" (concurrency 0), "refused". */
#ifndef JOBGATE_FAKE_WORLD_H
#define JOBGATE_FAKE_WORLD_H

#include "configuration.h"
#include "job.h"
#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void fake_reset(void);
/* From now on this call ("store_submit") ends with this outcome; OK lets it work again. */
void fake_fail(const char *call, enum outcome outcome);
/* While true, store_sync does not come back. */
void fake_hold_syncs(bool hold);
/* How often it was called since fake_reset. */
unsigned fake_calls(const char *call);
/* To be edited at will. */
struct configuration *fake_configuration(void);

/* A job as the worker would have made it: SUCCEEDED, FAILED, … Returns its id as text (valid until the next call). */
const char *fake_job(enum job_status status, const char *result, const char *result_type);
/* The job of this id, to be edited; NULL when there is none. */
struct job *fake_find(const char *id);
/* What store_stamp says of every job; 0, as after fake_reset: not known. */
void fake_stamp(uint64_t stamp);
void fake_log(const char *id, const char *text);
size_t fake_job_count(void);
/* While store_wait sleeps, the job ends like this. */
void fake_ends_while_waited_for(enum job_status status, const char *result);

#endif
