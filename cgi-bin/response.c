#include "config.h"
#include "response.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Unknown";
}

void response_reset(struct response *response)
{
    buffer_clear(&response->headers);
    buffer_clear(&response->body);
    response->status = 0;
    response->damaged = false;
    response->has_cache_control = false;
    response->is_attachment = false;
}

void response_free(struct response *response)
{
    buffer_free(&response->headers);
    buffer_free(&response->body);
}

static bool value_is_harmless(const char *value)
{
    for (const unsigned char *byte = (const unsigned char *)value; *byte != '\0'; byte++)
        if (*byte < 0x20 || *byte == 0x7f)
            return false;
    return true;
}

void response_header(struct response *response, const char *name, const char *value)
{
    if (value == NULL || *value == '\0')
        return;
    if (!value_is_harmless(value)) {
        response->damaged = true;
        return;
    }
    if (strcmp(name, "Cache-Control") == 0)
        response->has_cache_control = true;
    buffer_append_text(&response->headers, name);
    buffer_append_text(&response->headers, ": ");
    buffer_append_text(&response->headers, value);
    buffer_append_text(&response->headers, "\r\n");
}

void response_header_integer(struct response *response, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    response_header(response, name, text);
}

void response_json(struct response *response, int status, struct json_object *document)
{
    response->status = status;
    response_header(response, "Content-Type", "application/json");
    json_print(document, &response->body);
}

static struct json_object *problem_of(int status, const char *error, const char *detail)
{
    struct json_object *problem = json_object_new_object();
    json_add_text(problem, "error", error);
    json_add_text(problem, "type", "about:blank");
    json_add_text(problem, "title", http_status_text(status));
    json_add_integer(problem, "status", status);
    json_add_text(problem, "detail", detail);
    return problem;
}

struct json_object *problem_make(int status, const char *error, const char *format, ...)
{
    char detail[ERROR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    return problem_of(status, error, detail);
}

void response_problem(struct response *response, int status, struct json_object *problem)
{
    buffer_clear(&response->body);
    response->is_attachment = false;
    response->status = status;
    response_header(response, "Content-Type", "application/problem+json");
    if (!response->has_cache_control)
        response_header(response, "Cache-Control", "no-store");
    json_print(problem, &response->body);
}

void response_fail(struct response *response, int status, const char *error, const char *format, ...)
{
    char detail[ERROR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    response_problem(response, status, problem_of(status, error, detail));
}

void response_finish(struct response *response)
{
    if (!response->damaged && !response->headers.failed && !response->body.failed && response->status != 0)
        return;
    bool no_memory = response->headers.failed || response->body.failed;
    response_reset(response);
    if (no_memory) {
        response_header(response, "Retry-After", "1");
        response_fail(response, 503, "Out of memory",
                      "There is not enough memory to answer; try again later.");
    } else {
        response_fail(response, 500, "Internal error", "The answer could not be made.");
    }
    if (response->headers.failed || response->body.failed) {
        response_reset(response);
        response->status = 503;
    }
}

static void append_number(struct buffer *head, uint64_t number)
{
    char digits[20];
    char *at = digits + sizeof digits;
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    buffer_append(head, at, (size_t)(digits + sizeof digits - at));
}

void response_render(const struct response *response, struct buffer *head)
{
    buffer_append_text(head, "Status: ");
    append_number(head, (uint64_t)response->status);
    buffer_append_text(head, " ");
    buffer_append_text(head, http_status_text(response->status));
    buffer_append_text(head, "\r\n");
    if (response->headers.length > 0)
        buffer_append(head, response->headers.data, response->headers.length);
    if (!response->has_cache_control)
        buffer_append_text(head, "Cache-Control: no-cache\r\n");
    buffer_append_text(head,
                       "X-Content-Type-Options: nosniff\r\n"
                       "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; sandbox\r\n");
    if (response->is_attachment)
        buffer_append_text(head, "Content-Disposition: attachment\r\n");
    if (response->status != 204 && response->status != 304) {
        buffer_append_text(head, "Content-Length: ");
        append_number(head, response->body.length);
        buffer_append_text(head, "\r\n");
    }
    buffer_append_text(head, "\r\n");
}

bool response_has_body(const struct response *response, enum http_method method)
{
    return method != HTTP_HEAD && response->status != 204 && response->status != 304;
}
