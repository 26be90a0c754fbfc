/* table.h - reading and writing tables inside a transaction body
 *
 * Thin: a key, a value, an outcome. Everything that libdb can answer is turned into an outcome by
 * transaction_failed (environment.h), so callers hand every outcome but the expected ones through. A table
 * that is not there yet (a reader before the first writer) is empty. Nothing here allocates: values go to the
 * caller's memory. */
#ifndef JOBGATE_STORE_BDB_TABLE_H
#define JOBGATE_STORE_BDB_TABLE_H

#include "buffer.h"
#include "store_bdb/environment.h"
#include "store_bdb/keys.h"

/* NOTFOUND; IO when the value is longer than `capacity`: none of ours is. */
enum outcome table_get(struct transaction *transaction, enum table name, const struct key *key, void *value,
                       size_t capacity, size_t *size, struct error *error);
/* Appends the value, of about `expected` bytes, to the buffer. NOTFOUND; NOMEM when the buffer takes no more.
 */
enum outcome table_append(struct transaction *transaction, enum table name, const struct key *key,
                          size_t expected, struct buffer *buffer, struct error *error);
/* The writing half. */
enum outcome table_put(struct transaction *transaction, enum table name, const struct key *key,
                       const void *value, size_t size, struct error *error);
/* As table_put, but CONFLICT when the key is there. */
enum outcome table_add(struct transaction *transaction, enum table name, const struct key *key,
                       const void *value, size_t size, struct error *error);
/* OK also when it was not there. */
enum outcome table_delete(struct transaction *transaction, enum table name, const struct key *key,
                          struct error *error);
/* Deletes every record whose key starts with the id (all chunks, all attempts). */
enum outcome table_delete_of_id(struct transaction *transaction, enum table name, const struct job_id *id,
                                struct error *error);

/* A walk along the keys of a table. walk_close (also after a failed walk_open) before the body returns. With
 * `value` set, each step also reads the value, of at most `capacity` bytes, and its size. */
struct walk {
    struct transaction *transaction;
    enum table name;
    DBC *cursor; /* NULL: the table is not there */
    void *value;
    size_t capacity;
    size_t size;
};
enum outcome walk_open(struct walk *walk, struct transaction *transaction, enum table name,
                       struct error *error);
void walk_close(struct walk *walk);
/* Each moves and gives the key it is at; NOTFOUND behind either end. */
enum outcome walk_seek(struct walk *walk, const struct key *from, struct key *key,
                       struct error *error); /* >= from */
enum outcome walk_before(struct walk *walk, const struct key *bound, struct key *key,
                         struct error *error); /* < bound */
enum outcome walk_last(struct walk *walk, struct key *key, struct error *error);
enum outcome walk_next(struct walk *walk, struct key *key, struct error *error);
enum outcome walk_previous(struct walk *walk, struct key *key, struct error *error);
/* Appends the value at the current place to the buffer. */
enum outcome walk_append(struct walk *walk, size_t expected, struct buffer *buffer, struct error *error);

/* DUE and LISTING only: how many keys lie before `key`. O(log n). */
enum outcome walk_count_before(struct walk *walk, const struct key *key, uint64_t *count,
                               struct error *error);
/* How many lie up to the row of `key`, with it; NOTFOUND when it has none. */
enum outcome walk_count_to_row(struct walk *walk, const struct key *key, uint64_t *count,
                               struct error *error);
enum outcome walk_count_all(struct walk *walk, uint64_t *count, struct error *error);

#endif
