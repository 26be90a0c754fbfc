# The Berkeley DB store: the only place that includes db.h.
lib_libjobgate_a_SOURCES += \
	lib/store_bdb/environment.h
