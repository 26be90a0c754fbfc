#include "config.h"
#include "engine.h"

#include "log_spare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_SIZE    (16 << 20) /* shared by all processes */
#define CACHE_CHAINS  8191       /* a hash chain for each small page: libdb looks along them for each page */
#define CACHE_FILE    "__db.003"
#define REGION_SIZE   (2 << 20) /* of the others: more than they can grow to */
#define LOG_FILE_SIZE ENGINE_LOG_FILE_SIZE
#define LOG_BUFFER    (256 << 10) /* a commit with a small event is one write */
#define PAGE_SIZE     4096        /* what a disk writes as a whole */
/* Of tables with short records that are looked up one here, one there: each look into a large one reads a page from its file and
 * checks its sum, which is half the work with half a page. (A record longer than a quarter of it, with a long error say, has
 * a page of its own.) Two of them are still written as a whole. */
#define SMALL_PAGE   2048
#define WORDS_SIZE   256
#define TRICKLE_STEP 2 /* per cent of the cache in one go: less than a millisecond */

struct engine {
    DB_ENV *handle;
    DB *tables[TABLE_COUNT];
    bool panicked;
    int shortage; /* what libdb said it lacked, in words alone: the result of a call is DB_RUNRECOVERY then */
    char words[WORDS_SIZE];
};

/* DB_RECNUM: the number of a key in its table, and how many lie between two, without counting. */
static const struct {
    const char *file;
    u_int32_t flags;
    u_int32_t page_size; /* of a new one */
} tables[TABLE_COUNT] = {
    [TABLE_JOBS] = {"jobs.db", DB_CHKSUM, SMALL_PAGE},
    [TABLE_EVENTS] = {"events.db", DB_CHKSUM, PAGE_SIZE},
    [TABLE_RESULTS] = {"results.db", DB_CHKSUM, PAGE_SIZE},
    [TABLE_LOGS] = {"logs.db", DB_CHKSUM, PAGE_SIZE},
    [TABLE_ATTEMPTS] = {"attempts.db", DB_CHKSUM, PAGE_SIZE},
    [TABLE_DUE] = {"due.db", DB_CHKSUM | DB_RECNUM, SMALL_PAGE},
    [TABLE_RUNNING] = {"running.db", DB_CHKSUM, SMALL_PAGE},
    [TABLE_LISTING] = {"listing.db", DB_CHKSUM | DB_RECNUM, SMALL_PAGE},
    [TABLE_IDEMPOTENCY] = {"idempotency.db", DB_CHKSUM, PAGE_SIZE},
    [TABLE_EXPIRY] = {"expiry.db", DB_CHKSUM, SMALL_PAGE},
    [TABLE_GONE] = {"gone.db", DB_CHKSUM, PAGE_SIZE},
    [TABLE_DELIVERIES] = {"deliveries.db", DB_CHKSUM, PAGE_SIZE},
    [TABLE_DELIVERY_DUE] = {"delivery_due.db", DB_CHKSUM, SMALL_PAGE},
    [TABLE_ACTIVE] = {"active.db", DB_CHKSUM | DB_RECNUM, SMALL_PAGE},
};

const char *engine_table_file(enum table name)
{
    return tables[name].file;
}

/* ---- what libdb calls ---- */

static _Thread_local struct gate *inside;
static _Thread_local bool disk_full; /* a write since engine_enter has met ENOSPC or EDQUOT */

void engine_enter(struct gate *gate)
{
    inside = gate;
    if (gate != NULL)
        disk_full = false;
}

/* ---- syncs put off during a checkpoint ---- */

/* libdb writes the pages of all tables and then syncs one file after the other, each with a change of metadata of its
 * own to be committed, while everybody waits at the gate. Put off, started together and then waited for, they share it.
 * They are made before the next byte is written anywhere: the log says that pages are on disk only when they are. */
#define PUT_OFF_MAX 16

static _Thread_local struct {
    bool allowed;
    bool failed; /* one of them: this checkpoint writes nothing any more */
    unsigned count;
    int descriptors[PUT_OFF_MAX];
} put_off;

/* Which descriptors are of log files: those are never put off. */
static _Atomic bool is_log[1024];

static int sync_by(int (*call)(int), int descriptor)
{
    if (inside != NULL)
        gate_pulse(inside);
    int result = call(descriptor);
    int saved = errno;
    if (inside != NULL) {
        if (result != 0 && saved != EINTR)
            gate_sync_failed(inside, saved);
        gate_pulse(inside);
    }
    errno = saved;
    return result;
}

static int sync_now(int descriptor)
{
    return sync_by(fdatasync, descriptor);
}

static bool can_put_off(int descriptor)
{
    if (!put_off.allowed || put_off.count == PUT_OFF_MAX)
        return false;
    return descriptor < (int)(sizeof is_log / sizeof is_log[0]) && !is_log[descriptor];
}

static int sync_hook(int descriptor)
{
    int copy = can_put_off(descriptor) ? fcntl(descriptor, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy < 0)
        return sync_now(descriptor);
    sync_file_range(copy, 0, 0, SYNC_FILE_RANGE_WRITE);
    put_off.descriptors[put_off.count++] = copy;
    return 0;
}

static int make_up(void)
{
    int result = 0;
    for (unsigned i = 0; i < put_off.count; i++) {
        if (result == 0)
            result = sync_now(put_off.descriptors[i]);
        close(put_off.descriptors[i]);
    }
    put_off.count = 0;
    return result;
}

static bool note_full(int errno_value)
{
    if (errno_value == ENOSPC || errno_value == EDQUOT)
        disk_full = true;
    return disk_full;
}

bool engine_met_full_disk(void)
{
    return disk_full;
}

/* All of a checkpoint's writes come here (a hook for write(2) would make libdb seek and write instead). What
 * failed here it tries once more by lseek(2) and write(2): seek_hook ends that, for what it wants to write is the word that
 * all pages are on disk. */
static ssize_t pwrite_hook(int descriptor, const void *bytes, size_t length, off_t offset)
{
    if (put_off.count > 0 && make_up() != 0)
        put_off.failed = true;
    if (put_off.failed) {
        errno = EIO;
        return -1;
    }
    ssize_t written = pwrite(descriptor, bytes, length, offset);
    if (written < 0)
        note_full(errno);
    return written;
}

static int seek_hook(int descriptor, off_t offset, int whence)
{
    if (put_off.failed)
        return EIO;
    return lseek(descriptor, offset, whence) < 0 ? errno : 0;
}

/* ---- files ---- */

/* Regions are mapped files that grow up to a size of their own. All their blocks are reserved when they are made: a
 * write into a hole that the disk has no room for would be a SIGBUS. */
static bool reserve_region(int descriptor, const char *path)
{
    struct stat status;
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (strncmp(name, "__db.0", 6) != 0 || fstat(descriptor, &status) != 0 || status.st_size > 0)
        return true;
    off_t size = strcmp(name, CACHE_FILE) == 0 ? CACHE_SIZE + CACHE_SIZE / 4 + REGION_SIZE : REGION_SIZE;
    if (fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, size) == 0)
        return true;
    if (errno == EOPNOTSUPP)
        errno = posix_fallocate(descriptor, 0, size);
    if (errno == 0)
        return true;
    note_full(errno);
    return false;
}

/* libdb syncs its log before it writes a page that needs it, and never the folder: without its entry a new log file is gone
 * with the power, and the page refers to what is not there. */
static bool sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash - path >= PATH_MAX)
        return true;
    memcpy(folder, path, (size_t)(slash - path));
    folder[slash - path] = '\0';
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = descriptor >= 0 ? sync_by(fsync, descriptor) : -1;
    int saved = errno;
    if (descriptor >= 0)
        close(descriptor);
    errno = saved;
    return result == 0;
}

/* libdb sets FD_CLOEXEC in a second call: a fork in between would hand the descriptor to a function. */
static int open_hook(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    bool log = log_spare_is_log(path);
    bool new_log = log && (flags & O_CREAT) != 0 && inside != NULL && access(path, F_OK) != 0;
    if (log && (flags & O_CREAT) != 0 && inside != NULL && log_spare_use(path))
        gate_page(inside)->spare_ready = 0;
    int descriptor = open(path, flags | O_CLOEXEC, mode);
    if (descriptor >= 0 && descriptor < (int)(sizeof is_log / sizeof is_log[0]))
        is_log[descriptor] = log;
    if (descriptor >= 0 && new_log && !sync_folder_of(path)) {
        int saved = errno;
        close(descriptor);
        errno = saved;
        return -1;
    }
    if (descriptor >= 0 && (flags & O_CREAT) != 0 && !reserve_region(descriptor, path)) {
        int saved = errno;
        close(descriptor);
        unlink(path); /* else the next one joins a region that was never made */
        errno = saved;
        return -1;
    }
    return descriptor;
}

/* libdb makes a table under another name and then gives it its own. Whoever loses power in between is to find under that
 * name what the log's recovery looks for in it: an empty file is refused there, and with it the whole store. */
static int rename_hook(const char *from, const char *to)
{
    int descriptor = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int result = descriptor >= 0 ? sync_now(descriptor) : -1;
    int saved = errno;
    if (descriptor >= 0)
        close(descriptor);
    errno = saved;
    return result == 0 ? rename(from, to) : -1;
}

static pthread_once_t hooks_once = PTHREAD_ONCE_INIT;

static void set_hooks(void)
{
    db_env_set_func_fsync(sync_hook);
    db_env_set_func_open(open_hook);
    db_env_set_func_pwrite(pwrite_hook);
    db_env_set_func_rename(rename_hook);
    db_env_set_func_seek(seek_hook);
}

/* What a process, or the disk, is short of says nothing against the store: whoever comes later may have enough. */
static int shortage_in(const char *message)
{
    static const int shortages[] = {ENOSPC, EDQUOT, ENOMEM, EMFILE, ENFILE};
    for (size_t i = 0; i < sizeof shortages / sizeof shortages[0]; i++)
        if (strstr(message, strerror(shortages[i])) != NULL)
            return shortages[i];
    return 0;
}

/* The last words are the most telling: libdb says "checksum error", then "PANIC". Both fit. */
static void hear_error(const DB_ENV *handle, const char *prefix, const char *message)
{
    struct engine *engine = handle->app_private;
    size_t length = strlen(engine->words);
    int shortage = shortage_in(message);
    note_full(shortage);
    if (shortage != 0)
        engine->shortage = shortage;
    snprintf(engine->words + length, sizeof engine->words - length, "%s%s", length > 0 ? "; " : "", message);
}

static void hear_event(DB_ENV *handle, u_int32_t event, void *information)
{
    struct engine *engine = handle->app_private;
    if (event == DB_EVENT_PANIC)
        engine->panicked = true;
}

static void hear_progress(DB_ENV *handle, int what, int percent)
{
    if (inside != NULL)
        gate_pulse(inside);
}

/* ---- opening and closing ---- */

uint32_t engine_library(void)
{
    int major, minor, patch;
    db_version(&major, &minor, &patch);
    return (uint32_t)major << 16 | (uint32_t)minor << 8 | (uint32_t)patch;
}

static int make_handle(struct engine **engine, struct error *words)
{
    pthread_once(&hooks_once, set_hooks);
    struct engine *made = calloc(1, sizeof *made);
    if (made == NULL)
        return ENOMEM;
    int result = db_env_create(&made->handle, 0);
    if (result != 0) {
        free(made);
        return result;
    }
    made->handle->app_private = made;
    made->handle->set_errcall(made->handle, hear_error);
    made->handle->set_event_notify(made->handle, hear_event);
    made->handle->set_feedback(made->handle, hear_progress);
    *engine = made;
    return 0;
}

static int configure(DB_ENV *handle)
{
    int result = handle->set_cachesize(handle, 0, CACHE_SIZE, 1);
    if (result == 0)
        result = handle->set_mp_tablesize(handle, CACHE_CHAINS);
    if (result == 0) /* or each chain has a mutex, which is never taken (DB_NOLOCKING) and has to have room */
        result = handle->set_mp_mtxcount(handle, 1);
    if (result == 0)
        result = handle->set_lg_max(handle, LOG_FILE_SIZE);
    if (result == 0)
        result = handle->set_lg_bsize(handle, LOG_BUFFER);
    if (result == 0)
        result = handle->set_memory_init(handle, DB_MEM_LOGID, 2048);
    if (result == 0)
        result = handle->set_memory_init(handle, DB_MEM_TRANSACTION, 32);
    if (result == 0)
        result = handle->set_flags(handle, DB_NOMMAP | DB_TXN_WRITE_NOSYNC, 1);
    /* The gate lets one caller in at a time, so libdb's own mutexes never keep anybody out; without them a call costs a
     * quarter less, and one that was held by a process that died holds up nobody. (libdb's manual keeps this flag for
     * debugging: it leaves the exclusion to the caller, which is what the gate is.) */
    if (result == 0)
        result = handle->set_flags(handle, DB_NOLOCKING, 1);
    return result;
}

static int fail_open(struct engine *engine, int result, struct error *words)
{
    if (result == DB_RUNRECOVERY && engine->shortage != 0)
        result = engine->shortage; /* what it panicked at */
    else if (result == DB_RUNRECOVERY && disk_full)
        result = ENOSPC;
    error_set(words, IO, "%s%s%s", db_strerror(result), engine->words[0] != '\0' ? ": " : "", engine->words);
    engine->handle->close(engine->handle, 0);
    free(engine);
    return result;
}

int engine_open(const char *data_dir, bool recover, struct engine **engine, struct error *words)
{
    struct engine *made;
    int result = make_handle(&made, words);
    if (result != 0)
        return result;
    DB_ENV *handle = made->handle;
    result = configure(handle);
    u_int32_t flags = DB_CREATE | DB_INIT_TXN | DB_INIT_LOG | DB_INIT_MPOOL | (recover ? DB_RECOVER : 0);
    if (result == 0)
        result = handle->open(handle, data_dir, flags, 0600);
    if (result != 0)
        return fail_open(made, result, words);
    made->words[0] = '\0';
    *engine = made;
    return 0;
}

void engine_close(struct engine *engine)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        if (engine->tables[i] != NULL)
            engine->tables[i]->close(engine->tables[i], DB_NOSYNC);
    engine->handle->close(engine->handle, 0);
    free(engine);
}

/* Kept reachable: what libdb has allocated for it is lost on purpose, and leak checkers are to know. */
static struct engine *abandoned[64];
static _Atomic unsigned abandoned_count;

void engine_abandon(struct engine *engine)
{
    abandoned[abandoned_count++ % 64] = engine;
}

DB_ENV *engine_handle(struct engine *engine)
{
    return engine->handle;
}

static int open_table(struct engine *engine, enum table name, bool read_only, DB **table, bool *made)
{
    DB *opened;
    int result = db_create(&opened, engine->handle, 0);
    if (result != 0)
        return result;
    result = opened->set_pagesize(opened, tables[name].page_size);
    if (result == 0)
        result = opened->set_flags(opened, tables[name].flags);
    u_int32_t flags = DB_AUTO_COMMIT | (read_only ? DB_RDONLY : 0);
    if (result == 0)
        result = opened->open(opened, NULL, tables[name].file, NULL, DB_BTREE, flags, 0600);
    *made = result == ENOENT && !read_only;
    if (*made) {
        opened->close(opened, DB_NOSYNC);
        engine->words[0] = '\0';
        result = db_create(&opened, engine->handle, 0);
        if (result != 0)
            return result;
        opened->set_pagesize(opened, tables[name].page_size);
        opened->set_flags(opened, tables[name].flags);
        result = opened->open(opened, NULL, tables[name].file, NULL, DB_BTREE, flags | DB_CREATE, 0600);
    }
    if (result == 0)
        *table = opened;
    else
        opened->close(opened, DB_NOSYNC);
    return result;
}

int engine_table(struct engine *engine, enum table name, bool read_only, DB **table, bool *made)
{
    *made = false;
    if (engine->tables[name] == NULL) {
        int result = open_table(engine, name, read_only, &engine->tables[name], made);
        if (result == ENOENT && read_only) {
            engine->words[0] = '\0';
            *table = NULL;
            return 0;
        }
        if (result != 0)
            return result;
    }
    *table = engine->tables[name];
    return 0;
}

int engine_position(struct engine *engine, uint64_t *position)
{
    DB_LOG_STAT *stat;
    int result = engine->handle->log_stat(engine->handle, &stat, 0);
    if (result != 0)
        return result;
    *position = (uint64_t)stat->st_cur_file << 32 | stat->st_cur_offset;
    free(stat);
    return 0;
}

int engine_flushed_position(struct engine *engine, uint64_t *position)
{
    int result = engine->handle->log_flush(engine->handle, NULL);
    return result != 0 ? result : engine_position(engine, position);
}

bool engine_panicked(const struct engine *engine)
{
    return engine->panicked;
}

const char *engine_words(struct engine *engine)
{
    return engine->words;
}

void engine_forget_words(struct engine *engine)
{
    engine->words[0] = '\0';
}

/* ---- checkpoints ---- */

int engine_trickle(struct engine *engine, bool *left)
{
    DB_MPOOL_STAT *stat;
    int result = engine->handle->memp_stat(engine->handle, &stat, NULL, 0);
    if (result != 0)
        return result;
    uint64_t pages = stat->st_pages, dirty = stat->st_page_dirty;
    free(stat);
    *left = false;
    if (pages == 0 || dirty == 0)
        return 0;
    int clean = (int)((pages - (dirty < pages ? dirty : pages)) * 100 / pages);
    int wanted = clean + TRICKLE_STEP < 100 ? clean + TRICKLE_STEP : 100;
    int wrote = 0;
    result = engine->handle->memp_trickle(engine->handle, wanted, &wrote);
    *left = wrote > 0 && wanted < 100;
    return result;
}

int engine_checkpoint(struct engine *engine)
{
    put_off.allowed = true;
    put_off.failed = false;
    int result = engine->handle->txn_checkpoint(engine->handle, 0, 0, 0);
    put_off.allowed = false;
    put_off.failed = false;
    int made_up = make_up();
    return result != 0 ? result : made_up == 0 ? 0 : EIO;
}

int engine_remove_logs(struct engine *engine)
{
    return engine->handle->log_archive(engine->handle, NULL, DB_ARCH_REMOVE);
}

int engine_verify(struct engine *engine, enum table name)
{
    DB *table;
    int result = db_create(&table, engine->handle, 0);
    if (result == 0)
        result = table->verify(table, tables[name].file, NULL, NULL,
                               0); /* takes the handle back, whatever comes */
    if (result == ENOENT) {
        engine_forget_words(engine);
        return 0;
    }
    return result;
}

/* ---- before a recovery ---- */

int engine_probe_log(const char *data_dir, uint64_t *position, struct error *words)
{
    struct engine *probe;
    int result = make_handle(&probe, words);
    if (result != 0)
        return result;
    DB_ENV *handle = probe->handle;
    result = handle->set_lg_max(handle, LOG_FILE_SIZE);
    if (result == 0)
        result = handle->set_lg_bsize(handle, LOG_BUFFER);
    if (result == 0)
        result = handle->open(handle, data_dir, DB_CREATE | DB_PRIVATE | DB_INIT_LOG, 0600);
    if (result == 0)
        result = engine_position(probe, position);
    if (result != 0)
        return fail_open(probe, result, words);
    engine_close(probe);
    return 0;
}
