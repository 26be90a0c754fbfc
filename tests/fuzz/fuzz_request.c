/* Requests: lines of the input are CGI variables, what follows an empty line is the body. Paths, queries and headers are taken
 * apart; no segment has a slash, a dot-name or a control byte, and the body is never longer than the limit. */
#include "config.h"
#include "fuzz.h"

#include "preference.h"
#include "request.h"

#define VARIABLES_MOST 40
#define BODY_MOST      4096

struct source {
    const char *at;
    size_t left;
};

static ssize_t read_source(void *context, void *bytes, size_t most)
{
    struct source *source = context;
    size_t length = source->left < most ? source->left : most;
    memcpy(bytes, source->at, length);
    source->at += length;
    source->left -= length;
    return (ssize_t)length;
}

static void check_segments(const struct request *request)
{
    for (size_t i = 0; i < request->segment_count; i++) {
        const char *segment = request->segments[i];
        PROMISE(*segment != '\0' && strchr(segment, '/') == NULL);
        PROMISE(strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0);
        for (const char *at = segment; *at != '\0'; at++)
            PROMISE((unsigned char)*at >= 0x20 && *at != 0x7f);
    }
}

static void try_request(char *const environment[], struct source source)
{
    static struct request request;
    struct error error;
    struct preference preference;
    struct buffer body = {0};
    char etag[ETAG_SIZE];
    int status = request_parse(&request, environment, "", &error);
    PROMISE(status == 0 || status == 400 || status == 404 || status == 414);
    if (status == 0) {
        check_segments(&request);
        preference_read(&request, 25000, &preference, &error);
        etag_matches(request_header(&request, HEADER_IF_NONE_MATCH), etag_format(7, 3, etag));
        struct body_source from = {.read = read_source, .context = &source, .ends = true};
        status = request_read_body(&request, &from, BODY_MOST, &body, &error);
        PROMISE(status == 0 || status == 400 || status == 413 || status == 503);
        PROMISE(status != 0 || body.length <= BODY_MOST);
    }
    buffer_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = fuzz_text(bytes, size);
    char *environment[VARIABLES_MOST + 1];
    size_t count = 0;
    char *at = text;
    while (*at != '\0' && *at != '\n' && count < VARIABLES_MOST) {
        environment[count++] = at;
        at += strcspn(at, "\n");
        if (*at != '\0')
            *at++ = '\0';
    }
    environment[count] = NULL;
    if (*at == '\n')
        at++;
    try_request(environment, (struct source){at, (size_t)(text + size - at)});
    free(text);
    return 0;
}
