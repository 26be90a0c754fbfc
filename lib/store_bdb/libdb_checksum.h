/* libdb_checksum.h - libdb's checksum of pages and log records, the same number in a fifth of the time
 *
 * Internal to lib/store_bdb. Each page that is read or written and each log record has its sum taken, and libdb takes
 * it byte by byte, each step waiting for the one before: 2 us for a page of 2 KiB, longer than the read. A program that
 * has libdb inside is linked with --wrap=__ham_func4 (configure.ac), which puts the function below in the place of
 * libdb's; with libdb as a shared library its own is at work, and the files are the same.
 *
 * The sum: of bytes c1 … cn, c1 * 33^(n-1) + … + cn, modulo 2^32, as libdb 4 and 5 have it (Bernstein's hash with a start
 * of 0). Thread safety: any thread. */
#ifndef JOBGATE_LIBDB_CHECKSUM_H
#define JOBGATE_LIBDB_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t libdb_checksum(const void *bytes, size_t size);

/* The name that the linker looks for. `table` is ignored, as by libdb. */
uint32_t __wrap___ham_func4(void *table, const void *bytes, uint32_t size);

#endif
