# jobgatectl: for the administrator and for scripts. Depends on lib only.
bin_PROGRAMS += ctl/jobgatectl
ctl_jobgatectl_SOURCES = \
	ctl/change.c \
	ctl/command.h \
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
	ctl/main.c \
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
ctl_jobgatectl_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS)
ctl_jobgatectl_LDADD = $(JOBGATE_LIBS) $(CURL_LIBS)
