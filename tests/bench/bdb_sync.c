/* bdb_sync.c - the comparison for row 10: Berkeley DB as anyone would use it for this
 *
 *     bdb_sync DIRECTORY SECONDS
 *
 * One thread; each transaction puts a record of 300 bytes into one B-tree and an index entry into another,
 * and commits with DB_TXN_SYNC: the next begins when this one is on disk. Prints transactions per second.
 * DB_LOG_ZERO (a log file written once in full beforehand, so that a sync needs no change of metadata) is
 * set, because it makes libdb's own side faster. */
#include "config.h"

#include <db.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(int result, const char *what)
{
    if (result != 0) {
        fprintf(stderr, "bdb_sync: %s: %s\n", what, db_strerror(result));
        exit(1);
    }
}

static DB_ENV *open_environment(const char *directory)
{
    DB_ENV *environment;
    must(db_env_create(&environment, 0), "env");
    must(environment->set_cachesize(environment, 0, 8 << 20, 1), "cache");
    must(environment->log_set_config(environment, DB_LOG_ZERO, 1), "log");
    must(environment->open(environment, directory,
                           DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | DB_INIT_LOCK, 0600),
         directory);
    return environment;
}

static DB *open_table(DB_ENV *environment, const char *name)
{
    DB *table;
    must(db_create(&table, environment, 0), name);
    must(table->set_pagesize(table, 4096), name);
    must(table->open(table, NULL, name, NULL, DB_BTREE, DB_CREATE | DB_AUTO_COMMIT, 0600), name);
    return table;
}

static void put(DB *table, DB_TXN *transaction, void *key, uint32_t key_size, void *value,
                uint32_t value_size)
{
    DBT key_bytes = {.data = key, .size = key_size};
    DBT value_bytes = {.data = value, .size = value_size};
    must(table->put(table, transaction, &key_bytes, &value_bytes, 0), "put");
}

static void commit_one(DB_ENV *environment, DB *records, DB *index, uint64_t number)
{
    uint8_t key[16] = {0};
    uint8_t index_key[32] = {0};
    uint8_t record[300];
    DB_TXN *transaction;
    for (int i = 0; i < 8; i++) { /* ids that grow, as ours do */
        key[i] = index_key[16 + i] = (uint8_t)(number >> (56 - 8 * i));
    }
    memset(record, 'r', sizeof record);
    must(environment->txn_begin(environment, NULL, &transaction, 0), "begin");
    put(records, transaction, key, sizeof key, record, sizeof record);
    put(index, transaction, index_key, sizeof index_key, key, 1);
    must(transaction->commit(transaction, DB_TXN_SYNC), "commit");
}

int main(int argc, char **argv)
{
    double seconds = argc == 3 ? atof(argv[2]) : 0;
    if (seconds <= 0) {
        fprintf(stderr, "usage: bdb_sync DIRECTORY SECONDS\n");
        return 2;
    }
    DB_ENV *environment = open_environment(argv[1]);
    DB *records = open_table(environment, "records");
    DB *index = open_table(environment, "index");
    uint64_t count = 0;
    double start = now_s();
    while (now_s() < start + seconds) {
        commit_one(environment, records, index, ++count);
    }
    printf("%.1f\n", (double)count / (now_s() - start));
    must(records->close(records, 0), "close");
    must(index->close(index, 0), "close");
    must(environment->close(environment, 0), "close");
    return 0;
}
