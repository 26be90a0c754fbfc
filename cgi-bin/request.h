/* request.h - an HTTP request as a value
 *
 * request_parse turns the CGI variables of one request (RFC 3875; FastCGI hands over the same ones) into a
 * struct request, and nothing else is looked at afterwards. It is a pure function of its arguments: no
 * environ, no libfcgi, no clock, so it can be tested and fuzzed with an array of strings. What comes out is
 * checked:
 *
 *   - path segments are decoded one by one and hold neither '/', control bytes nor invalid UTF-8, and are
 * never empty,
 *     "." or "..": what %2f, %2e%2e and %00 would smuggle in ends here;
 *   - query parameters are decoded UTF-8 without NUL, and no name is there twice;
 *   - header values are as the server gave them. A CGI variable cannot tell "X-A-B" from "X_A_B", so nothing
 * that needs trust may rest on a header.
 *
 * Where the service is mounted. REQUEST_URI minus PATH_INFO is the mount point; when its last segment is one
 * of the service's own root words (job, functions, …) the base is what stands before it, otherwise the mount
 * point itself is the base. SCRIPT_NAME alone says nothing: behind a rewrite rule it names the program. The
 * base has the form
 * "" or "/~me/jobs", still percent-encoded, ready to be put before "/job/<id>".
 *
 * Ownership: a struct request owns nothing. Header pointers borrow from the environment array, which must
 * outlive it; decoded text lives in the struct itself, so it is not copied by assignment. */
#ifndef JOBGATE_REQUEST_H
#define JOBGATE_REQUEST_H

#include "buffer.h"
#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bits, so that a route table can gather them into an Allow header. */
enum http_method {
    HTTP_GET = 1,
    HTTP_HEAD = 2,
    HTTP_OPTIONS = 4,
    HTTP_POST = 8,
    HTTP_DELETE = 16,
    HTTP_OTHER = 32, /* PUT, PATCH, TRACE, BREW: known to no route */
};

#define REQUEST_TARGET_MAX     2048 /* bytes of the path; longer is 414 */
#define REQUEST_QUERY_MAX      4096 /* bytes of the query; longer is 414 */
#define REQUEST_SEGMENTS_MAX   32
#define REQUEST_PARAMETERS_MAX 16
#define REQUEST_DRAIN_MAX                                                                                    \
    (64 << 20) /* a refused body is read away up to here, so that the answer gets through */

enum request_header {
    HEADER_API_KEY, /* x-api-key */
    HEADER_AUTHORIZATION,
    HEADER_CALLBACK_URL, /* X-Callback-Url */
    HEADER_CONTENT_TYPE,
    HEADER_HOST,
    HEADER_IDEMPOTENCY_KEY,
    HEADER_IF_NONE_MATCH,
    HEADER_INVOCATION_ID,   /* amz-sdk-invocation-id */
    HEADER_INVOCATION_TYPE, /* X-Amz-Invocation-Type */
    HEADER_LOG_TYPE,        /* X-Amz-Log-Type */
    HEADER_ORIGIN,
    HEADER_PREFER,
    HEADER_FETCH_SITE, /* Sec-Fetch-Site: how a browser says that another site asks */
    HEADER_TRACEPARENT,
    HEADER_TRANSFER_ENCODING, /* chunked; under CGI the only sign of a body without a length */
    HEADER_COUNT
};

struct request_parameter {
    const char *name;
    const char *value;
};

struct request {
    enum http_method method;
    char method_name[16]; /* as it came, cut; for messages */
    char base[REQUEST_TARGET_MAX];
    const char *segments[REQUEST_SEGMENTS_MAX]; /* of the route: "job", "0199…", "log" */
    size_t segment_count;
    struct request_parameter parameters[REQUEST_PARAMETERS_MAX];
    size_t parameter_count;
    const char *headers[HEADER_COUNT]; /* NULL = not sent */
    const char *remote_address;        /* as the web server says it; NULL = unknown */
    const char *remote_user;           /* whom the web server has authenticated; NULL = nobody */
    bool has_length;
    bool length_is_wrong; /* CONTENT_LENGTH is there, and is no number */
    uint64_t content_length;
    char memory[2 * (REQUEST_TARGET_MAX + REQUEST_QUERY_MAX) + 64]; /* the decoded text */
    size_t memory_used;
};

/* `environment`: "NAME=value" strings, NULL-terminated. `base_url`: the configured one, empty or NULL when
 * there is none
 * ("/base" or "https://host/base"). Returns 0, or the HTTP status that says what is wrong: 400 (an escape, a
 * NUL, a parameter twice), 404 (a path that cannot be one of ours), 414; `error` has the words. Method and
 * headers are there also when the path was refused. */
int request_parse(struct request *request, char *const environment[], const char *base_url,
                  struct error *error);

/* The value, or NULL. */
const char *request_parameter(const struct request *request, const char *name);
/* The header, or "" when it was not sent. */
const char *request_header(const struct request *request, enum request_header header);

/* Where the bytes of the body come from. `read` returns the number of bytes, 0 at the end, -1 on an error. */
struct body_source {
    ssize_t (*read)(void *context, void *bytes, size_t most);
    void *context;
    bool ends; /* reading behind the last byte says 0; false: it may block, as the standard input of a CGI may
                */
};

/* Appends the body to `body`. Returns 0, or 400 (wrong, negative or missed Content-Length; the client hung
 * up), 413 (more than `limit` bytes), 503 (no memory). Without a Content-Length, reads to the end under the
 * limit (chunked bodies under CGI). Never allocates for bytes that have not arrived. */
int request_read_body(const struct request *request, const struct body_source *source, size_t limit,
                      struct buffer *body, struct error *error);

/* Percent-encodes everything but unreserved characters (RFC 3986), for a value in a query. */
void request_encode(struct buffer *out, const char *text);

#endif
