/* folder.h - the data folder: opened, checked, made
 *
 * The gate stands on flock(2), shared mappings and fdatasync(2), so the folder has to be on a
 * file system of this machine; and whoever can write into it owns every job, so it belongs to this user
 * alone. */
#ifndef JOBGATE_FOLDER_H
#define JOBGATE_FOLDER_H

#include "outcome.h"

#include <stddef.h>
#include <sys/stat.h>

/* Opens `path`, made with mode 0700 when it is missing (its parent must exist). *descriptor is O_CLOEXEC and
 * the caller's. INVALID with words: not a folder, a symlink, another owner, rights for group or others, a
 * network file system. IO otherwise. */
enum outcome folder_open(const char *path, int *descriptor, struct error *error);

/* Opens (made with 0600 and `size` allocated bytes of zero when missing or shorter) a file of the folder for
 * reading and writing: a mapping of it never meets a hole that a full disk cannot fill. O_CLOEXEC, no
 * symlink, a plain file of this user. FULL when there is no room. */
enum outcome folder_file(int folder, const char *name, off_t size, int *descriptor, struct error *error);

/* The same in the folder of this path. */
enum outcome folder_file_at(const char *path, const char *name, off_t size, int *descriptor,
                            struct error *error);

/* And mapped: `size` bytes that all processes share. The caller's, to be unmapped. */
enum outcome folder_map(const char *path, const char *name, size_t size, void **map, struct error *error);

#endif
