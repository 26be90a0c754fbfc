#include "config.h"
#include "request.h"

#include "json.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The first words of our paths: where one of them ends the mount point, the base stands before it. */
static const char *const root_words[] = {"job",     "functions", "healthz",     "readyz",
                                         "metrics", "stats",     "openapi.json"};

#define NAME(text) text, sizeof(text) - 1
#define HEADER(text, header)                                                                                 \
    {                                                                                                        \
        NAME(text), offsetof(struct request, headers[header])                                                \
    }

/* What is taken of the environment, and where in the request, or in what only parsing needs, it goes. */
struct variable {
    const char *name;
    size_t length;
    size_t place;
};

static const struct variable headers[] = {
    /* behind HTTP_ */
    HEADER("AMZ_SDK_INVOCATION_ID", HEADER_INVOCATION_ID),
    HEADER("AUTHORIZATION", HEADER_AUTHORIZATION),
    HEADER("CONTENT_TYPE", HEADER_CONTENT_TYPE),
    HEADER("HOST", HEADER_HOST),
    HEADER("IDEMPOTENCY_KEY", HEADER_IDEMPOTENCY_KEY),
    HEADER("IF_NONE_MATCH", HEADER_IF_NONE_MATCH),
    HEADER("ORIGIN", HEADER_ORIGIN),
    HEADER("PREFER", HEADER_PREFER),
    HEADER("SEC_FETCH_SITE", HEADER_FETCH_SITE),
    HEADER("TRACEPARENT", HEADER_TRACEPARENT),
    HEADER("TRANSFER_ENCODING", HEADER_TRANSFER_ENCODING),
    HEADER("X_AMZ_INVOCATION_TYPE", HEADER_INVOCATION_TYPE),
    HEADER("X_AMZ_LOG_TYPE", HEADER_LOG_TYPE),
    HEADER("X_API_KEY", HEADER_API_KEY),
    HEADER("X_CALLBACK_URL", HEADER_CALLBACK_URL),
};

static const struct variable meta_variables[] = {
    HEADER("CONTENT_TYPE", HEADER_CONTENT_TYPE),
    HEADER("REDIRECT_HTTP_AUTHORIZATION", HEADER_AUTHORIZATION), /* Apache, after a rewrite */
    {NAME("REMOTE_ADDR"), offsetof(struct request, remote_address)},
    {NAME("REMOTE_USER"), offsetof(struct request, remote_user)},
};

struct variables {
    const char *method;
    const char *uri;
    const char *path_info;
    const char *script_name;
    const char *query;
    const char *length;
};

static const struct variable parsed_variables[] = {
    {NAME("CONTENT_LENGTH"), offsetof(struct variables, length)},
    {NAME("PATH_INFO"), offsetof(struct variables, path_info)},
    {NAME("QUERY_STRING"), offsetof(struct variables, query)},
    {NAME("REQUEST_METHOD"), offsetof(struct variables, method)},
    {NAME("REQUEST_URI"), offsetof(struct variables, uri)},
    {NAME("SCRIPT_NAME"), offsetof(struct variables, script_name)},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* An empty one counts as none. */
static void take(const struct variable *table, size_t count, const char *name, size_t length,
                 const char *value, void *into)
{
    for (size_t i = 0; i < count && *value != '\0'; i++)
        if (table[i].length == length && memcmp(name, table[i].name, length) == 0)
            *(const char **)((char *)into + table[i].place) = value;
}

static void read_environment(struct request *request, struct variables *variables, char *const environment[])
{
    for (char *const *entry = environment; *entry != NULL; entry++) {
        const char *name = *entry, *equals = strchr(name, '=');
        size_t length = equals != NULL ? (size_t)(equals - name) : 0;
        if (length > 5 && memcmp(name, "HTTP_", 5) == 0) {
            take(headers, COUNT(headers), name + 5, length - 5, equals + 1, request);
        } else if (length > 0 && strchr("CPQRS", *name) != NULL) { /* the rest is passed over quickly */
            take(meta_variables, COUNT(meta_variables), name, length, equals + 1, request);
            take(parsed_variables, COUNT(parsed_variables), name, length, equals + 1, variables);
        }
    }
}

static void take_method(struct request *request, const char *name)
{
    static const struct {
        const char *name;
        enum http_method method;
    } methods[] = {{"GET", HTTP_GET},
                   {"HEAD", HTTP_HEAD},
                   {"OPTIONS", HTTP_OPTIONS},
                   {"POST", HTTP_POST},
                   {"DELETE", HTTP_DELETE}};

    request->method = HTTP_OTHER;
    size_t length = strnlen(name, sizeof request->method_name - 1);
    for (size_t i = 0; i < length; i++)
        request->method_name[i] = name[i] > 0x20 && name[i] < 0x7f ? name[i] : '?';
    request->method_name[length] = '\0';
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].name, name) == 0)
            request->method = methods[i].method;
}

static void take_length(struct request *request, const char *text)
{
    if (text == NULL)
        return;
    request->has_length = true;
    uint64_t length = 0;
    for (const char *digit = text; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || length > UINT64_MAX / 10 - 1) {
            /* A number beyond all bounds is a number all the same: it is too large, not malformed. */
            request->length_is_wrong = *digit < '0' || *digit > '9';
            length = UINT64_MAX;
            if (request->length_is_wrong)
                break;
            continue;
        }
        length = length * 10 + (uint64_t)(*digit - '0');
    }
    request->content_length = length;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* Decodes into the request's memory. NULL with words when an escape is malformed or the text is no UTF-8, or holds a
 * NUL or, in a path, another control byte. In a query '+' is a space. */
static const char *decode(struct request *request, const char *text, size_t length, bool query,
                          struct error *error)
{
    if (length + 1 > sizeof request->memory - request->memory_used) {
        error_set(error, INVALID, "too long");
        return NULL;
    }
    char *out = request->memory + request->memory_used;
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '%') {
            int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                error_set(error, INVALID, "a %% that is not followed by two hexadecimal digits");
                return NULL;
            }
            byte = (unsigned char)(high * 16 + low);
            i += 2;
        } else if (byte == '+' && query) {
            byte = ' ';
        }
        if (byte == 0 || (!query && (byte < 0x20 || byte == 0x7f))) {
            error_set(error, INVALID, "a control character");
            return NULL;
        }
        out[used++] = (char)byte;
    }
    out[used] = '\0';
    if (!json_utf8_is_valid(out, used)) {
        error_set(error, INVALID, "bytes that are not UTF-8");
        return NULL;
    }
    request->memory_used += used + 1;
    return out;
}

/* A path taken apart: decoded segments, and where each begins in the text as it came. */
struct path {
    const char *text;
    const char *segments[REQUEST_SEGMENTS_MAX];
    size_t starts[REQUEST_SEGMENTS_MAX]; /* of the '/' before the segment */
    size_t count;
};

static bool segment_is_usable(const char *segment)
{
    for (const unsigned char *byte = (const unsigned char *)segment; *byte != '\0'; byte++)
        if (*byte < 0x20 || *byte == 0x7f)
            return false;
    return *segment != '\0' && strchr(segment, '/') == NULL && strcmp(segment, ".") != 0 &&
           strcmp(segment, "..") != 0 && json_utf8_is_valid(segment, strlen(segment));
}

/* `encoded` is false for a path that the server has decoded. */
static int split_path(struct request *request, struct path *path, const char *text, size_t length,
                      bool encoded, struct error *error)
{
    path->text = text;
    path->count = 0;
    for (size_t start = 0; start < length;) {
        if (text[start] != '/' || path->count == REQUEST_SEGMENTS_MAX) {
            error_set(error, NOTFOUND, "there is nothing at this path");
            return 404;
        }
        const char *end = memchr(text + start + 1, '/', length - start - 1);
        size_t next = end != NULL ? (size_t)(end - text) : length;
        const char *segment;
        if (encoded) {
            segment = decode(request, text + start + 1, next - start - 1, false, error);
        } else {
            if (next - start > sizeof request->memory - request->memory_used)
                return 414;
            char *copy = request->memory + request->memory_used;
            memcpy(copy, text + start + 1, next - start - 1);
            copy[next - start - 1] = '\0';
            request->memory_used += next - start;
            segment = copy;
        }
        if (segment == NULL)
            return 400;
        if (!segment_is_usable(segment)) {
            error_set(error, NOTFOUND, "there is nothing at this path");
            return 404;
        }
        path->segments[path->count] = segment;
        path->starts[path->count++] = start;
        start = next;
    }
    return 0;
}

static bool is_root_word(const char *segment)
{
    for (size_t i = 0; i < sizeof root_words / sizeof *root_words; i++)
        if (strcmp(segment, root_words[i]) == 0)
            return true;
    return false;
}

/* How many segments PATH_INFO has, when it is the end of `path`; -1 when the server has rewritten it to
 * something else. */
static int path_info_segments(const struct path *path, const char *path_info)
{
    size_t length = path_info != NULL ? strlen(path_info) : 0;
    int count = 0;
    size_t at = path->count;
    while (length > 0) {
        if (at == 0)
            return -1;
        const char *segment = path->segments[--at];
        size_t segment_length = strlen(segment);
        if (length < segment_length + 1 || path_info[length - segment_length - 1] != '/' ||
            memcmp(path_info + length - segment_length, segment, segment_length) != 0)
            return -1;
        length -= segment_length + 1;
        count++;
    }
    return count;
}

/* The index of the route's first segment. */
static size_t find_route(const struct path *path, const char *path_info)
{
    int info = path_info_segments(path, path_info);
    size_t mount = path->count - (info >= 0 ? (size_t)info : 0);
    if (info >= 0 && mount > 0 && is_root_word(path->segments[mount - 1]))
        return mount - 1;
    if (info > 0)
        return mount;
    /* No help from the server: the last root word that leaves room for what can follow it. */
    for (size_t back = 1; back <= path->count; back++)
        if (is_root_word(path->segments[path->count - back]))
            return path->count - back;
    return path->count;
}

/* The path part of base_url: "https://host/base" and "/base" both give "/base". */
static const char *base_path(const char *base_url)
{
    if (base_url == NULL || *base_url == '\0')
        return NULL;
    const char *authority = strstr(base_url, "://");
    if (authority == NULL)
        return base_url;
    const char *path = strchr(authority + 3, '/');
    return path != NULL ? path : "";
}

static bool starts_with_base(const struct path *path, const char *base, size_t *segments)
{
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        length--;
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += base[i] == '/';
    size_t end = count < path->count ? path->starts[count] : strlen(path->text);
    *segments = count;
    return count <= path->count && end >= length && strncmp(path->text, base, length) == 0 &&
           (path->text[length] == '/' || path->text[length] == '\0' || path->text[length] == '?');
}

/* Printable ASCII that may stand in a header, in a JSON text and in an attribute of a page without harm. */
static bool base_is_harmless(const char *base, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (base[i] <= 0x20 || base[i] >= 0x7f || strchr("\"'<>\\^`{|}?#", base[i]) != NULL)
            return false;
    return true;
}

static int set_base(struct request *request, const char *base, size_t length, struct error *error)
{
    while (length > 0 && base[length - 1] == '/')
        length--;
    if (length >= sizeof request->base || !base_is_harmless(base, length)) {
        error_set(error, NOTFOUND, "there is nothing at this path");
        return 404;
    }
    memcpy(request->base, base, length);
    request->base[length] = '\0';
    return 0;
}

/* "http://host/path" (allowed by RFC 9112, 3.2.2) without its first part. */
static const char *origin_form(const char *uri)
{
    if (*uri == '/')
        return uri;
    const char *authority = strstr(uri, "://");
    const char *path = authority != NULL ? strchr(authority + 3, '/') : NULL;
    return path != NULL ? path : uri;
}

static int take_path(struct request *request, const struct variables *variables, const char *base_url,
                     struct error *error)
{
    struct path path;
    char decoded[REQUEST_TARGET_MAX];
    const char *text = decoded;
    size_t length;
    if (variables->uri != NULL) {
        text = origin_form(variables->uri);
        length = strcspn(text, "?#");
    } else {
        const char *script = variables->script_name != NULL ? variables->script_name : "";
        const char *info = variables->path_info != NULL ? variables->path_info : "";
        length = strlen(script) + strlen(info);
        if (length < sizeof decoded)
            snprintf(decoded, sizeof decoded, "%s%s", script, info);
    }
    if (length >= REQUEST_TARGET_MAX) {
        error_set(error, INVALID, "the path is longer than %d bytes", REQUEST_TARGET_MAX - 1);
        return 414;
    }
    int status = split_path(request, &path, text, length, variables->uri != NULL, error);
    if (status != 0)
        return status;

    size_t first;
    const char *configured = base_path(base_url);
    if (configured == NULL || !starts_with_base(&path, configured, &first))
        first = find_route(&path, variables->path_info);
    for (size_t i = first; i < path.count; i++)
        request->segments[request->segment_count++] = path.segments[i];
    if (configured != NULL)
        return set_base(request, base_url, strlen(base_url), error);
    return set_base(request, text, first < path.count ? path.starts[first] : length, error);
}

static int take_query(struct request *request, const char *query, struct error *error)
{
    size_t length = strlen(query);
    if (length > REQUEST_QUERY_MAX) {
        error_set(error, INVALID, "the query is longer than %d bytes", REQUEST_QUERY_MAX);
        return 414;
    }
    while (*query != '\0') {
        size_t pair = strcspn(query, "&");
        const char *equals = memchr(query, '=', pair);
        size_t name_length = equals != NULL ? (size_t)(equals - query) : pair;
        if (pair > 0) {
            const char *name = decode(request, query, name_length, true, error);
            const char *value = equals == NULL ? ""
                                : name == NULL
                                    ? NULL
                                    : decode(request, equals + 1, pair - name_length - 1, true, error);
            if (name == NULL || value == NULL)
                return 400;
            if (request_parameter(request, name) != NULL ||
                request->parameter_count == REQUEST_PARAMETERS_MAX) {
                error_set(error, INVALID, "the query has %s",
                          request->parameter_count == REQUEST_PARAMETERS_MAX ? "too many parameters"
                                                                             : "one parameter twice");
                return 400;
            }
            request->parameters[request->parameter_count++] = (struct request_parameter){name, value};
        }
        query += pair + (query[pair] == '&');
    }
    return 0;
}

int request_parse(struct request *request, char *const environment[], const char *base_url,
                  struct error *error)
{
    struct variables variables = {0};
    memset(request, 0, offsetof(struct request, memory));
    request->memory_used = 0;
    read_environment(request, &variables, environment);
    take_method(request, variables.method != NULL ? variables.method : "");
    take_length(request, variables.length);
    int status = take_path(request, &variables, base_url, error);
    if (status != 0)
        return status;
    const char *query = variables.query;
    if (query == NULL && variables.uri != NULL) {
        query = strchr(variables.uri, '?');
        query = query != NULL ? query + 1 : NULL;
    }
    return query != NULL ? take_query(request, query, error) : 0;
}

const char *request_parameter(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->parameter_count; i++)
        if (strcmp(request->parameters[i].name, name) == 0)
            return request->parameters[i].value;
    return NULL;
}

const char *request_header(const struct request *request, enum request_header header)
{
    return request->headers[header] != NULL ? request->headers[header] : "";
}

static int too_large(size_t limit, struct error *error)
{
    error_set(error, INVALID, "the event is larger than %zu bytes", limit);
    return 413;
}

int request_read_body(const struct request *request, const struct body_source *source, size_t limit,
                      struct buffer *body, struct error *error)
{
    if (request->length_is_wrong) {
        error_set(error, INVALID, "the Content-Length is not a number");
        return 400;
    }
    if (request->has_length && request->content_length > limit)
        return too_large(limit, error);
    /* One byte more than may come: a body that is too long shows itself. Not under CGI with a length, where
     * reading behind the end may block. */
    size_t expected = request->has_length ? (size_t)request->content_length : limit;
    size_t most = expected + (source->ends || !request->has_length);
    size_t got = 0;
    while (got < most) {
        size_t piece = most - got < 65536 ? most - got : 65536;
        char *room = buffer_reserve(body, piece);
        if (room == NULL) {
            error_set(error, NOMEM, "there is not enough memory for the event");
            return 503;
        }
        ssize_t count = source->read(source->context, room, piece);
        if (count < 0) {
            error_set(error, IO, "the body could not be read");
            return 400;
        }
        if (count == 0)
            break;
        buffer_grown(body, (size_t)count);
        got += (size_t)count;
    }
    if (!request->has_length && got == 0 && *request_header(request, HEADER_TRANSFER_ENCODING) != '\0') {
        /* Apache ends the input of a CGI program early when the chunks are broken, and says nothing of it: such a
         * request must not pass for one without a body, which would be an event of {}. */
        error_set(error, INVALID,
                  "the chunked body is empty or broken; without a body, send Content-Length: 0");
        return 400;
    }
    if (!request->has_length)
        return got > limit ? too_large(limit, error) : 0;
    if (got == expected)
        return 0;
    error_set(error, INVALID, "the body is %s than its Content-Length",
              got < expected ? "shorter" : "longer");
    return 400;
}

void request_encode(struct buffer *out, const char *text)
{
    for (const unsigned char *byte = (const unsigned char *)text; *byte != '\0'; byte++) {
        bool plain = (*byte >= '0' && *byte <= '9') || (*byte >= 'A' && *byte <= 'Z') ||
                     (*byte >= 'a' && *byte <= 'z') || strchr("-._~", *byte) != NULL;
        if (plain)
            buffer_append(out, byte, 1);
        else
            buffer_printf(out, "%%%02X", *byte);
    }
}
