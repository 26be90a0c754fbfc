/* response.h - an HTTP response as a value
 *
 * Handlers fill it, transports write it. A response is made of a status, headers and a body in memory. Errors
 * are problem documents (RFC 9457) that also have the sample's member "error":
 *
 *     {"error":"Job not found","type":"about:blank","title":"Not Found","status":404,"detail":"…"}
 *
 * A header value with a control byte would split the header: such a header is left out and `damaged` is set;
 * the answer then becomes a 500 (response_finish). Nothing that a function has printed can become a header or
 * a page.
 *
 * Ownership: the buffers belong to the response (response_free). Short memory shows as buffer->failed;
 * response_finish turns it into a 503 that needs no memory. Not thread-safe. */
#ifndef JOBGATE_RESPONSE_H
#define JOBGATE_RESPONSE_H

#include "buffer.h"
#include "json.h"
#include "outcome.h"
#include "request.h"

#include <stdbool.h>

struct response {
    int status;
    struct buffer headers; /* "Name: value\r\n", without those that response_render adds */
    struct buffer body;
    bool damaged;
    bool has_cache_control;
    bool is_attachment; /* the body is what a function made, of a type that a browser might act upon */
};

/* "Not Found" for 404; "Unknown" for what we never send. */
const char *http_status_text(int status);

/* Empties it for a new exchange; keeps memory. */
void response_reset(struct response *response);
void response_free(struct response *response);

/* Adds a header. NULL and "" are left out. */
void response_header(struct response *response, const char *name, const char *value);
void response_header_integer(struct response *response, const char *name, int64_t value);

/* Status and a JSON body; takes over `document`. */
void response_json(struct response *response, int status, struct json_object *document);

/* A problem document: `error` is the sample's short word, the rest makes `detail`. More members may be added
 * before it is handed to response_problem, which takes it over and drops whatever body there was. */
struct json_object *problem_make(int status, const char *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void response_problem(struct response *response, int status, struct json_object *problem);
/* Both in one, for the usual case. */
void response_fail(struct response *response, int status, const char *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Last look before it is written: a damaged or half-made answer becomes an error. */
void response_finish(struct response *response);

/* Appends the CGI response head ("Status: …" up to the empty line) to `head`. What no answer of ours may lack
 * is added here: nosniff, a policy that lets nothing be loaded or run, Cache-Control, Content-Length. */
void response_render(const struct response *response, struct buffer *head);
/* Whether the body is to be written: not for HEAD, 204 and 304. */
bool response_has_body(const struct response *response, enum http_method method);

#endif
