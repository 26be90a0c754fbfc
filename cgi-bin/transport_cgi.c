#include "config.h"
#include "transport.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static ssize_t read_input(void *context, void *bytes, size_t most)
{
    ssize_t count;
    do
        count = read(STDIN_FILENO, bytes, most);
    while (count < 0 && errno == EINTR);
    return count;
}

static bool write_output(const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t count = write(STDOUT_FILENO, at, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        at += count;
        length -= (size_t)count;
    }
    return true;
}

/* A process of its own may wait as long as it likes. That the client has left shows in the pipe's other end,
 * which cannot be asked without writing: the server ends such a process. */
static bool begin_wait(void *context)
{
    return true;
}

static void end_wait(void *context)
{
}

static bool should_stop(void *context)
{
    return false;
}

int transport_cgi(const struct application *application, char *const environment[])
{
    static const struct exchange_host host = {begin_wait, end_wait, should_stop};
    struct exchange exchange = {.source = {.read = read_input, .ends = false}, .host = &host};
    struct buffer head = {0};

    /* A client that has left is an error of write(2), not the end of what is under way. */
    signal(SIGPIPE, SIG_IGN);
    application_answer(application, &exchange, environment);
    exchange_sync(&exchange);
    response_render(&exchange.response, &head);
    if (response_has_body(&exchange.response, exchange.request.method) && exchange.response.body.length > 0)
        buffer_append(&head, exchange.response.body.data, exchange.response.body.length);
    bool written = !head.failed && write_output(head.data, head.length);
    /* The server waits for the end of the output, and need not wait for the housekeeping. */
    close(STDOUT_FILENO);
    if (application->housekeeping != NULL)
        application->housekeeping(application->service);
    buffer_free(&head);
    exchange_free(&exchange);
    return written ? 0 : 1;
}
