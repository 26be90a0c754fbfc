/* space.h - room on the disk
 *
 * Internal to lib/store_bdb. New work is refused while there is still room for what the store itself must
 * write; and recovery, which writes before anything can be removed, has the `ballast` file to give up when
 * the disk is full. Thread-safe. */
#ifndef JOBGATE_SPACE_H
#define JOBGATE_SPACE_H

#include "../outcome.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct space {
    int folder;              /* not owned */
    _Atomic int64_t reserve; /* bytes that stay free */
    _Atomic int64_t looked_ms;
    _Atomic int64_t free_bytes;
    _Atomic int64_t free_inodes; /* INT64_MAX when the file system does not count them */
    _Atomic int64_t refused_until_ms;
    _Atomic int64_t ballast_looked_ms;
};

void space_init(struct space *space, int folder, int64_t reserve);
/* OK, or FULL with words. Looks at the file system at most every 200 ms. */
enum outcome space_for(struct space *space, size_t needed, struct error *error);
/* Bytes free for this user, as last looked at. */
int64_t space_free(struct space *space);
/* A write met ENOSPC or EDQUOT whatever statvfs says (a quota): refuse for a second. */
void space_ran_out(struct space *space);

/* Makes the ballast again when it is missing and there is room for it beside the reserve. Failure is no
 * fault. Looks at most once a minute. */
void space_keep_ballast(struct space *space);
/* Gives its room back. True when there was a ballast. */
bool space_drop_ballast(struct space *space);

#endif
