#include "config.h"
#include "deliverer.h"

#include "folder.h"
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static enum outcome open_file(const char *data_dir, int *descriptor, struct error *error)
{
    int folder;
    enum outcome outcome = folder_open(data_dir, &folder, error);
    if (outcome != OK)
        return outcome;
    outcome = folder_file(folder, "deliverer", 1, descriptor, error);
    close(folder);
    return outcome;
}

enum outcome deliverer_lock(const char *data_dir, int *lock, struct error *error)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int descriptor;
    enum outcome outcome = open_file(data_dir, &descriptor, error);
    if (outcome != OK)
        return outcome;
    if (fcntl(descriptor, F_OFD_SETLK, &whole) != 0) {
        int reason = errno;
        close(descriptor);
        if (reason == EAGAIN || reason == EACCES)
            return error_set(error, UNAVAILABLE, "a deliverer is at work already");
        return error_set_errno(error, IO, reason, "%s/deliverer", data_dir);
    }
    *lock = descriptor;
    return OK;
}

static bool one_is_alive(const char *data_dir)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int descriptor;
    if (open_file(data_dir, &descriptor, NULL) != OK)
        return false;
    bool alive = fcntl(descriptor, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    close(descriptor);
    return alive;
}

bool deliverer_ring(const struct configuration *configuration, struct store *store)
{
    store_ring_delivery(store);
    return one_is_alive(configuration->data_dir);
}

enum outcome deliverer_wake(const struct configuration *configuration, struct store *store,
                            struct error *error)
{
    if (deliverer_ring(configuration, store))
        return OK;
    return launch_program(configuration, "jobgate-deliver", error);
}
