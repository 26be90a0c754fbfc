#include "config.h"
#include "preference.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SECONDS_MAX 1000000000 /* some thirty years: far from overflow */

enum outcome seconds_parse(const char *text, int64_t *milliseconds)
{
    int64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && value <= SECONDS_MAX; at++)
        value = value * 10 + (*at - '0');
    if (at == text || value > SECONDS_MAX)
        return INVALID;
    value *= 1000;
    if (*at == '.') {
        int64_t unit = 100;
        const char *fraction = ++at;
        for (; *at >= '0' && *at <= '9'; at++, unit /= 10)
            value += unit * (*at - '0');
        if (at == fraction)
            return INVALID;
    }
    if (*at != '\0')
        return INVALID;
    *milliseconds = value;
    return OK;
}

static void set_wait(struct preference *preference, int64_t wait_ms, int64_t wait_max_ms)
{
    preference->has_wait = true;
    preference->wait_ms = wait_ms < wait_max_ms ? wait_ms : wait_max_ms;
}

/* One preference of the list: "respond-async", "wait=10", "wait = \"10\"". */
static void read_one(struct preference *preference, const char *text, size_t length, int64_t wait_max_ms)
{
    char one[64];
    size_t used = 0;
    for (size_t i = 0; i < length && used < sizeof one - 1; i++)
        if (strchr(" \t\"", text[i]) == NULL)
            one[used++] = text[i];
    one[used] = '\0';
    int64_t wait_ms;
    if (strcasecmp(one, "respond-async") == 0) {
        preference->respond_async = true;
    } else if (strncasecmp(one, "wait=", 5) == 0 && !preference->has_wait &&
               seconds_parse(one + 5, &wait_ms) == OK) {
        set_wait(preference, wait_ms, wait_max_ms);
        preference->wait_is_preferred = true;
    }
}

enum outcome preference_read(const struct request *request, int64_t wait_max_ms,
                             struct preference *preference, struct error *error)
{
    *preference = (struct preference){0};
    const char *wait = request_parameter(request, "wait");
    int64_t wait_ms;
    if (wait != NULL && seconds_parse(wait, &wait_ms) != OK)
        return error_set(error, INVALID, "wait= takes a number of seconds");
    if (wait != NULL)
        set_wait(preference, wait_ms, wait_max_ms);
    for (const char *at = request_header(request, HEADER_PREFER); *at != '\0';) {
        size_t length = strcspn(at, ",;");
        read_one(preference, at, length, wait_max_ms);
        at += length + (at[length] != '\0');
    }
    return OK;
}

void preference_acknowledge(const struct preference *preference, struct response *response)
{
    char text[64] = "";
    char seconds[32] = "";
    if (!preference->respond_async && !preference->wait_is_preferred)
        return;
    if (preference->wait_is_preferred) {
        if (preference->wait_ms % 1000 == 0)
            snprintf(seconds, sizeof seconds, "wait=%lld", (long long)(preference->wait_ms / 1000));
        else
            snprintf(seconds, sizeof seconds, "wait=%lld.%03lld", (long long)(preference->wait_ms / 1000),
                     (long long)(preference->wait_ms % 1000));
    }
    snprintf(text, sizeof text, "%s%s%s", preference->respond_async ? "respond-async" : "",
             preference->respond_async && *seconds != '\0' ? ", " : "", seconds);
    response_header(response, "Preference-Applied", text);
}

char *etag_format(uint64_t revision, uint64_t moving, char *etag)
{
    if (moving == 0)
        snprintf(etag, ETAG_SIZE, "\"%llu\"", (unsigned long long)revision);
    else
        snprintf(etag, ETAG_SIZE, "\"%llu.%llu\"", (unsigned long long)revision, (unsigned long long)moving);
    return etag;
}

/* Goes through the entity tags of the list; `text` is what stands between the quotes. */
static const char *next_tag(const char *at, const char **text, size_t *length)
{
    at += strspn(at, " \t,");
    if (strncmp(at, "W/", 2) == 0)
        at += 2;
    if (*at != '"')
        return NULL;
    const char *end = strchr(at + 1, '"');
    if (end == NULL)
        return NULL;
    *text = at + 1;
    *length = (size_t)(end - at - 1);
    if (*length > 5 && memcmp(end - 5, "-gzip", 5) == 0)
        *length -= 5;
    return end + 1;
}

static bool is_star(const char *if_none_match)
{
    return if_none_match[strspn(if_none_match, " \t")] == '*';
}

bool etag_matches(const char *if_none_match, const char *etag)
{
    size_t wanted = strlen(etag) - 2;
    const char *text;
    size_t length;
    if (is_star(if_none_match))
        return true;
    for (const char *at = if_none_match; (at = next_tag(at, &text, &length)) != NULL;)
        if (length == wanted && memcmp(text, etag + 1, length) == 0)
            return true;
    return false;
}

bool etag_matches_revision(const char *if_none_match, uint64_t revision)
{
    char wanted[24];
    size_t wanted_length = (size_t)snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)revision);
    const char *text;
    size_t length;
    if (is_star(if_none_match))
        return true;
    for (const char *at = if_none_match; (at = next_tag(at, &text, &length)) != NULL;)
        if (length >= wanted_length && memcmp(text, wanted, wanted_length) == 0 &&
            (length == wanted_length || text[wanted_length] == '.'))
            return true;
    return false;
}
