#include "config.h"
#include "test.h"

#include "clock.h"
#include "slots.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct slots *open_slots(const char *folder, unsigned max_workers)
{
    struct slots *slots;
    struct error error = {0};
    assert_int_equal(slots_open(folder, max_workers, &slots, &error), OK);
    return slots;
}

static void as_many_are_taken_as_there_are(void **state)
{
    char *folder = test_folder();
    struct slots *slots[4];
    struct slot_identity identity;
    struct error error;
    for (int i = 0; i < 4; i++)
        slots[i] = open_slots(folder, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(slots_take(slots[i], 1, &identity, &error), OK);
        assert_int_equal(identity.slot, i == 0 ? 1 : i == 1 ? 0 : 2);
        assert_true(slots_is_alive(slots[3], identity));
    }
    assert_int_equal(slots_take(slots[3], 1, &identity, &error), UNAVAILABLE);
    assert_int_equal(slots_taken(slots[3]), 3);
    assert_false(slots_any_free(slots[3]));
    slots_close(slots[1]);
    assert_true(slots_any_free(slots[3]));
    assert_int_equal(slots_take(slots[3], 1, &identity, &error), OK);
    assert_int_equal(identity.slot, 0);
    slots_close(slots[0]);
    slots_close(slots[2]);
    slots_close(slots[3]);
    test_folder_remove(folder);
}

static void another_life_in_the_same_slot_is_another_worker(void **state)
{
    char *folder = test_folder();
    struct slots *slots = open_slots(folder, 1), *watcher = open_slots(folder, 1);
    struct slot_identity first, second;
    assert_int_equal(slots_take(slots, 0, &first, NULL), OK);
    assert_int_equal(slots_take(slots, 0, &second, NULL), OK);
    assert_int_equal(second.slot, 0);
    assert_false(slots_is_alive(watcher, first));
    assert_true(slots_is_alive(watcher, second));
    assert_true(slots_is_alive(slots, second)); /* also seen by the one who holds it */
    slots_give_back(slots);
    assert_false(slots_is_alive(watcher, second));
    slots_close(slots);
    slots_close(watcher);
    test_folder_remove(folder);
}

/* A child that holds the slot as a supervisor and a worker do; *ready is closed once it does. */
static pid_t start_holder(const char *folder, struct slot_identity *identity)
{
    int report[2];
    assert_int_equal(pipe(report), 0);
    pid_t child = fork();
    if (child == 0) {
        struct slots *slots;
        struct slot_identity mine;
        if (slots_open(folder, 2, &slots, NULL) != OK || slots_take(slots, 0, &mine, NULL) != OK ||
            write(report[1], &mine, sizeof mine) != sizeof mine)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(report[0], identity, sizeof *identity), sizeof *identity);
    close(report[0]);
    close(report[1]);
    return child;
}

static void killed_holder_is_dead_at_once(void **state)
{
    char *folder = test_folder();
    struct slots *watcher = open_slots(folder, 2);
    struct slot_identity identity;
    pid_t child = start_holder(folder, &identity);
    assert_true(slots_is_alive(watcher, identity));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_false(slots_is_alive(watcher, identity));
    slots_close(watcher);
    test_folder_remove(folder);
}

static void slot_is_held_until_both_processes_are_gone(void **state)
{
    char *folder = test_folder();
    struct slots *slots = open_slots(folder, 2), *watcher = open_slots(folder, 2);
    struct slot_identity identity;
    assert_int_equal(slots_take(slots, 0, &identity, NULL), OK);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    int handed_over = dup(slots_descriptor(slots));
    pid_t child = fork();
    if (child == 0) {
        struct slots *inherited;
        bool good = slots_inherit(folder, 2, handed_over, identity, &inherited, NULL) == OK &&
                    (fcntl(handed_over, F_GETFD) & FD_CLOEXEC) != 0;
        slots_close(slots);
        _exit(write(ready[1], &good, 1) == 1 && good ? pause() : 1);
    }
    bool good = false;
    close(handed_over);
    assert_int_equal(read(ready[0], &good, 1), 1);
    assert_true(good);
    slots_close(slots);
    assert_true(slots_is_alive(watcher, identity));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_false(slots_is_alive(watcher, identity));
    close(ready[0]);
    close(ready[1]);
    slots_close(watcher);
    test_folder_remove(folder);
}

static void slot_that_is_not_held_is_not_inherited(void **state)
{
    char *folder = test_folder();
    struct slots *slots = open_slots(folder, 2), *inherited = NULL;
    struct slot_identity identity = {.slot = 0, .life = 7};
    struct error error;
    int descriptor = dup(slots_descriptor(slots));
    assert_int_equal(slots_inherit(folder, 2, descriptor, identity, &inherited, &error), INVALID);
    assert_null(inherited);
    assert_int_equal(close(descriptor), 0); /* stayed ours */
    slots_close(slots);
    test_folder_remove(folder);
}

static int64_t fake_us;
static int64_t read_fake(void)
{
    return fake_us;
}

static void wish_to_start_is_carried_out_once(void **state)
{
    char *folder = test_folder();
    struct slots *slots = open_slots(folder, 2);
    const struct clock_source fake = {.wall_ms = read_fake, .monotonic_us = read_fake};
    unsigned slot;
    fake_us = 1000000000;
    clock_replace(&fake);
    assert_true(slots_reserve(slots, &slot));
    assert_int_equal(slot, 0);
    assert_true(slots_reserve(slots, &slot));
    assert_int_equal(slot, 1);
    assert_false(slots_reserve(slots, &slot));
    assert_false(slots_any_free(slots));
    slots_unreserve(slots, 0);
    assert_true(slots_reserve(slots, &slot));
    assert_int_equal(slot, 0);
    fake_us += (SLOTS_STARTING_MS + 1) * 1000; /* it never arrived */
    assert_true(slots_reserve(slots, &slot));
    clock_replace(NULL);
    slots_close(slots);
    test_folder_remove(folder);
}

static void mark_of_another_boot_does_not_count(void **state)
{
    char *folder = test_folder();
    struct slots *slots = open_slots(folder, 1);
    const struct clock_source fake = {.wall_ms = read_fake, .monotonic_us = read_fake};
    unsigned slot;
    fake_us = 9000000000;
    clock_replace(&fake);
    assert_true(slots_reserve(slots, &slot));
    fake_us = 1000000;
    assert_true(slots_reserve(slots, &slot));
    clock_replace(NULL);
    slots_close(slots);
    test_folder_remove(folder);
}

static void taken_slot_is_not_reserved_and_loses_its_mark(void **state)
{
    char *folder = test_folder();
    struct slots *slots = open_slots(folder, 1), *other = open_slots(folder, 1);
    struct slot_identity identity;
    unsigned slot;
    assert_true(slots_reserve(other, &slot));
    assert_int_equal(slots_take(slots, slot, &identity, NULL), OK);
    assert_false(slots_reserve(other, &slot));
    slots_give_back(slots);
    assert_true(slots_reserve(other, &slot));
    slots_close(slots);
    slots_close(other);
    test_folder_remove(folder);
}

static void symlink_is_refused(void **state)
{
    char *folder = test_folder(), *elsewhere = test_file(folder, "elsewhere", ""), path[4096];
    struct slots *slots = NULL;
    struct error error;
    snprintf(path, sizeof path, "%s/slots", folder);
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_int_equal(slots_open(folder, 1, &slots, &error), INVALID);
    free(elsewhere);
    test_folder_remove(folder);
}

TEST_MAIN(cmocka_unit_test(as_many_are_taken_as_there_are),
          cmocka_unit_test(another_life_in_the_same_slot_is_another_worker),
          cmocka_unit_test(killed_holder_is_dead_at_once),
          cmocka_unit_test(slot_is_held_until_both_processes_are_gone),
          cmocka_unit_test(slot_that_is_not_held_is_not_inherited),
          cmocka_unit_test(wish_to_start_is_carried_out_once),
          cmocka_unit_test(mark_of_another_boot_does_not_count),
          cmocka_unit_test(taken_slot_is_not_reserved_and_loses_its_mark),
          cmocka_unit_test(symlink_is_refused))
