#include "config.h"
#include "json.h"
#include "clock.h"

#include <endian.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- utf-8 ---- */

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Bytes of the character that begins at `at`, 0 when there is none (RFC 3629, section 4: no overlong forms,
 * no surrogates, nothing above U+10FFFF). */
static size_t character_size(const char *at, const char *end)
{
    unsigned char lead = (unsigned char)at[0];
    if (lead < 0x80)
        return 1;
    size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || (size_t)(end - at) < size)
        return 0;
    unsigned char second = (unsigned char)at[1];
    unsigned char least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (second < least || second > most)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if (!is_continuation(at[i]))
            return 0;
    }
    return size;
}

#define EACH_BYTE(value) (0x0101010101010101U * (uint64_t)(value))
#define HIGH_BITS        EACH_BYTE(0x80)

static uint64_t eight_bytes(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Not 0 when a byte of the word is 0. */
static uint64_t has_zero(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & HIGH_BITS;
}

bool json_utf8_is_valid(const char *text, size_t length)
{
    const char *at = text;
    const char *end = text + length;
    while (at < end) {
        if (end - at >= 8 && (eight_bytes(at) & HIGH_BITS) == 0) {
            at += 8;
            continue;
        }
        size_t size = character_size(at, end);
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

/* ---- what the check works on ---- */

/* Objects up to this size are searched one key after another; in larger ones the table is faster. */
#define FEW_KEYS    12
#define INLINE_KEYS 32

struct key {
    uint64_t hash;   /* of the unescaped bytes; only once it is in the table */
    uint32_t offset; /* behind the opening quote */
    uint32_t size;   /* of the text as it stands there */
};

struct frame {
    uint32_t first_key; /* of this object in keys */
    bool is_object;
    bool in_table;
    bool escaped; /* a key of it has an escape: equal keys need not look equal */
};

/* The keys of the objects open now lie in `keys` as a stack. `table` (open addressing, linear probing, index
 * + 1, 0 = free) finds those of the larger objects. Objects close in the reverse order of their opening, so
 * keys leave the table in the reverse order of their coming: each leaves it exactly as it found it, and no
 * gap is left in a probe sequence. */
struct check {
    const char *text;
    const char *at; /* where the problem is, when there is one */
    const char *end;
    unsigned depth;
    struct frame frames[JSON_DEPTH_MAX];
    struct key *keys;
    size_t key_count;
    size_t key_capacity;
    uint32_t *table;
    size_t table_size; /* a power of two */
    size_t table_used;
    struct key few[INLINE_KEYS];
};

/* Every step returns NULL, or the words for what is wrong at check->at. */
static const char no_memory[] = "no memory to compare the keys";
static const char bad_utf8[] = "not UTF-8";
static const char ends_early[] = "the text ends too early";

/* ---- keys ---- */

static uint64_t hash_seed[2];
static pthread_once_t hash_seed_once = PTHREAD_ONCE_INIT;

/* Whoever cannot know the seed cannot make keys that fall together. Without a seed (no kernel does that) the
 * check is still right, only slower for such keys. */
static void draw_hash_seed(void)
{
    if (getrandom(hash_seed, sizeof hash_seed, 0) != (ssize_t)sizeof hash_seed)
        hash_seed[0] = (uint64_t)clock_wall_ms() ^ (uintptr_t)&hash_seed;
}

/* SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012; the rounds of many hash tables).
 */
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

static uint64_t hash_plain(const char *text, size_t size)
{
    struct hash hash;
    hash_start(&hash);
    for (; size - hash.length >= 8; hash.length += 8)
        hash_word(&hash, le64toh(eight_bytes(text + hash.length)));
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

static unsigned hexadecimal(const char *digits)
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
    unsigned code = hexadecimal(reader->at);
    reader->at += 4;
    if (code >= 0xD800 && code <= 0xDBFF) {
        code = 0x10000 + ((code - 0xD800) << 10) + (hexadecimal(reader->at + 2) - 0xDC00);
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

static uint64_t hash_key(const struct check *check, const struct frame *frame, const struct key *key)
{
    const char *text = check->text + key->offset;
    return frame->escaped ? hash_escaped(text, key->size) : hash_plain(text, key->size);
}

static bool same_key(const struct check *check, const struct frame *frame, const struct key *a,
                     const struct key *b)
{
    struct key_reader left = {.at = check->text + a->offset, .end = check->text + a->offset + a->size};
    struct key_reader right = {.at = check->text + b->offset, .end = check->text + b->offset + b->size};
    if (a->size == b->size && memcmp(left.at, right.at, a->size) == 0)
        return true;
    if (!frame->escaped)
        return false;
    int byte;
    do {
        byte = next_byte(&left);
        if (byte != next_byte(&right))
            return false;
    } while (byte >= 0);
    return true;
}

/* The place of the key with this index, or the free place where it belongs. */
static size_t table_place(const struct check *check, uint64_t hash, size_t index)
{
    size_t place = hash & (check->table_size - 1);
    while (check->table[place] != 0 && check->table[place] != index + 1)
        place = (place + 1) & (check->table_size - 1);
    return place;
}

static void table_insert(struct check *check, size_t index)
{
    check->table[table_place(check, check->keys[index].hash, index)] = (uint32_t)index + 1;
    check->table_used++;
}

static bool table_holds(const struct check *check, const struct frame *frame, const struct key *key)
{
    size_t place = key->hash & (check->table_size - 1);
    for (; check->table[place] != 0; place = (place + 1) & (check->table_size - 1)) {
        size_t index = check->table[place] - 1;
        const struct key *other = &check->keys[index];
        if (index >= frame->first_key && other->hash == key->hash && same_key(check, frame, other, key))
            return true;
    }
    return false;
}

/* A table twice as large, filled in the order of the stack. */
static bool table_grow(struct check *check)
{
    size_t size = check->table_size == 0 ? 64 : check->table_size * 2;
    uint32_t *table = calloc(size, sizeof *table);
    if (table == NULL)
        return false;
    free(check->table);
    check->table = table;
    check->table_size = size;
    check->table_used = 0;
    for (unsigned i = 0; i < check->depth; i++) {
        size_t behind = i + 1 < check->depth ? check->frames[i + 1].first_key : check->key_count;
        for (size_t index = check->frames[i].first_key; check->frames[i].in_table && index < behind; index++)
            table_insert(check, index);
    }
    return true;
}

static bool keys_grow(struct check *check)
{
    size_t capacity = check->key_capacity * 2;
    bool is_inline = check->keys == check->few;
    struct key *keys = realloc(is_inline ? NULL : check->keys, capacity * sizeof *keys);
    if (keys == NULL)
        return false;
    if (is_inline)
        memcpy(keys, check->few, sizeof check->few);
    check->keys = keys;
    check->key_capacity = capacity;
    return true;
}

static bool table_admit(struct check *check, struct frame *frame)
{
    if (!frame->in_table) {
        while ((check->table_used + (check->key_count - frame->first_key)) * 2 >= check->table_size) {
            if (!table_grow(check))
                return false;
        }
        frame->in_table = true;
        for (size_t index = frame->first_key; index < check->key_count; index++) {
            check->keys[index].hash = hash_key(check, frame, &check->keys[index]);
            table_insert(check, index);
        }
    }
    return (check->table_used + 1) * 2 < check->table_size || table_grow(check);
}

/* The key stands between quote + 1 and check->at - 1. */
static const char *add_key(struct check *check, const char *quote, bool escaped)
{
    struct frame *frame = &check->frames[check->depth - 1];
    struct key key = {.offset = (uint32_t)(quote + 1 - check->text),
                      .size = (uint32_t)(check->at - quote - 2)};
    frame->escaped = frame->escaped || escaped;
    bool found = false;
    if (check->key_count - frame->first_key >= FEW_KEYS) {
        if (!table_admit(check, frame))
            return no_memory;
        key.hash = hash_key(check, frame, &key);
        found = table_holds(check, frame, &key);
    } else {
        for (size_t index = frame->first_key; index < check->key_count && !found; index++)
            found = same_key(check, frame, &check->keys[index], &key);
    }
    if (found) {
        check->at = quote;
        return "duplicate key";
    }
    if (check->key_count == check->key_capacity && !keys_grow(check))
        return no_memory;
    check->keys[check->key_count++] = key;
    if (frame->in_table)
        table_insert(check, check->key_count - 1);
    return NULL;
}

static void forget_keys(struct check *check, const struct frame *frame)
{
    for (size_t index = check->key_count; frame->in_table && index-- > frame->first_key;) {
        check->table[table_place(check, check->keys[index].hash, index)] = 0;
        check->table_used--;
    }
    check->key_count = frame->first_key;
}

/* ---- values ---- */

static void skip_space(struct check *check)
{
    while (check->at < check->end &&
           (*check->at == ' ' || *check->at == '\n' || *check->at == '\r' || *check->at == '\t'))
        check->at++;
}

static bool is_digit(const struct check *check)
{
    return check->at < check->end && *check->at >= '0' && *check->at <= '9';
}

/* Moves over the digits of \uXXXX; check->at is behind the u. */
static const char *check_hexadecimal(struct check *check, unsigned *code)
{
    const char *digits = check->at;
    for (int i = 0; i < 4; i++, check->at++) {
        if (check->at == check->end)
            return ends_early;
        char c = *check->at;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return "no hexadecimal digit behind \\u";
    }
    *code = hexadecimal(digits);
    return NULL;
}

static const char *check_unicode_escape(struct check *check, const char *backslash, bool is_key)
{
    unsigned code, second = 0;
    const char *problem = check_hexadecimal(check, &code);
    if (problem != NULL)
        return problem;
    if (code == 0 && is_key) {
        check->at = backslash;
        return "NUL in a key";
    }
    if (code < 0xD800 || code > 0xDFFF)
        return NULL;
    if (code <= 0xDBFF && check->end - check->at >= 2 && check->at[0] == '\\' && check->at[1] == 'u') {
        check->at += 2;
        problem = check_hexadecimal(check, &second);
        if (problem != NULL)
            return problem;
    }
    if (second >= 0xDC00 && second <= 0xDFFF)
        return NULL;
    check->at = backslash;
    return "unpaired surrogate";
}

/* check->at is at the backslash. */
static const char *check_escape(struct check *check, bool is_key)
{
    const char *backslash = check->at;
    if (++check->at == check->end)
        return ends_early;
    switch (*check->at) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        check->at++;
        return NULL;
    case 'u':
        check->at++;
        return check_unicode_escape(check, backslash, is_key);
    default:
        check->at = backslash;
        return "no such escape";
    }
}

/* Moves over bytes that need no look: printable ASCII but quote and backslash. */
static void skip_plain(struct check *check)
{
    const char *at = check->at;
    for (; check->end - at >= 8; at += 8) {
        uint64_t word = eight_bytes(at);
        uint64_t control = (word - EACH_BYTE(0x20)) & ~word;
        uint64_t special = has_zero(word ^ EACH_BYTE('"')) | has_zero(word ^ EACH_BYTE('\\'));
        if (((control | special | word) & HIGH_BITS) != 0)
            break;
    }
    while (at < check->end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
           *at != '\\')
        at++;
    check->at = at;
}

/* check->at is at the opening quote, and behind the closing one afterwards. */
static const char *check_string(struct check *check, bool is_key, bool *escaped)
{
    *escaped = false;
    check->at++;
    for (;;) {
        skip_plain(check);
        if (check->at == check->end)
            return ends_early;
        unsigned char c = (unsigned char)*check->at;
        if (c == '"') {
            check->at++;
            return NULL;
        }
        if (c < 0x20)
            return "control character in a string";
        if (c == '\\') {
            *escaped = true;
            const char *problem = check_escape(check, is_key);
            if (problem != NULL)
                return problem;
            continue;
        }
        do { /* text beyond ASCII comes in runs */
            size_t size = character_size(check->at, check->end);
            if (size == 0)
                return bad_utf8;
            check->at += size;
        } while (check->at < check->end && (unsigned char)*check->at >= 0x80);
    }
}

static const char *check_digits(struct check *check)
{
    if (!is_digit(check))
        return check->at == check->end ? ends_early : "a digit is expected";
    while (is_digit(check))
        check->at++;
    return NULL;
}

static const char *check_number(struct check *check)
{
    if (*check->at == '-')
        check->at++;
    bool zero = check->at < check->end && *check->at == '0';
    const char *problem;
    if (zero)
        check->at++;
    else if ((problem = check_digits(check)) != NULL)
        return problem;
    if (zero && is_digit(check))
        return "a number does not start with 0";
    if (check->at < check->end && *check->at == '.') {
        check->at++;
        if ((problem = check_digits(check)) != NULL)
            return problem;
    }
    if (check->at < check->end && (*check->at == 'e' || *check->at == 'E')) {
        check->at++;
        if (check->at < check->end && (*check->at == '+' || *check->at == '-'))
            check->at++;
        return check_digits(check);
    }
    return NULL;
}

static const char *check_word(struct check *check, const char *word)
{
    for (; *word != '\0'; word++, check->at++) {
        if (check->at == check->end)
            return ends_early;
        if (*check->at != *word)
            return "a value is expected";
    }
    return NULL;
}

/* Up to the colon, after '{' or ','. */
static const char *check_member(struct check *check)
{
    bool escaped;
    skip_space(check);
    if (check->at == check->end)
        return ends_early;
    if (*check->at != '"')
        return "a key in quotes is expected";
    const char *quote = check->at;
    const char *problem = check_string(check, true, &escaped);
    if (problem == NULL)
        problem = add_key(check, quote, escaped);
    if (problem != NULL)
        return problem;
    skip_space(check);
    if (check->at == check->end)
        return ends_early;
    if (*check->at != ':')
        return "':' is expected";
    check->at++;
    return NULL;
}

static void close_container(struct check *check)
{
    check->at++;
    struct frame *frame = &check->frames[--check->depth];
    if (check->depth > 0)
        forget_keys(check, frame);
}

/* check->at is at '{' or '['. *inside when a value comes next, not when the container was empty. */
static const char *open_container(struct check *check, bool *inside)
{
    if (check->depth == JSON_DEPTH_MAX)
        return "nested too deeply";
    bool is_object = *check->at == '{';
    check->frames[check->depth++] =
        (struct frame){.first_key = (uint32_t)check->key_count, .is_object = is_object};
    check->at++;
    skip_space(check);
    *inside = check->at == check->end || *check->at != (is_object ? '}' : ']');
    if (!*inside)
        close_container(check);
    return *inside && is_object ? check_member(check) : NULL;
}

/* One value without its content: *inside when it opened a container that has some. */
static const char *check_value(struct check *check, bool *inside)
{
    bool escaped;
    *inside = false;
    skip_space(check);
    if (check->at == check->end)
        return ends_early;
    switch (*check->at) {
    case '{':
    case '[':
        return open_container(check, inside);
    case '"':
        return check_string(check, false, &escaped);
    case 't':
        return check_word(check, "true");
    case 'f':
        return check_word(check, "false");
    case 'n':
        return check_word(check, "null");
    default:
        return *check->at == '-' || is_digit(check) ? check_number(check) : "a value is expected";
    }
}

/* Behind a value: closes what ends here. *more when another value comes. */
static const char *check_behind(struct check *check, bool *more)
{
    *more = false;
    for (;;) {
        skip_space(check);
        if (check->depth == 0)
            return check->at == check->end ? NULL : "something stands behind the value";
        if (check->at == check->end)
            return ends_early;
        bool is_object = check->frames[check->depth - 1].is_object;
        if (*check->at == ',') {
            check->at++;
            *more = true;
            return is_object ? check_member(check) : NULL;
        }
        if (*check->at != (is_object ? '}' : ']'))
            return is_object ? "',' or '}' is expected" : "',' or ']' is expected";
        close_container(check);
    }
}

static const char *check_document(struct check *check)
{
    bool more;
    do {
        const char *problem = check_value(check, &more);
        if (problem == NULL && !more)
            problem = check_behind(check, &more);
        if (problem != NULL)
            return problem;
    } while (more);
    return NULL;
}

enum outcome json_check(const char *text, size_t length, size_t *offset, struct error *error)
{
    struct check check; /* not zeroed as a whole: for a small event that would be most of the work */
    check.text = check.at = text;
    check.end = text + length;
    check.depth = 0;
    check.keys = check.few;
    check.key_count = 0;
    check.key_capacity = INLINE_KEYS;
    check.table = NULL;
    check.table_size = 0;
    check.table_used = 0;
    pthread_once(&hash_seed_once, draw_hash_seed);
    const char *problem = length < UINT32_MAX ? check_document(&check) : "longer than 4 GiB";
    if (check.keys != check.few)
        free(check.keys);
    free(check.table);
    *offset = problem == NULL ? 0 : (size_t)(check.at - text);
    if (problem == NULL)
        return OK;
    return error_set(error, problem == no_memory ? NOMEM : INVALID, "byte %zu: %s", *offset, problem);
}

/* ---- out ---- */

/* json-c's calls can only fail for want of memory, and a document that silently lacks a member must not
 * leave: json_print looks here. A document is built and printed by one thread. */
static _Thread_local bool member_lost;

static int print_raw(struct json_object *object, struct printbuf *out, int level, int flags)
{
    return printbuf_memappend(out, json_object_get_string(object), json_object_get_string_len(object));
}

struct json_object *json_raw(const char *text, size_t length)
{
    struct json_object *object = length <= INT_MAX ? json_object_new_string_len(text, (int)length) : NULL;
    if (object == NULL)
        member_lost = true;
    else
        json_object_set_serializer(object, print_raw, NULL, NULL);
    return object;
}

/* The text with U+FFFD for each byte that is not UTF-8. */
static struct json_object *repaired_text(const char *text, size_t length)
{
    struct buffer clean = {.limit = INT_MAX - 1};
    const char *end = text + length;
    while (text < end) {
        size_t size = character_size(text, end);
        if (size == 0)
            buffer_append_text(&clean, "\xEF\xBF\xBD");
        else
            buffer_append(&clean, text, size);
        text += size == 0 ? 1 : size;
    }
    struct json_object *object =
        clean.failed ? NULL : json_object_new_string_len(clean.data, (int)clean.length);
    buffer_free(&clean);
    return object;
}

static void add_member(struct json_object *object, const char *key, struct json_object *value)
{
    if (value == NULL || json_object_object_add_ex(object, key, value, JSON_C_OBJECT_KEY_IS_CONSTANT) != 0) {
        member_lost = true;
        json_object_put(value);
    }
}

void json_add(struct json_object *object, const char *key, struct json_object *value)
{
    if (object == NULL)
        json_object_put(value);
    else if (value != NULL)
        add_member(object, key, value);
}

void json_add_text(struct json_object *object, const char *key, const char *text)
{
    if (object == NULL || text == NULL || text[0] == '\0')
        return;
    size_t length = strlen(text);
    if (json_utf8_is_valid(text, length) && length <= INT_MAX)
        add_member(object, key, json_object_new_string_len(text, (int)length));
    else
        add_member(object, key, repaired_text(text, length));
}

void json_add_integer(struct json_object *object, const char *key, int64_t value)
{
    if (object != NULL)
        add_member(object, key, json_object_new_int64(value));
}

void json_add_boolean(struct json_object *object, const char *key, bool value)
{
    if (object != NULL)
        add_member(object, key, json_object_new_boolean(value));
}

void json_add_time(struct json_object *object, const char *key, int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    if (object != NULL && wall_ms != 0)
        add_member(object, key, json_object_new_string_len(clock_format(wall_ms, text), CLOCK_TEXT_SIZE - 1));
}

void json_print(struct json_object *value, struct buffer *buffer)
{
    size_t length = 0;
    const char *text = NULL;
    if (value != NULL && !member_lost)
        text = json_object_to_json_string_length(
            value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
    if (text == NULL)
        buffer->failed = true;
    else
        buffer_append(buffer, text, length);
    member_lost = false;
    json_object_put(value);
}
