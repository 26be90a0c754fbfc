#include "config.h"
#include "account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#define ENTRY_SIZE 16384 /* bytes of one line of the system's users */

static enum outcome take(const struct passwd *entry, struct account *account, struct error *error)
{
    struct spawn_user *user = &account->user;
    if (entry->pw_uid == geteuid())
        return OK;
    if (geteuid() != 0)
        return error_set(
            error, INVALID,
            "user = %s: this worker runs as user %u, and only root can run a function as somebody "
            "else; leave `user` out, or start the programs as root",
            entry->pw_name, (unsigned)geteuid());
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    user->group_count = SPAWN_GROUPS_MAX;
    if (getgrouplist(entry->pw_name, entry->pw_gid, user->groups, &user->group_count) < 0)
        return error_set(error, INVALID, "user = %s is in more than %d groups", entry->pw_name,
                         SPAWN_GROUPS_MAX);
    snprintf(account->home, sizeof account->home, "%s", entry->pw_dir);
    account->differs = true;
    return OK;
}

enum outcome account_find(const char *name, struct account *account, struct error *error)
{
    struct passwd entry, *found = NULL;
    char bytes[ENTRY_SIZE];
    account->differs = false;
    if (name[0] == '\0')
        return OK;
    int reason = getpwnam_r(name, &entry, bytes, sizeof bytes, &found);
    if (found != NULL)
        return take(&entry, account, error);
    if (reason == 0 || reason == ENOENT || reason == ESRCH)
        return error_set(error, INVALID, "user = %s: this system has no such user", name);
    return error_set_errno(error, UNAVAILABLE, reason, "user = %s", name);
}
