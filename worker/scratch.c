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
#define OUTER_MODE     0711
#define MOVE_TRIES_MAX 1000 /* names that a function may have taken on purpose */

/* Where folders of attempts are made. */
struct place {
    char path[PATH_MAX]; /* of the folder itself */
    int parent;          /* -1 = not opened */
};

struct scratch {
    char name[NAME_SIZE];
    char outer_parent[PATH_MAX]; /* data_dir.scratch */
    struct place own;            /* in data_dir/tmp */
    struct place lent;           /* in data_dir.scratch, for functions of other users; opened when needed */
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
    if (folder >= 0) {
        /* Root is let in everywhere, and shall change nothing by a name that could have been moved: by the descriptor. */
        if (fstat(folder, &status) == 0 && (status.st_mode & FOLDER_MODE) != FOLDER_MODE)
            fchmod(folder, FOLDER_MODE);
        return folder;
    }
    if (errno != EACCES)
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
    return error_set_errno(error, outcome_of_errno(errno, IO), errno, "temporary folder %s cannot be removed",
                           name);
}

/* The folder that the folders are in; with `make`, made. -1: errno and words. */
static int open_parent(const char *path, bool make, struct error *error)
{
    if (make && mkdir(path, FOLDER_MODE) < 0 && errno != EEXIST) {
        error_set_errno(error, outcome_of_errno(errno, IO), errno, "%s", path);
        return -1;
    }
    int parent = open(path, FOLDER);
    if (parent < 0)
        error_set_errno(error, outcome_of_errno(errno, IO), errno, "%s", path);
    return parent;
}

/* data_dir/tmp, or data_dir.scratch. */
static bool name_parent(const char *data_dir, bool outer, char path[PATH_MAX], struct error *error)
{
    size_t length = strlen(data_dir);
    while (outer && length > 1 && data_dir[length - 1] == '/')
        length--;
    if (snprintf(path, PATH_MAX, "%.*s%s", (int)length, data_dir, outer ? ".scratch" : "/tmp") < PATH_MAX)
        return true;
    error_set(error, INVALID, "data_dir %s: too long", data_dir);
    return false;
}

/* Others pass through it and see nothing of it. Nobody but root may have a hand in it. */
static enum outcome open_outer(struct scratch *scratch, struct error *error)
{
    struct stat status;
    const char *path = scratch->outer_parent;
    int parent = open_parent(path, true, error);
    if (parent < 0)
        return errno == ELOOP || errno == ENOTDIR
                   ? error_set(error, INVALID, "%s is a symlink or no folder: remove it", path)
                   : outcome_of_errno(errno, IO);
    if (fstat(parent, &status) < 0 || status.st_uid != geteuid() ||
        (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        close(parent);
        return error_set(error, INVALID, "%s belongs to somebody else, or others may write it: remove it",
                         path);
    }
    if ((status.st_mode & 07777) != OUTER_MODE && fchmod(parent, OUTER_MODE) < 0) {
        close(parent);
        return error_set_errno(error, outcome_of_errno(errno, IO), errno, "%s", path);
    }
    scratch->lent.parent = parent;
    return OK;
}

static enum outcome make_folder(const struct place *place, const char *name, uid_t uid, gid_t gid,
                                struct error *error)
{
    if (mkdirat(place->parent, name, FOLDER_MODE) < 0)
        return error_set_errno(error, outcome_of_errno(errno, IO), errno, "%s", place->path);
    if (uid == geteuid())
        return OK;
    int folder = openat(place->parent, name, FOLDER);
    int result = folder < 0 ? -1 : fchown(folder, uid, gid);
    int reason = errno;
    if (folder >= 0)
        close(folder);
    return result == 0 ? OK : error_set_errno(error, outcome_of_errno(reason, IO), reason, "%s", place->path);
}

static enum outcome clean(const struct place *place, const char *name, uid_t uid, gid_t gid,
                          struct error *error)
{
    int folder = openat(place->parent, name, FOLDER);
    struct stat status;
    bool good = folder >= 0 && fstat(folder, &status) == 0 && (status.st_mode & 07777) == FOLDER_MODE &&
                status.st_uid == uid && empty_folder(folder);
    if (folder >= 0)
        close(folder);
    if (good)
        return OK;
    enum outcome outcome = remove_tree(place->parent, name, error);
    return outcome == OK ? make_folder(place, name, uid, gid, error) : outcome;
}

enum outcome scratch_clean(struct scratch *scratch, struct error *error)
{
    return clean(&scratch->own, scratch->name, geteuid(), getegid(), error);
}

enum outcome scratch_lend(struct scratch *scratch, uid_t uid, gid_t gid, const char **path,
                          struct error *error)
{
    enum outcome outcome = scratch->lent.parent < 0 ? open_outer(scratch, error) : OK;
    if (outcome == OK)
        outcome = clean(&scratch->lent, scratch->name, uid, gid, error);
    *path = scratch->lent.path;
    return outcome;
}

static enum outcome name_places(struct scratch *scratch, const char *data_dir, char inner[PATH_MAX],
                                struct error *error)
{
    if (!name_parent(data_dir, false, inner, error) ||
        !name_parent(data_dir, true, scratch->outer_parent, error))
        return INVALID;
    if (snprintf(scratch->own.path, PATH_MAX, "%s/%s", inner, scratch->name) < PATH_MAX &&
        snprintf(scratch->lent.path, PATH_MAX, "%s/%s", scratch->outer_parent, scratch->name) < PATH_MAX)
        return OK;
    return error_set(error, INVALID, "data_dir %s: too long", data_dir);
}

enum outcome scratch_open(const char *data_dir, struct slot_identity identity, struct scratch **scratch,
                          struct error *error)
{
    char inner[PATH_MAX];
    struct scratch *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_set(error, NOMEM, "temporary folder: no memory");
    name_of(identity, made->name);
    made->own.parent = made->lent.parent = -1;
    enum outcome outcome = name_places(made, data_dir, inner, error);
    if (outcome == OK && (made->own.parent = open_parent(inner, true, error)) < 0)
        outcome = outcome_of_errno(errno, IO);
    if (outcome == OK)
        outcome = scratch_clean(made, error);
    if (outcome != OK) {
        if (made->own.parent >= 0)
            close(made->own.parent);
        free(made);
        return outcome;
    }
    *scratch = made;
    return OK;
}

const char *scratch_path(const struct scratch *scratch)
{
    return scratch->own.path;
}

static void leave(struct place *place, const char *name)
{
    struct error error;
    if (place->parent < 0)
        return;
    if (remove_tree(place->parent, name, &error) != OK)
        log_event(LOG_LEVEL_WARNING, "scratch_left", "error", error.text, NULL);
    close(place->parent);
}

void scratch_close(struct scratch *scratch)
{
    if (scratch == NULL)
        return;
    leave(&scratch->own, scratch->name);
    leave(&scratch->lent, scratch->name);
    free(scratch);
}

/* -1: there is no such place, or it cannot be opened. */
static int open_known(const char *data_dir, bool outer)
{
    char path[PATH_MAX];
    return name_parent(data_dir, outer, path, NULL) ? open_parent(path, false, NULL) : -1;
}

enum outcome scratch_remove(const char *data_dir, struct slot_identity identity, struct error *error)
{
    char name[NAME_SIZE];
    enum outcome outcome = OK;
    name_of(identity, name);
    for (int outer = 0; outer <= 1; outer++) {
        int parent = open_known(data_dir, outer != 0);
        if (parent < 0 && errno != ENOENT && outer == 0)
            return error_set_errno(error, outcome_of_errno(errno, IO), errno, "temporary folders of %s",
                                   data_dir);
        if (parent < 0)
            continue;
        enum outcome removed = remove_tree(parent, name, error);
        outcome = removed != OK ? removed : outcome;
        close(parent);
    }
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

static void remove_dead(int parent, struct slots *slots)
{
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

void scratch_remove_dead(const char *data_dir, struct slots *slots)
{
    remove_dead(open_known(data_dir, false), slots);
    remove_dead(open_known(data_dir, true), slots);
}
