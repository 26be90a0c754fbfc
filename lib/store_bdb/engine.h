/* engine.h - one libdb environment handle with its tables, and how Jobgate sets libdb up
 *
 * Internal to lib/store_bdb. Every function here is called inside the gate only (it calls libdb), so nothing
 * locks. Results are libdb's: 0, a negative DB_ code or an errno.
 *
 * libdb's calls of open and fsync go through us: descriptors are O_CLOEXEC from the start, and a sync that
 * fails poisons the store of the gate that the thread is in. */
#ifndef JOBGATE_ENGINE_H
#define JOBGATE_ENGINE_H

#include "environment.h"
#include "gate.h"

#define ENGINE_LOG_FILE_SIZE (8 << 20)

struct engine;

/* major << 16 | minor << 8 | patch of the library in use. */
uint32_t engine_library(void);
/* The gate whose visitor this thread is, NULL when it has left: for the hooks. */
void engine_enter(struct gate *gate);

/* Opens the environment in the folder; with `recover` the regions are made anew from tables and log. On
 * failure there is no handle, and `words` (of the size of an error) has libdb's own. */
int engine_open(const char *data_dir, bool recover, struct engine **engine, struct error *words);
/* Closes tables and environment in good order. */
void engine_close(struct engine *engine);
/* Lets go of a handle whose regions are damaged or of an earlier life: nothing of libdb is called, what it
 * holds stays allocated. */
void engine_abandon(struct engine *engine);

DB_ENV *engine_handle(struct engine *engine);
/* Opened on first use. NULL in *table with 0: read-only and not there yet. `made` is set when the file is
 * new. */
int engine_table(struct engine *engine, enum table name, bool read_only, DB **table, bool *made);
/* End of the log, with what is still in libdb's buffer and would die with the regions. */
int engine_position(struct engine *engine, uint64_t *position);
/* The same after the buffer was written and synced. */
int engine_flushed_position(struct engine *engine, uint64_t *position);
/* libdb has panicked, whatever it returned. */
bool engine_panicked(const struct engine *engine);
/* Since engine_enter a write of this thread has met the end of the disk (or of a quota), whatever libdb made of it. */
bool engine_met_full_disk(void);
/* What libdb has said since the last call; empty when nothing. */
const char *engine_words(struct engine *engine);
void engine_forget_words(struct engine *engine);

/* Writes some dirty pages to their files. *left tells whether more are dirty. */
int engine_trickle(struct engine *engine, bool *left);
int engine_checkpoint(struct engine *engine);
/* Removes log files that no recovery needs. */
int engine_remove_logs(struct engine *engine);

/* Looks at every page of a table, DB_VERIFY_BAD when one is wrong. 0 when the table is not there. */
int engine_verify(struct engine *engine, enum table name);

/* Where the log ends for libdb, looked at without regions and without changing anything. 0 when there is no
 * log. */
int engine_probe_log(const char *data_dir, uint64_t *position, struct error *words);

/* Name of a table's file, "jobs.db". */
const char *engine_table_file(enum table name);

#endif
