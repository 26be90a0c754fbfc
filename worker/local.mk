# The detached side: supervisor, worker, and what runs functions. Depends on lib only.
noinst_LIBRARIES += worker/libworker.a
worker_libworker_a_SOURCES = \
	worker/account.c \
	worker/account.h \
	worker/attempt.c \
	worker/capture.c \
	worker/capture.h \
	worker/environment.c \
	worker/environment.h \
	worker/envelope.c \
	worker/envelope.h \
	worker/exec.c \
	worker/limits.c \
	worker/limits.h \
	worker/room.c \
	worker/room.h \
	worker/runner.h \
	worker/scratch.c \
	worker/scratch.h \
	worker/signals.c \
	worker/signals.h \
	worker/strays.c \
	worker/strays.h \
	worker/unsynced.c \
	worker/unsynced.h

# What is launched in a slot: small, without the store.
pkglibexec_PROGRAMS += worker/jobgate-supervisor
worker_jobgate_supervisor_SOURCES = \
	worker/control.h \
	worker/supervisor.c
worker_jobgate_supervisor_LDADD = worker/libworker.a lib/libjobgate.a $(JSON_LIBS) $(NETTLE_LIBS) $(INIH_LIBS)

pkglibexec_PROGRAMS += worker/jobgate-worker
worker_jobgate_worker_SOURCES = \
	worker/care.c \
	worker/control.h \
	worker/errand.c \
	worker/main.c \
	worker/worker.c \
	worker/worker.h
worker_jobgate_worker_LDADD = worker/libworker.a $(JOBGATE_LIBS)

# Callbacks have a program of their own: the only one that talks to the network, and that links libcurl.
pkglibexec_PROGRAMS += worker/jobgate-deliver
worker_jobgate_deliver_SOURCES = \
	worker/courier.c \
	worker/courier.h \
	worker/deliverer.c \
	worker/destination.c \
	worker/destination.h \
	worker/webhook.c \
	worker/webhook.h
worker_jobgate_deliver_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS)
worker_jobgate_deliver_LDADD = worker/libworker.a $(JOBGATE_LIBS) $(CURL_LIBS)
