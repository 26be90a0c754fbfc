/* shadow.h - what a power cut would leave of the data folder
 *
 * A folder beside it: `names`, the entries that the last sync of the folder has made certain, and of each file that was
 * ever synced what its last sync has made certain, under the number and the birth of its inode (a number is used again).
 * The state is all in files: of several processes, each may be killed in the middle. */
#ifndef JOBGATE_SHADOW_H
#define JOBGATE_SHADOW_H

#include <stddef.h>

/* `folder` exists; `data` is what it shadows, an absolute path. */
void shadow_open(const char *folder, const char *data);

/* Around each write: what the next sync has to look at. Between them nothing that was written of the file is forgotten: a writer
 * that is killed there may have written, which only the kernel knows. NULL: no file of the data folder. */
struct shadow_file *shadow_write_begins(int descriptor, long long offset, size_t length);
void shadow_write_ended(struct shadow_file *file); /* NULL is legal */

struct shadow_sync {
    int copy; /* locked: two syncs of one file one after the other */
};

/* Around each sync: takes what the file has when it begins, which is what it makes certain. errno may change. */
void shadow_begin(int descriptor, struct shadow_sync *sync);
void shadow_end(struct shadow_sync *sync);

#endif
