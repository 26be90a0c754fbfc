/* recovery.h - bringing the store back to what was acknowledged
 *
 * Internal to lib/store_bdb; inside the gate only. Makes the regions anew from the tables and the log:
 *
 *   - another version of libdb that writes another log is refused, with words;
 *   - the log must reach at least as far as it is known to have been on disk: libdb itself recovers
 * "successfully" from a log with zeroes in its middle, and silently drops what follows;
 *   - what is left of the log is on disk before anything is written that rests upon it;
 *   - the old regions' disk space is given back first (their mappings in other processes are never touched
 * again), and on a full disk the ballast's too.
 *
 * A process killed in here leaves the gate's page dirty: the next one begins again. */
#ifndef JOBGATE_RECOVERY_H
#define JOBGATE_RECOVERY_H

#include "engine.h"
#include "space.h"

/* On OK *engine is open and the gate's page describes the new generation. UNAVAILABLE: refused (damage;
 * recorded in the page), FULL: no room even without the ballast. */
enum outcome recovery_run(struct gate *gate, const char *data_dir, int folder, struct space *space,
                          struct engine **engine, struct error *error);

#endif
