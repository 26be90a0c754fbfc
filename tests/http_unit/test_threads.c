/* The pool's permits and the committer's shared syncs. */
#include "config.h"
#include "../unit/test.h"
#include "fake_world.h"

#include "clock.h"
#include "committer.h"
#include "pool.h"
#include "waiters.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE_MS 10000

static bool becomes(atomic_uint *counter, unsigned value)
{
    int64_t deadline = clock_deadline(PATIENCE_MS);
    while (atomic_load(counter) != value && clock_left(deadline) > 0)
        clock_sleep_us(1000);
    return atomic_load(counter) == value;
}

/* ---- the pool: work comes through a pipe, one byte each: 'w' waits, 'q' does not ---- */

static struct {
    int pipe[2];
    struct pool *pool;
    atomic_uint accepting, waiting, refused, quick;
    atomic_bool let_go;
} hall;

static bool serve(void *context)
{
    char order;
    atomic_fetch_add(&hall.accepting, 1);
    pool_interruptible(true);
    ssize_t count = read(hall.pipe[0], &order, 1);
    pool_interruptible(false);
    atomic_fetch_sub(&hall.accepting, 1);
    if (count != 1)
        return count < 0 && errno == EINTR;
    if (order == 'q') {
        atomic_fetch_add(&hall.quick, 1);
    } else if (!pool_begin_wait(hall.pool)) {
        atomic_fetch_add(&hall.refused, 1);
    } else {
        atomic_fetch_add(&hall.waiting, 1);
        while (!atomic_load(&hall.let_go) && !pool_is_stopping(hall.pool))
            clock_sleep_us(1000);
        pool_end_wait(hall.pool);
        atomic_fetch_sub(&hall.waiting, 1);
    }
    return true;
}

static int open_hall(void **state)
{
    atomic_store(&hall.waiting, 0);
    atomic_store(&hall.refused, 0);
    atomic_store(&hall.quick, 0);
    atomic_store(&hall.accepting, 0);
    atomic_store(&hall.let_go, false);
    return pipe(hall.pipe) != 0 || pool_start(6, 2, serve, NULL, &hall.pool, NULL) != OK;
}

static int close_hall(void **state)
{
    if (hall.pool != NULL && !pool_stop(hall.pool, clock_deadline(PATIENCE_MS)))
        return 1;
    pool_free(hall.pool);
    hall.pool = NULL;
    close(hall.pipe[0]);
    close(hall.pipe[1]);
    return 0;
}

static void order(const char *work, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(write(hall.pipe[1], work, 1), 1);
}

static void only_the_active_threads_accept(void **state)
{
    assert_true(becomes(&hall.accepting, 2));
    order("q", 50);
    assert_true(becomes(&hall.quick, 50));
    assert_true(becomes(&hall.accepting, 2));
}

/* Hazard 33. */
static void waiting_requests_leave_the_permits_to_others(void **state)
{
    order("w", 4);
    assert_true(becomes(&hall.waiting, 4));
    assert_true(becomes(&hall.accepting, 2));
    order("q", 10);
    assert_true(becomes(&hall.quick, 10));
}

/* One after the other: threads whose wait has ended are on their way back, and until they are there a wait is refused. */
static void order_until_four_wait(void)
{
    int64_t deadline = clock_deadline(PATIENCE_MS);
    unsigned ordered = 0, refused_before = atomic_load(&hall.refused);
    while (atomic_load(&hall.waiting) < 4 && clock_left(deadline) > 0) {
        if (atomic_load(&hall.waiting) + atomic_load(&hall.refused) - refused_before < ordered) {
            clock_sleep_us(1000);
            continue;
        }
        order("w", 1);
        ordered++;
    }
    assert_int_equal(atomic_load(&hall.waiting), 4);
}

/* Hazard 33. */
static void waits_over_the_cap_are_refused_at_once(void **state)
{
    order("w", 4);
    assert_true(becomes(&hall.waiting, 4));
    order("w", 3);
    assert_true(becomes(&hall.refused, 3));
    atomic_store(&hall.let_go, true);
    assert_true(becomes(&hall.waiting, 0));
    assert_true(becomes(&hall.accepting, 2));
    atomic_store(&hall.let_go, false);
    order_until_four_wait();
}

static void stop_interrupts_those_who_accept_and_lets_those_who_wait_end(void **state)
{
    order("w", 2);
    assert_true(becomes(&hall.waiting, 2));
    assert_true(pool_stop(hall.pool, clock_deadline(PATIENCE_MS)));
    assert_int_equal(atomic_load(&hall.waiting), 0);
    pool_free(hall.pool);
    hall.pool = NULL;
}

static void half_of_the_threads_are_kept_for_waiting(void **state)
{
    assert_int_equal(pool_active(1, 8, 64), 1);
    assert_int_equal(pool_active(2, 8, 64), 1);
    assert_int_equal(pool_active(6, 8, 64), 3);
    assert_int_equal(pool_active(32, 8, 64), 8);
    assert_int_equal(pool_active(32, 8, 4), 5);
    assert_int_equal(pool_active(32, 8, 1), 3);
}

/* ---- the committer ---- */

#define PIECES 200

static atomic_uint finished, failed;

static void count_finished(struct committer_piece *piece, enum outcome synced, const struct error *error)
{
    atomic_fetch_add(synced == OK ? &finished : &failed, 1);
}

static struct committer_piece pieces[PIECES];

static void *hand_over_first(void *committer)
{
    assert_true(committer_hand_over(committer, &pieces[0]));
    return NULL;
}

/* The first is alone, and held in its sync; the others come meanwhile. When it returns, they have all been let go on. */
static struct committer *hand_over_all(void)
{
    struct committer *committer = committer_start(count_finished, true);
    pthread_t first;
    assert_non_null(committer);
    atomic_store(&finished, 0);
    atomic_store(&failed, 0);
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = (struct committer_piece){.ticket = {i + 1}, .wait_ms = 1000};
    fake_hold_syncs(true);
    assert_int_equal(pthread_create(&first, NULL, hand_over_first, committer), 0);
    int64_t deadline = clock_deadline(PATIENCE_MS);
    while (fake_calls("store_sync") == 0 && clock_left(deadline) > 0)
        clock_sleep_us(1000);
    for (size_t i = 1; i < PIECES; i++)
        assert_true(committer_hand_over(committer, &pieces[i]));
    assert_int_equal(atomic_load(&finished) + atomic_load(&failed), 0);
    fake_hold_syncs(false);
    pthread_join(first, NULL);
    return committer;
}

static void all_that_come_during_a_sync_share_the_next(void **state)
{
    fake_reset();
    struct committer *committer = hand_over_all();
    assert_true(becomes(&finished, PIECES));
    assert_int_equal(fake_calls("store_sync"), 2);
    assert_true(committer_stop(committer, clock_deadline(PATIENCE_MS)));
}

static void failed_sync_is_told_to_every_piece(void **state)
{
    fake_reset();
    fake_fail("store_sync", UNAVAILABLE);
    struct committer *committer = hand_over_all();
    assert_true(becomes(&failed, PIECES));
    assert_int_equal(atomic_load(&finished), 0);
    assert_true(committer_stop(committer, clock_deadline(PATIENCE_MS)));
}

static void stop_finishes_what_was_handed_over(void **state)
{
    fake_reset();
    struct committer *committer = hand_over_all();
    assert_true(committer_stop(committer, clock_deadline(PATIENCE_MS)));
    assert_int_equal(atomic_load(&finished), PIECES);
}

/* While nobody else accepts, a thread that waited for the disk would keep the next request waiting. */
static void piece_that_is_alone_is_finished_by_its_own_thread_if_others_accept(void **state)
{
    fake_reset();
    atomic_store(&finished, 0);
    for (int others = 0; others < 2; others++) {
        struct committer *committer = committer_start(count_finished, others != 0);
        pieces[0] = (struct committer_piece){.ticket = {1}, .wait_ms = 1000};
        fake_hold_syncs(others == 0);
        assert_true(committer_hand_over(committer, &pieces[0]));
        if (others == 0)
            assert_int_equal(atomic_load(&finished), 0);
        else
            assert_int_equal(atomic_load(&finished), 2);
        fake_hold_syncs(false);
        assert_true(committer_stop(committer, clock_deadline(PATIENCE_MS)));
        assert_int_equal(atomic_load(&finished), others + 1);
    }
}

static void committer_that_was_never_used_ends_at_once(void **state)
{
    assert_true(committer_stop(committer_start(count_finished, true), clock_deadline(0)));
    assert_true(committer_stop(NULL, 0));
}

/* ---- waiting processes: each struct stands for one, since its lock belongs to its own descriptor ---- */

/* Hazard 33. */
static void so_many_processes_may_wait_and_no_more(void **state)
{
    struct waiters *processes[WAITERS_MAX + 1];
    char *folder = test_folder();
    for (size_t i = 0; i <= WAITERS_MAX; i++)
        assert_int_equal(waiters_open(folder, &processes[i], NULL), OK);
    for (size_t i = 0; i < WAITERS_MAX; i++)
        assert_true(waiters_enter(processes[i]));
    assert_false(waiters_enter(processes[WAITERS_MAX]));
    /* One that waits already may have more waits. */
    assert_true(waiters_enter(processes[0]));
    waiters_leave(processes[0]);
    assert_false(waiters_enter(processes[WAITERS_MAX]));
    waiters_leave(processes[0]);
    assert_true(waiters_enter(processes[WAITERS_MAX]));
    /* The end of a process gives its place back. */
    waiters_close(processes[1]);
    assert_true(waiters_enter(processes[0]));
    for (size_t i = 0; i <= WAITERS_MAX; i++)
        if (i != 1)
            waiters_close(processes[i]);
    test_folder_remove(folder);
}

#define hall_test(case) cmocka_unit_test_setup_teardown(case, open_hall, close_hall)

TEST_MAIN(hall_test(only_the_active_threads_accept), hall_test(waiting_requests_leave_the_permits_to_others),
          hall_test(waits_over_the_cap_are_refused_at_once),
          hall_test(stop_interrupts_those_who_accept_and_lets_those_who_wait_end),
          cmocka_unit_test(half_of_the_threads_are_kept_for_waiting),
          cmocka_unit_test(so_many_processes_may_wait_and_no_more),
          cmocka_unit_test(all_that_come_during_a_sync_share_the_next),
          cmocka_unit_test(failed_sync_is_told_to_every_piece),
          cmocka_unit_test(stop_finishes_what_was_handed_over),
          cmocka_unit_test(piece_that_is_alone_is_finished_by_its_own_thread_if_others_accept),
          cmocka_unit_test(committer_that_was_never_used_ends_at_once))
