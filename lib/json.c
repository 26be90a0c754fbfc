#include "config.h"
#include "json.h"
#include "clock.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

/* json-c's calls can only fail for want of memory, and a document that silently lacks a member must not
 * leave: json_print looks here. A document is built and printed by one thread. */
static _Thread_local bool member_lost;

static int print_raw(struct json_object *object, struct printbuf *out, int level, int flags)
{
    return printbuf_memappend(out, json_object_get_string(object), json_object_get_string_len(object));
}

struct json_object *json_raw(const char *text, size_t length)
{
    struct json_object *object = length <= INT_MAX ? json_object_new_string_len(text, (int)length) : NULL;
    if (object == NULL)
        member_lost = true;
    else
        json_object_set_serializer(object, print_raw, NULL, NULL);
    return object;
}

enum outcome json_parse(const char *text, size_t length, struct json_object **value, struct error *error)
{
    size_t offset;
    enum outcome outcome = json_check(text, length, &offset, error);
    if (outcome != OK)
        return outcome;
    if (length > INT_MAX)
        return error_set(error, INVALID, "longer than 2 GiB");
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
    if (tokener == NULL)
        return error_set(error, NOMEM, "no memory");
    *value = json_tokener_parse_ex(tokener, text, (int)length);
    if (*value == NULL &&
        json_tokener_get_error(tokener) == json_tokener_continue) /* a number at the very end */
        *value = json_tokener_parse_ex(tokener, "", 1);
    enum json_tokener_error reason = json_tokener_get_error(tokener);
    json_tokener_free(tokener);
    return reason == json_tokener_success ? OK
                                          : error_set(error, NOMEM, "%s", json_tokener_error_desc(reason));
}

/* The text with U+FFFD for each byte that is not UTF-8. */
static struct json_object *repaired_text(const char *text, size_t length)
{
    struct buffer clean = {.limit = INT_MAX - 1};
    const char *end = text + length;
    while (text < end) {
        size_t size = json_character_size(text, end);
        if (size == 0)
            buffer_append_text(&clean, "\xEF\xBF\xBD");
        else
            buffer_append(&clean, text, size);
        text += size == 0 ? 1 : size;
    }
    struct json_object *object =
        clean.failed ? NULL : json_object_new_string_len(clean.data, (int)clean.length);
    buffer_free(&clean);
    return object;
}

static void add_member(struct json_object *object, const char *key, struct json_object *value)
{
    if (value == NULL || json_object_object_add_ex(object, key, value, JSON_C_OBJECT_KEY_IS_CONSTANT) != 0) {
        member_lost = true;
        json_object_put(value);
    }
}

void json_add(struct json_object *object, const char *key, struct json_object *value)
{
    if (object == NULL)
        json_object_put(value);
    else if (value != NULL)
        add_member(object, key, value);
}

void json_add_text(struct json_object *object, const char *key, const char *text)
{
    if (object == NULL || text == NULL || text[0] == '\0')
        return;
    size_t length = strlen(text);
    if (json_utf8_is_valid(text, length) && length <= INT_MAX)
        add_member(object, key, json_object_new_string_len(text, (int)length));
    else
        add_member(object, key, repaired_text(text, length));
}

void json_add_integer(struct json_object *object, const char *key, int64_t value)
{
    if (object != NULL)
        add_member(object, key, json_object_new_int64(value));
}

void json_add_boolean(struct json_object *object, const char *key, bool value)
{
    if (object != NULL)
        add_member(object, key, json_object_new_boolean(value));
}

void json_add_time(struct json_object *object, const char *key, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    if (object != NULL && wall_ms != 0)
        add_member(object, key, json_object_new_string_len(clock_format(wall_ms, text), CLOCK_TEXT_SIZE - 1));
}

void json_print(struct json_object *value, struct buffer *buffer)
{
    size_t length = 0;
    const char *text = NULL;
    if (value != NULL && !member_lost)
        text = json_object_to_json_string_length(
            value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
    if (text == NULL)
        buffer->failed = true;
    else
        buffer_append(buffer, text, length);
    member_lost = false;
    json_object_put(value);
}
