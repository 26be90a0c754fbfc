/* unsynced.h - what a worker has committed and does not know to be on disk yet
 *
 * A sync costs as much as half of what a worker does for a short job. Nobody waits for a claim or an outcome: who reads a job's
 * record syncs what he is shown, as does who tells of an outcome. So they are synced within moments, those of several jobs
 * together, and what another process has synced meanwhile needs no sync at all. A power cut within these moments has the jobs
 * run again; therefore the log's lines of their ends wait here as well.
 *
 * What comes first has UNSYNCED_MS; what comes meanwhile waits in a second part. When the first is found to be on disk, the
 * second takes its place, and has as long. Single-threaded. Begins as zeroes. */
#ifndef JOBGATE_UNSYNCED_H
#define JOBGATE_UNSYNCED_H

#include "buffer.h"
#include "store.h"

#define UNSYNCED_MS                                                                                          \
    10 /* until a sync is due: the last commit is on disk after twice that, and the time of the sync */

struct unsynced_part {
    struct store_ticket ticket; /* of the last commit; position 0: none */
    struct buffer ends;
};

struct unsynced {
    struct unsynced_part first, since;
    int64_t by_ms; /* when `first` shall be on disk; monotonic */
};

void unsynced_free(struct unsynced *unsynced);
void unsynced_add(struct unsynced *unsynced, struct store_ticket ticket);
/* Where the log's line of the last commit waits (log_event_later). Belongs to `unsynced`. */
struct buffer *unsynced_ends(struct unsynced *unsynced);
/* When the sync is due; monotonic. INT64_MAX: all is on disk. */
int64_t unsynced_due_ms(const struct unsynced *unsynced);
/* Syncs if it is due and nobody else has, waiting for the disk for `wait_ms` at most. What store_sync says; nothing is
 * forgotten unless it is on disk. */
enum outcome unsynced_sync_when_due(struct unsynced *unsynced, struct store *store, int64_t wait_ms,
                                    struct error *error);
/* Now. */
enum outcome unsynced_sync(struct unsynced *unsynced, struct store *store, int64_t wait_ms,
                           struct error *error);

#endif
