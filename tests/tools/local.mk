# Programs that only tests use.
check_PROGRAMS += tests/tools/jobgate-put
tests_tools_jobgate_put_SOURCES = tests/tools/jobgate-put.c
tests_tools_jobgate_put_LDADD = $(JOBGATE_LIBS)
