/* Configuration files: an error has words with a line; what is accepted is dumped, and the dump means the same. */
#include "config.h"
#include "fuzz.h"

#include "configuration.h"

#define FILE_NAME "/etc/jobgate/jobgate.conf"

static void check_dump(struct configuration *configuration)
{
    struct buffer first = {0}, second = {0};
    struct configuration *again;
    struct error error;
    configuration_dump(configuration, &first);
    PROMISE(!first.failed);
    PROMISE(configuration_parse(FILE_NAME, first.data, first.length, &again, &error) == OK);
    configuration_dump(again, &second);
    PROMISE(first.length == second.length && memcmp(first.data, second.data, first.length) == 0);
    configuration_release(again);
    buffer_free(&first);
    buffer_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct configuration *configuration;
    struct error error = {.text = ""};
    char *text = fuzz_text(bytes, size);
    if (configuration_parse(FILE_NAME, text, size, &configuration, &error) == OK) {
        check_dump(configuration);
        configuration_release(configuration);
    } else {
        PROMISE(strncmp(error.text, FILE_NAME, strlen(FILE_NAME)) == 0);
    }
    free(text);
    return 0;
}
