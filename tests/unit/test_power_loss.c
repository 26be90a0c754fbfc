/* The power goes at any moment: hazards 12 and 13. No acknowledged record is lost, whatever else reached the disk.
 *
 * A shadow keeps of each file what its last sync has made certain, and of the folder the names that its last sync has
 * made certain. What a power loss leaves is built from that: each block of a file is the certain one or the one that was
 * written since, by the toss of a coin, as the kernel writes back what it likes when it likes. */
#include "config.h"
#include "injection.h"
#include "store_fixture.h"
#include "test.h"

#include "clock.h"
#include "store_bdb/gate.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOSSES    12
#define BATCHES   160
#define BATCH     50
#define BLOCK     4096
#define NAMES_MAX 64

static struct {
    pthread_mutex_t lock;
    struct fixture *fixture;
    char folder[600];                     /* of the shadow: files named by inode */
    char names[NAMES_MAX][256];           /* certain names … */
    unsigned long long inodes[NAMES_MAX]; /* … and what they name */
    int count;
    _Atomic uint32_t acknowledged;
    int losses;
    int wait; /* syncs and acknowledgements until the next loss */
    uint32_t promised[LOSSES];
} shadow = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void copy_file(int from, const char *path)
{
    char block[65536];
    ssize_t got;
    off_t done = 0;
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(to >= 0);
    while ((got = pread(from, block, sizeof block, done)) > 0) {
        assert_int_equal(write(to, block, (size_t)got), got);
        done += got;
    }
    close(to);
}

static void note_names(void)
{
    DIR *list = opendir(shadow.fixture->data);
    const struct dirent *entry;
    shadow.count = 0;
    while ((entry = readdir(list)) != NULL) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, "__db.", 5) == 0)
            continue;
        assert_true(shadow.count < NAMES_MAX);
        snprintf(shadow.names[shadow.count], sizeof shadow.names[0], "%s", entry->d_name);
        shadow.inodes[shadow.count++] = entry->d_ino;
    }
    closedir(list);
}

static void read_block(int descriptor, off_t offset, char block[BLOCK])
{
    memset(block, 0, BLOCK);
    if (descriptor >= 0 && pread(descriptor, block, BLOCK, offset) < 0)
        memset(block, 0, BLOCK);
}

static void mix(const char *certain_path, const char *written_path, const char *to_path)
{
    char block[BLOCK];
    struct stat certain_status = {0}, written_status = {0};
    int certain = open(certain_path, O_RDONLY | O_CLOEXEC),
        written = open(written_path, O_RDONLY | O_CLOEXEC);
    if (certain >= 0)
        fstat(certain, &certain_status);
    if (written >= 0)
        fstat(written, &written_status);
    off_t size = rand() % 2 && written >= 0 ? written_status.st_size : certain_status.st_size;
    int to = open(to_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (off_t done = 0; done < size; done += BLOCK) {
        read_block(rand() % 2 && written >= 0 ? written : certain, done, block);
        assert_int_equal(pwrite(to, block, size - done < BLOCK ? (size_t)(size - done) : BLOCK, done),
                         size - done < BLOCK ? size - done : BLOCK);
    }
    close(to);
    close(certain);
    close(written);
}

static void lose_power(void)
{
    char folder[700];
    snprintf(folder, sizeof folder, "%s/loss-%d", shadow.fixture->parent, shadow.losses);
    assert_int_equal(mkdir(folder, 0700), 0);
    shadow.promised[shadow.losses++] = shadow.acknowledged;
    for (int i = 0; i < shadow.count; i++) {
        char certain[700], written[1000], to[1000];
        snprintf(certain, sizeof certain, "%s/%llu", shadow.folder, shadow.inodes[i]);
        snprintf(written, sizeof written, "%s/%s", shadow.fixture->data, shadow.names[i]);
        snprintf(to, sizeof to, "%s/%s", folder, shadow.names[i]);
        struct stat status;
        if (stat(written, &status) != 0 || status.st_ino != shadow.inodes[i])
            written[0] = '\0'; /* removed or renamed since, which is not certain */
        mix(certain, written, to);
    }
}

/* With the lock held. */
static void lose_power_now_and_then(void)
{
    if (--shadow.wait > 0 || shadow.losses == LOSSES)
        return;
    lose_power();
    shadow.wait = 5 + rand() % 18;
}

/* A spare log file: zeroes, synced in many portions. */
static bool is_spare(int descriptor)
{
    char link[64], path[700] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    return readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/spare") != NULL;
}

static void after_sync(int descriptor)
{
    struct stat status;
    pthread_mutex_lock(&shadow.lock);
    if (shadow.fixture != NULL && !is_spare(descriptor) && fstat(descriptor, &status) == 0) {
        char path[700];
        snprintf(path, sizeof path, "%s/%llu", shadow.folder, (unsigned long long)status.st_ino);
        if (S_ISDIR(status.st_mode))
            note_names();
        else
            copy_file(descriptor, path);
        lose_power_now_and_then();
    }
    pthread_mutex_unlock(&shadow.lock);
}

static struct record numbered(uint32_t number)
{
    struct record record = record_of(4, 4, number);
    record.fill = number % 7 == 0 ? RECORD_FILL_MAX : 4000;
    return record;
}

static uint32_t count_found(struct environment *environment, uint32_t from, uint32_t to)
{
    uint32_t found = 0;
    for (uint32_t number = from; number <= to; number++) {
        struct record record = numbered(number);
        found += record_read(environment, &record, NULL) == OK && record.value == number;
    }
    return found;
}

static void check_loss(struct fixture *fixture, int loss)
{
    char folder[700];
    static char boot[32];
    struct environment *environment;
    struct configuration configuration = {.data_dir = folder};
    struct error error = {.text = ""};
    snprintf(folder, sizeof folder, "%s/loss-%d", fixture->parent, loss);
    snprintf(boot, sizeof boot, "after loss %d", loss);
    gate_set_boot_id(boot);
    assert_int_equal(environment_open(&configuration, STORE_WRITE, &environment, &error), OK);
    struct record record = record_make(1);
    if (record_write(environment, &record, &error) != OK)
        fail_msg("loss %d: %s", loss, error.text);
    assert_int_equal(count_found(environment, 1, shadow.promised[loss]), shadow.promised[loss]);
    environment_close(environment);
}

static void start_shadow(struct fixture *fixture)
{
    gate_set_boot_id(NULL);
    shadow.fixture = fixture;
    shadow.losses = 0;
    shadow.count = 0;
    shadow.wait = 3;
    shadow.acknowledged = 0;
    snprintf(shadow.folder, sizeof shadow.folder, "%s/shadow", fixture->parent);
    assert_int_equal(mkdir(shadow.folder, 0700), 0);
    injection.after_sync = after_sync;
}

static void stop_shadow(void)
{
    pthread_mutex_lock(&shadow.lock);
    shadow.fixture = NULL;
    injection.after_sync = NULL;
    pthread_mutex_unlock(&shadow.lock);
}

static void write_batches(struct fixture *fixture, int batches, bool sync)
{
    struct store_ticket ticket;
    struct error error = {.text = ""};
    uint32_t number = shadow.acknowledged;
    for (int batch = 0; batch < batches; batch++) {
        for (int i = 0; i < BATCH; i++) {
            struct record record = numbered(++number);
            assert_int_equal(record_commit(fixture->environment, &record, &ticket, &error), OK);
        }
        if (sync) {
            assert_int_equal(environment_sync(fixture->environment, ticket, clock_deadline(10000), &error),
                             OK);
            pthread_mutex_lock(&shadow.lock);
            shadow.acknowledged = number;
            lose_power_now_and_then();
            pthread_mutex_unlock(&shadow.lock);
        }
    }
}

static void hazard_12_acknowledged_records_outlive_the_power(void **state)
{
    struct fixture *fixture = *state;
    start_shadow(fixture);
    write_batches(fixture, BATCHES, true);
    fixture_close(fixture);
    stop_shadow();
    for (int loss = 0; loss < shadow.losses; loss++)
        check_loss(fixture, loss);
    assert_int_equal(shadow.losses, LOSSES);
}

/* The control: were nothing lost here, the case above would prove nothing. */
static void hazard_12_records_that_were_not_synced_are_lost(void **state)
{
    struct fixture *fixture = *state;
    start_shadow(fixture);
    shadow.wait = 1000000;
    write_batches(fixture, 4, true);
    uint32_t promised = shadow.acknowledged;
    write_batches(fixture, 4, false);
    srand(7);
    lose_power();
    stop_shadow();
    check_loss(fixture, 0);
    struct environment *environment;
    char folder[700];
    struct configuration configuration = {.data_dir = folder};
    snprintf(folder, sizeof folder, "%s/loss-0", fixture->parent);
    assert_int_equal(environment_open(&configuration, STORE_WRITE, &environment, NULL), OK);
    assert_true(count_found(environment, promised + 1, promised + 4 * BATCH) < 4 * BATCH);
    environment_close(environment);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

TEST_MAIN(CASE(hazard_12_acknowledged_records_outlive_the_power),
          CASE(hazard_12_records_that_were_not_synced_are_lost))
