/* A request as CGI variables, one on a line, an empty line, and the body, which comes in pieces. */
#include "config.h"
#include "fuzz.h"

#include "json.h"
#include "preference.h"
#include "request.h"

#define LINES_MAX 40
#define BODY_MOST 2000

struct pieces {
    const char *at;
    size_t left;
};

static ssize_t read_piece(void *context, void *bytes, size_t most)
{
    struct pieces *pieces = context;
    size_t count = pieces->left < most ? pieces->left : most;
    if (count > 7)
        count = 1 + (unsigned char)*pieces->at % count;
    if (count > 0)
        memcpy(bytes, pieces->at, count);
    pieces->at += count;
    pieces->left -= count;
    return (ssize_t)count;
}

static void check_path(const struct request *request)
{
    PROMISE(request->segment_count <= REQUEST_SEGMENTS_MAX &&
            request->parameter_count <= REQUEST_PARAMETERS_MAX);
    for (size_t i = 0; i < request->segment_count; i++) {
        const char *segment = request->segments[i];
        PROMISE(*segment != '\0' && strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0);
        PROMISE(strchr(segment, '/') == NULL && json_utf8_is_valid(segment, strlen(segment)));
        for (const char *at = segment; *at != '\0'; at++)
            PROMISE((unsigned char)*at >= 0x20 && *at != 0x7f);
    }
    for (size_t i = 0; i < request->parameter_count; i++) {
        PROMISE(json_utf8_is_valid(request->parameters[i].value, strlen(request->parameters[i].value)));
        for (size_t other = 0; other < i; other++)
            PROMISE(strcmp(request->parameters[i].name, request->parameters[other].name) != 0);
    }
    PROMISE(strchr(request->base, '\n') == NULL && strchr(request->base, '"') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct request request;
    char *text = fuzz_text(bytes, size), *rest = text;
    char *environment[LINES_MAX + 1];
    size_t count = 0;
    struct error error = {0};
    struct preference preference;
    for (char *line; rest != NULL && (line = strsep(&rest, "\n")) != NULL && *line != '\0';)
        if (count < LINES_MAX)
            environment[count++] = line;
    environment[count] = NULL;
    int status = request_parse(&request, environment, NULL, &error);
    PROMISE(status == 0 || status == 400 || status == 404 || status == 414);
    if (status == 0) {
        check_path(&request);
        if (preference_read(&request, 25000, &preference, &error) == OK && preference.has_wait)
            PROMISE(preference.wait_ms >= 0 && preference.wait_ms <= 25000);
        etag_matches(request_header(&request, HEADER_IF_NONE_MATCH), "\"12.3\"");
        etag_matches_revision(request_header(&request, HEADER_IF_NONE_MATCH), 12);
    }
    struct pieces pieces = {rest != NULL ? rest : "", rest != NULL ? (size_t)(text + size - rest) : 0};
    size_t there = pieces.left;
    struct body_source source = {read_piece, &pieces, true};
    struct buffer body = {0};
    status = request_read_body(&request, &source, BODY_MOST, &body, &error);
    PROMISE(status == 0 || status == 400 || status == 413);
    PROMISE(status != 0 || (body.length <= BODY_MOST && body.length <= there));
    PROMISE(body.capacity <= 4 * BODY_MOST + 65536);
    buffer_free(&body);
    free(text);
    return 0;
}
