/* template - prints jobgate.conf as it is shipped: every key as a comment, with its meaning and default. Run by `make`, so
 * that the file says what the programs do. */
#include "config.h"

#include "configuration.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    struct buffer text = {0};
    configuration_template(&text);
    if (text.failed || fwrite(text.data, 1, text.length, stdout) != text.length || fflush(stdout) != 0) {
        perror("template");
        return EXIT_FAILURE;
    }
    buffer_free(&text);
    return EXIT_SUCCESS;
}
