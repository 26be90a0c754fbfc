/* The scan of what comes from outside. What it accepts, json-c can read, and what json-c prints of that is accepted again;
 * what is cut off is not JSON, but for numbers. */
#include "config.h"
#include "fuzz.h"

#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = fuzz_text(bytes, size);
    struct error error = {0};
    size_t offset = SIZE_MAX;
    enum outcome outcome = json_check(text, size, &offset, &error);
    PROMISE(outcome == OK || outcome == INVALID);
    if (outcome == INVALID)
        PROMISE(offset <= size && error.text[0] != '\0');
    if (outcome == OK) {
        struct json_object *value = NULL;
        struct buffer printed = {0};
        PROMISE(json_utf8_is_valid(text, size));
        PROMISE(json_parse(text, size, &value, &error) == OK);
        if (value == NULL) /* json-c's null */
            buffer_append_text(&printed, "null");
        else
            json_print(value, &printed);
        PROMISE(!printed.failed && json_check(printed.data, printed.length, &offset, &error) == OK);
        buffer_free(&printed);
    }
    free(text);
    return 0;
}
