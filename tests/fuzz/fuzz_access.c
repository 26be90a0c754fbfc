/* The file of keys. What is accepted can be found again and printed. */
#include "config.h"
#include "fuzz.h"

#include "access.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *text = fuzz_text(bytes, size);
    char scopes[64];
    struct access_keys *keys = NULL;
    struct error error = {0};
    enum outcome outcome = access_parse("keys", text, &keys, &error);
    PROMISE(outcome == OK || outcome == INVALID);
    PROMISE(outcome == OK || strncmp(error.text, "keys:", 5) == 0);
    for (size_t i = 0; outcome == OK && i < access_count(keys); i++) {
        const struct access_key *key = access_at(keys, i);
        unsigned again;
        PROMISE(key->name[0] != '\0' && key->function_count <= ACCESS_FUNCTIONS_MAX);
        PROMISE(access_scopes_parse(access_scopes_format(key->scopes, scopes), &again, NULL) == OK);
        PROMISE(again == key->scopes);
        PROMISE(key->function_count == 0 || access_may_use(key, key->functions[0]));
        PROMISE(key->limits.rate >= 0 && key->limits.burst >= 0 && key->limits.quota >= 0 &&
                key->limits.active >= 0);
    }
    if (outcome == OK)
        PROMISE(access_find(keys, (const char *)bytes, size) == NULL);
    access_free(keys);
    unsigned scopes_of_text;
    if (access_scopes_parse((const char *)text, &scopes_of_text, &error) == OK)
        PROMISE((scopes_of_text & ~(unsigned)SCOPE_ALL) == 0);
    free(text);
    return 0;
}
