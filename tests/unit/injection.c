#include "config.h"
#include "injection.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct injection injection;

static void step(void)
{
    if (injection.die_at > 0 && --injection.die_at == 0)
        kill(getpid(), SIGKILL);
}

static int sync_with(long number, int descriptor)
{
    step();
    if (injection.sync_failures > 0 && injection.sync_delay > 0) {
        injection.sync_delay--;
    } else if (injection.sync_failures > 0) {
        injection.sync_failures--;
        errno = injection.sync_errno;
        return -1;
    }
    int result = (int)syscall(number, descriptor);
    if (result == 0 && injection.after_sync != NULL)
        injection.after_sync(descriptor);
    return result;
}

int fdatasync(int descriptor)
{
    return sync_with(SYS_fdatasync, descriptor);
}

int fsync(int descriptor)
{
    struct stat status;
    if (fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode))
        injection.folder_syncs++;
    return sync_with(SYS_fsync, descriptor);
}

static bool write_fails(void)
{
    if (injection.write_failures == 0)
        return false;
    injection.write_failures--;
    errno = injection.write_errno;
    return true;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset)
{
    step();
    return write_fails() ? -1 : syscall(SYS_pwrite64, descriptor, bytes, length, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t length)
{
    return descriptor > STDERR_FILENO && write_fails() ? -1 : syscall(SYS_write, descriptor, bytes, length);
}

int openat(int folder, const char *name, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (injection.open_failures > 0 && strncmp(name, "log.", 4) == 0) {
        injection.open_failures--;
        errno = injection.open_errno;
        return -1;
    }
    return (int)syscall(SYS_openat, folder, name, flags, mode);
}

int unlinkat(int folder, const char *name, int flags)
{
    step();
    return (int)syscall(SYS_unlinkat, folder, name, flags);
}
