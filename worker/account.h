/* account.h - the system's user that a function runs as
 *
 * Only a worker that runs as root can hand a function to another user. Everything is looked up here, before the fork; the
 * child makes three system calls (spawn.h). Belongs to one thread. */
#ifndef JOBGATE_ACCOUNT_H
#define JOBGATE_ACCOUNT_H

#include "outcome.h"
#include "spawn.h"

#include <stdbool.h>

#define ACCOUNT_HOME_SIZE 4096

struct account {
    bool differs; /* from the worker's own; else nothing of the rest is set */
    struct spawn_user user;
    char home[ACCOUNT_HOME_SIZE];
};

/* `name`: the function's `user`; "" = the worker's own. INVALID with words: there is no such user, it has more groups than can
 * be handed on, or this worker is not root and it is somebody else. UNAVAILABLE: the system's users cannot be looked up
 * now. */
enum outcome account_find(const char *name, struct account *account, struct error *error);

#endif
