/* test_libdb_checksum.c - ours is libdb's, to the bit: a page or log record that one has summed, the other accepts */
#include "config.h"
#include "test.h"

#include "store_bdb/libdb_checksum.h"

#include <stdlib.h>
#include <string.h>

/* libdb's own, which its headers do not show. */
uint32_t __ham_func4(void *table, const void *bytes, uint32_t size);

#define LARGEST 9000 /* more than any page */

static unsigned char bytes[LARGEST + 8];

static void same(size_t start, size_t size)
{
    uint32_t libdbs = __ham_func4(NULL, bytes + start, (uint32_t)size);

    assert_int_equal(libdb_checksum(bytes + start, size), libdbs);
    assert_int_equal(__wrap___ham_func4(NULL, bytes + start, (uint32_t)size), libdbs);
}

static void fill_at_random(void)
{
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)random();
}

static void every_short_size_at_every_start(void **state)
{
    fill_at_random();
    for (size_t start = 0; start < 8; start++)
        for (size_t size = 0; size < 200; size++)
            same(start, size);
}

static void pages(void **state)
{
    fill_at_random();
    for (size_t size = 512; size <= LARGEST; size += 73)
        same(0, size);
    memset(bytes, 0xff, sizeof bytes); /* the most that a lane has to hold */
    same(0, LARGEST);
}

TEST_MAIN(cmocka_unit_test(every_short_size_at_every_start), cmocka_unit_test(pages))
