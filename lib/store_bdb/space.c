#include "config.h"
#include "space.h"

#include "../clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOOK_MS         200
#define REFUSE_MS       1000
#define BALLAST_NAME    "ballast"
#define BALLAST_SIZE    (20 << 20) /* the new pages between two checkpoints, which recovery makes again */
#define BALLAST_LOOK_MS 60000
#define INODES_RESERVE  16

void space_init(struct space *space, int folder, int64_t reserve)
{
    *space = (struct space){.folder = folder, .reserve = reserve};
    atomic_init(&space->looked_ms, INT64_MIN / 2);
    atomic_init(&space->ballast_looked_ms, INT64_MIN / 2);
}

static void look(struct space *space)
{
    int64_t now = clock_monotonic_ms();
    int64_t looked = space->looked_ms;
    if (now - looked < LOOK_MS || !atomic_compare_exchange_strong(&space->looked_ms, &looked, now))
        return;
    struct statvfs system;
    if (fstatvfs(space->folder, &system) != 0)
        return;
    space->free_bytes = (int64_t)system.f_bavail * (int64_t)system.f_frsize;
    space->free_inodes = system.f_files == 0 ? INT64_MAX : (int64_t)system.f_favail;
}

enum outcome space_for(struct space *space, size_t needed, struct error *error)
{
    look(space);
    int64_t left = space->free_bytes - space->reserve;
    if (left < 0 || (size_t)left < needed)
        return error_set(
            error, FULL, "%lld MiB are free on the disk, and %lld MiB are kept free (disk_reserve)",
            (long long)(space->free_bytes >> 20), (long long)(atomic_load(&space->reserve) >> 20));
    if (space->free_inodes < INODES_RESERVE)
        return error_set(error, FULL, "the file system has no room for another file (inodes)");
    if (clock_monotonic_ms() < space->refused_until_ms)
        return error_set(error, FULL, "the disk, or this user's quota, is full");
    return OK;
}

int64_t space_free(struct space *space)
{
    look(space);
    return space->free_bytes;
}

void space_ran_out(struct space *space)
{
    space->refused_until_ms = clock_monotonic_ms() + REFUSE_MS;
}

/* Written as well as allocated: a file system may only promise what it has not seen written. */
static bool fill(int descriptor)
{
    char block[65536];
    memset(block, 'J', sizeof block);
    if (posix_fallocate(descriptor, 0, BALLAST_SIZE) != 0)
        return false;
    for (int done = 0; done < BALLAST_SIZE; done += (int)sizeof block)
        if (pwrite(descriptor, block, sizeof block, done) != (ssize_t)sizeof block)
            return false;
    return true;
}

void space_keep_ballast(struct space *space)
{
    int64_t now = clock_monotonic_ms();
    int64_t looked = space->ballast_looked_ms;
    struct stat status;
    if (now - looked < BALLAST_LOOK_MS ||
        !atomic_compare_exchange_strong(&space->ballast_looked_ms, &looked, now))
        return;
    if (fstatat(space->folder, BALLAST_NAME, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return;
    if (space_for(space, 2 * BALLAST_SIZE, NULL) != OK)
        return;
    int descriptor =
        openat(space->folder, BALLAST_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return;
    if (!fill(descriptor))
        unlinkat(space->folder, BALLAST_NAME, 0);
    close(descriptor);
}

bool space_drop_ballast(struct space *space)
{
    space->ballast_looked_ms = clock_monotonic_ms();
    return unlinkat(space->folder, BALLAST_NAME, 0) == 0;
}
