/* One thread carries out what the others want: each piece once, none lost, none after its deadline. */
#include "config.h"
#include "test.h"

#include "clock.h"
#include "store_bdb/combiner.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 16
#define EACH    2000

/* What a thread wants: that its own number is added up, while nobody else does anything. */
struct sum {
    struct combiner_piece piece; /* first */
    unsigned number;
    unsigned carried_out;
};

static struct {
    char *folder;
    int descriptor;
    struct gate *gate;
    struct combiner *combiner;
    _Atomic unsigned inside; /* leaders at work */
    _Atomic unsigned leaders;
    uint64_t total; /* only by the leader */
    unsigned one_of_many_stops;
    unsigned each;
    unsigned most;    /* pieces of one leader */
    int64_t piece_us; /* how long each takes, by the test's clock */
    _Atomic int64_t now_us;
    _Atomic bool hold;
    _Atomic bool is_held;
} world;

static int64_t slow_monotonic(void)
{
    return world.now_us;
}

static void lead(void *context, struct combiner_piece *piece)
{
    assert_int_equal(atomic_fetch_add(&world.inside, 1), 0);
    unsigned number = atomic_fetch_add(&world.leaders, 1);
    world.is_held = true;
    while (world.hold)
        clock_sleep_us(100);
    unsigned pieces = 0;
    while (piece != NULL) {
        struct sum *sum = (struct sum *)piece;
        world.total += sum->number;
        sum->carried_out++;
        world.now_us += world.piece_us;
        clock_sleep_us(world.piece_us / 20); /* others come meanwhile */
        pieces++;
        combiner_done(piece);
        bool stops = world.one_of_many_stops != 0 && number % world.one_of_many_stops == 0;
        piece = stops ? NULL : combiner_next(world.combiner);
    }
    if (pieces > world.most)
        world.most = pieces;
    atomic_fetch_sub(&world.inside, 1);
}

static int set_up(void **state)
{
    struct error error;
    world.folder = test_folder();
    world.descriptor = open(world.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (gate_open(world.descriptor, 1, &world.gate, &error) != OK)
        return -1;
    world.combiner = combiner_open(world.gate, lead, NULL);
    world.inside = world.leaders = world.one_of_many_stops = world.most = 0;
    world.piece_us = 0;
    world.each = EACH;
    world.total = 0;
    world.hold = world.is_held = false;
    return world.combiner == NULL;
}

static int tear_down(void **state)
{
    clock_replace(NULL);
    combiner_close(world.combiner);
    gate_close(world.gate);
    close(world.descriptor);
    test_folder_remove(world.folder);
    return 0;
}

static void *add_many(void *context)
{
    unsigned number = (unsigned)(uintptr_t)context;
    for (unsigned i = 0; i < world.each; i++) {
        struct sum sum = {.number = number};
        struct error error;
        if (combiner_run(world.combiner, &sum.piece, clock_deadline(60000), &error) != OK ||
            sum.carried_out != 1)
            return "lost";
    }
    return NULL;
}

static void run_all(void)
{
    pthread_t threads[THREADS];
    uint64_t expected = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, (void *)(uintptr_t)(i + 1)), 0);
        expected += (uint64_t)(i + 1) * world.each;
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *words;
        pthread_join(threads[i], &words);
        assert_null(words);
    }
    assert_int_equal(world.total, expected);
}

static void every_piece_is_carried_out_once_by_one_at_a_time(void **state)
{
    run_all();
    assert_true(world.leaders <= THREADS * EACH);
}

static void what_a_leader_leaves_behind_is_led_by_the_next(void **state)
{
    world.one_of_many_stops = 3; /* as after a piece that needs a recovery */
    run_all();
}

static void leader_of_slow_pieces_goes_after_one_for_others(void **state)
{
    static const struct clock_source slow = {clock_wall_ms, slow_monotonic};
    world.now_us = 5000000;
    world.piece_us = 2000;
    world.each = 100;
    clock_replace(&slow);
    run_all();
    assert_true(world.most <= 2);
}

struct late {
    struct sum sum;
    enum outcome outcome;
    struct error error;
    int64_t patience_ms;
};

static void *run_late(void *context)
{
    struct late *late = context;
    late->outcome =
        combiner_run(world.combiner, &late->sum.piece, clock_deadline(late->patience_ms), &late->error);
    return NULL;
}

static void piece_past_its_deadline_is_never_carried_out(void **state)
{
    struct late first = {.sum = {.number = 1}, .patience_ms = 60000};
    struct late second = {.sum = {.number = 2}, .patience_ms = 50};
    pthread_t threads[2];
    world.hold = true;
    pthread_create(&threads[0], NULL, run_late, &first);
    while (!world.is_held)
        clock_sleep_us(100);
    pthread_create(&threads[1], NULL, run_late, &second);
    pthread_join(threads[1], NULL);
    assert_int_equal(second.outcome, UNAVAILABLE);
    assert_string_not_equal(second.error.text, "");
    world.hold = false;
    pthread_join(threads[0], NULL);
    assert_int_equal(first.outcome, OK);
    assert_int_equal(second.sum.carried_out, 0);
    assert_int_equal(world.total, 1);
}

#define combiner_test(case) cmocka_unit_test_setup_teardown(case, set_up, tear_down)
TEST_MAIN(combiner_test(every_piece_is_carried_out_once_by_one_at_a_time),
          combiner_test(what_a_leader_leaves_behind_is_led_by_the_next),
          combiner_test(leader_of_slow_pieces_goes_after_one_for_others),
          combiner_test(piece_past_its_deadline_is_never_carried_out))
