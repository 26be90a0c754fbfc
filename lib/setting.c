#include "config.h"
#include "setting.h"
#include "access.h"
#include "address.h"
#include "job.h"
#include "log.h"

#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* The largest first: the first one that divides a value is the one to print it in. The unnamed one is for
 * reading. */
static const struct unit durations[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {"", 1000}, {NULL, 0},
};
static const struct unit sizes[] = {
    {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}, {NULL, 0},
};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};

static const char *const levels[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};
#define LEVEL_COUNT (int64_t)(sizeof levels / sizeof levels[0])

static const struct unit *units_of(enum setting_kind kind)
{
    return kind == SETTING_DURATION ? durations : kind == SETTING_SIZE ? sizes : plain;
}

bool setting_is_text(enum setting_kind kind)
{
    return kind >= SETTING_PATH;
}

/* Digits and a unit. */
static bool parse_quantity(const struct unit *units, const char *text, int64_t *value)
{
    int64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, *at - '0', &number))
            return false;
    }
    if (at == text)
        return false;
    while (*at == ' ')
        at++;
    while (units->name != NULL && strcmp(units->name, at) != 0)
        units++;
    return units->name != NULL && !__builtin_mul_overflow(number, units->factor, value);
}

static bool parse_level(const char *text, int64_t *value)
{
    for (*value = 0; *value < LEVEL_COUNT; (*value)++) {
        if (strcmp(levels[*value], text) == 0)
            return true;
    }
    return false;
}

static bool parse_switch(const char *text, int64_t *value)
{
    *value = strcmp(text, "yes") == 0;
    return *value || strcmp(text, "no") == 0;
}

static bool parse_scopes(const char *text, int64_t *value)
{
    unsigned scopes;
    if (access_scopes_parse(text, &scopes, NULL) != OK)
        return false;
    *value = scopes;
    return true;
}

static const char *meaning(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_DURATION:
        return "a duration such as 250ms, 90s, 15m, 6h or 7d";
    case SETTING_SIZE:
        return "a size such as 65536, 512KiB, 6MiB or 1GiB";
    case SETTING_LIMIT:
        return "a whole number or \"unlimited\"";
    case SETTING_LEVEL:
        return "error, warning, info or debug";
    case SETTING_ACCEPTED:
        return "202 or 200";
    case SETTING_SWITCH:
        return "yes or no";
    case SETTING_SCOPES:
        return "none, all, or some of submit, read, list, cancel, metrics, admin";
    default:
        return "a whole number";
    }
}

static enum outcome refuse_range(enum setting_kind kind, int64_t least, int64_t most, struct error *error)
{
    struct buffer text = {0};
    buffer_append_text(&text, "must be between ");
    setting_print_number(kind, least < 0 ? 0 : least, &text);
    buffer_append_text(&text, " and ");
    setting_print_number(kind, most, &text);
    enum outcome outcome =
        text.failed ? error_set(error, NOMEM, "no memory") : error_set(error, INVALID, "%s", text.data);
    buffer_free(&text);
    return outcome;
}

enum outcome setting_parse_number(enum setting_kind kind, const char *text, int64_t least, int64_t most,
                                  int64_t *value, struct error *error)
{
    int64_t parsed = -1;
    bool understood;
    if (kind == SETTING_LEVEL)
        understood = parse_level(text, &parsed);
    else if (kind == SETTING_SWITCH)
        understood = parse_switch(text, &parsed);
    else if (kind == SETTING_SCOPES)
        understood = parse_scopes(text, &parsed);
    else if (kind == SETTING_LIMIT && strcmp(text, "unlimited") == 0)
        understood = true;
    else
        understood = parse_quantity(units_of(kind), text, &parsed);
    if (kind == SETTING_ACCEPTED)
        understood = understood && (parsed == 200 || parsed == 202);
    if (!understood)
        return error_set(error, INVALID, "must be %s", meaning(kind));
    if (parsed < least || parsed > most)
        return refuse_range(kind, least, most, error);
    *value = parsed;
    return OK;
}

void setting_print_number(enum setting_kind kind, int64_t value, struct buffer *out)
{
    if (kind == SETTING_LEVEL) {
        buffer_append_text(out, levels[value]);
        return;
    }
    if (kind == SETTING_SWITCH) {
        buffer_append_text(out, value ? "yes" : "no");
        return;
    }
    if (kind == SETTING_SCOPES) {
        char scopes[64];
        buffer_append_text(out, access_scopes_format((unsigned)value, scopes));
        return;
    }
    if (kind == SETTING_LIMIT && value < 0) {
        buffer_append_text(out, "unlimited");
        return;
    }
    const struct unit *unit = units_of(kind);
    while (value != 0 && value % unit->factor != 0)
        unit++;
    if (value == 0)
        unit = plain;
    buffer_printf(out, "%lld%s", (long long)(value / unit->factor), unit->name);
}

static enum outcome check_search_path(const char *text, struct error *error)
{
    for (const char *folder = text;; folder++) {
        if (*folder != '/')
            return error_set(error, INVALID, "must be absolute folders with ':' between them");
        folder = strchr(folder, ':');
        if (folder == NULL)
            return OK;
    }
}

/* It goes into Location headers and documents as it stands, so only what a URL may hold without an escape
 * (RFC 3986). */
static enum outcome check_base(const char *text, struct error *error)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@%/[]";
    size_t length = strlen(text);
    bool is_web = strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
    if (length == 0)
        return OK;
    if (!is_web && (text[0] != '/' || text[1] == '/' || text[1] == '\0'))
        return error_set(error, INVALID, "must be empty, /path, or https://host/path");
    if (is_web && strchr("/", strstr(text, "://")[3]) != NULL)
        return error_set(error, INVALID, "names no host");
    if (strspn(text, allowed) != length || text[length - 1] == '/')
        return error_set(error, INVALID,
                         "must have no '/' at its end, no query and no character that a URL escapes");
    return OK;
}

static enum outcome check_target(const char *text, struct error *error)
{
    bool is_web = strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
    if (text[0] == '\0' || (!is_web && job_function_name_is_valid(text)))
        return OK;
    if (!is_web || strchr("/?#", strstr(text, "://")[3]) != NULL || strpbrk(text, " \t\"<>\\^`{|}") != NULL)
        return error_set(error, INVALID, "must be an https URL or a function's name");
    if (strlen(text) >= JOB_URL_SIZE)
        return error_set(error, INVALID, "is longer than %d characters", JOB_URL_SIZE - 1);
    return OK;
}

/* An origin is scheme, host and port (RFC 6454): no path, not even a slash. */
static enum outcome check_origins(const char *text, struct error *error)
{
    for (const char *at = text + strspn(text, ", "); *at != 0; at += strspn(at, ", ")) {
        size_t length = strcspn(at, ", ");
        size_t scheme = strncmp(at, "https://", 8) == 0 ? 8 : strncmp(at, "http://", 7) == 0 ? 7 : 0;
        bool is_star = length == 1 && *at == '*';
        if (!is_star &&
            (scheme == 0 || length <= scheme || strcspn(at + scheme, "/?#@, ") + scheme != length))
            return error_set(error, INVALID, "must be origins such as https://app.example:8443, or *");
        at += length;
    }
    return OK;
}

/* What portable names of users have (useradd's default pattern, and the dots and digits that others allow). */
static enum outcome check_user(const char *text, struct error *error)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
    return text[0] != '-' && length < 64 && text[length] == '\0'
               ? OK
               : error_set(error, INVALID, "must be the name of a user of this system");
}

enum outcome setting_check_text(enum setting_kind kind, const char *text, struct error *error)
{
    switch (kind) {
    case SETTING_PATH:
        return text[0] == '\0' ? error_set(error, INVALID, "must not be empty") : OK;
    case SETTING_PATHS:
        return text[0] == '\0' ? OK : check_search_path(text, error);
    case SETTING_SEARCH_PATH:
        return check_search_path(text, error);
    case SETTING_FUNCTION:
        return job_function_name_is_valid(text)
                   ? OK
                   : error_set(error, INVALID,
                               "must be a function's name: up to 64 letters, digits, - and _");
    case SETTING_USER:
        return check_user(text, error);
    case SETTING_BASE:
        return check_base(text, error);
    case SETTING_ORIGINS:
        return check_origins(text, error);
    case SETTING_NETWORKS:
        return address_list_check(text, error);
    case SETTING_TARGET:
        return check_target(text, error);
    default:
        return OK;
    }
}
