#include "config.h"
#include "json_keys.h"
#include "clock.h"

#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Objects up to this size are searched one key after another; in larger ones the table is faster. */
#define FEW_KEYS 12

/* ---- what a key means ---- */

static uint64_t hash_seed[2];
static pthread_once_t hash_seed_once = PTHREAD_ONCE_INIT;

/* Whoever cannot know the seed cannot make keys that fall together. Without a seed (no kernel does that) the
 * check is still right, only slower for such keys. */
static void draw_hash_seed(void)
{
    if (getrandom(hash_seed, sizeof hash_seed, 0) != (ssize_t)sizeof hash_seed)
        hash_seed[0] = (uint64_t)clock_wall_ms() ^ (uintptr_t)&hash_seed;
}

/* SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012; the rounds of many hash tables). */
struct hash {
    uint64_t v0, v1, v2, v3;
    uint64_t word; /* bytes that do not make a whole word yet */
    uint64_t length;
};

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static void hash_round(struct hash *hash)
{
    hash->v0 += hash->v1;
    hash->v1 = rotate(hash->v1, 13) ^ hash->v0;
    hash->v0 = rotate(hash->v0, 32);
    hash->v2 += hash->v3;
    hash->v3 = rotate(hash->v3, 16) ^ hash->v2;
    hash->v0 += hash->v3;
    hash->v3 = rotate(hash->v3, 21) ^ hash->v0;
    hash->v2 += hash->v1;
    hash->v1 = rotate(hash->v1, 17) ^ hash->v2;
    hash->v2 = rotate(hash->v2, 32);
}

static void hash_start(struct hash *hash)
{
    hash->v0 = hash_seed[0] ^ 0x736f6d6570736575U;
    hash->v1 = hash_seed[1] ^ 0x646f72616e646f6dU;
    hash->v2 = hash_seed[0] ^ 0x6c7967656e657261U;
    hash->v3 = hash_seed[1] ^ 0x7465646279746573U;
    hash->word = 0;
    hash->length = 0;
}

static void hash_word(struct hash *hash, uint64_t word)
{
    hash->v3 ^= word;
    hash_round(hash);
    hash->v0 ^= word;
}

static void hash_byte(struct hash *hash, unsigned char byte)
{
    hash->word |= (uint64_t)byte << (8 * (hash->length % 8));
    if (++hash->length % 8 == 0) {
        hash_word(hash, hash->word);
        hash->word = 0;
    }
}

static uint64_t hash_end(struct hash *hash)
{
    hash_word(hash, hash->word | hash->length << 56);
    hash->v2 ^= 0xFF;
    hash_round(hash);
    hash_round(hash);
    hash_round(hash);
    return hash->v0 ^ hash->v1 ^ hash->v2 ^ hash->v3;
}

static uint64_t word_at(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return le64toh(word);
}

static uint64_t hash_plain(const char *text, size_t size)
{
    struct hash hash;
    hash_start(&hash);
    for (; size - hash.length >= 8; hash.length += 8)
        hash_word(&hash, word_at(text + hash.length));
    while (hash.length < size)
        hash_byte(&hash, (unsigned char)text[hash.length]);
    return hash_end(&hash);
}

/* Reads the unescaped bytes of a string that has passed the check. */
struct key_reader {
    const char *at;
    const char *end;
    unsigned char bytes[4]; /* of an escape that became several */
    unsigned have;
    unsigned given;
};

unsigned json_hexadecimal(const char *digits)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)digits[i];
        value = value << 4 | (c <= '9' ? c - (unsigned)'0' : (c | 0x20U) - 'a' + 10);
    }
    return value;
}

static void encode(struct key_reader *reader, unsigned code)
{
    unsigned char *bytes = reader->bytes;
    reader->given = 0;
    if (code < 0x80) {
        reader->have = 1;
        bytes[0] = (unsigned char)code;
    } else if (code < 0x800) {
        reader->have = 2;
        bytes[0] = (unsigned char)(0xC0 | code >> 6);
    } else if (code < 0x10000) {
        reader->have = 3;
        bytes[0] = (unsigned char)(0xE0 | code >> 12);
    } else {
        reader->have = 4;
        bytes[0] = (unsigned char)(0xF0 | code >> 18);
    }
    for (unsigned i = 1; i < reader->have; i++)
        bytes[i] = (unsigned char)(0x80 | (code >> (6 * (reader->have - 1 - i)) & 0x3F));
}

static void unescape(struct key_reader *reader)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    char letter = reader->at[1];
    reader->at += 2;
    if (letter != 'u') {
        const char *found = strchr(letters, letter);
        encode(reader, (unsigned char)(found != NULL ? meanings[found - letters] : letter));
        return;
    }
    unsigned code = json_hexadecimal(reader->at);
    reader->at += 4;
    if (code >= 0xD800 && code <= 0xDBFF) {
        code = 0x10000 + ((code - 0xD800) << 10) + (json_hexadecimal(reader->at + 2) - 0xDC00);
        reader->at += 6;
    }
    encode(reader, code);
}

/* -1 at the end. */
static int next_byte(struct key_reader *reader)
{
    if (reader->given == reader->have) {
        if (reader->at == reader->end)
            return -1;
        if (*reader->at != '\\')
            return (unsigned char)*reader->at++;
        unescape(reader);
    }
    return reader->bytes[reader->given++];
}

static uint64_t hash_escaped(const char *text, size_t size)
{
    struct key_reader reader = {.at = text, .end = text + size};
    struct hash hash;
    hash_start(&hash);
    int byte;
    while ((byte = next_byte(&reader)) >= 0)
        hash_byte(&hash, (unsigned char)byte);
    return hash_end(&hash);
}

static uint64_t hash_key(const struct json_keys *keys, const struct json_object_keys *object,
                         const struct json_key *key)
{
    const char *text = keys->text + key->offset;
    return object->escaped ? hash_escaped(text, key->size) : hash_plain(text, key->size);
}

static bool same_key(const struct json_keys *keys, const struct json_object_keys *object,
                     const struct json_key *a, const struct json_key *b)
{
    struct key_reader left = {.at = keys->text + a->offset, .end = keys->text + a->offset + a->size};
    struct key_reader right = {.at = keys->text + b->offset, .end = keys->text + b->offset + b->size};
    if (a->size == b->size && memcmp(left.at, right.at, a->size) == 0)
        return true;
    if (!object->escaped)
        return false;
    int byte;
    do {
        byte = next_byte(&left);
        if (byte != next_byte(&right))
            return false;
    } while (byte >= 0);
    return true;
}

/* ---- the table ---- */

/* The place of the key with this index, or the free place where it belongs. */
static size_t table_place(const struct json_keys *keys, uint64_t hash, size_t index)
{
    size_t place = hash & (keys->table_size - 1);
    while (keys->table[place] != 0 && keys->table[place] != index + 1)
        place = (place + 1) & (keys->table_size - 1);
    return place;
}

static void table_insert(struct json_keys *keys, size_t index)
{
    keys->table[table_place(keys, keys->list[index].hash, index)] = (uint32_t)index + 1;
    keys->table_used++;
}

static bool table_holds(const struct json_keys *keys, const struct json_object_keys *object,
                        const struct json_key *key)
{
    size_t place = key->hash & (keys->table_size - 1);
    for (; keys->table[place] != 0; place = (place + 1) & (keys->table_size - 1)) {
        size_t index = keys->table[place] - 1;
        const struct json_key *other = &keys->list[index];
        if (index >= object->first && other->hash == key->hash && same_key(keys, object, other, key))
            return true;
    }
    return false;
}

/* A table twice as large, filled in the order of the stack. */
static bool table_grow(struct json_keys *keys)
{
    size_t size = keys->table_size == 0 ? 64 : keys->table_size * 2;
    uint32_t *table = calloc(size, sizeof *table);
    if (table == NULL)
        return false;
    free(keys->table);
    keys->table = table;
    keys->table_size = size;
    keys->table_used = 0;
    for (unsigned i = 0; i < keys->depth; i++) {
        size_t behind = i + 1 < keys->depth ? keys->objects[i + 1].first : keys->count;
        for (size_t index = keys->objects[i].first; keys->objects[i].in_table && index < behind; index++)
            table_insert(keys, index);
    }
    return true;
}

static bool list_grow(struct json_keys *keys)
{
    size_t capacity = keys->capacity * 2;
    bool is_inline = keys->list == keys->few;
    struct json_key *list = realloc(is_inline ? NULL : keys->list, capacity * sizeof *list);
    if (list == NULL)
        return false;
    if (is_inline)
        memcpy(list, keys->few, sizeof keys->few);
    keys->list = list;
    keys->capacity = capacity;
    return true;
}

static bool table_admit(struct json_keys *keys, struct json_object_keys *object)
{
    if (!object->in_table) {
        while ((keys->table_used + (keys->count - object->first)) * 2 >= keys->table_size) {
            if (!table_grow(keys))
                return false;
        }
        object->in_table = true;
        for (size_t index = object->first; index < keys->count; index++) {
            keys->list[index].hash = hash_key(keys, object, &keys->list[index]);
            table_insert(keys, index);
        }
    }
    return (keys->table_used + 1) * 2 < keys->table_size || table_grow(keys);
}

void json_keys_begin(struct json_keys *keys, const char *text)
{
    pthread_once(&hash_seed_once, draw_hash_seed);
    /* Not zeroed as a whole: for a small event that would be most of the work. */
    keys->text = text;
    keys->depth = 0;
    keys->list = keys->few;
    keys->count = 0;
    keys->capacity = JSON_KEYS_INLINE;
    keys->table = NULL;
    keys->table_size = 0;
    keys->table_used = 0;
}

void json_keys_end(struct json_keys *keys)
{
    if (keys->list != keys->few)
        free(keys->list);
    free(keys->table);
}

void json_keys_open(struct json_keys *keys)
{
    keys->objects[keys->depth++] = (struct json_object_keys){.first = (uint32_t)keys->count};
}

void json_keys_close(struct json_keys *keys)
{
    const struct json_object_keys *object = &keys->objects[--keys->depth];
    for (size_t index = keys->count; object->in_table && index-- > object->first;) {
        keys->table[table_place(keys, keys->list[index].hash, index)] = 0;
        keys->table_used--;
    }
    keys->count = object->first;
}

enum outcome json_keys_add(struct json_keys *keys, const char *key, size_t size, bool escaped)
{
    struct json_object_keys *object = &keys->objects[keys->depth - 1];
    struct json_key added = {.offset = (uint32_t)(key - keys->text), .size = (uint32_t)size};
    object->escaped = object->escaped || escaped;
    bool found = false;
    if (keys->count - object->first >= FEW_KEYS) {
        if (!table_admit(keys, object))
            return NOMEM;
        added.hash = hash_key(keys, object, &added);
        found = table_holds(keys, object, &added);
    } else {
        for (size_t index = object->first; index < keys->count && !found; index++)
            found = same_key(keys, object, &keys->list[index], &added);
    }
    if (found)
        return CONFLICT;
    if (keys->count == keys->capacity && !list_grow(keys))
        return NOMEM;
    keys->list[keys->count++] = added;
    if (object->in_table)
        table_insert(keys, keys->count - 1);
    return OK;
}
