/* backup.c - a copy of the files while they are in use, and the way back
 *
 * First a checkpoint, and none after it until the copy is done (environment_hold): no log file is removed. Then the tables,
 * a megabyte at a time, each read inside the gate: nobody writes a page meanwhile, so none is torn. What changes between
 * two portions is in the log. At last the end of the log is noted inside the gate, and the log copied up to there: it only
 * grows. A recovery from these files gives the store as it was at that end.
 *
 * A recovery in between (somebody was killed in the gate) has rewritten pages: then it is begun again. */
#include "config.h"

#include "store_bdb/store_bdb.h"

#include "folder.h"
#include "store_bdb/backup_list.h"
#include "store_bdb/engine.h"
#include "store_bdb/log_spare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORTION (1 << 20)
#define TRIES   5
#define STAY_MS 30000

/* Beside the tables and the log; what of it is there. The gate, the slots and the doorbell are made anew. */
static const char *const also[] = {"keys", "callback_secret", "paused", "meter"};

struct copying {
    int from;
    int to;
    struct backup_list list;
    uint64_t done;  /* bytes */
    uint64_t total; /* about */
    store_tell *tell;
    void *context;
    char *portion;
};

/* ---- one file ---- */

struct target {
    struct backup_file file;
    int descriptor;
    struct sha256_ctx sum;
};

static enum outcome target_open(struct copying *copying, const char *name, struct target *target,
                                struct error *error)
{
    *target = (struct target){.descriptor = -1};
    sha256_init(&target->sum);
    snprintf(target->file.name, sizeof target->file.name, "%s", name);
    target->descriptor =
        openat(copying->to, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    return target->descriptor >= 0 ? OK : error_set_errno(error, IO, errno, "making %s", name);
}

static enum outcome target_write(struct copying *copying, struct target *target, size_t length,
                                 struct error *error)
{
    for (size_t done = 0; done < length;) {
        ssize_t wrote = write(target->descriptor, copying->portion + done, length - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return error_set_errno(error, errno == ENOSPC || errno == EDQUOT ? FULL : IO, errno, "writing %s",
                                   target->file.name);
        done += (size_t)wrote;
    }
    sha256_update(&target->sum, length, (const uint8_t *)copying->portion);
    target->file.size += length;
    copying->done += length;
    if (copying->tell != NULL)
        copying->tell(copying->context, target->file.name, copying->done, copying->total);
    return OK;
}

static enum outcome target_close(struct copying *copying, struct target *target, enum outcome outcome,
                                 struct error *error)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    if (outcome == OK && fsync(target->descriptor) != 0)
        outcome = error_set_errno(error, errno == ENOSPC ? FULL : IO, errno, "syncing %s", target->file.name);
    if (target->descriptor >= 0)
        close(target->descriptor);
    sha256_digest(&target->sum, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(target->file.sum + 2 * i, 3, "%02x", digest[i]);
    return outcome == OK ? backup_list_add(&copying->list, &target->file, error) : outcome;
}

/* Up to `most` bytes of a file that stays as it is. NOTFOUND: it is not there. */
static enum outcome copy_plain(struct copying *copying, const char *name, uint64_t most, struct error *error)
{
    struct target target;
    int from = openat(copying->from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (from < 0)
        return error_set_errno(error, errno == ENOENT ? NOTFOUND : IO, errno, "%s", name);
    enum outcome outcome = target_open(copying, name, &target, error);
    ssize_t got = 1;
    for (uint64_t done = 0; outcome == OK && got > 0 && done < most; done += (uint64_t)got) {
        size_t wanted = most - done < PORTION ? (size_t)(most - done) : PORTION;
        got = pread(from, copying->portion, wanted, (off_t)done);
        outcome = got < 0 ? error_set_errno(error, IO, errno, "reading %s", name)
                          : target_write(copying, &target, (size_t)got, error);
    }
    close(from);
    return target_close(copying, &target, outcome, error);
}

/* ---- tables ---- */

struct reading {
    int descriptor;
    uint64_t offset;
    char *portion;
    ssize_t got;
};

static enum outcome read_portion(struct transaction *transaction, void *context, struct error *error)
{
    struct reading *reading = context;
    reading->got = pread(reading->descriptor, reading->portion, PORTION, (off_t)reading->offset);
    return reading->got >= 0 ? OK : error_set_errno(error, IO, errno, "reading a table");
}

static enum outcome still_holds(struct store *store, struct environment_hold *hold, struct error *error)
{
    return environment_still_holds(store->environment, hold)
               ? OK
               : error_set(error, RETRY, "the store had to recover meanwhile, again and again");
}

static enum outcome copy_table(struct store *store, struct copying *copying, struct environment_hold *hold,
                               const char *name, struct error *error)
{
    struct target target;
    struct reading reading = {.portion = copying->portion, .got = 1};
    reading.descriptor = openat(copying->from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (reading.descriptor < 0) /* made later: by the log then */
        return errno == ENOENT ? OK : error_set_errno(error, IO, errno, "%s", name);
    enum outcome outcome = target_open(copying, name, &target, error);
    while (outcome == OK && reading.got > 0) {
        outcome = environment_read(store->environment, read_portion, &reading, NULL, clock_deadline(STAY_MS),
                                   error);
        if (outcome == OK)
            outcome = still_holds(store, hold, error);
        if (outcome == OK)
            outcome = target_write(copying, &target, (size_t)reading.got, error);
        reading.offset += (uint64_t)(reading.got > 0 ? reading.got : 0);
    }
    close(reading.descriptor);
    return target_close(copying, &target, outcome, error);
}

/* ---- the log ---- */

static enum outcome find_log_end(struct transaction *transaction, void *context, struct error *error)
{
    return transaction_log_end(transaction, context, error);
}

static int compare_numbers(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* The numbers of the log's files up to `last`, sorted. */
static enum outcome list_logs(int folder, uint32_t last, uint32_t **numbers, size_t *count,
                              struct error *error)
{
    int descriptor = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    const struct dirent *entry;
    enum outcome outcome = OK;
    if (list == NULL)
        return error_set_errno(error, IO, errno, "listing the data folder");
    while (outcome == OK && (entry = readdir(list)) != NULL) {
        unsigned long number = log_spare_is_log(entry->d_name) ? strtoul(entry->d_name + 4, NULL, 10) : 0;
        if (number == 0 || number > last)
            continue;
        uint32_t *longer = reallocarray(*numbers, *count + 1, sizeof *longer);
        if (longer == NULL)
            outcome = error_set(error, NOMEM, "no memory");
        else
            (*numbers = longer)[(*count)++] = (uint32_t)number;
    }
    closedir(list);
    if (*count > 0)
        qsort(*numbers, *count, sizeof **numbers, compare_numbers);
    return outcome;
}

static enum outcome copy_logs(struct store *store, struct copying *copying, struct environment_hold *hold,
                              struct error *error)
{
    uint64_t end;
    uint32_t *numbers = NULL;
    size_t count = 0;
    enum outcome outcome =
        environment_read(store->environment, find_log_end, &end, NULL, clock_deadline(STAY_MS), error);
    if (outcome == OK)
        outcome = list_logs(copying->from, (uint32_t)(end >> 32), &numbers, &count, error);
    for (size_t i = 0; outcome == OK && i < count; i++) {
        char name[32];
        bool last = numbers[i] == end >> 32;
        snprintf(name, sizeof name, "log.%010u", (unsigned)numbers[i]);
        outcome = copy_plain(copying, name, last ? (uint32_t)end : UINT64_MAX, error);
        if (outcome == OK || outcome == NOTFOUND) /* not there: removed, so the hold was lost */
            outcome = still_holds(store, hold, error);
    }
    free(numbers);
    return outcome;
}

/* ---- backup ---- */

static enum outcome copy_also(struct copying *copying, struct error *error)
{
    enum outcome outcome = OK;
    for (size_t i = 0; i < sizeof also / sizeof also[0] && (outcome == OK || outcome == NOTFOUND); i++)
        outcome = copy_plain(copying, also[i], UINT64_MAX, error);
    return outcome == NOTFOUND ? OK : outcome;
}

static uint64_t size_of_tables(int folder)
{
    uint64_t sum = 0;
    struct stat status;
    for (enum table name = 0; name < TABLE_COUNT; name++)
        if (fstatat(folder, engine_table_file(name), &status, AT_SYMLINK_NOFOLLOW) == 0)
            sum += (uint64_t)status.st_size;
    return sum;
}

/* RETRY: what was copied does not fit together. */
static enum outcome copy_store(struct store *store, struct copying *copying, struct error *error)
{
    struct environment_hold hold;
    enum outcome outcome = environment_hold(store->environment, clock_deadline(STAY_MS), &hold, error);
    if (outcome != OK)
        return outcome;
    copying->done = 0;
    copying->total = size_of_tables(copying->from);
    backup_list_free(&copying->list);
    for (enum table name = 0; outcome == OK && name < TABLE_COUNT; name++)
        outcome = copy_table(store, copying, &hold, engine_table_file(name), error);
    if (outcome == OK)
        outcome = copy_logs(store, copying, &hold, error);
    environment_let_go(store->environment, &hold);
    return outcome;
}

static enum outcome check_empty(int folder, const char *what, struct error *error)
{
    int descriptor = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    const struct dirent *entry;
    enum outcome outcome = OK;
    if (list == NULL)
        return error_set_errno(error, IO, errno, "listing %s", what);
    while (outcome == OK && (entry = readdir(list)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            outcome = error_set(error, INVALID, "%s is not empty: it has %.64s", what, entry->d_name);
    closedir(list);
    return outcome;
}

/* A file of an earlier try that the later one did not make again. */
static void remove_logs(int folder)
{
    uint32_t *numbers = NULL;
    size_t count = 0;
    list_logs(folder, UINT32_MAX, &numbers, &count, NULL);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "log.%010u", (unsigned)numbers[i]);
        unlinkat(folder, name, 0);
    }
    free(numbers);
}

enum outcome store_backup(struct store *store, int folder, store_tell *tell, void *context, uint64_t *bytes,
                          struct error *error)
{
    struct copying copying = {
        .from = environment_folder(store->environment), .to = folder, .tell = tell, .context = context};
    enum outcome outcome = check_empty(folder, "the folder for the backup", error);
    copying.portion = outcome == OK ? malloc(PORTION) : NULL;
    if (outcome == OK && copying.portion == NULL)
        outcome = error_set(error, NOMEM, "no memory for a backup");
    for (unsigned i = 0; outcome == OK && i < TRIES; i++) {
        outcome = copy_store(store, &copying, error);
        if (outcome != RETRY)
            break;
        remove_logs(folder);
        outcome = i + 1 < TRIES ? OK : UNAVAILABLE;
    }
    if (outcome == OK)
        outcome = copy_also(&copying, error);
    copying.list.library = engine_library();
    if (outcome == OK)
        outcome = backup_list_write(&copying.list, folder, clock_wall_ms(), error);
    *bytes = copying.list.bytes;
    backup_list_free(&copying.list);
    free(copying.portion);
    return outcome;
}

/* ---- restore ---- */

static enum outcome check_library(const struct backup_list *list, struct error *error)
{
    uint32_t ours = engine_library();
    if (list->library >> 8 == ours >> 8)
        return OK;
    return error_set(error, INVALID,
                     "the backup was made with Berkeley DB %u.%u and this is %u.%u: restore it with programs "
                     "of that version, "
                     "then bring the jobs over with jobgatectl export and import",
                     list->library >> 16, list->library >> 8 & 255, ours >> 16, ours >> 8 & 255);
}

static enum outcome restore_file(struct copying *copying, const struct backup_file *file, struct error *error)
{
    enum outcome outcome = copy_plain(copying, file->name, UINT64_MAX, error);
    if (outcome == NOTFOUND)
        return error_set(error, INVALID, "the backup lacks its file %s", file->name);
    if (outcome != OK)
        return outcome;
    const struct backup_file *copied = &copying->list.files[copying->list.count - 1];
    return copied->size == file->size && strcmp(copied->sum, file->sum) == 0
               ? OK
               : error_set(error, INVALID, "the backup's file %s is damaged: its SHA-256 is another one",
                           file->name);
}

static enum outcome restore_files(struct copying *copying, const struct backup_list *list,
                                  struct error *error)
{
    enum outcome outcome = OK;
    copying->total = list->bytes;
    for (size_t i = 0; outcome == OK && i < list->count; i++)
        outcome = restore_file(copying, &list->files[i], error);
    if (outcome == OK && fsync(copying->to) != 0)
        outcome = error_set_errno(error, IO, errno, "syncing the data folder");
    return outcome;
}

enum outcome store_restore(int folder, const struct configuration *configuration, store_tell *tell,
                           void *context, struct error *error)
{
    struct copying copying = {.from = folder, .to = -1, .tell = tell, .context = context};
    struct backup_list list;
    enum outcome outcome = backup_list_read(&list, folder, error);
    if (outcome != OK)
        return outcome;
    outcome = check_library(&list, error);
    if (outcome == OK)
        outcome = folder_open(configuration->data_dir, &copying.to, error);
    if (outcome == OK)
        outcome = check_empty(copying.to, configuration->data_dir, error);
    copying.portion = outcome == OK ? malloc(PORTION) : NULL;
    if (outcome == OK)
        outcome = copying.portion != NULL ? restore_files(&copying, &list, error)
                                          : error_set(error, NOMEM, "no memory for a restore");
    if (copying.to >= 0)
        close(copying.to);
    backup_list_free(&copying.list);
    backup_list_free(&list);
    free(copying.portion);
    return outcome;
}
