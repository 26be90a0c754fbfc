#include "config.h"
#include "json.h"
#include "json_keys.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* ---- utf-8 ---- */

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t json_character_size(const char *at, const char *end)
{
    unsigned char lead = (unsigned char)at[0];
    if (lead < 0x80)
        return 1;
    size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || (size_t)(end - at) < size)
        return 0;
    unsigned char second = (unsigned char)at[1];
    unsigned char least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (second < least || second > most)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if (!is_continuation(at[i]))
            return 0;
    }
    return size;
}

#define EACH_BYTE(value) (0x0101010101010101U * (uint64_t)(value))
#define HIGH_BITS        EACH_BYTE(0x80)

static uint64_t eight_bytes(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Not 0 when a byte of the word is 0. */
static uint64_t has_zero(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & HIGH_BITS;
}

bool json_utf8_is_valid(const char *text, size_t length)
{
    const char *at = text;
    const char *end = text + length;
    while (at < end) {
        if (end - at >= 8 && (eight_bytes(at) & HIGH_BITS) == 0) {
            at += 8;
            continue;
        }
        size_t size = json_character_size(at, end);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

/* ---- what the check works on ---- */

struct check {
    const char *text;
    const char *at; /* where the problem is, when there is one */
    const char *end;
    unsigned depth;
    uint32_t objects; /* bit n: the container at depth n is an object, not an array */
    struct json_keys keys;
};
_Static_assert(JSON_DEPTH_MAX <= 32, "a bit of check.objects for each level");

/* Every step returns NULL, or the words for what is wrong at check->at. */
static const char no_memory[] = "no memory to compare the keys";
static const char bad_utf8[] = "not UTF-8";
static const char ends_early[] = "the text ends too early";

/* ---- values ---- */

static void skip_space(struct check *check)
{
    while (check->at < check->end &&
           (*check->at == ' ' || *check->at == '\n' || *check->at == '\r' || *check->at == '\t'))
        check->at++;
}

static bool is_digit(const struct check *check)
{
    return check->at < check->end && *check->at >= '0' && *check->at <= '9';
}

/* Moves over the digits of \uXXXX; check->at is behind the u. */
static const char *check_hexadecimal(struct check *check, unsigned *code)
{
    const char *digits = check->at;
    for (int i = 0; i < 4; i++, check->at++) {
        if (check->at == check->end)
            return ends_early;
        char c = *check->at;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return "no hexadecimal digit behind \\u";
    }
    *code = json_hexadecimal(digits);
    return NULL;
}

static const char *check_unicode_escape(struct check *check, const char *backslash, bool is_key)
{
    unsigned code, second = 0;
    const char *problem = check_hexadecimal(check, &code);
    if (problem != NULL)
        return problem;
    if (code == 0 && is_key) {
        check->at = backslash;
        return "NUL in a key";
    }
    if (code < 0xD800 || code > 0xDFFF)
        return NULL;
    if (code <= 0xDBFF && check->end - check->at >= 2 && check->at[0] == '\\' && check->at[1] == 'u') {
        check->at += 2;
        problem = check_hexadecimal(check, &second);
        if (problem != NULL)
            return problem;
    }
    if (second >= 0xDC00 && second <= 0xDFFF)
        return NULL;
    check->at = backslash;
    return "unpaired surrogate";
}

/* check->at is at the backslash. */
static const char *check_escape(struct check *check, bool is_key)
{
    const char *backslash = check->at;
    if (++check->at == check->end)
        return ends_early;
    switch (*check->at) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        check->at++;
        return NULL;
    case 'u':
        check->at++;
        return check_unicode_escape(check, backslash, is_key);
    default:
        check->at = backslash;
        return "no such escape";
    }
}

/* Moves over bytes that need no look: printable ASCII but quote and backslash. */
static void skip_plain(struct check *check)
{
    const char *at = check->at;
    for (; check->end - at >= 8; at += 8) {
        uint64_t word = eight_bytes(at);
        uint64_t control = (word - EACH_BYTE(0x20)) & ~word;
        uint64_t special = has_zero(word ^ EACH_BYTE('"')) | has_zero(word ^ EACH_BYTE('\\'));
        if (((control | special | word) & HIGH_BITS) != 0)
            break;
    }
    while (at < check->end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
           *at != '\\')
        at++;
    check->at = at;
}

/* check->at is at the opening quote, and behind the closing one afterwards. */
static const char *check_string(struct check *check, bool is_key, bool *escaped)
{
    *escaped = false;
    check->at++;
    for (;;) {
        skip_plain(check);
        if (check->at == check->end)
            return ends_early;
        unsigned char c = (unsigned char)*check->at;
        if (c == '"') {
            check->at++;
            return NULL;
        }
        if (c < 0x20)
            return "control character in a string";
        if (c == '\\') {
            *escaped = true;
            const char *problem = check_escape(check, is_key);
            if (problem != NULL)
                return problem;
            continue;
        }
        do { /* text beyond ASCII comes in runs */
            size_t size = json_character_size(check->at, check->end);
            if (size == 0)
                return bad_utf8;
            check->at += size;
        } while (check->at < check->end && (unsigned char)*check->at >= 0x80);
    }
}

static const char *check_digits(struct check *check)
{
    if (!is_digit(check))
        return check->at == check->end ? ends_early : "a digit is expected";
    while (is_digit(check))
        check->at++;
    return NULL;
}

static const char *check_number(struct check *check)
{
    if (*check->at == '-')
        check->at++;
    bool zero = check->at < check->end && *check->at == '0';
    const char *problem;
    if (zero)
        check->at++;
    else if ((problem = check_digits(check)) != NULL)
        return problem;
    if (zero && is_digit(check))
        return "a number does not start with 0";
    if (check->at < check->end && *check->at == '.') {
        check->at++;
        if ((problem = check_digits(check)) != NULL)
            return problem;
    }
    if (check->at < check->end && (*check->at == 'e' || *check->at == 'E')) {
        check->at++;
        if (check->at < check->end && (*check->at == '+' || *check->at == '-'))
            check->at++;
        return check_digits(check);
    }
    return NULL;
}

static const char *check_word(struct check *check, const char *word)
{
    for (; *word != '\0'; word++, check->at++) {
        if (check->at == check->end)
            return ends_early;
        if (*check->at != *word)
            return "a value is expected";
    }
    return NULL;
}

/* The key stands between quote + 1 and check->at - 1. */
static const char *add_key(struct check *check, const char *quote, bool escaped)
{
    switch (json_keys_add(&check->keys, quote + 1, (size_t)(check->at - quote - 2), escaped)) {
    case OK:
        return NULL;
    case CONFLICT:
        check->at = quote;
        return "duplicate key";
    default:
        return no_memory;
    }
}

/* Up to the colon, after '{' or ','. */
static const char *check_member(struct check *check)
{
    bool escaped;
    skip_space(check);
    if (check->at == check->end)
        return ends_early;
    if (*check->at != '"')
        return "a key in quotes is expected";
    const char *quote = check->at;
    const char *problem = check_string(check, true, &escaped);
    if (problem == NULL)
        problem = add_key(check, quote, escaped);
    if (problem != NULL)
        return problem;
    skip_space(check);
    if (check->at == check->end)
        return ends_early;
    if (*check->at != ':')
        return "':' is expected";
    check->at++;
    return NULL;
}

static bool is_in_object(const struct check *check)
{
    return (check->objects >> (check->depth - 1) & 1) != 0;
}

static void close_container(struct check *check)
{
    check->at++;
    if (is_in_object(check))
        json_keys_close(&check->keys);
    check->depth--;
}

/* check->at is at '{' or '['. *inside when a value comes next, not when the container was empty. */
static const char *open_container(struct check *check, bool *inside)
{
    if (check->depth == JSON_DEPTH_MAX)
        return "nested too deeply";
    bool is_object = *check->at == '{';
    uint32_t bit = UINT32_C(1) << check->depth++;
    check->objects = is_object ? check->objects | bit : check->objects & ~bit;
    if (is_object)
        json_keys_open(&check->keys);
    check->at++;
    skip_space(check);
    *inside = check->at == check->end || *check->at != (is_object ? '}' : ']');
    if (!*inside)
        close_container(check);
    return *inside && is_object ? check_member(check) : NULL;
}

/* One value without its content: *inside when it opened a container that has some. */
static const char *check_value(struct check *check, bool *inside)
{
    bool escaped;
    *inside = false;
    skip_space(check);
    if (check->at == check->end)
        return ends_early;
    switch (*check->at) {
    case '{':
    case '[':
        return open_container(check, inside);
    case '"':
        return check_string(check, false, &escaped);
    case 't':
        return check_word(check, "true");
    case 'f':
        return check_word(check, "false");
    case 'n':
        return check_word(check, "null");
    default:
        return *check->at == '-' || is_digit(check) ? check_number(check) : "a value is expected";
    }
}

/* Behind a value: closes what ends here. *more when another value comes. */
static const char *check_behind(struct check *check, bool *more)
{
    *more = false;
    for (;;) {
        skip_space(check);
        if (check->depth == 0)
            return check->at == check->end ? NULL : "something stands behind the value";
        if (check->at == check->end)
            return ends_early;
        bool is_object = is_in_object(check);
        if (*check->at == ',') {
            check->at++;
            *more = true;
            return is_object ? check_member(check) : NULL;
        }
        if (*check->at != (is_object ? '}' : ']'))
            return is_object ? "',' or '}' is expected" : "',' or ']' is expected";
        close_container(check);
    }
}

static const char *check_document(struct check *check)
{
    bool more;
    do {
        const char *problem = check_value(check, &more);
        if (problem == NULL && !more)
            problem = check_behind(check, &more);
        if (problem != NULL)
            return problem;
    } while (more);
    return NULL;
}

enum outcome json_check(const char *text, size_t length, size_t *offset, struct error *error)
{
    struct check check; /* not zeroed as a whole, see json_keys_begin */
    check.text = check.at = text;
    check.end = text + length;
    check.depth = 0;
    check.objects = 0;
    json_keys_begin(&check.keys, text);
    const char *problem = length < UINT32_MAX ? check_document(&check) : "longer than 4 GiB";
    json_keys_end(&check.keys);
    *offset = problem == NULL ? 0 : (size_t)(check.at - text);
    if (problem == NULL)
        return OK;
    return error_set(error, problem == no_memory ? NOMEM : INVALID, "byte %zu: %s", *offset, problem);
}
