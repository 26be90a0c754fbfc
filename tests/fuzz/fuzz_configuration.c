/* jobgate.conf. What is accepted can be printed, read again, and is the same. */
#include "config.h"
#include "fuzz.h"

#include "configuration.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = fuzz_text(bytes, size);
    struct configuration *first = NULL, *second = NULL;
    struct buffer once = {0}, twice = {0};
    struct error error = {0};
    enum outcome outcome = configuration_parse("/fuzz/jobgate.conf", text, size, &first, &error);
    PROMISE(outcome == OK || outcome == INVALID);
    PROMISE(outcome == OK || strncmp(error.text, "/fuzz/jobgate.conf:", 19) == 0);
    if (outcome == OK) {
        configuration_dump(first, &once);
        PROMISE(!once.failed);
        if (configuration_parse("/fuzz/jobgate.conf", once.data, once.length, &second, &error) != OK) {
            fprintf(stderr, "%s\n%s", error.text, once.data);
            abort();
        }
        configuration_dump(second, &twice);
        PROMISE(once.length == twice.length && memcmp(once.data, twice.data, once.length) == 0);
        PROMISE(first->max_workers >= 1 && configuration_function(first, "any") != NULL);
    }
    configuration_release(first);
    configuration_release(second);
    buffer_free(&once);
    buffer_free(&twice);
    free(text);
    return 0;
}
