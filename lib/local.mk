# What both sides share. Depends on nothing else of Jobgate.
noinst_LIBRARIES += lib/libjobgate.a
lib_libjobgate_a_SOURCES = \
	lib/access.c \
	lib/access.h \
	lib/address.c \
	lib/address.h \
	lib/buffer.c \
	lib/buffer.h \
	lib/clock.c \
	lib/clock.h \
	lib/command_line.c \
	lib/command_line.h \
	lib/configuration.c \
	lib/configuration.h \
	lib/configuration_current.c \
	lib/configuration_private.h \
	lib/deliverer.c \
	lib/deliverer.h \
	lib/doorbell.c \
	lib/doorbell.h \
	lib/folder.c \
	lib/folder.h \
	lib/function.c \
	lib/function.h \
	lib/futex.h \
	lib/ini_file.c \
	lib/ini_file.h \
	lib/job.c \
	lib/job.h \
	lib/job_document.c \
	lib/job_document.h \
	lib/job_id.c \
	lib/job_id.h \
	lib/json.c \
	lib/json.h \
	lib/json_check.c \
	lib/json_keys.c \
	lib/json_keys.h \
	lib/launch.c \
	lib/launch.h \
	lib/log.c \
	lib/log.h \
	lib/meter.c \
	lib/meter.h \
	lib/outcome.c \
	lib/outcome.h \
	lib/paused.c \
	lib/paused.h \
	lib/room_support.c \
	lib/room_support.h \
	lib/setting.c \
	lib/setting.h \
	lib/slots.c \
	lib/slots.h \
	lib/spawn.c \
	lib/spawn.h \
	lib/store.h \
	lib/store_names.c \
	lib/throttle.c \
	lib/throttle.h

include lib/store_bdb/local.mk

# What a program that uses the library links with.
JOBGATE_LIBS = lib/libjobgate.a $(DB_LIBS) $(JSON_LIBS) $(NETTLE_LIBS) $(INIH_LIBS)
