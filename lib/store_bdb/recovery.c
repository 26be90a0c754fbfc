#include "config.h"
#include "recovery.h"

#include "../clock.h"
#include "../log.h"
#include "log_spare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static DIR *list_folder(int folder)
{
    int descriptor = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    if (list == NULL && descriptor >= 0)
        close(descriptor);
    return list;
}

/* Region files are truncated before they go: mappings in processes that live on would keep the space of a
 * removed file for as long as they live, and on a full disk the new regions need it. */
static enum outcome drop_regions(int folder, bool *has_log, struct error *error)
{
    DIR *list = list_folder(folder);
    if (list == NULL)
        return error_set_errno(error, IO, errno, "listing the data folder");
    *has_log = false;
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        if (log_spare_is_log(entry->d_name))
            *has_log = true;
        if (strncmp(entry->d_name, "__db.", 5) != 0)
            continue;
        int descriptor = openat(folder, entry->d_name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
        if (descriptor >= 0)
            close(descriptor);
        unlinkat(folder, entry->d_name, 0);
    }
    closedir(list);
    return OK;
}

static enum outcome check_library(struct gate *gate, struct error *error)
{
    uint32_t made_by = gate_page(gate)->library;
    uint32_t ours = engine_library();
    if (made_by == 0 || made_by >> 8 == ours >> 8)
        return OK;
    return error_set(
        error, UNAVAILABLE,
        "the store was written by Berkeley DB %u.%u and this is %u.%u: use the programs of that version, or "
        "bring the jobs over with jobgatectl export and import",
        made_by >> 16, made_by >> 8 & 255, ours >> 16, ours >> 8 & 255);
}

static enum outcome refuse(struct gate *gate, struct error *error)
{
    gate_damaged(gate, error->text);
    return UNAVAILABLE;
}

static bool out_of_space(int result)
{
    return result == ENOSPC || result == EDQUOT;
}

/* Of this process or the disk: no word on the store, so it is not put out of service. */
static bool is_shortage(int result)
{
    return out_of_space(result) || result == ENOMEM || result == EMFILE || result == ENFILE;
}

static enum outcome check_log(struct gate *gate, const char *data_dir, bool has_log, struct error *error)
{
    uint64_t known = gate_page(gate)->synced;
    uint64_t end = 0;
    if (has_log && known != 0) {
        int result = engine_probe_log(data_dir, &end, error);
        if (is_shortage(result))
            return UNAVAILABLE;
        if (result != 0)
            return refuse(gate, error);
    }
    if (end >= known)
        return OK;
    error_set(error, UNAVAILABLE,
              "its log ends at %u/%u and is known to have reached %u/%u: a log file was cut or damaged, "
              "acknowledged "
              "jobs are missing. Restore a backup, or go on without them: jobgatectl recover --accept-loss",
              (unsigned)(end >> 32), (unsigned)end, (unsigned)(known >> 32), (unsigned)known);
    return refuse(gate, error);
}

static int sync_file(struct gate *gate, int folder, const char *name)
{
    int descriptor = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return errno;
    gate_pulse(gate);
    int result = fdatasync(descriptor) == 0 ? 0 : errno;
    gate_pulse(gate);
    if (result != 0)
        gate_sync_failed(gate, result);
    close(descriptor);
    return result;
}

/* libdb takes for granted that what it reads of a log is on disk, and writes pages, and a next log file, that rest upon it.
 * After a kill the end of the log may be in memory only: a power cut then leaves what refers to records that never were. */
static enum outcome sync_log(struct gate *gate, int folder, struct error *error)
{
    uint32_t first = (uint32_t)(gate_page(gate)->synced >> 32);
    int result = 0;
    DIR *list = list_folder(folder);
    if (list == NULL)
        return error_set_errno(error, IO, errno, "listing the data folder");
    const struct dirent *entry;
    while (result == 0 && (entry = readdir(list)) != NULL)
        if (log_spare_is_log(entry->d_name) && strtoul(entry->d_name + 4, NULL, 10) >= first)
            result = sync_file(gate, folder, entry->d_name);
    closedir(list);
    return result == 0 ? OK : error_set_errno(error, UNAVAILABLE, result, "syncing the log");
}

/* The next log file serves as ballast as well. */
static bool give_room(int folder, struct space *space)
{
    return space_drop_ballast(space) || log_spare_drop(folder);
}

static enum outcome open_recovered(struct gate *gate, const char *data_dir, int folder, struct space *space,
                                   struct engine **engine, struct error *error)
{
    bool has_log = false;
    struct error words;
    int result = engine_open(data_dir, true, engine, &words);
    while (out_of_space(result) && give_room(folder, space)) {
        log_event(LOG_LEVEL_WARNING, "ballast_used", NULL);
        if (drop_regions(folder, &has_log, error) != OK)
            return IO;
        result = engine_open(data_dir, true, engine, &words);
    }
    if (result == 0)
        return OK;
    if (out_of_space(result))
        return error_set(error, FULL, "no room on the disk to recover the store (%s)", words.text);
    if (is_shortage(result))
        return error_set(error, UNAVAILABLE, "recovering the store: %s", words.text);
    error_set(error, UNAVAILABLE, "recovery fails: %s. Restore a backup", words.text);
    if (result == DB_RUNRECOVERY || result == EINVAL || result == DB_NOTFOUND)
        return refuse(gate, error);
    return UNAVAILABLE;
}

static void report(const char *why, uint64_t generation, int64_t started_us)
{
    char number[24], time[24];
    snprintf(number, sizeof number, "%" PRIu64, generation);
    snprintf(time, sizeof time, "%" PRId64, (clock_monotonic_us() - started_us) / 1000);
    log_event(LOG_LEVEL_INFO, "store_recovered", "reason", why, "generation", number, "ms", time, NULL);
}

enum outcome recovery_run(struct gate *gate, const char *data_dir, int folder, struct space *space,
                          struct engine **engine, struct error *error)
{
    int64_t started = clock_monotonic_us();
    const char *why = gate_recovery_due(gate);
    bool has_log = false;
    uint64_t position;
    enum outcome outcome = check_library(gate, error);
    if (outcome == OK)
        outcome = drop_regions(folder, &has_log, error);
    if (outcome == OK)
        outcome = check_log(gate, data_dir, has_log, error);
    if (outcome == OK && has_log)
        outcome = sync_log(gate, folder, error);
    if (outcome == OK && !has_log)
        log_spare_make(folder, ENGINE_LOG_FILE_SIZE, false);
    if (outcome == OK)
        outcome = open_recovered(gate, data_dir, folder, space, engine, error);
    if (outcome != OK)
        return outcome;
    if (engine_flushed_position(*engine, &position) != 0 || fsync(folder) != 0) {
        int saved = errno;
        engine_abandon(*engine);
        *engine = NULL;
        return error_set_errno(error, UNAVAILABLE, saved, "recovering the store");
    }
    gate_recovered(gate, position);
    gate_page(gate)->spare_ready = log_spare_exists(folder);
    gate_attach(gate);
    report(why != NULL ? why : "asked for", gate_page(gate)->generation, started);
    return OK;
}
