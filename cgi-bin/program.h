/* program.h - what both programs' main() does
 *
 * Options only on the command line of a person: as a CGI, the words of a query without '=' become arguments
 * (RFC 3875, 4.4), and a stranger must choose neither an option nor a configuration. There, argv[1] counts
 * only when it is the very script that the server runs (SCRIPT_FILENAME): that is the shebang form,
 * `#!/…/jobgate-submit`. */
#ifndef JOBGATE_PROGRAM_H
#define JOBGATE_PROGRAM_H

#include "application.h"

struct program {
    const char *name; /* "submit" */
    const char *purpose;
    enum store_access access;
    struct router router;
    void (*housekeeping)(struct service *service); /* NULL = none */
};

int program_main(const struct program *program, int argc, char *argv[]);

#endif
