/* program.h - what both programs' main() does
 *
 * Options only on the command line of a person: as a CGI, the words of a query without '=' become arguments (RFC 3875,
 * 4.4), and a stranger must choose neither an option nor a configuration. There, argv[1] counts only when the program was
 * started as the interpreter of a script (the kernel tells, AT_EXECFN): it then is the configuration that the script's first
 * line names, `#!/…/jobgate-submit /…/jobgate.conf`, or without one the script, which is the configuration itself. */
#ifndef JOBGATE_PROGRAM_H
#define JOBGATE_PROGRAM_H

#include "application.h"
#include "command_line.h"

/* Both are started in the same way. */
#define PROGRAM_USAGE(program, purpose)                                                                      \
    "Usage: " program " [--config FILE | FILE]\n"                                                            \
    "       " program " [--config FILE] --test | --help | --version\n" purpose "\n\n"                        \
    "It is started by a web server, as a FastCGI program (the listening socket is its standard input)\n"     \
    "or as a CGI program. A FILE alone is the configuration, too, so that the first line of a script can\n"  \
    "name it.\n\n"

struct program {
    const char *name;  /* "submit" */
    const char *usage; /* of --help: PROGRAM_USAGE */
    enum store_access access;
    unsigned accepting; /* threads that accept at once, at most: measured, see pool.h */
    struct router router;
    void (*housekeeping)(struct service *service); /* NULL = none */
};

int program_main(const struct program *program, int argc, char *argv[]);

#endif
