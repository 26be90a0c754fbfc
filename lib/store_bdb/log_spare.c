#include "config.h"
#include "log_spare.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "spare"
#define PORTION                                                                                              \
    (256 << 10) /* written and synced at a time: a sync of the log waits behind no more than this */

static const char zeroes[PORTION];

/* Nobody else makes one meanwhile: the caller was elected. A leftover of one that died is begun again. */
static bool fill(int folder, size_t size, bool gently)
{
    int descriptor = openat(folder, NAME ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return false;
    bool filled = posix_fallocate(descriptor, 0, (off_t)size) == 0;
    for (size_t done = 0; filled && done < size; done += PORTION)
        filled = pwrite(descriptor, zeroes, PORTION, (off_t)done) == PORTION &&
                 (!gently || fdatasync(descriptor) == 0);
    filled = filled && fdatasync(descriptor) == 0;
    close(descriptor);
    return filled;
}

bool log_spare_make(int folder, size_t size, bool gently)
{
    if (fill(folder, size, gently) && renameat(folder, NAME ".new", folder, NAME) == 0)
        return true;
    unlinkat(folder, NAME ".new", 0);
    return false;
}

bool log_spare_exists(int folder)
{
    struct stat status;
    return fstatat(folder, NAME, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
}

bool log_spare_drop(int folder)
{
    return unlinkat(folder, NAME, 0) == 0;
}

bool log_spare_is_log(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    return strncmp(name, "log.", 4) == 0 && strlen(name) == 14 && strspn(name + 4, "0123456789") == 10;
}

bool log_spare_use(const char *path)
{
    char spare[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || !log_spare_is_log(path))
        return false;
    int length = snprintf(spare, sizeof spare, "%.*s/" NAME, (int)(slash - path), path);
    return length > 0 && (size_t)length < sizeof spare &&
           renameat2(AT_FDCWD, spare, AT_FDCWD, path, RENAME_NOREPLACE) == 0;
}
