/* The only place that knows libfcgi.
 *
 * Its ways (measured, 2.4.2): a request belongs to its FCGX_Request and not to a thread, so another thread may finish
 * it. FD_SET is used on descriptors, so none may reach 1024. FCGX_Finish_r shuts the connection down and waits for the
 * server to close its side, a change of threads for each request; FCGX_Detach leaves a plain close. That is right once
 * all of the request was read, and only then: a close with something unread is a reset, which may overtake the answer.
 * Accepted sockets are not CLOEXEC: launch.h closes them in its child. */
#include "config.h"
#include "transport.h"

#include "clock.h"
#include "committer.h"
#include "log.h"
#include "pool.h"

#include <fcgiapp.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS_MAX     1024  /* FD_SETSIZE: beyond it libfcgi writes outside its tables */
#define WATCH_MS            3000  /* how often the main thread looks around */
#define IDLE_MS             2000  /* without a request, before an upgraded program ends */
#define STOP_MS             20000 /* for requests under way when the program is to end */
#define ACCEPT_FAILED_US    20000
#define ACCEPT_FAILURES_MAX 250 /* in a row: the socket is gone */

struct server {
    const struct application *application;
    struct pool *pool;
    struct committer *committer;
    pthread_mutex_t lock; /* of `free` */
    struct connection *free;
    atomic_uint busy; /* requests under way */
    _Atomic int64_t last_request_ms;
    atomic_uint accept_failures;
};

/* One request and its exchange; used again and again. `piece` comes first: the committer hands that back. */
struct connection {
    struct committer_piece piece;
    FCGX_Request fcgi;
    struct exchange exchange;
    struct buffer head;
    struct server *server;
    struct connection *next;
    bool body_has_ended;
};

bool transport_is_fastcgi(void)
{
    return !FCGX_IsCGI();
}

static ssize_t read_stream(void *context, void *bytes, size_t most)
{
    struct connection *connection = context;
    int count = FCGX_GetStr(bytes, (int)most, connection->fcgi.in);
    if (count == 0) {
        connection->body_has_ended = true;
        if (FCGX_GetError(connection->fcgi.in) != 0)
            return -1;
    }
    return count;
}

static bool begin_wait(void *context)
{
    struct connection *connection = context;
    return pool_begin_wait(connection->server->pool);
}

static void end_wait(void *context)
{
    struct connection *connection = context;
    pool_end_wait(connection->server->pool);
}

static bool should_stop(void *context)
{
    struct connection *connection = context;
    struct pollfd server_side = {.fd = connection->fcgi.ipcFd, .events = 0};
    return pool_is_stopping(connection->server->pool) ||
           (poll(&server_side, 1, 0) > 0 && (server_side.revents & (POLLHUP | POLLERR)) != 0);
}

static const struct exchange_host host = {begin_wait, end_wait, should_stop};

static struct connection *take_connection(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    struct connection *connection = server->free;
    if (connection != NULL)
        server->free = connection->next;
    pthread_mutex_unlock(&server->lock);
    if (connection != NULL)
        return connection;
    connection = calloc(1, sizeof *connection);
    if (connection == NULL || FCGX_InitRequest(&connection->fcgi, 0, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
        free(connection);
        return NULL;
    }
    connection->server = server;
    connection->exchange.source = (struct body_source){read_stream, connection, true};
    connection->exchange.host = &host;
    connection->exchange.host_context = connection;
    return connection;
}

static void put_back(struct connection *connection)
{
    struct server *server = connection->server;
    exchange_reset(&connection->exchange);
    buffer_clear(&connection->head);
    pthread_mutex_lock(&server->lock);
    connection->next = server->free;
    server->free = connection;
    pthread_mutex_unlock(&server->lock);
}

/* What was not wanted of the body is read away, within bounds. */
static void drain(struct connection *connection)
{
    char scratch[4096];
    for (size_t drained = 0; !connection->body_has_ended && drained < REQUEST_DRAIN_MAX;) {
        ssize_t count = read_stream(connection, scratch, sizeof scratch);
        if (count <= 0)
            break;
        drained += (size_t)count;
    }
}

static void finish(struct connection *connection)
{
    const struct response *response = &connection->exchange.response;
    struct server *server = connection->server;
    drain(connection);
    response_render(response, &connection->head);
    if (!connection->head.failed) {
        FCGX_PutStr(connection->head.data, (int)connection->head.length, connection->fcgi.out);
        if (response_has_body(response, connection->exchange.request.method) && response->body.length > 0)
            FCGX_PutStr(response->body.data, (int)response->body.length, connection->fcgi.out);
    }
    if (connection->body_has_ended)
        FCGX_Detach(&connection->fcgi);
    FCGX_Finish_r(&connection->fcgi);
    /* A connection that the server would like to keep is closed as well: reading from it would hold an
     * accepting thread. */
    FCGX_Free(&connection->fcgi, 1);
    put_back(connection);
    atomic_fetch_sub(&server->busy, 1);
}

/* The committer's: the tickets of all these are synced (or not, by `synced`). */
static void finish_synced(struct committer_piece *piece, enum outcome synced, const struct error *error)
{
    struct connection *connection = (struct connection *)piece;
    exchange_settle(&connection->exchange, synced, error);
    finish(connection);
}

static void answer(struct connection *connection)
{
    struct server *server = connection->server;
    struct exchange *exchange = &connection->exchange;
    connection->body_has_ended = false;
    application_answer(server->application, exchange, connection->fcgi.envp);
    if (exchange->ticket.position != 0) {
        connection->piece.store = exchange->store;
        connection->piece.ticket = exchange->ticket;
        connection->piece.wait_ms = exchange->configuration->store_deadline_ms;
        if (committer_hand_over(server->committer, &connection->piece))
            return;
        exchange_sync(exchange);
    }
    finish(connection);
}

/* False when it is of no use to try again. */
static bool accept_failed(struct server *server)
{
    if (pool_is_stopping(server->pool))
        return false;
    if (atomic_fetch_add(&server->accept_failures, 1) > ACCEPT_FAILURES_MAX) {
        log_event(LOG_LEVEL_ERROR, "accept_failed", "reason", strerror(errno), NULL);
        return false;
    }
    clock_sleep_us(ACCEPT_FAILED_US);
    return true;
}

static bool serve_one(void *context)
{
    struct server *server = context;
    struct connection *connection = take_connection(server);
    if (connection == NULL)
        return accept_failed(server);
    pool_interruptible(true);
    int accepted = FCGX_Accept_r(&connection->fcgi);
    pool_interruptible(false);
    if (accepted != 0) {
        put_back(connection);
        return accept_failed(server);
    }
    atomic_store(&server->accept_failures, 0);
    atomic_fetch_add(&server->busy, 1);
    atomic_store(&server->last_request_ms, clock_monotonic_ms());
    answer(connection);
    return true;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Whether another program lies where this one was started from, whole (its file is not being written just
 * now). */
static bool was_replaced(const char *path, const struct stat *started)
{
    struct stat now;
    return *path != '\0' && stat(path, &now) == 0 && !same_file(started, &now) && access(path, X_OK) == 0 &&
           now.st_mtim.tv_sec * 1000 + IDLE_MS < clock_wall_ms();
}

static bool is_idle(struct server *server)
{
    return atomic_load(&server->busy) == 0 &&
           clock_monotonic_ms() - atomic_load(&server->last_request_ms) >= IDLE_MS;
}

/* The main thread has nothing else to do: after a reboot it starts a worker for what waits, without any
 * request. */
static void look_after(const struct application *application)
{
    service_nudge(application->service);
    if (application->housekeeping != NULL)
        application->housekeeping(application->service);
}

/* Until TERM, or until there is a newer program to make room for. */
static void watch(struct server *server, const sigset_t *signals)
{
    struct stat started = {0};
    char path[4096] = "";
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    if (stat(path, &started) != 0)
        path[0] = '\0';
    while (!pool_is_stopping(server->pool)) {
        look_after(server->application);
        struct timespec period = {.tv_sec = WATCH_MS / 1000, .tv_nsec = WATCH_MS % 1000 * 1000000};
        int signal_number = sigtimedwait(signals, NULL, &period);
        if (signal_number == SIGTERM || signal_number == SIGINT || signal_number == SIGUSR1)
            return;
        const char *why = was_replaced(path, &started)                          ? "program replaced"
                          : service_wants_restart(server->application->service) ? "store recovered often"
                                                                                : NULL;
        if (why != NULL && is_idle(server)) {
            log_event(LOG_LEVEL_INFO, "making_room", "reason", why, NULL);
            return;
        }
    }
}

static void limit_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && (limit.rlim_cur > DESCRIPTORS_MAX)) {
        limit.rlim_cur = DESCRIPTORS_MAX;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void free_connections(struct server *server)
{
    while (server->free != NULL) {
        struct connection *connection = server->free;
        server->free = connection->next;
        exchange_free(&connection->exchange);
        buffer_free(&connection->head);
        free(connection);
    }
}

int transport_fastcgi(const struct application *application, unsigned threads)
{
    struct server server = {.application = application, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct error error = {0};
    sigset_t signals;

    limit_descriptors();
    FCGX_Init();
    signal(SIGPIPE, SIG_IGN);
    /* The threads inherit this mask: TERM comes to watch() alone, and no system call of a request ends early.
     */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    atomic_store(&server.last_request_ms, clock_monotonic_ms());
    unsigned active = pool_active(threads, application->accepting, pool_processors());
    server.committer = committer_start(finish_synced, active > 1);
    if (server.committer == NULL ||
        pool_start(threads, active, serve_one, &server, &server.pool, &error) != OK) {
        log_event(LOG_LEVEL_ERROR, "start_failed", "reason", error.text, NULL);
        return 1;
    }
    watch(&server, &signals);
    FCGX_ShutdownPending();
    if (!pool_stop(server.pool, clock_deadline(STOP_MS)) ||
        !committer_stop(server.committer, clock_deadline(STOP_MS))) {
        log_event(LOG_LEVEL_WARNING, "stopped_late", NULL);
        _exit(0);
    }
    pool_free(server.pool);
    free_connections(&server);
    return 0;
}
