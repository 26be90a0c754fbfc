/* bare_fastcgi.c - the comparison for rows 1 and 2: the least a FastCGI program can do
 *
 *     bare_fastcgi SOCKET THREADS GET_ANSWER POST_ANSWER
 *
 * Listens on the Unix socket and answers every request with the bytes of a file: POST_ANSWER (after the body
 * was read) to a POST, GET_ANSWER to anything else. The files hold what the real programs send, so that web
 * server and client have the same work on both sides. Runs until it is killed. */
#include "config.h"

#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct answer {
    char *bytes;
    int length;
};

struct bare {
    int listener;
    struct answer get;
    struct answer post;
};

static struct answer answer_load(const char *file)
{
    struct answer answer = {0};
    struct stat status;
    FILE *stream = fopen(file, "re");
    if (stream != NULL && fstat(fileno(stream), &status) == 0) {
        answer.bytes = malloc((size_t)status.st_size + 1);
        if (answer.bytes != NULL) {
            answer.length = (int)fread(answer.bytes, 1, (size_t)status.st_size, stream);
        }
    }
    if (stream != NULL) {
        fclose(stream);
    }
    if (answer.length == 0) {
        fprintf(stderr, "bare_fastcgi: cannot read %s\n", file);
        exit(1);
    }
    return answer;
}

static void *serve(void *context)
{
    const struct bare *bare = context;
    FCGX_Request request;
    FCGX_InitRequest(&request, bare->listener, 0);
    while (FCGX_Accept_r(&request) == 0) {
        const char *method = FCGX_GetParam("REQUEST_METHOD", request.envp);
        const struct answer *answer = &bare->get;
        if (method != NULL && strcmp(method, "POST") == 0) {
            char body[8192];
            while (FCGX_GetStr(body, sizeof body, request.in) > 0) {
            }
            answer = &bare->post;
        }
        FCGX_PutStr(answer->bytes, answer->length, request.out);
        FCGX_Finish_r(&request);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int threads = argc == 5 ? atoi(argv[2]) : 0;
    if (threads < 1) {
        fprintf(stderr, "usage: bare_fastcgi SOCKET THREADS GET_ANSWER POST_ANSWER\n");
        return 2;
    }
    struct bare bare = {.get = answer_load(argv[3]), .post = answer_load(argv[4])};
    FCGX_Init();
    bare.listener = FCGX_OpenSocket(argv[1], 1024);
    if (bare.listener < 0) {
        fprintf(stderr, "bare_fastcgi: cannot listen on %s\n", argv[1]);
        return 1;
    }
    for (int i = 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, &bare) != 0) {
            fprintf(stderr, "bare_fastcgi: no thread\n");
            return 1;
        }
    }
    serve(&bare);
    return 0;
}
