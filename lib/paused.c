#include "config.h"
#include "paused.h"

#include "folder.h"
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_NAME "paused"
#define FILE_MOST (1 << 20)

static void path_of(const char *data_dir, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/" FILE_NAME, data_dir);
}

void paused_look(const char *data_dir, struct ini_file_version *version)
{
    char path[PATH_MAX];
    path_of(data_dir, path);
    if (!ini_file_look(path, version))
        *version = (struct ini_file_version){0};
}

static enum outcome read_file(int descriptor, struct buffer *names, struct error *error)
{
    for (;;) {
        char *room = buffer_reserve(names, 4096);
        ssize_t got = room != NULL ? read(descriptor, room, 4096) : -1;
        if (got < 0 || names->length > FILE_MOST)
            return error_set_errno(error, IO, room != NULL ? errno : ENOMEM, "the list of paused functions");
        if (got == 0)
            break;
        buffer_grown(names, (size_t)got);
    }
    if (names->length > 0 && names->data[names->length - 1] != '\n')
        buffer_append_text(names, "\n");
    return names->failed ? error_set(error, NOMEM, "no memory") : OK;
}

static enum outcome check_names(const struct buffer *names, struct error *error)
{
    char name[JOB_FUNCTION_SIZE];
    for (const char *line = names->length > 0 ? names->data : ""; *line != '\0';
         line = strchr(line, '\n') + 1) {
        size_t length = strcspn(line, "\n");
        snprintf(name, sizeof name, "%.*s", (int)length, line);
        if (length >= sizeof name || !job_function_name_is_valid(name))
            return error_set(error, INVALID,
                             "the file " FILE_NAME " of data_dir has a line that is no function's name");
    }
    return OK;
}

enum outcome paused_read(const char *data_dir, struct buffer *names, struct ini_file_version *version,
                         struct error *error)
{
    char path[PATH_MAX];
    struct ini_file_version seen;
    path_of(data_dir, path);
    paused_look(data_dir, version != NULL ? version : &seen);
    int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) /* whoever cannot get into the data folder only checks a configuration */
        return errno == ENOENT || errno == EACCES || errno == ENOTDIR
                   ? OK
                   : error_set_errno(error, IO, errno, "%s", path);
    enum outcome outcome = read_file(descriptor, names, error);
    close(descriptor);
    return outcome == OK ? check_names(names, error) : outcome;
}

/* The names without this one. True when it was there. */
static bool leave_out(const struct buffer *names, const char *function, struct buffer *rest)
{
    bool found = false;
    size_t wanted = strlen(function);
    for (const char *line = names->length > 0 ? names->data : ""; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        if (length == wanted && memcmp(line, function, length) == 0)
            found = true;
        else
            buffer_append(rest, line, length + 1);
        line += length + 1;
    }
    return found;
}

static enum outcome replace(int folder, const struct buffer *names, struct error *error)
{
    int descriptor =
        openat(folder, FILE_NAME ".new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool written =
        descriptor >= 0 && !names->failed &&
        (names->length == 0 || write(descriptor, names->data, names->length) == (ssize_t)names->length) &&
        fsync(descriptor) == 0 && renameat(folder, FILE_NAME ".new", folder, FILE_NAME) == 0 &&
        fsync(folder) == 0;
    int reason = names->failed ? ENOMEM : errno;
    if (descriptor >= 0)
        close(descriptor);
    return written ? OK : error_set_errno(error, IO, reason, "writing the list of paused functions");
}

static enum outcome change(int folder, const char *data_dir, const char *function, bool paused, bool *changed,
                           struct error *error)
{
    struct buffer names = {0}, rest = {0};
    enum outcome outcome = paused_read(data_dir, &names, NULL, error);
    if (outcome == OK) {
        bool was_paused = leave_out(&names, function, &rest);
        if (paused)
            buffer_printf(&rest, "%s\n", function);
        *changed = was_paused != paused;
        outcome = *changed ? replace(folder, &rest, error) : OK;
    }
    buffer_free(&names);
    buffer_free(&rest);
    return outcome;
}

enum outcome paused_change(const char *data_dir, const char *function, bool paused, bool *changed,
                           struct error *error)
{
    int folder, lock = -1;
    if (!job_function_name_is_valid(function))
        return error_set(error, INVALID, "no function has such a name");
    enum outcome outcome = folder_open(data_dir, &folder, error);
    if (outcome != OK)
        return outcome;
    outcome = folder_file(folder, FILE_NAME ".lock", 0, &lock, error);
    if (outcome == OK && flock(lock, LOCK_EX) != 0)
        outcome = error_set_errno(error, IO, errno, FILE_NAME ".lock");
    if (outcome == OK)
        outcome = change(folder, data_dir, function, paused, changed, error);
    if (lock >= 0)
        close(lock); /* and unlocks */
    close(folder);
    return outcome;
}
