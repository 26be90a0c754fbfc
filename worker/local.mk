# The detached side: supervisor, worker, and what runs functions. Depends on lib only.
noinst_LIBRARIES += worker/libworker.a
worker_libworker_a_SOURCES = \
	worker/attempt.c \
	worker/capture.c \
	worker/capture.h \
	worker/environment.c \
	worker/environment.h \
	worker/exec.c \
	worker/limits.c \
	worker/limits.h \
	worker/runner.h \
	worker/scratch.c \
	worker/scratch.h \
	worker/signals.c \
	worker/signals.h \
	worker/strays.c \
	worker/strays.h
