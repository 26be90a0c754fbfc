#include "config.h"
#include "scratch.h"
#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE      40
#define FOLDER         (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define LISTING_SIZE   512 /* enough for "." and "..": more means that something is there */
#define FOLDER_MODE    0700
#define MOVE_TRIES_MAX 1000 /* names that a function may have taken on purpose */

struct scratch {
    char path[PATH_MAX];
    char name[NAME_SIZE];
    int parent; /* data_dir/tmp */
};

static void name_of(struct slot_identity identity, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "%" PRIu32 "-%016" PRIx64, identity.slot, identity.life);
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Opens a folder that may have any mode. -1: errno. */
static int open_folder(int parent, const char *name)
{
    int folder = openat(parent, name, FOLDER);
    struct stat status;
    if (folder >= 0 && fstat(folder, &status) == 0 && (status.st_mode & FOLDER_MODE) == FOLDER_MODE)
        return folder;
    if (folder >= 0)
        close(folder);
    else if (errno != EACCES)
        return -1;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(status.st_mode) ||
        fchmodat(parent, name, FOLDER_MODE, 0) < 0)
        return -1;
    return openat(parent, name, FOLDER);
}

/* Puts a folder that is not empty next to its parent. So no depth costs descriptors or stack, however deep it
 * goes. */
static bool move_up(int from, const char *name, int top, unsigned *number)
{
    for (int tries = 0; tries < MOVE_TRIES_MAX; tries++) {
        char target[32];
        snprintf(target, sizeof target, "up-%u", (*number)++);
        if (renameat(from, name, top, target) == 0)
            return true;
        /* To be moved, a folder must be writable itself: its ".." changes. */
        if (errno == EACCES && fchmodat(from, name, FOLDER_MODE, 0) < 0)
            return false;
    }
    return false;
}

/* Removes one entry, or moves it up. *moved tells which. */
static bool remove_entry(int folder, const char *name, int top, unsigned *number)
{
    if (unlinkat(folder, name, 0) == 0)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return false;
    if (unlinkat(folder, name, AT_REMOVEDIR) == 0)
        return true;
    return folder != top && (errno == ENOTEMPTY || errno == EEXIST) && move_up(folder, name, top, number);
}

/* True when something in it went (or was moved): worth another round. */
static bool empty_level(int parent, const char *name, int top, unsigned *number)
{
    int descriptor =
        parent == top && name == NULL ? fcntl(top, F_DUPFD_CLOEXEC, 0) : open_folder(parent, name);
    DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (folder == NULL) {
        if (descriptor >= 0)
            close(descriptor);
        return false;
    }
    rewinddir(folder);
    bool progress = false;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (is_dots(entry->d_name))
            continue;
        if (name != NULL)
            progress |= remove_entry(descriptor, entry->d_name, top, number);
        else if (remove_entry(top, entry->d_name, top, number))
            progress = true;
        else if (empty_level(top, entry->d_name, top, number))
            progress = true;
    }
    closedir(folder);
    return progress;
}

/* True when the folder holds nothing. */
static bool is_empty(int folder)
{
    char listing[LISTING_SIZE] __attribute__((aligned(8)));
    lseek(folder, 0, SEEK_SET);
    ssize_t length;
    while ((length = getdents64(folder, listing, sizeof listing)) > 0) {
        for (ssize_t at = 0; at < length;) {
            const struct dirent64 *entry = (const struct dirent64 *)(listing + at);
            if (!is_dots(entry->d_name))
                return false;
            at += entry->d_reclen;
        }
    }
    return length == 0;
}

static bool empty_folder(int folder)
{
    unsigned number = 0;
    while (!is_empty(folder)) {
        if (!empty_level(folder, NULL, folder, &number))
            return false;
    }
    return true;
}

static enum outcome remove_tree(int parent, const char *name, struct error *error)
{
    int folder = open_folder(parent, name);
    if (folder < 0 && errno == ENOENT)
        return OK;
    if (folder >= 0) {
        empty_folder(folder);
        close(folder);
        if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
            return OK;
    } else if (unlinkat(parent, name, 0) == 0) { /* a function put something else in its place */
        return OK;
    }
    return error_set_errno(error, IO, errno, "temporary folder %s cannot be removed", name);
}

static int open_parent(const char *data_dir, bool make, struct error *error)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/tmp", data_dir) >= sizeof path) {
        error_set(error, INVALID, "data_dir %s: too long", data_dir);
        return -1;
    }
    if (make && mkdir(path, FOLDER_MODE) < 0 && errno != EEXIST) {
        error_set_errno(error, IO, errno, "%s", path);
        return -1;
    }
    int parent = open(path, FOLDER);
    if (parent < 0)
        error_set_errno(error, IO, errno, "%s", path);
    return parent;
}

enum outcome scratch_clean(struct scratch *scratch, struct error *error)
{
    int folder = openat(scratch->parent, scratch->name, FOLDER);
    struct stat status;
    bool good = folder >= 0 && fstat(folder, &status) == 0 && (status.st_mode & 07777) == FOLDER_MODE &&
                status.st_uid == geteuid() && empty_folder(folder);
    if (folder >= 0)
        close(folder);
    if (good)
        return OK;
    enum outcome outcome = remove_tree(scratch->parent, scratch->name, error);
    if (outcome != OK)
        return outcome;
    if (mkdirat(scratch->parent, scratch->name, FOLDER_MODE) < 0)
        return error_set_errno(error, IO, errno, "%s", scratch->path);
    return OK;
}

enum outcome scratch_open(const char *data_dir, struct slot_identity identity, struct scratch **scratch,
                          struct error *error)
{
    struct scratch *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_set(error, NOMEM, "temporary folder: no memory");
    name_of(identity, made->name);
    made->parent = open_parent(data_dir, true, error);
    enum outcome outcome = made->parent < 0 ? IO : OK;
    if (outcome == OK && (size_t)snprintf(made->path, sizeof made->path, "%s/tmp/%s", data_dir, made->name) >=
                             sizeof made->path)
        outcome = error_set(error, INVALID, "data_dir %s: too long", data_dir);
    if (outcome == OK)
        outcome = scratch_clean(made, error);
    if (outcome != OK) {
        if (made->parent >= 0)
            close(made->parent);
        free(made);
        return outcome;
    }
    *scratch = made;
    return OK;
}

const char *scratch_path(const struct scratch *scratch)
{
    return scratch->path;
}

void scratch_close(struct scratch *scratch)
{
    if (scratch == NULL)
        return;
    struct error error;
    if (remove_tree(scratch->parent, scratch->name, &error) != OK)
        log_event(LOG_LEVEL_WARNING, "scratch_left", "error", error.text, NULL);
    close(scratch->parent);
    free(scratch);
}

enum outcome scratch_remove(const char *data_dir, struct slot_identity identity, struct error *error)
{
    char name[NAME_SIZE];
    name_of(identity, name);
    int parent = open_parent(data_dir, false, error);
    if (parent < 0)
        return errno == ENOENT ? OK : IO;
    enum outcome outcome = remove_tree(parent, name, error);
    close(parent);
    return outcome;
}

static bool parse_name(const char *name, struct slot_identity *identity)
{
    char again[NAME_SIZE];
    if (sscanf(name, "%" SCNu32 "-%" SCNx64, &identity->slot, &identity->life) != 2)
        return false;
    name_of(*identity, again);
    return strcmp(name, again) == 0;
}

void scratch_remove_dead(const char *data_dir, struct slots *slots)
{
    int parent = open_parent(data_dir, false, NULL);
    DIR *folder = parent < 0 ? NULL : fdopendir(parent);
    if (folder == NULL) {
        if (parent >= 0)
            close(parent);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        struct slot_identity identity;
        struct error error;
        if (parse_name(entry->d_name, &identity) && !slots_is_alive(slots, identity) &&
            remove_tree(parent, entry->d_name, &error) != OK)
            log_event(LOG_LEVEL_WARNING, "scratch_left", "error", error.text, NULL);
    }
    closedir(folder);
}
