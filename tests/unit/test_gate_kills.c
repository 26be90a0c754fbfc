/* Writers are killed at random while they commit: hazards 1 (inside libdb), 2 (outside), 3 (in recovery). */
#include "config.h"
#include "store_fixture.h"
#include "test.h"

#include "clock.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITERS     6
#define LIVES       4000
#define KILLS       150
#define STORM_KILLS 60
#define STALL_MS    10000

/* Shared with the writers. */
struct ledger {
    _Atomic uint32_t acknowledged[WRITERS][LIVES];
    _Atomic uint64_t progress;
    _Atomic int64_t longest_us;
    _Atomic uint32_t failures;
    char words[ERROR_TEXT_SIZE];
};

struct pack {
    struct fixture *fixture;
    struct ledger *ledger;
    pid_t pids[WRITERS];
    unsigned lives[WRITERS];
    unsigned kills;
};

static void note_longest(struct ledger *ledger, int64_t took)
{
    int64_t longest = ledger->longest_us;
    while (took > longest && !atomic_compare_exchange_weak(&ledger->longest_us, &longest, took))
        ;
}

static void write_for_ever(const struct configuration *configuration, struct ledger *ledger, unsigned writer,
                           unsigned life)
{
    struct environment *environment;
    struct error error = {.text = ""};
    enum outcome outcome = environment_open(configuration, STORE_WRITE, &environment, &error);
    for (uint32_t number = 1; outcome == OK; number++) {
        struct record record = record_of(writer, life, number);
        int64_t start = clock_monotonic_us();
        outcome = record_write(environment, &record, &error);
        if (outcome != OK)
            break;
        ledger->acknowledged[writer][life] = number;
        ledger->progress++;
        record.value = 0;
        outcome = record_read(environment, &record, &error);
        note_longest(ledger, clock_monotonic_us() - start);
    }
    snprintf(ledger->words, sizeof ledger->words, "%s: %s", outcome_name(outcome), error.text);
    ledger->failures++;
}

static void start_writer(struct pack *pack, unsigned writer)
{
    unsigned life = pack->lives[writer]++;
    assert_true(life < LIVES);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        write_for_ever(&pack->fixture->configuration, pack->ledger, writer, life);
        _exit(1);
    }
    pack->pids[writer] = pid;
}

static void kill_writer(struct pack *pack, unsigned writer)
{
    kill(pack->pids[writer], SIGKILL);
    assert_int_equal(waitpid(pack->pids[writer], NULL, 0), pack->pids[writer]);
    pack->kills++;
}

static void wait_for_progress(struct pack *pack, uint64_t from)
{
    int64_t deadline = clock_deadline(STALL_MS);
    while (pack->ledger->progress == from) {
        if (pack->ledger->failures > 0)
            fail_msg("a writer failed: %s", pack->ledger->words);
        if (clock_left(deadline) == 0)
            fail_msg("no progress for %d ms after %u kills", STALL_MS, pack->kills);
        clock_sleep_us(100);
    }
}

static void begin(struct pack *pack, struct fixture *fixture)
{
    *pack = (struct pack){.fixture = fixture};
    pack->ledger =
        mmap(NULL, sizeof *pack->ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(pack->ledger != MAP_FAILED);
    for (unsigned i = 0; i < WRITERS; i++)
        start_writer(pack, i);
    wait_for_progress(pack, 0);
}

/* Ends all, and finds every record that was acknowledged. */
static void end(struct pack *pack)
{
    uint32_t found = 0;
    for (unsigned i = 0; i < WRITERS; i++)
        kill_writer(pack, i);
    assert_int_equal(pack->ledger->failures, 0);
    for (unsigned writer = 0; writer < WRITERS; writer++)
        for (unsigned life = 0; life < pack->lives[writer]; life++)
            for (uint32_t n = 1; n <= pack->ledger->acknowledged[writer][life]; n++, found++) {
                struct record record = record_of(writer, life, n);
                record_must_read(pack->fixture->environment, &record);
            }
    print_message("# %u kills, %u records, generation %llu, longest call %lld ms\n", pack->kills, found,
                  (unsigned long long)fixture_generation(pack->fixture),
                  (long long)pack->ledger->longest_us / 1000);
    munmap(pack->ledger, sizeof *pack->ledger);
}

/* JOBGATE_TEST_KILLS=3000 for a longer look. */
static unsigned kills_wanted(void)
{
    const char *text = getenv("JOBGATE_TEST_KILLS");
    return text != NULL ? (unsigned)atoi(text) : KILLS;
}

static void hazard_1_killed_writers_lose_nothing_and_hang_nobody(void **state)
{
    struct pack pack;
    begin(&pack, *state);
    while (pack.kills < kills_wanted()) {
        uint64_t progress = pack.ledger->progress;
        clock_sleep_us(rand() % 5000);
        unsigned writer = (unsigned)rand() % WRITERS;
        kill_writer(&pack, writer);
        start_writer(&pack, writer);
        wait_for_progress(&pack, progress);
    }
    end(&pack);
    assert_true(fixture_generation(*state) > 1); /* else no kill ever hit the gate */
}

/* Whoever is next recovers, and is killed in it as well. */
static void hazard_3_killed_recoveries_are_repeated(void **state)
{
    struct pack pack;
    begin(&pack, *state);
    while (pack.kills < STORM_KILLS) {
        uint64_t progress = pack.ledger->progress;
        for (unsigned i = 0; i < WRITERS - 1; i++) {
            kill_writer(&pack, i);
            clock_sleep_us(rand() % 6000);
        }
        for (unsigned i = 0; i < WRITERS - 1; i++)
            start_writer(&pack, i);
        wait_for_progress(&pack, progress);
    }
    end(&pack);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

TEST_MAIN(CASE(hazard_1_killed_writers_lose_nothing_and_hang_nobody),
          CASE(hazard_3_killed_recoveries_are_repeated))
