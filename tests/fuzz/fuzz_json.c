/* Events: whatever json_check passes, json-c reads as well, and an offset lies inside the text. */
#include "config.h"
#include "fuzz.h"

#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct error error = {.text = ""};
    size_t offset = 0;
    char *text = fuzz_text(bytes, size);
    enum outcome outcome = json_check(text, size, &offset, &error);
    PROMISE(outcome == OK || outcome == INVALID);
    PROMISE(outcome == OK || (offset <= size && error.text[0] != '\0'));
    if (outcome == OK) {
        struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        struct json_object *value = json_tokener_parse_ex(tokener, text, (int)size);
        /* A number at the very end asks for more. */
        PROMISE(value != NULL || json_tokener_get_error(tokener) == json_tokener_continue ||
                json_tokener_get_error(tokener) == json_tokener_success);
        json_object_put(value);
        json_tokener_free(tokener);
        PROMISE(json_utf8_is_valid(text, size));
    }
    free(text);
    return 0;
}
