/* ask.h - plays a web server for a handler test: a request in, the response as a value out */
#ifndef JOBGATE_ASK_H
#define JOBGATE_ASK_H

#include "../unit/test.h"
#include "application.h"
#include "fake_world.h"

#include <json-c/json.h>

/* The answer to the latest request; valid until the next one. */
struct answer {
    int status;
    char *head; /* as written to the server */
    char *body;
    size_t body_length;
    struct json_object *json; /* NULL when the body is none */
};

/* Both programs' routes, as one. `more`: further CGI variables, "NAME=value", up to NULL; may be NULL. `body` NULL = none. */
const struct answer *ask(const char *method, const char *uri, const char *body, const char *const *more);
/* With Content-Type: application/json. */
const struct answer *post(const char *uri, const char *body);
const struct answer *get(const char *uri);

/* The header's value in the answer (in memory of its own until the next question), or NULL. */
const char *header(const char *name);
/* A member of the answer's JSON as text; fails the case when it is not there. */
const char *member(const char *name);

/* A problem document with all its members, this status and nothing secret in it. */
void assert_problem(const struct answer *answer, int status);

/* Setup and teardown of each case. */
int ask_setup(void **state);
int ask_teardown(void **state);
#define ask_test(case) cmocka_unit_test_setup_teardown(case, ask_setup, ask_teardown)

/* For tests of the transport's part: what may_wait and should_stop say. */
extern bool ask_may_wait;
extern bool ask_should_stop;
/* Whether the answer is written without its sync, as by a transport that syncs many at once. */
extern bool ask_without_sync;
/* Called with true before the handlers have the request, with false when the answer is there. NULL = nothing. */
extern void (*ask_in_hand)(bool in_hand);

#endif
