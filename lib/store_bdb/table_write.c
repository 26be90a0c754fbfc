/* table_write.c - the writing half of table.h */
#include "config.h"

#include "store_bdb/table.h"

static enum outcome put(struct transaction *transaction, enum table name, const struct key *key,
                        const void *value, size_t size, u_int32_t flags, struct error *error)
{
    DBT to = {.data = (void *)key->bytes, .size = (u_int32_t)key->size};
    DBT from = {.data = (void *)value, .size = (u_int32_t)size};
    DB *table;
    enum outcome outcome = transaction_table(transaction, name, &table, error);
    int result;

    if (outcome != OK)
        return outcome;
    if (table == NULL)
        return error_set(error, IO, "the store was opened for reading only");
    result = table->put(table, transaction->txn, &to, &from, flags);
    if (result == DB_KEYEXIST)
        return CONFLICT;
    return result == 0 ? OK : transaction_failed(transaction, result, error, "writing a record");
}

enum outcome table_put(struct transaction *transaction, enum table name, const struct key *key,
                       const void *value, size_t size, struct error *error)
{
    return put(transaction, name, key, value, size, 0, error);
}

enum outcome table_add(struct transaction *transaction, enum table name, const struct key *key,
                       const void *value, size_t size, struct error *error)
{
    return put(transaction, name, key, value, size, DB_NOOVERWRITE, error);
}

enum outcome table_delete(struct transaction *transaction, enum table name, const struct key *key,
                          struct error *error)
{
    DBT at = {.data = (void *)key->bytes, .size = (u_int32_t)key->size};
    DB *table;
    enum outcome outcome = transaction_table(transaction, name, &table, error);
    int result;

    if (outcome != OK || table == NULL)
        return outcome;
    result = table->del(table, transaction->txn, &at, 0);
    if (result == 0 || result == DB_NOTFOUND)
        return OK;
    return transaction_failed(transaction, result, error, "deleting a record");
}

enum outcome table_delete_of_id(struct transaction *transaction, enum table name, const struct job_id *id,
                                struct error *error)
{
    struct key from = key_of_id(id);
    struct walk walk;
    struct key key;
    enum outcome outcome = walk_open(&walk, transaction, name, error);

    if (outcome == OK)
        outcome = walk_seek(&walk, &from, &key, error);
    while (outcome == OK && key_is_of_id(&key, id)) {
        int result = walk.cursor->del(walk.cursor, 0);

        if (result != 0)
            outcome = transaction_failed(transaction, result, error, "deleting content");
        else
            outcome = walk_next(&walk, &key, error);
    }
    walk_close(&walk);
    return outcome == NOTFOUND ? OK : outcome;
}
