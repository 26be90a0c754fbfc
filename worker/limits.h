/* limits.h - setrlimit's limits of a function, and a mark among them */
#ifndef JOBGATE_LIMITS_H
#define JOBGATE_LIMITS_H

#include "configuration.h"
#include "job_id.h"
#include "spawn.h"

/* A limit is inherited by every descendant and cannot be raised again. The time that a real-time process may run without
 * a pause is set to some hundred thousand years, another number for each job: so even a daemon that has cleared its
 * environment, when worker and supervisor were killed and it belongs to init, can be told to be of this job. */
#define LIMITS_MARK_RESOURCE RLIMIT_RTTIME
rlim_t limits_mark(const struct job_id *id);

/* Fills plan->limits. A limit is never above what this process may set itself (then the mark is left out, and the
 * environment alone tells); core dumps are off. */
void limits_plan(const struct function_settings *settings, const struct job_id *id, struct spawn_plan *plan);

#endif
