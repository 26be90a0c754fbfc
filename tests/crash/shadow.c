#include "config.h"
#include "shadow.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK 4096

/* Straight to the kernel: the names of the C library's calls are those that the shim stands in for. */
#define raw_openat(...) ((int)syscall(SYS_openat, __VA_ARGS__))

static char shadow[PATH_MAX];
static char data[PATH_MAX];

/* Shared by all processes: which blocks of a file were written since its last sync, in one word with a count of the
 * writes, so that it is taken away only when nobody has written meanwhile. */
#define FILES_MAX   4096
#define NUMBER_BITS 24
#define NUMBER_MAX  ((UINT64_C(1) << NUMBER_BITS) - 1)
static struct shadow_file {
    _Atomic uint64_t inode;   /* 0: free */
    _Atomic uint64_t blocks;  /* the count, the first, the one behind the last (0: none) */
    _Atomic uint64_t writing; /* writes under way, and those whose writer was killed in them */
} * changed;

void shadow_open(const char *folder, const char *data_folder)
{
    snprintf(shadow, sizeof shadow, "%s", folder);
    snprintf(data, sizeof data, "%s", data_folder);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.4000s/changed", folder);
    int file = raw_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    syscall(SYS_ftruncate, file, (off_t)(FILES_MAX * sizeof *changed));
    changed = (void *)syscall(SYS_mmap, NULL, FILES_MAX * sizeof *changed, PROT_READ | PROT_WRITE, MAP_SHARED,
                              file, (off_t)0);
    syscall(SYS_close, file);
}

/* NULL when there are too many. A file that is new here is clean: its first sync looks at all of it. */
static struct shadow_file *changes_of(uint64_t inode)
{
    for (unsigned i = 0; i < FILES_MAX && changed != MAP_FAILED; i++) {
        struct shadow_file *found = &changed[(inode + i) % FILES_MAX];
        uint64_t none = 0;
        if (found->inode == inode || atomic_compare_exchange_strong(&found->inode, &none, inode) ||
            none == inode)
            return found;
    }
    return NULL;
}

/* The path of a file of the data folder; its length, or 0. */
static size_t data_file(int descriptor, char path[PATH_MAX])
{
    char link[40];
    size_t length = strlen(data);
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t got = syscall(SYS_readlink, link, path, (size_t)PATH_MAX - 1);
    path[got > 0 ? got : 0] = '\0';
    if (got <= (ssize_t)length || memcmp(path, data, length) != 0 || path[length] != '/')
        return 0;
    return (size_t)got;
}

struct shadow_file *shadow_write_begins(int descriptor, long long offset, size_t length)
{
    char path[PATH_MAX];
    struct stat status;
    if (data_file(descriptor, path) == 0 || fstat(descriptor, &status) != 0)
        return NULL;
    struct shadow_file *changes = changes_of(status.st_ino);
    uint64_t first = (uint64_t)offset / BLOCK, behind = ((uint64_t)offset + length + BLOCK - 1) / BLOCK;
    if (changes == NULL)
        return NULL;
    changes->writing++;
    uint64_t seen = changes->blocks, wanted;
    do {
        uint64_t count = seen >> (2 * NUMBER_BITS), from = seen >> NUMBER_BITS & NUMBER_MAX,
                 to = seen & NUMBER_MAX;
        if (to == 0 || first < from)
            from = first;
        if (behind > to)
            to = behind;
        wanted = (count + 1) << (2 * NUMBER_BITS) | from << NUMBER_BITS | to;
    } while (!atomic_compare_exchange_weak(&changes->blocks, &seen, wanted));
    return changes;
}

void shadow_write_ended(struct shadow_file *file)
{
    if (file != NULL)
        file->writing--;
}

static bool name_inode(int folder, const char *name, char *text, size_t size)
{
    struct statx status;
    if (statx(folder, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &status) !=
        0)
        return false;
    snprintf(text, size, "%llu-%lld.%09u", (unsigned long long)status.stx_ino,
             (long long)status.stx_btime.tv_sec, status.stx_btime.tv_nsec);
    return true;
}

static int open_locked(const char *name)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", shadow, name) >= (int)sizeof path)
        return -1;
    int file = raw_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file >= 0)
        syscall(SYS_flock, file, LOCK_EX);
    return file;
}

/* Written into a new file that then takes the old one's place: never half of it. */
static void note_names(int folder)
{
    char from[PATH_MAX], to[PATH_MAX], line[600], inode[64], entries[32768];
    snprintf(from, sizeof from, "%.4000s/names.new", shadow);
    snprintf(to, sizeof to, "%.4000s/names", shadow);
    int list = raw_openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = raw_openat(AT_FDCWD, from, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (;;) {
        long length = syscall(SYS_getdents64, list, entries, sizeof entries);
        if (length <= 0)
            break;
        for (long at = 0; at < length;) {
            struct dirent64 *entry = (struct dirent64 *)(entries + at);
            at += entry->d_reclen;
            if (entry->d_type != DT_REG || !name_inode(folder, entry->d_name, inode, sizeof inode))
                continue;
            int size = snprintf(line, sizeof line, "%s %s\n", entry->d_name, inode);
            syscall(SYS_write, file, line, (size_t)size);
        }
    }
    syscall(SYS_close, file);
    syscall(SYS_close, list);
    syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static void copy_blocks(int file, int copy, uint64_t first, uint64_t behind)
{
    char block[BLOCK];
    for (uint64_t number = first; number < behind; number++) {
        ssize_t got = syscall(SYS_pread64, file, block, sizeof block, (off_t)(number * BLOCK));
        if (got <= 0)
            break;
        syscall(SYS_pwrite64, copy, block, (size_t)got, (off_t)(number * BLOCK));
    }
}

/* By its path: the descriptor may be one that can only be written. */
static void copy_changes(const char *path, int copy)
{
    struct stat status, before;
    int file = raw_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (file >= 0 && fstat(file, &status) == 0 && fstat(copy, &before) == 0) {
        struct shadow_file *changes = changes_of(status.st_ino);
        uint64_t seen = changes != NULL ? atomic_load(&changes->blocks) : 0;
        bool quiet = changes != NULL && changes->writing == 0; /* what is in `seen` is in the file */
        if (before.st_size == 0 || changes == NULL)
            copy_blocks(file, copy, 0, NUMBER_MAX);
        else
            copy_blocks(file, copy, seen >> NUMBER_BITS & NUMBER_MAX, seen & NUMBER_MAX);
        if (quiet)
            atomic_compare_exchange_strong(&changes->blocks, &seen, seen & ~(uint64_t)0 << (2 * NUMBER_BITS));
        if (before.st_size != status.st_size)
            syscall(SYS_ftruncate, copy, status.st_size);
    }
    syscall(SYS_close, file);
}

void shadow_begin(int descriptor, struct shadow_sync *sync)
{
    char path[PATH_MAX], link[40], inode[64];
    sync->copy = -1;
    if (data_file(descriptor, path) > 0) {
        if (name_inode(descriptor, "", inode, sizeof inode))
            sync->copy = open_locked(inode);
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        if (sync->copy >= 0)
            copy_changes(link, sync->copy);
    } else if (strcmp(path, data) == 0) {
        sync->copy = open_locked("names.lock");
        note_names(descriptor);
    }
}

void shadow_end(struct shadow_sync *sync)
{
    if (sync->copy >= 0)
        syscall(SYS_close, sync->copy);
}
