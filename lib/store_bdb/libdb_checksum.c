#include "config.h"
#include "libdb_checksum.h"

#include <endian.h>
#include <string.h>

#define OF_1 33u
#define OF_2 (OF_1 * OF_1)
#define OF_4 (OF_2 * OF_2)
#define OF_8 (OF_4 * OF_4)

/* Neighbours are put together in all lanes of a word at once: bytes to pairs (at most 8,670, of 16 bits), pairs to fours
 * (at most 9,450,300, of 32). The first byte is in the lowest lane. */
static uint32_t sum_of_8(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    word = le64toh(word);
    uint64_t pairs = (word & 0x00ff00ff00ff00ff) * OF_1 + (word >> 8 & 0x00ff00ff00ff00ff);
    uint64_t fours = (pairs & 0x0000ffff0000ffff) * OF_2 + (pairs >> 16 & 0x0000ffff0000ffff);
    return (uint32_t)fours * OF_4 + (uint32_t)(fours >> 32);
}

uint32_t libdb_checksum(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint32_t sum = 0;
    for (; size >= 8; size -= 8, at += 8)
        sum = sum * OF_8 + sum_of_8(at);
    for (; size > 0; size--, at++)
        sum = sum * OF_1 + *at;
    return sum;
}

uint32_t __wrap___ham_func4(void *table, const void *bytes, uint32_t size)
{
    return libdb_checksum(bytes, size);
}
