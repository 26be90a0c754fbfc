/* log_sync.h - one sync of the log for everybody who waits for one
 *
 * Internal to lib/store_bdb. Commits hand their log records to the kernel inside the gate and are made
 * durable out here: of the threads of a process that wait, one leads, does fdatasync on the log (and fsync on
 * the folder when a file in it is new) and all whose position it covers go on together. What another process
 * has synced counts too (gate_page.synced). A sync that fails is never tried again: it poisons the store
 * (gate_sync_failed).
 *
 * Thread safety: log_sync may be called by all threads. */
#ifndef JOBGATE_LOG_SYNC_H
#define JOBGATE_LOG_SYNC_H

#include "../outcome.h"
#include "gate.h"

struct log_sync;

/* `folder` is the data folder's descriptor; it stays the caller's and must outlive this. NOMEM. */
enum outcome log_sync_open(struct gate *gate, int folder, struct log_sync **sync, struct error *error);
void log_sync_close(struct log_sync *sync); /* NULL is legal */

/* OK once the log is on disk up to `position`. UNAVAILABLE at the deadline (the sync goes on: the position
 * may still get there) and for good after a sync has failed. Never called inside the gate. */
enum outcome log_sync(struct log_sync *sync, uint64_t position, int64_t deadline_ms, struct error *error);

/* Waits a moment for a sync by another process that covers `position`. In vain or not: log_sync follows. */
void log_sync_by_others(struct log_sync *sync, uint64_t position);

/* Inside the gate: the folder's entries on disk, before log files are removed. OK or UNAVAILABLE. */
enum outcome log_sync_folder(struct log_sync *sync, struct error *error);

#endif
