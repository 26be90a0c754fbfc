/* backup_list.h - the list of what a backup has
 *
 * The text file `backup` in its folder, written last: a backup without it is none.
 *
 *     jobgate-backup 1
 *     created 2026-11-23T05:09:00.123Z
 *     library 5.3.28
 *     file SHA256-HEX SIZE NAME
 *     …
 *     end
 *
 * Not thread-safe. */
#ifndef JOBGATE_STORE_BDB_BACKUP_LIST_H
#define JOBGATE_STORE_BDB_BACKUP_LIST_H

#include "../buffer.h"
#include "../outcome.h"

#include <stdint.h>

#define BACKUP_LIST       "backup"
#define BACKUP_NAME_SIZE  64
#define BACKUP_SUM_SIZE   65 /* SHA-256 in hexadecimal */
#define BACKUP_FILES_MOST 65536

struct backup_file {
    char name[BACKUP_NAME_SIZE];
    char sum[BACKUP_SUM_SIZE];
    uint64_t size;
};

struct backup_list {
    uint32_t library; /* major << 16 | minor << 8 | patch */
    uint64_t bytes;   /* of all files */
    struct backup_file *files;
    size_t count;
};

/* NOMEM. */
enum outcome backup_list_add(struct backup_list *list, const struct backup_file *file, struct error *error);
void backup_list_free(struct backup_list *list); /* repeatable */
/* Into the folder, synced. */
enum outcome backup_list_write(const struct backup_list *list, int folder, int64_t now_ms,
                               struct error *error);
/* INVALID with words: there is none, or it is not whole. */
enum outcome backup_list_read(struct backup_list *list, int folder, struct error *error);

#endif
