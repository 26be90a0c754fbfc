/* scratch.h - the folder of an attempt: TMPDIR and working directory of the function
 *
 * data_dir/tmp/<slot>-<life>: made once in a worker's life, emptied after each attempt, removed when the
 * worker leaves. (Measured: a folder made and removed for every attempt costs 120 us, a fifth of a process
 * start; looking that it is empty costs 5.) The name is the worker's identity, so whoever puts back the job
 * of a dead worker knows which one to remove. Nothing is followed out of the folder: all is openat and
 * O_NOFOLLOW. Belongs to one thread. */
#ifndef JOBGATE_SCRATCH_H
#define JOBGATE_SCRATCH_H

#include "outcome.h"
#include "slots.h"

struct scratch;

enum outcome scratch_open(const char *data_dir, struct slot_identity identity, struct scratch **scratch,
                          struct error *error);
/* Absolute path. */
const char *scratch_path(const struct scratch *scratch);
/* An empty folder with its own rights, whatever the last function did to it. */
enum outcome scratch_clean(struct scratch *scratch, struct error *error);
/* Removes the folder. NULL is legal. */
void scratch_close(struct scratch *scratch);

/* Removes the folder that this worker has left, if it is there. */
enum outcome scratch_remove(const char *data_dir, struct slot_identity identity, struct error *error);
/* Removes those of all workers that are dead. */
void scratch_remove_dead(const char *data_dir, struct slots *slots);

#endif
