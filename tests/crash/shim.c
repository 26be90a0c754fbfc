/* shim.c - between the programs and the system: faults on order, and a disk that forgets
 *
 * Loaded before the C library (LD_PRELOAD) into every jobgate program of an installation; all others are left alone.
 * $JOBGATE_SHIM names a folder with
 *
 *     orders    what is to go wrong (shim.h)
 *     shadow/   what a power cut would leave (shadow.h)
 *     boot_id   read in the place of the kernel's
 *
 * Everything else goes to the kernel as it comes. */
#include "config.h"
#include "shim.h"

#include "shadow.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static const char *const programs[] = {"jobgate-submit",     "jobgate-status",  "jobgate-worker",
                                       "jobgate-supervisor", "jobgate-deliver", "jobgatectl"};
#define PROGRAM_COUNT (sizeof programs / sizeof programs[0])

static struct orders *orders;
static uint32_t program; /* this one's bit; 0: leave it alone */
static char boot_id[PATH_MAX];

__attribute__((constructor)) static void begin(void)
{
    char path[PATH_MAX];
    const char *folder = getenv("JOBGATE_SHIM");
    for (unsigned i = 0; i < PROGRAM_COUNT; i++)
        if (strcmp(program_invocation_short_name, programs[i]) == 0)
            program = UINT32_C(1) << i;
    if (folder == NULL || program == 0)
        return;
    snprintf(path, sizeof path, "%s/orders", folder);
    snprintf(boot_id, sizeof boot_id, "%s/boot_id", folder);
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    void *page =
        (void *)syscall(SYS_mmap, NULL, sizeof(struct orders), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (page == MAP_FAILED) {
        static const char words[] = "shim: no orders\n";
        syscall(SYS_write, 2, words, sizeof words - 1);
        _exit(126);
    }
    snprintf(path, sizeof path, "%s/shadow", folder);
    shadow_open(path, ((struct orders *)page)->data);
    orders = page;
}

/* ---- whether this call is meant ---- */

static bool has_end(const char *name, const char *end)
{
    size_t length = strlen(name), most = strlen(end);
    return length >= most && strcmp(name + length - most, end) == 0;
}

static bool is_meant(const char *path)
{
    size_t length = strlen(orders->data);
    if (strncmp(path, orders->data, length) != 0 || path[length] != '/')
        return false;
    const char *name = path + length + 1;
    return strncmp(name, orders->file, strlen(orders->file)) == 0 || has_end(name, orders->file);
}

static bool is_armed(enum call call)
{
    return orders != NULL && orders->armed != 0 && (orders->programs & program) != 0 &&
           (orders->calls & UINT32_C(1) << call) != 0;
}

/* 0, or what errno has to be. Does not come back when the process is to die. */
static int strike(void)
{
    int number = atomic_fetch_sub(&orders->wait, 1);
    if (number > 1 || number <= 1 - orders->times)
        return 0;
    orders->victim = getpid();
    atomic_fetch_add(&orders->struck, 1);
    if (orders->action == ACTION_FAIL)
        return (int)orders->errno_value;
    kill(getpid(), orders->action == ACTION_KILL ? SIGKILL : SIGSTOP);
    return 0;
}

static int strike_file(enum call call, int folder, const char *name)
{
    char link[40], path[PATH_MAX];
    if (!is_armed(call))
        return 0;
    size_t length = 0;
    if (name == NULL || (name[0] != '/' && folder != AT_FDCWD)) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t got = syscall(SYS_readlink, link, path, sizeof path - 1);
        length = got > 0 ? (size_t)got : 0;
        path[length] = '\0';
    }
    if (name != NULL)
        snprintf(path + length, sizeof path - length, "%s%s", length > 0 ? "/" : "", name);
    return is_meant(path) ? strike() : 0;
}

static int strike_any(enum call call)
{
    return is_armed(call) ? strike() : 0;
}

/* Ends the function that it stands in, when the order says so. */
#define OR_FAIL(stroke, failed)                                                                              \
    do {                                                                                                     \
        int saved = errno, stroke_errno = (stroke);                                                          \
        errno = saved;                                                                                       \
        if (stroke_errno != 0) {                                                                             \
            errno = stroke_errno;                                                                            \
            return failed;                                                                                   \
        }                                                                                                    \
    } while (0)

/* ---- files ---- */

static struct shadow_file *tell_shadow(int descriptor, off_t offset, size_t length)
{
    int saved = errno;
    struct shadow_file *file =
        orders != NULL && offset >= 0 ? shadow_write_begins(descriptor, offset, length) : NULL;
    errno = saved;
    return file;
}

ssize_t write(int descriptor, const void *bytes, size_t length)
{
    OR_FAIL(strike_file(CALL_WRITE, descriptor, NULL), -1);
    int saved = errno;
    off_t offset = orders != NULL ? syscall(SYS_lseek, descriptor, 0, SEEK_CUR) : -1; /* a pipe has none */
    errno = saved;
    struct shadow_file *file = tell_shadow(descriptor, offset, length);
    ssize_t written = syscall(SYS_write, descriptor, bytes, length);
    shadow_write_ended(file);
    return written;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset)
{
    OR_FAIL(strike_file(CALL_WRITE, descriptor, NULL), -1);
    struct shadow_file *file = tell_shadow(descriptor, offset, length);
    ssize_t written = syscall(SYS_pwrite64, descriptor, bytes, length, offset);
    shadow_write_ended(file);
    return written;
}

ssize_t read(int descriptor, void *bytes, size_t length)
{
    OR_FAIL(strike_file(CALL_READ, descriptor, NULL), -1);
    return syscall(SYS_read, descriptor, bytes, length);
}

ssize_t pread(int descriptor, void *bytes, size_t length, off_t offset)
{
    OR_FAIL(strike_file(CALL_READ, descriptor, NULL), -1);
    return syscall(SYS_pread64, descriptor, bytes, length, offset);
}

static const char *other_boot(const char *path)
{
    return orders != NULL && strcmp(path, BOOT_ID) == 0 ? boot_id : path;
}

int openat(int folder, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    OR_FAIL(strike_file(CALL_OPEN, folder, path), -1);
    return (int)syscall(SYS_openat, folder, other_boot(path), flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return openat(AT_FDCWD, path, flags, mode);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    OR_FAIL(strike_file(CALL_NAME, to_folder, to), -1);
    return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return renameat2(from_folder, from, to_folder, to, 0);
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
    OR_FAIL(strike_file(CALL_NAME, folder, path), -1);
    return (int)syscall(SYS_unlinkat, folder, path, flags);
}

int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

int ftruncate(int descriptor, off_t size)
{
    OR_FAIL(strike_file(CALL_SIZE, descriptor, NULL), -1);
    return (int)syscall(SYS_ftruncate, descriptor, size);
}

int fallocate(int descriptor, int mode, off_t offset, off_t size)
{
    OR_FAIL(strike_file(CALL_SIZE, descriptor, NULL), -1);
    return (int)syscall(SYS_fallocate, descriptor, mode, offset, size);
}

int posix_fallocate(int descriptor, off_t offset, off_t size)
{
    return fallocate(descriptor, 0, offset, size) == 0 ? 0 : errno;
}

int flock(int descriptor, int operation)
{
    OR_FAIL(strike_file(CALL_LOCK, descriptor, NULL), -1);
    return (int)syscall(SYS_flock, descriptor, operation);
}

int fcntl(int descriptor, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    long argument = va_arg(arguments, long);
    va_end(arguments);
    if (command == F_OFD_SETLK || command == F_SETLK)
        OR_FAIL(strike_file(CALL_LOCK, descriptor, NULL), -1);
    return (int)syscall(SYS_fcntl, descriptor, command, argument);
}

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset)
{
    if (descriptor >= 0)
        OR_FAIL(strike_file(CALL_MAP, descriptor, NULL), MAP_FAILED);
    return (void *)syscall(SYS_mmap, address, length, protection, flags, descriptor, offset);
}

/* ---- syncs ---- */

static int sync_with(long number, int descriptor)
{
    struct shadow_sync sync;
    OR_FAIL(strike_file(CALL_SYNC, descriptor, NULL), -1);
    if (orders == NULL)
        return (int)syscall(number, descriptor);
    if (orders->syncs_lie != 0)
        return 0;
    shadow_begin(descriptor, &sync);
    int result = (int)syscall(number, descriptor);
    int saved = errno;
    shadow_end(&sync);
    errno = saved;
    return result;
}

int fdatasync(int descriptor)
{
    return sync_with(SYS_fdatasync, descriptor);
}

int fsync(int descriptor)
{
    return sync_with(SYS_fsync, descriptor);
}

/* ---- what a process lives on ---- */

extern int __clone(int (*body)(void *), void *stack, int flags, void *argument, ...);

int clone(int (*body)(void *), void *stack, int flags, void *argument, ...)
{
    OR_FAIL(strike_any(CALL_START), -1);
    return __clone(body, stack, flags, argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument)
{
    static _Atomic(void *) next;
    int stroke = strike_any(CALL_START);
    if (stroke != 0)
        return stroke;
    if (next == NULL)
        next = dlsym(RTLD_NEXT, "pthread_create");
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *found = next;
    memcpy(&real, &found, sizeof real);
    return real(thread, attributes, body, argument);
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    OR_FAIL(strike_any(CALL_MEMORY), NULL);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    OR_FAIL(strike_any(CALL_MEMORY), NULL);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    OR_FAIL(strike_any(CALL_MEMORY), NULL);
    return __libc_realloc(memory, size);
}

/* ---- the wall clock ---- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result != 0 || orders == NULL || clock != CLOCK_REALTIME)
        return result;
    int64_t ms = orders->clock_ms + now->tv_nsec / 1000000;
    int64_t seconds = ms / 1000 - (ms % 1000 < 0);
    now->tv_sec += seconds;
    now->tv_nsec = now->tv_nsec % 1000000 + (ms - seconds * 1000) * 1000000;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    *now = (struct timeval){.tv_sec = exact.tv_sec, .tv_usec = exact.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *now)
{
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now != NULL)
        *now = exact.tv_sec;
    return exact.tv_sec;
}
