#include "config.h"
#include "user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool user_of(const char *path, uid_t *user)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return false;
    *user = status.st_uid;
    return true;
}

const char *user_name(uid_t user)
{
    static char text[64];
    const struct passwd *entry = getpwuid(user);
    if (entry != NULL)
        snprintf(text, sizeof text, "%s", entry->pw_name);
    else
        snprintf(text, sizeof text, "%u", (unsigned)user);
    return text;
}

/* Workers that are started from here hand these on to functions. */
static bool set_environment(const struct passwd *entry)
{
    if (entry == NULL)
        return unsetenv("HOME") == 0 && unsetenv("USER") == 0 && unsetenv("LOGNAME") == 0;
    return setenv("HOME", entry->pw_dir, 1) == 0 && setenv("USER", entry->pw_name, 1) == 0 &&
           setenv("LOGNAME", entry->pw_name, 1) == 0;
}

enum outcome user_become(uid_t user, struct error *error)
{
    if (geteuid() != 0 || user == 0)
        return OK;
    const struct passwd *entry = getpwuid(user);
    gid_t group = entry != NULL ? entry->pw_gid : (gid_t)user;
    int result = entry != NULL ? initgroups(entry->pw_name, group) : setgroups(0, NULL);
    if (result != 0 || setgid(group) != 0 || setuid(user) != 0)
        return error_set_errno(error, IO, errno, "becoming user %s", user_name(user));
    if (setuid(0) == 0) /* it worked: then what was given up was not given up */
        return error_set(error, IO, "becoming user %s: root's rights are still here", user_name(user));
    return set_environment(entry) ? OK : error_set(error, NOMEM, "no memory for the environment");
}
