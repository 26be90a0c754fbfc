/* room_support.h - what this kernel has to keep a function in its room (worker/room.h) */
#ifndef JOBGATE_ROOM_SUPPORT_H
#define JOBGATE_ROOM_SUPPORT_H

#include <stdbool.h>

struct room_support {
    int landlock; /* version of its interface; 0 = none. From 6 on it also keeps signals in */
    bool seccomp;
};
/* What this kernel has; probed once. Thread-safe. */
struct room_support room_support(void);
/* "landlock 7, seccomp" or "no landlock, no seccomp"; for logs and people. `text` has 64 bytes. Returns text. */
char *room_support_format(struct room_support support, char *text);

#endif
