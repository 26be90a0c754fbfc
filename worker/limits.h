/* limits.h - setrlimit's limits of a function */
#ifndef JOBGATE_LIMITS_H
#define JOBGATE_LIMITS_H

#include "configuration.h"
#include "spawn.h"

/* Fills plan->limits. A limit is never above what this process may set itself; core dumps are off. */
void limits_plan(const struct function_settings *settings, struct spawn_plan *plan);

#endif
