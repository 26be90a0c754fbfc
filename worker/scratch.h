/* scratch.h - the folder of an attempt: TMPDIR and working directory of the function
 *
 * data_dir/tmp/<slot>-<life>: made once in a worker's life, emptied after each attempt, removed when the
 * worker leaves. (Measured: a folder made and removed for every attempt costs 120 us, a fifth of a process
 * start; looking that it is empty costs 5.) The name is the worker's identity, so whoever puts back the job
 * of a dead worker knows which one to remove. Nothing is followed out of the folder: all is openat and
 * O_NOFOLLOW. Belongs to one thread.
 *
 * data_dir lets nobody in but its owner. A function that runs as somebody else (`user`, where the worker is root) has its
 * folder in data_dir.scratch beside it: root's, 0711, made when it is first needed. */
#ifndef JOBGATE_SCRATCH_H
#define JOBGATE_SCRATCH_H

#include "outcome.h"
#include "slots.h"

#include <sys/types.h>

struct scratch;

enum outcome scratch_open(const char *data_dir, struct slot_identity identity, struct scratch **scratch,
                          struct error *error);
/* Absolute path. */
const char *scratch_path(const struct scratch *scratch);
/* An empty folder with its own rights, whatever the last function did to it. */
enum outcome scratch_clean(struct scratch *scratch, struct error *error);
/* An empty folder of that user, where he can get to it if data_dir's own folder lets him pass. *path is the scratch's.
 * INVALID: data_dir.scratch is somebody else's. */
enum outcome scratch_lend(struct scratch *scratch, uid_t uid, gid_t gid, const char **path,
                          struct error *error);
/* Removes both folders. NULL is legal. */
void scratch_close(struct scratch *scratch);

/* Removes the folders that this worker has left, if they are there. */
enum outcome scratch_remove(const char *data_dir, struct slot_identity identity, struct error *error);
/* Removes those of all workers that are dead. */
void scratch_remove_dead(const char *data_dir, struct slots *slots);

#endif
