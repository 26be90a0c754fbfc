/* table.c - the reading half of table.h */
#include "config.h"

#include "store_bdb/table.h"

#include <errno.h>
#include <string.h>

static DBT dbt_of_key(const struct key *key)
{
    return (DBT){.data = (void *)key->bytes, .size = (u_int32_t)key->size};
}

static DBT dbt_to_fill(void *data, size_t capacity)
{
    return (DBT){.data = data, .ulen = (u_int32_t)capacity, .flags = DB_DBT_USERMEM};
}

enum outcome table_get(struct transaction *transaction, enum table name, const struct key *key, void *value,
                       size_t capacity, size_t *size, struct error *error)
{
    DBT from = dbt_of_key(key);
    DBT to = dbt_to_fill(value, capacity);
    DB *table;
    enum outcome outcome = transaction_table(transaction, name, &table, error);
    int result;

    *size = 0;
    if (outcome != OK)
        return outcome;
    if (table == NULL)
        return NOTFOUND;
    result = table->get(table, transaction->txn, &from, &to, 0);
    if (result == DB_NOTFOUND)
        return NOTFOUND;
    if (result == DB_BUFFER_SMALL)
        return error_set(error, IO, "the store has a damaged record of %u bytes", (unsigned)to.size);
    if (result != 0)
        return transaction_failed(transaction, result, error, "reading a record");
    *size = to.size;
    return OK;
}

/* Reads straight into the buffer: `expected` is nearly always right, and DB_BUFFER_SMALL tells the size when
 * not. */
static int fill_buffer(DB *table, DBC *cursor, DB_TXN *txn, const struct key *key, size_t expected,
                       struct buffer *buffer)
{
    DBT from = key ? dbt_of_key(key) : (DBT){.flags = DB_DBT_USERMEM | DB_DBT_PARTIAL};

    for (int i = 0; i < 2; i++) {
        char *room = buffer_reserve(buffer, expected);
        DBT to = dbt_to_fill(room, expected);
        int result;

        if (room == NULL)
            return ENOBUFS;
        result = cursor ? cursor->get(cursor, &from, &to, DB_CURRENT) : table->get(table, txn, &from, &to, 0);
        if (result == 0)
            buffer_grown(buffer, to.size);
        if (result != DB_BUFFER_SMALL)
            return result;
        expected = to.size;
    }
    return DB_BUFFER_SMALL;
}

static enum outcome filled(struct transaction *transaction, int result, struct error *error)
{
    if (result == 0)
        return OK;
    if (result == DB_NOTFOUND || result == DB_KEYEMPTY)
        return NOTFOUND;
    if (result == ENOBUFS)
        return error_set(error, NOMEM, "no memory for what the store holds");
    return transaction_failed(transaction, result, error, "reading content");
}

enum outcome table_append(struct transaction *transaction, enum table name, const struct key *key,
                          size_t expected, struct buffer *buffer, struct error *error)
{
    DB *table;
    enum outcome outcome = transaction_table(transaction, name, &table, error);

    if (outcome != OK)
        return outcome;
    if (table == NULL)
        return NOTFOUND;
    return filled(transaction, fill_buffer(table, NULL, transaction->txn, key, expected, buffer), error);
}

enum outcome walk_open(struct walk *walk, struct transaction *transaction, enum table name,
                       struct error *error)
{
    DB *table;
    enum outcome outcome = transaction_table(transaction, name, &table, error);
    int result;

    *walk = (struct walk){.transaction = transaction, .name = name};
    if (outcome != OK || table == NULL)
        return outcome;
    result = table->cursor(table, transaction->txn, &walk->cursor, 0);
    if (result != 0) {
        walk->cursor = NULL;
        return transaction_failed(transaction, result, error, "opening a cursor");
    }
    return OK;
}

void walk_close(struct walk *walk)
{
    struct error ignored;
    int result = walk->cursor ? walk->cursor->close(walk->cursor) : 0;

    walk->cursor = NULL;
    if (result != 0) /* noted there; the commit that follows fails by itself */
        transaction_failed(walk->transaction, result, &ignored, "closing a cursor");
}

static enum outcome step(struct walk *walk, struct key *key, u_int32_t how, struct error *error)
{
    DBT at = dbt_to_fill(key->bytes, sizeof key->bytes);
    DBT value = dbt_to_fill(walk->value, walk->capacity);
    int result;

    if (walk->cursor == NULL)
        return NOTFOUND;
    if (how == DB_SET_RANGE)
        at.size = (u_int32_t)key->size;
    if (walk->value == NULL)
        value.flags |= DB_DBT_PARTIAL; /* of no bytes */
    result = walk->cursor->get(walk->cursor, &at, &value, how);
    if (result == DB_NOTFOUND)
        return NOTFOUND;
    if (result == DB_BUFFER_SMALL)
        return error_set(error, IO, "the store has a damaged record");
    if (result != 0)
        return transaction_failed(walk->transaction, result, error, "walking along a table");
    key->size = at.size;
    walk->size = value.size;
    return OK;
}

enum outcome walk_seek(struct walk *walk, const struct key *from, struct key *key, struct error *error)
{
    *key = *from;
    return step(walk, key, DB_SET_RANGE, error);
}

enum outcome walk_before(struct walk *walk, const struct key *bound, struct key *key, struct error *error)
{
    void *value = walk->value;
    enum outcome outcome;

    walk->value = NULL; /* that of the bound itself is not wanted */
    outcome = walk_seek(walk, bound, key, error);
    walk->value = value;
    if (outcome != OK && outcome != NOTFOUND)
        return outcome;
    return step(walk, key, outcome == OK ? DB_PREV : DB_LAST, error);
}

enum outcome walk_last(struct walk *walk, struct key *key, struct error *error)
{
    return step(walk, key, DB_LAST, error);
}

enum outcome walk_next(struct walk *walk, struct key *key, struct error *error)
{
    return step(walk, key, DB_NEXT, error);
}

enum outcome walk_previous(struct walk *walk, struct key *key, struct error *error)
{
    return step(walk, key, DB_PREV, error);
}

enum outcome walk_append(struct walk *walk, size_t expected, struct buffer *buffer, struct error *error)
{
    return filled(walk->transaction, fill_buffer(NULL, walk->cursor, NULL, NULL, expected, buffer), error);
}

/* The number of the record the cursor is at, from 1. */
static enum outcome place(struct walk *walk, uint64_t *number, struct error *error)
{
    db_recno_t recno = 0;
    DBT none = {.flags = 0};
    DBT value = dbt_to_fill(&recno, sizeof recno);
    int result = walk->cursor->get(walk->cursor, &none, &value, DB_GET_RECNO);

    if (result != 0)
        return transaction_failed(walk->transaction, result, error, "counting");
    *number = recno;
    return OK;
}

/* The records up to the one that a step has found, none when there was none. */
static enum outcome count_to_here(struct walk *walk, enum outcome found, uint64_t *count, struct error *error)
{
    *count = 0;
    if (found == NOTFOUND)
        return OK;
    return found == OK ? place(walk, count, error) : found;
}

enum outcome walk_count_all(struct walk *walk, uint64_t *count, struct error *error)
{
    struct key last;

    return count_to_here(walk, walk_last(walk, &last, error), count, error);
}

enum outcome walk_count_before(struct walk *walk, const struct key *key, uint64_t *count, struct error *error)
{
    struct key before;

    return count_to_here(walk, walk_before(walk, key, &before, error), count, error);
}

enum outcome walk_count_to_row(struct walk *walk, const struct key *key, uint64_t *count, struct error *error)
{
    struct key found;
    enum outcome outcome = walk_seek(walk, key, &found, error);

    *count = 0;
    if (outcome == OK && (found.size != key->size || memcmp(found.bytes, key->bytes, key->size) != 0))
        return NOTFOUND;
    return outcome == OK ? place(walk, count, error) : outcome;
}
