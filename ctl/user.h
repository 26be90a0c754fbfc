/* user.h - the user that a command runs as
 *
 * Whatever stands in the data folder belongs to the user that the web server runs Jobgate as. A file of root's in
 * it would lock that user out, so a jobgatectl that root has started becomes that user before it opens anything
 * there. */
#ifndef JOBGATE_CTL_USER_H
#define JOBGATE_CTL_USER_H

#include "outcome.h"

#include <stdbool.h>
#include <sys/types.h>

/* Who owns `path` (no symlink is followed). False when it is not there. */
bool user_of(const char *path, uid_t *user);
/* Started by root: becomes `user` for good, with its groups, HOME and USER. For anybody else, and when that is
 * root itself, nothing happens. IO. */
enum outcome user_become(uid_t user, struct error *error);
/* "www-data", or the number as text. Static memory. */
const char *user_name(uid_t user);

#endif
