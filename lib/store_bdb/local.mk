# The Berkeley DB store: the only place that includes db.h.
lib_libjobgate_a_SOURCES += \
	lib/store_bdb/due_turns.c \
	lib/store_bdb/due_turns.h \
	lib/store_bdb/environment.h \
	lib/store_bdb/job_load.c \
	lib/store_bdb/job_rows.h \
	lib/store_bdb/job_save.c \
	lib/store_bdb/keys.c \
	lib/store_bdb/keys.h \
	lib/store_bdb/record.c \
	lib/store_bdb/record.h \
	lib/store_bdb/store_attempt.c \
	lib/store_bdb/store_bdb.h \
	lib/store_bdb/store_cancel.c \
	lib/store_bdb/store_claim.c \
	lib/store_bdb/store_count.c \
	lib/store_bdb/store_due.c \
	lib/store_bdb/store_expire.c \
	lib/store_bdb/store_finish.c \
	lib/store_bdb/store_list.c \
	lib/store_bdb/store_log.c \
	lib/store_bdb/store_open.c \
	lib/store_bdb/store_read.c \
	lib/store_bdb/store_submit.c \
	lib/store_bdb/table.c \
	lib/store_bdb/table.h \
	lib/store_bdb/table_write.c
