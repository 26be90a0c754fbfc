#include "config.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* NUL-terminated; the length, or -1. */
static ssize_t read_small(const char *path, char *text, size_t size)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -1;
    ssize_t length = read(descriptor, text, size - 1);
    close(descriptor);
    if (length >= 0)
        text[length] = '\0';
    return length;
}

/* What follows the command's name, which may hold spaces and parentheses: " S 1 …". */
static const char *stat_fields(const char *path, char *text, size_t size)
{
    if (read_small(path, text, size) <= 0)
        return NULL;
    const char *fields = strrchr(text, ')');
    return fields != NULL && fields[1] == ' ' ? fields + 1 : NULL;
}

uint64_t process_started(pid_t pid)
{
    char path[48], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const char *fields = stat_fields(path, text, sizeof text);
    for (int field = 3; fields != NULL && field <= 22; field++)
        fields = strchr(fields + (field > 3), ' ');
    return fields != NULL ? strtoull(fields, NULL, 10) : 0;
}

char process_thread_state(pid_t pid, pid_t thread)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", (int)pid, (int)thread);
    const char *fields = stat_fields(path, text, sizeof text);
    return fields != NULL ? fields[1] : '\0';
}

uint64_t process_pid_space(void)
{
    struct stat status;
    return stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

enum outcome process_boot_id(char text[PROCESS_BOOT_ID_SIZE], struct error *error)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    memset(text, 0, PROCESS_BOOT_ID_SIZE);
    ssize_t length = read_small(path, text, PROCESS_BOOT_ID_SIZE);
    if (length < 0)
        return error_set_errno(error, IO, errno, "%s (the store needs /proc)", path);
    text[strcspn(text, "\n")] = '\0';
    return OK;
}

bool process_kill(pid_t pid, uint64_t started)
{
    /* The descriptor first: from here on the number can go to another process, the descriptor cannot. */
    int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    if (descriptor < 0)
        return errno == ENOSYS && process_started(pid) == started && kill(pid, SIGKILL) == 0;
    bool proved = process_started(pid) == started;
    bool killed = proved && syscall(SYS_pidfd_send_signal, descriptor, SIGKILL, NULL, 0) == 0;
    close(descriptor);
    return killed;
}
