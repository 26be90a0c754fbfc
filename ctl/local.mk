# jobgatectl: for the administrator and for scripts. Depends on lib only.
bin_PROGRAMS += ctl/jobgatectl
noinst_LIBRARIES += ctl/libctl.a
ctl_libctl_a_SOURCES = \
	ctl/change.c \
	ctl/command.h \
	ctl/commands.c \
	ctl/control.c \
	ctl/doctor.c \
	ctl/doctor.h \
	ctl/doctor_place.c \
	ctl/doctor_web.c \
	ctl/doctor_work.c \
	ctl/follow.c \
	ctl/follow.h \
	ctl/functions.c \
	ctl/input.c \
	ctl/input.h \
	ctl/inventory.c \
	ctl/inventory.h \
	ctl/keep.c \
	ctl/key.c \
	ctl/look.c \
	ctl/output.c \
	ctl/output.h \
	ctl/pause.c \
	ctl/selection.c \
	ctl/selection.h \
	ctl/stats.c \
	ctl/submit.c \
	ctl/transfer.c \
	ctl/user.c \
	ctl/user.h
ctl_libctl_a_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS)
CTL_LIBS = ctl/libctl.a worker/libworker.a $(JOBGATE_LIBS) $(CURL_LIBS)
ctl_jobgatectl_SOURCES = ctl/main.c
ctl_jobgatectl_LDADD = $(CTL_LIBS)
# Completion for bash, found there by name.
completiondir = $(datarootdir)/bash-completion/completions
dist_completion_DATA = ctl/completion/jobgatectl
