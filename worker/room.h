/* room.h - what a function may reach
 *
 * Landlock (a kernel's own access control, no root needed) lets a function read the system and its own files, write only its
 * TMPDIR and what its configuration names, and signal nobody but its own children; seccomp takes the network away where
 * the configuration says so. no_new_privs is always set. The store, the keys and other functions cannot be read.
 *
 * What the kernel lacks is not made up for: room_support tells, /readyz and `jobgatectl doctor` show it, and a function
 * whose configuration asks for what cannot be had (network = no without seccomp) is not started.
 *
 * Everything is laid out before the fork; the child only makes the system calls. Source: Documentation/userspace-api/landlock.rst
 * and seccomp(2) of the kernel. room_plan belongs to one thread of the process. */
#ifndef JOBGATE_ROOM_H
#define JOBGATE_ROOM_H

#include "configuration.h"
#include "function.h"
#include "room_support.h"
#include "spawn.h"

/* Fills plan->ruleset, ->filter and ->no_new_privs for this function. `scratch` is its TMPDIR. plan->ruleset stays the
 * room's: it is kept for the next attempt of this function (0 = none). INVALID with words: a path of `read` or `write` cannot
 * be opened, or the kernel lacks what the configuration asks for. */
enum outcome room_plan(const struct configuration *configuration, const struct function_settings *settings,
                       const struct function *function, const char *scratch, struct spawn_plan *plan,
                       struct error *error);

#endif
