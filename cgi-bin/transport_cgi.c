#include "config.h"
#include "transport.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

struct input {
    uint64_t got;
    bool ended;
};

static ssize_t read_input(void *context, void *bytes, size_t most)
{
    struct input *input = context;
    ssize_t count;
    do
        count = read(STDIN_FILENO, bytes, most);
    while (count < 0 && errno == EINTR);
    if (count > 0)
        input->got += (uint64_t)count;
    else
        input->ended = true;
    return count;
}

/* What was not wanted of the body is read away, within bounds: Apache's mod_cgid has standard input and output on one
 * socket, and what lies unread in it when we end resets it, and the client loses the end of the answer. Not read is
 * what was not announced: that may block. */
static void drain(struct input *input, const struct request *request)
{
    char scratch[4096];
    bool chunked = !request->has_length && *request_header(request, HEADER_TRANSFER_ENCODING) != '\0';
    uint64_t announced = request->has_length && !request->length_is_wrong ? request->content_length : 0;
    uint64_t end = chunked || announced > REQUEST_DRAIN_MAX ? REQUEST_DRAIN_MAX : announced;
    while (!input->ended && input->got < end) {
        size_t most = end - input->got < sizeof scratch ? (size_t)(end - input->got) : sizeof scratch;
        read_input(input, scratch, most);
    }
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
    struct input input = {0};
    struct exchange exchange = {.source = {.read = read_input, .context = &input, .ends = false},
                                .host = &host};
    struct buffer head = {0};

    /* A client that has left is an error of write(2), not the end of what is under way. */
    signal(SIGPIPE, SIG_IGN);
    application_answer(application, &exchange, environment);
    exchange_sync(&exchange);
    drain(&input, &exchange.request);
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
