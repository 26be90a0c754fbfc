/* configuration_private.h - between configuration.c (reading) and configuration_current.c (sharing) */
#ifndef JOBGATE_CONFIGURATION_PRIVATE_H
#define JOBGATE_CONFIGURATION_PRIVATE_H

#include "configuration.h"
#include "ini_file.h"

#include <stdatomic.h>

struct configuration_sharing {
    atomic_int references;
};

/* Beside what the reader sees: how many hold it. */
struct configuration_sharing *configuration_sharing_of(struct configuration *configuration);
/* Frees it, whoever holds it. NULL is legal. */
void configuration_free(struct configuration *configuration);
/* configuration_load, and which version of the file it was (also when it was wrong, if it could be opened), and of the
 * list of paused functions. */
enum outcome configuration_load_version(const char *file, struct ini_file_version *version,
                                        struct ini_file_version *paused_version,
                                        struct configuration **configuration, struct error *error);

#endif
