#include "config.h"
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

/* File systems whose locks or mappings are not shared by all their users: f_type of statfs(2). */
static const struct {
    unsigned int type;
    const char *name;
} refused[] = {
    {0x6969, "NFS"},      {0x517B, "SMB"},       {0xFF534D42, "CIFS"},   {0xFE534D42, "SMB2"},
    {0x65735546, "FUSE"}, {0x01021997, "9P"},    {0x00C36400, "Ceph"},   {0x0BD00BD0, "Lustre"},
    {0x5346414F, "AFS"},  {0x6B414653, "AFS"},   {0x73757245, "Coda"},   {0x47504653, "GPFS"},
    {0x01161970, "GFS2"}, {0x7461636F, "OCFS2"}, {0x19830326, "BeeGFS"}, {0x20030528, "OrangeFS"},
    {0x564C, "NCP"},
};

static enum outcome check_file_system(int descriptor, const char *path, struct error *error)
{
    struct statfs system;
    if (fstatfs(descriptor, &system) != 0)
        return error_set_errno(error, IO, errno, "data folder %s", path);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if ((unsigned int)system.f_type == refused[i].type)
            return error_set(error, INVALID,
                             "data folder %s is on %s, whose locks and mappings are not shared as the store "
                             "needs it: choose a folder "
                             "on a disk of this machine as data_dir",
                             path, refused[i].name);
    return OK;
}

static enum outcome check_rights(int descriptor, const char *path, struct error *error)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return error_set_errno(error, IO, errno, "data folder %s", path);
    if (status.st_uid != geteuid())
        return error_set(
            error, INVALID,
            "data folder %s belongs to user %u, and this program runs as user %u: chown it, or start "
            "the programs as its owner",
            path, (unsigned)status.st_uid, (unsigned)geteuid());
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return error_set(error, INVALID,
                         "data folder %s is open to group or others (mode %04o): chmod 700 it", path,
                         (unsigned)(status.st_mode & 07777));
    return OK;
}

/* Its entry in the parent is to be on disk before anything in it is acknowledged. */
static enum outcome make_folder(const char *path, struct error *error)
{
    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? OK : error_set_errno(error, IO, errno, "making data folder %s", path);
    char parent[PATH_MAX];
    int length = snprintf(parent, sizeof parent, "%s/..", path);
    int descriptor =
        length > 0 && (size_t)length < sizeof parent ? open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (descriptor < 0) /* a parent that may be entered but not listed */
        return OK;
    int result = fsync(descriptor);
    int saved = errno;
    close(descriptor);
    return result == 0 ? OK : error_set_errno(error, IO, saved, "syncing the folder of %s", path);
}

enum outcome folder_open(const char *path, int *descriptor, struct error *error)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    *descriptor = open(path, flags);
    if (*descriptor < 0 && errno == ENOENT) {
        enum outcome made = make_folder(path, error);
        if (made != OK)
            return made;
        *descriptor = open(path, flags);
    }
    if (*descriptor < 0 && (errno == ENOTDIR || errno == ELOOP))
        return error_set(error, INVALID,
                         "data folder %s is a symlink or no folder: data_dir has to name the folder itself",
                         path);
    if (*descriptor < 0)
        return error_set_errno(error, IO, errno, "data folder %s", path);
    enum outcome outcome = check_rights(*descriptor, path, error);
    if (outcome == OK)
        outcome = check_file_system(*descriptor, path, error);
    if (outcome != OK) {
        close(*descriptor);
        *descriptor = -1;
    }
    return outcome;
}

/* The whole path of a file, for words. */
static const char *name_file(int folder, const char *name, char path[PATH_MAX])
{
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0 || (size_t)length + strlen(name) + 2 > PATH_MAX)
        return name;
    path[length] = '/';
    strcpy(path + length + 1, name);
    return path;
}

static enum outcome check_file(int folder, int descriptor, const char *name, off_t size, struct error *error)
{
    struct stat status;
    char path[PATH_MAX];
    if (fstat(descriptor, &status) != 0)
        return error_set_errno(error, IO, errno, "%s", name);
    if (!S_ISREG(status.st_mode))
        return error_set(error, INVALID, "%s is no plain file: remove it", name_file(folder, name, path));
    if (status.st_uid != geteuid())
        return error_set(error, INVALID, "%s belongs to user %u, and this program runs as user %u: chown it",
                         name_file(folder, name, path), (unsigned)status.st_uid, (unsigned)geteuid());
    if (status.st_size >= size)
        return OK;
    int result = posix_fallocate(descriptor, 0, size);
    if (result == ENOSPC || result == EDQUOT)
        return error_set_errno(error, FULL, result, "%s", name);
    if (result != 0)
        return error_set_errno(error, IO, result, "%s", name);
    return OK;
}

enum outcome folder_file(int folder, const char *name, off_t size, int *descriptor, struct error *error)
{
    char path[PATH_MAX];
    *descriptor = openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
    if (*descriptor < 0 && errno == ELOOP)
        return error_set(error, INVALID, "%s is a symlink: remove it", name_file(folder, name, path));
    if (*descriptor < 0 && (errno == ENOSPC || errno == EDQUOT))
        return error_set_errno(error, FULL, errno, "%s", name);
    if (*descriptor < 0)
        return error_set_errno(error, IO, errno, "%s", name);
    enum outcome outcome = check_file(folder, *descriptor, name, size, error);
    if (outcome != OK) {
        close(*descriptor);
        *descriptor = -1;
    }
    return outcome;
}

enum outcome folder_file_at(const char *path, const char *name, off_t size, int *descriptor,
                            struct error *error)
{
    int folder;
    enum outcome outcome = folder_open(path, &folder, error);
    if (outcome != OK)
        return outcome;
    outcome = folder_file(folder, name, size, descriptor, error);
    close(folder);
    return outcome;
}

enum outcome folder_map(const char *path, const char *name, size_t size, void **map, struct error *error)
{
    int file;
    enum outcome outcome = folder_file_at(path, name, (off_t)size, &file, error);
    if (outcome != OK)
        return outcome;
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    int saved = errno;
    close(file);
    if (mapped == MAP_FAILED)
        return error_set_errno(error, NOMEM, saved, "mapping %s/%s", path, name);
    *map = mapped;
    return OK;
}
