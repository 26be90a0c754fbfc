/* keys.c - see keys.h */
#include "config.h"

#include "store_bdb/keys.h"

#include <string.h>

static void add(struct key *key, const void *bytes, size_t size)
{
    memcpy(key->bytes + key->size, bytes, size);
    key->size += size;
}

static void add_number(struct key *key, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0)
        key->bytes[key->size++] = (uint8_t)(value >> (8 * bytes));
}

static void add_time(struct key *key, int64_t time_ms)
{
    add_number(key, time_ms > 0 ? (uint64_t)time_ms : 0, 8);
}

static uint64_t number_at(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

struct key key_of_id(const struct job_id *id)
{
    struct key key = {.size = 0};

    add(&key, id->bytes, JOB_ID_BYTES);
    return key;
}

struct key key_of_attempt(const struct job_id *id, uint32_t number)
{
    struct key key = key_of_id(id);

    add_number(&key, number, 4);
    return key;
}

struct key key_of_log(const struct job_id *id, uint64_t offset)
{
    struct key key = key_of_id(id);

    add_number(&key, offset, 8);
    return key;
}

bool key_is_of_id(const struct key *key, const struct job_id *id)
{
    return key->size >= JOB_ID_BYTES && memcmp(key->bytes, id->bytes, JOB_ID_BYTES) == 0;
}

uint32_t key_attempt_number(const struct key *key)
{
    return key->size == JOB_ID_BYTES + 4 ? (uint32_t)number_at(key->bytes + JOB_ID_BYTES, 4) : 0;
}

uint64_t key_log_offset(const struct key *key)
{
    return key->size == JOB_ID_BYTES + 8 ? number_at(key->bytes + JOB_ID_BYTES, 8) : 0;
}

struct key key_first_of(const char *function)
{
    struct key key = {.size = 0};

    add(&key, function, strnlen(function, JOB_FUNCTION_SIZE - 1));
    add_number(&key, 0, 1);
    return key;
}

struct key key_behind(const char *function)
{
    struct key key = key_first_of(function);

    key.bytes[key.size - 1] = 1; /* behind the NUL of this name, before any longer name */
    return key;
}

struct key key_of_due(const char *function, int64_t due_ms, const struct job_id *id)
{
    struct key key = key_first_of(function);

    add_time(&key, due_ms);
    add(&key, id->bytes, JOB_ID_BYTES);
    return key;
}

struct key key_of_running(const char *function, const struct job_id *id)
{
    struct key key = key_first_of(function);

    add(&key, id->bytes, JOB_ID_BYTES);
    return key;
}

struct key key_of_active(const char *caller, const struct job_id *id)
{
    return key_of_running(caller, id);
}

struct key key_first_of_status(const char *function, unsigned status)
{
    struct key key = key_first_of(function);

    add_number(&key, status, 1);
    return key;
}

struct key key_of_listing(const char *function, enum job_status status, const struct job_id *id)
{
    struct key key = key_first_of_status(function, status);

    add(&key, id->bytes, JOB_ID_BYTES);
    return key;
}

bool key_function(const struct key *key, char *function)
{
    const uint8_t *end = memchr(key->bytes, '\0', key->size);
    size_t length = end ? (size_t)(end - key->bytes) : 0;

    if (length == 0 || length >= JOB_FUNCTION_SIZE)
        return false;
    memcpy(function, key->bytes, length + 1);
    return true;
}

/* The function's name, then exactly `size` bytes; returns where those are, or NULL. */
static const uint8_t *split(const struct key *key, char *function, size_t size)
{
    size_t head;

    if (!key_function(key, function))
        return NULL;
    head = strlen(function) + 1;
    return key->size == head + size ? key->bytes + head : NULL;
}

bool key_split_due(const struct key *key, char *function, int64_t *due_ms, struct job_id *id)
{
    const uint8_t *rest = split(key, function, 8 + JOB_ID_BYTES);

    if (rest == NULL)
        return false;
    *due_ms = (int64_t)number_at(rest, 8);
    memcpy(id->bytes, rest + 8, JOB_ID_BYTES);
    return true;
}

bool key_split_running(const struct key *key, char *function, struct job_id *id)
{
    const uint8_t *rest = split(key, function, JOB_ID_BYTES);

    if (rest == NULL)
        return false;
    memcpy(id->bytes, rest, JOB_ID_BYTES);
    return true;
}

bool key_split_listing(const struct key *key, char *function, enum job_status *status, struct job_id *id)
{
    const uint8_t *rest = split(key, function, 1 + JOB_ID_BYTES);

    if (rest == NULL || job_status_name((enum job_status)rest[0]) == NULL)
        return false;
    *status = (enum job_status)rest[0];
    memcpy(id->bytes, rest + 1, JOB_ID_BYTES);
    return true;
}

struct key key_of_delivery(const struct job_id *id, unsigned target)
{
    struct key key = key_of_id(id);

    add_number(&key, target, 1);
    return key;
}

struct key key_of_delivery_due(int64_t due_ms, const struct job_id *id, unsigned target)
{
    struct key key = {.size = 0};

    add_time(&key, due_ms);
    add(&key, id->bytes, JOB_ID_BYTES);
    add_number(&key, target, 1);
    return key;
}

bool key_split_delivery_due(const struct key *key, int64_t *due_ms, struct job_id *id, unsigned *target)
{
    if (key->size != 8 + JOB_ID_BYTES + 1)
        return false;
    *due_ms = (int64_t)number_at(key->bytes, 8);
    memcpy(id->bytes, key->bytes + 8, JOB_ID_BYTES);
    *target = key->bytes[8 + JOB_ID_BYTES];
    return true;
}

struct key key_of_expiry(int64_t at_ms, enum expiry_kind kind, const void *name, size_t size)
{
    struct key key = {.size = 0};

    add_time(&key, at_ms);
    add_number(&key, kind, 1);
    add(&key, name, size);
    return key;
}

bool key_split_expiry(const struct key *key, int64_t *at_ms, enum expiry_kind *kind, const uint8_t **name)
{
    size_t size;

    if (key->size < 9)
        return false;
    *at_ms = (int64_t)number_at(key->bytes, 8);
    *kind = (enum expiry_kind)key->bytes[8];
    *name = key->bytes + 9;
    size = *kind == EXPIRY_IDEMPOTENCY ? KEY_HASH_BYTES : JOB_ID_BYTES;
    return *kind >= EXPIRY_JOB && *kind <= EXPIRY_IDEMPOTENCY && key->size == 9 + size;
}
