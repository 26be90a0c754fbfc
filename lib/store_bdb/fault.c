/* fault.c - back in service after a fault, by the operator's word */
#include "config.h"
#include "environment.h"

#include "../clock.h"
#include "../folder.h"
#include "../log.h"
#include "engine.h"
#include "gate.h"
#include "log_spare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ENTER_MS 30000

static bool is_data(const char *name)
{
    size_t length = strlen(name);
    return log_spare_is_log(name) || (length > 3 && strcmp(name + length - 3, ".db") == 0);
}

/* After a failed sync the kernel holds pages that it calls clean and the disk has never seen. Written once more they
 * are dirty, and a sync tells the truth about them. */
static enum outcome write_again(struct gate *gate, int folder, const char *name, struct error *error)
{
    char block[65536];
    ssize_t got;
    off_t done = 0;
    int descriptor = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return error_set_errno(error, IO, errno, "%s", name);
    while ((got = pread(descriptor, block, sizeof block, done)) > 0 &&
           pwrite(descriptor, block, (size_t)got, done) == got) {
        done += got;
        gate_pulse(gate);
    }
    bool written = got == 0 && fdatasync(descriptor) == 0;
    int saved = errno;
    close(descriptor);
    return written ? OK : error_set_errno(error, IO, saved, "writing %s once more", name);
}

static enum outcome write_all_again(struct gate *gate, int folder, struct error *error)
{
    enum outcome outcome = OK;
    const struct dirent *entry;
    int descriptor = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    if (list == NULL)
        return error_set_errno(error, IO, errno, "listing the data folder");
    while (outcome == OK && (entry = readdir(list)) != NULL)
        if (is_data(entry->d_name))
            outcome = write_again(gate, folder, entry->d_name, error);
    closedir(list);
    if (outcome == OK && fsync(folder) != 0)
        outcome = error_set_errno(error, IO, errno, "syncing the data folder");
    return outcome;
}

enum outcome environment_clear_fault(const char *data_dir, bool accept_loss, struct error *error)
{
    struct gate *gate = NULL;
    int folder;
    enum outcome outcome = folder_open(data_dir, &folder, error);
    if (outcome != OK)
        return outcome;
    outcome = gate_open(folder, engine_library(), &gate, error);
    if (outcome == OK)
        outcome = gate_enter(gate, clock_deadline(ENTER_MS), error);
    if (outcome == OK) {
        bool sound = gate_recovery_due(gate) == NULL;
        outcome = write_all_again(gate, folder, error);
        if (outcome == OK) {
            gate_clear_fault(gate, accept_loss);
            log_event(LOG_LEVEL_WARNING, "store_fault_cleared", "accept_loss", accept_loss ? "true" : "false",
                      NULL);
        }
        gate_leave(gate, sound);
    }
    gate_close(gate);
    close(folder);
    return outcome;
}
