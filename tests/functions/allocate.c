/* Takes memory and uses it until there is none, then fails. */
#include <stdlib.h>
#include <string.h>

int main(void)
{
    for (;;) {
        char *memory = malloc(1 << 20);
        if (memory == NULL)
            return 3;
        memset(memory, 1, 1 << 20);
    }
}
