/* launch.h - makes sure that a worker is on its way
 *
 * Used by submit after a job was committed, by status when it sees due work, by cron's sweep. The new process
 * is detached: double fork, setsid, 0-2 on /dev/null, every other descriptor closed (the web server's sockets
 * would hold the client's connection open), signal mask and dispositions back to default, environment cut
 * down to a few names, cwd /. The child between fork and exec is async-signal-safe and reports errno of a
 * failed exec (see spawn.h). Thread-safe. */
#ifndef JOBGATE_LAUNCH_H
#define JOBGATE_LAUNCH_H

#include "configuration.h"
#include "slots.h"

#define LAUNCH_GIVEN 3 /* descriptor of the worker program with --given: see configuration_start_given */

/* Starts `worker_program --config FILE --slot N --given` in a free slot. OK: on its way. NOTFOUND: no slot is free
 * (every worker looks at the queue again before it leaves, so nothing is lost). IO: fork or exec failed
 * (EAGAIN on a full shared host): the job waits; log it and answer 202 all the same. */
enum outcome launch_worker(const struct configuration *configuration, struct slots *slots,
                           struct error *error);

/* Starts another of Jobgate's programs, from the folder of worker_program, as `PROGRAM --config FILE`. OK or IO. */
enum outcome launch_program(const struct configuration *configuration, const char *program,
                            struct error *error);

/* The detached start itself, for anything: argv[0] is an absolute path. */
enum outcome launch_detached(char *const argv[], char *const envp[], struct error *error);

#endif
