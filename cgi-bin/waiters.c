#include "config.h"
#include "waiters.h"

#include "folder.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct waiters {
    pthread_mutex_t lock;
    int descriptor;
    unsigned count; /* waits of this process */
    off_t byte;     /* held while count > 0 */
};

enum outcome waiters_open(const char *data_dir, struct waiters **waiters, struct error *error)
{
    struct waiters *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return error_set(error, NOMEM, "no memory for the waiters");
    enum outcome outcome = folder_file_at(data_dir, "waiters", 0, &opened->descriptor, error);
    if (outcome != OK) {
        free(opened);
        return outcome;
    }
    pthread_mutex_init(&opened->lock, NULL);
    *waiters = opened;
    return OK;
}

void waiters_close(struct waiters *waiters)
{
    if (waiters == NULL)
        return;
    close(waiters->descriptor);
    pthread_mutex_destroy(&waiters->lock);
    free(waiters);
}

static bool change_lock(const struct waiters *waiters, short type, off_t byte)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(waiters->descriptor, F_OFD_SETLK, &lock) == 0;
}

static bool take_byte(struct waiters *waiters)
{
    for (off_t byte = 0; byte < WAITERS_MAX; byte++) {
        if (change_lock(waiters, F_WRLCK, byte)) {
            waiters->byte = byte;
            return true;
        }
    }
    return false;
}

bool waiters_enter(struct waiters *waiters)
{
    pthread_mutex_lock(&waiters->lock);
    bool may = waiters->count > 0 || take_byte(waiters);
    waiters->count += may;
    pthread_mutex_unlock(&waiters->lock);
    return may;
}

void waiters_leave(struct waiters *waiters)
{
    pthread_mutex_lock(&waiters->lock);
    if (--waiters->count == 0)
        change_lock(waiters, F_UNLCK, waiters->byte);
    pthread_mutex_unlock(&waiters->lock);
}
