/* environment.h - the environment of a function: an allow-list
 *
 * PATH, HOME, LANG, TZ, TMPDIR, JOBGATE_JOB_ID, JOBGATE_FUNCTION, JOBGATE_ATTEMPT, JOBGATE_DEADLINE_MS,
 * JOBGATE_PROGRESS_FD, TRACEPARENT, and what the configuration sets (`env.NAME`), which may replace the first
 * five. Nothing else of the worker's own environment gets through. */
#ifndef JOBGATE_ENVIRONMENT_H
#define JOBGATE_ENVIRONMENT_H

#include "configuration.h"
#include "job.h"

#define ENVIRONMENT_MARKER      "JOBGATE_JOB_ID=" /* by which strays.h finds what a dead worker has left */
#define ENVIRONMENT_MARKER_SIZE (sizeof ENVIRONMENT_MARKER + JOB_ID_TEXT_SIZE)

/* ENVIRONMENT_MARKER and the id. Returns text. */
char *environment_marker(const struct job_id *id, char text[ENVIRONMENT_MARKER_SIZE]);

/* The vector and its texts in one piece, to be given back with free(). NULL: no memory. deadline_ms is wall
 * time, 0 = none. home: of the user that it runs as; NULL = the worker's own. */
char **environment_make(const struct job *job, const struct configuration *configuration,
                        const struct function_settings *settings, const char *folder, const char *home,
                        int64_t deadline_ms);

#endif
