/* transport.h - how requests come in and answers go out
 *
 * Two ways, one for each kind of process; the rest of the program does not know which. Both return the exit
 * status. */
#ifndef JOBGATE_TRANSPORT_H
#define JOBGATE_TRANSPORT_H

#include "application.h"

/* True when the standard input is a FastCGI listening socket. To be asked first, before the standard input is
 * read. */
bool transport_is_fastcgi(void);

/* One request: variables in `environment`, body on the standard input, answer on the standard output. */
int transport_cgi(const struct application *application, char *const environment[]);

/* One request after another, on a pool of threads, until TERM (or until the program file was replaced by
 * another one and nothing is going on: the web server starts it anew). `threads`: the pool's size. */
int transport_fastcgi(const struct application *application, unsigned threads);

#endif
