#include "config.h"
#include "room_support.h"

#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

struct room_support room_support(void)
{
    static _Atomic int probed; /* 0 = not yet; else landlock + 1, and 1024 for seccomp */
    int known = probed;
    if (known == 0) {
        long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        unsigned action = SECCOMP_RET_ERRNO;
        bool seccomp = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
        known = (version > 0 ? (int)version : 0) + 1 + (seccomp ? 1024 : 0);
        probed = known;
    }
    return (struct room_support){.landlock = known % 1024 - 1, .seccomp = known >= 1024};
}

char *room_support_format(struct room_support support, char *text)
{
    if (support.landlock > 0)
        snprintf(text, 64, "landlock %d, %s", support.landlock, support.seccomp ? "seccomp" : "no seccomp");
    else
        snprintf(text, 64, "no landlock, %s", support.seccomp ? "seccomp" : "no seccomp");
    return text;
}
