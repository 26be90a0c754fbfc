/* Files of keys, scopes, and lists of addresses: any text gives an answer, and a refusal has words. */
#include "config.h"
#include "fuzz.h"

#include "access.h"
#include "address.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

static const char *file_of(const uint8_t *bytes, size_t size)
{
    static char name[64];
    snprintf(name, sizeof name, "/dev/shm/jobgate-fuzz-%ld", (long)getpid());
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    PROMISE(file >= 0 && write(file, bytes, size) == (ssize_t)size);
    close(file);
    return name;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct error error = {.text = ""};
    struct access_keys *keys;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    unsigned scopes;
    char *text = fuzz_text(bytes, size);
    const char *name = file_of(bytes, size);
    if (access_load(name, &keys, &error) == OK) {
        PROMISE(access_find(keys, text, size) == NULL); /* nobody has guessed a key by its file */
        access_free(keys);
    } else {
        PROMISE(strncmp(error.text, name, strlen(name)) == 0);
    }
    unlink(name);
    if (access_scopes_parse(text, &scopes, &error) == OK)
        PROMISE((scopes & ~(unsigned)SCOPE_ALL) == 0);
    memcpy(&address.sin6_addr, bytes, size < 16 ? size : 16);
    address_is_public((struct sockaddr *)&address);
    if (address_list_check(text, &error) == OK)
        address_is_listed((struct sockaddr *)&address, text);
    free(text);
    return 0;
}
