#include "config.h"
#include "document_cache.h"

#include "clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PLACES    256
#define TEXT_MAX  4096
#define BASE_SIZE 64
#define KEPT_MS   1000

struct place {
    atomic_flag taken; /* held for a copy; whoever finds it so goes without */
    struct job_id id;
    char base[BASE_SIZE];
    struct store_stamp stamp;
    int64_t until_ms; /* monotonic; 0 = nothing here */
    struct document document;
    size_t length;
    char *text; /* TEXT_MAX bytes, from the first use on */
};

struct document_cache {
    struct place places[PLACES];
};

struct document_cache *document_cache_make(void)
{
    struct document_cache *cache = calloc(1, sizeof *cache);
    for (size_t i = 0; cache != NULL && i < PLACES; i++)
        atomic_flag_clear(&cache->places[i].taken);
    return cache;
}

void document_cache_free(struct document_cache *cache)
{
    for (size_t i = 0; cache != NULL && i < PLACES; i++)
        free(cache->places[i].text);
    free(cache);
}

static struct place *place_of(struct document_cache *cache, const struct job_id *id)
{
    /* The last byte of a UUIDv7 is random. */
    return &cache->places[id->bytes[sizeof id->bytes - 1] % PLACES];
}

static bool is_same(struct store_stamp a, struct store_stamp b)
{
    return a.generation == b.generation && a.position == b.position;
}

static bool is_true(const struct place *place, const struct job_id *id, const char *base,
                    struct store_stamp stamp)
{
    int64_t expires_ms = place->document.expires_ms;
    return is_same(place->stamp, stamp) && job_id_equal(&place->id, id) && strcmp(place->base, base) == 0 &&
           clock_left(place->until_ms) > 0 && (expires_ms == 0 || clock_wall_ms() < expires_ms);
}

bool document_cache_find(struct document_cache *cache, const struct job_id *id, const char *base,
                         struct store_stamp stamp, struct document *document, struct buffer *body)
{
    if (cache == NULL || stamp.generation == 0)
        return false;
    struct place *place = place_of(cache, id);
    if (atomic_flag_test_and_set(&place->taken))
        return false;
    bool found = place->until_ms != 0 && is_true(place, id, base, stamp);
    if (found) {
        *document = place->document;
        buffer_append(body, place->text, place->length);
    }
    atomic_flag_clear(&place->taken);
    return found;
}

static bool has_room(struct place *place)
{
    if (place->text == NULL)
        place->text = malloc(TEXT_MAX);
    return place->text != NULL;
}

void document_cache_keep(struct document_cache *cache, const struct job_id *id, const char *base,
                         struct store_stamp stamp, const struct document *document, const struct buffer *body)
{
    if (cache == NULL || stamp.generation == 0 || document->status == JOB_QUEUED || body->failed ||
        body->length > TEXT_MAX || strlen(base) >= BASE_SIZE)
        return;
    struct place *place = place_of(cache, id);
    if (atomic_flag_test_and_set(&place->taken))
        return;
    if (has_room(place)) {
        place->id = *id;
        strcpy(place->base, base);
        place->stamp = stamp;
        place->until_ms = clock_deadline(KEPT_MS);
        place->document = *document;
        place->length = body->length;
        memcpy(place->text, body->data, body->length);
    }
    atomic_flag_clear(&place->taken);
}
