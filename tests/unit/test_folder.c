#include "config.h"
#include "test.h"

#include "folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What statfs(2) is to say of every file system; 0 = the truth. The library's call comes here. */
static long simulated;

int fstatfs(int descriptor, struct statfs *system)
{
    if (syscall(SYS_fstatfs, descriptor, system) != 0)
        return -1;
    if (simulated != 0)
        system->f_type = simulated;
    return 0;
}

static char *base;
static char path[600];

static int set_up(void **state)
{
    base = test_folder();
    snprintf(path, sizeof path, "%s/data", base);
    return 0;
}

static int tear_down(void **state)
{
    simulated = 0;
    test_folder_remove(base);
    return 0;
}

static void refused_with(const char *words)
{
    int descriptor;
    struct error error = {.text = ""};
    assert_int_equal(folder_open(path, &descriptor, &error), INVALID);
    assert_int_equal(descriptor, -1);
    if (strstr(error.text, words) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", error.text, words);
}

static void missing_folder_is_made_for_its_owner_alone(void **state)
{
    int descriptor;
    struct stat status;
    assert_int_equal(folder_open(path, &descriptor, NULL), OK);
    assert_int_equal(fstat(descriptor, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_true((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
    close(descriptor);
}

static void missing_parent_is_an_error(void **state)
{
    int descriptor;
    snprintf(path, sizeof path, "%s/none/data", base);
    assert_int_equal(folder_open(path, &descriptor, NULL), IO);
}

static void hazard_34_folder_open_to_others_is_refused(void **state)
{
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0750), 0);
    refused_with("mode 0750");
    assert_int_equal(chmod(path, 0701), 0);
    refused_with("chmod 700");
}

static void hazard_34_symlink_is_refused(void **state)
{
    char target[600];
    snprintf(target, sizeof target, "%s/elsewhere", base);
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(symlink(target, path), 0);
    refused_with("symlink");
}

static void hazard_34_file_is_refused(void **state)
{
    free(test_file(base, "data", "x"));
    refused_with("no folder");
}

static void hazard_34_folder_of_another_owner_is_refused(void **state)
{
    assert_int_equal(mkdir(path, 0700), 0);
    if (chown(path, 12345, 12345) != 0)
        skip();
    refused_with("belongs to user 12345");
}

static void hazard_34_network_file_system_is_refused(void **state)
{
    static const struct {
        long type;
        const char *name;
    } systems[] = {{0x6969, "NFS"}, {0xFF534D42, "CIFS"}, {0x65735546, "FUSE"}, {0x01021997, "9P"}};
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
        simulated = systems[i].type;
        refused_with(systems[i].name);
        refused_with("as data_dir");
    }
}

static void file_has_its_size_allocated(void **state)
{
    int folder, file;
    struct stat status;
    assert_int_equal(folder_open(path, &folder, NULL), OK);
    assert_int_equal(folder_file(folder, "page", 10000, &file, NULL), OK);
    assert_int_equal(fstat(file, &status), 0);
    assert_int_equal(status.st_size, 10000);
    assert_true(status.st_blocks * 512 >= 10000);
    assert_int_equal(status.st_mode & 07777, 0600);
    close(file);
    close(folder);
}

static void hazard_34_symlink_in_the_place_of_a_file_is_refused(void **state)
{
    int folder, file;
    assert_int_equal(folder_open(path, &folder, NULL), OK);
    assert_int_equal(symlinkat("/dev/null", folder, "page"), 0);
    assert_int_equal(folder_file(folder, "page", 10, &file, NULL), INVALID);
    close(folder);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(CASE(missing_folder_is_made_for_its_owner_alone), CASE(missing_parent_is_an_error),
          CASE(hazard_34_folder_open_to_others_is_refused), CASE(hazard_34_symlink_is_refused),
          CASE(hazard_34_file_is_refused), CASE(hazard_34_folder_of_another_owner_is_refused),
          CASE(hazard_34_network_file_system_is_refused), CASE(file_has_its_size_allocated),
          CASE(hazard_34_symlink_in_the_place_of_a_file_is_refused))
