# Unit tests: one program for each module of lib/, printing TAP, run by automake's TAP driver.
# A new C test, here or in tests/contract/local.mk, is tests/<folder>/test_NAME.c (see test.h) and these two lines:
#
#	cmocka_tests += tests/<folder>/test_NAME
#	tests_<folder>_test_NAME_LDADD = $(TEST_LIBS)
#
# (in tests/contract the header is "../unit/test.h"; more than that one source: also tests_<folder>_test_NAME_SOURCES). Without cmocka `make check` fails and says so.
TEST_LIBS = tests/unit/libtest.a $(JOBGATE_LIBS) $(CMOCKA_LIBS)
LOG_COMPILER = $(srcdir)/tests/unit/run
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh

# Where the functions of tests/functions are: scripts in the source, programs where they are built.
WORKER_TEST_CPPFLAGS = -DFUNCTIONS_SOURCE='"$(abs_top_srcdir)/tests/functions"' \
	-DFUNCTIONS_BUILT='"$(abs_top_builddir)/tests/functions"'

cmocka_tests =
check_LIBRARIES =
EXTRA_DIST += tests/unit/cmocka_missing tests/unit/run
if HAVE_CMOCKA
check_LIBRARIES += tests/unit/libtest.a
check_PROGRAMS += $(cmocka_tests)
TESTS += $(cmocka_tests)
else
TESTS += tests/unit/cmocka_missing
endif

tests_unit_libtest_a_SOURCES = tests/unit/test.c tests/unit/test.h
STORE_FIXTURE = tests/unit/store_fixture.c tests/unit/store_fixture.h

cmocka_tests += tests/unit/test_access
tests_unit_test_access_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_address
tests_unit_test_address_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_buffer
tests_unit_test_buffer_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_combiner
tests_unit_test_combiner_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_clock
tests_unit_test_clock_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_job
tests_unit_test_job_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_configuration
tests_unit_test_configuration_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_function
tests_unit_test_function_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_job_id
tests_unit_test_job_id_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_json
tests_unit_test_json_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_libdb_checksum
tests_unit_test_libdb_checksum_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_log
tests_unit_test_log_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_outcome
tests_unit_test_outcome_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_record
tests_unit_test_record_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_slots
tests_unit_test_slots_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_spawn
tests_unit_test_spawn_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_store_rows
tests_unit_test_store_rows_SOURCES = tests/unit/test_store_rows.c tests/contract/fixture.c tests/contract/fixture.h
tests_unit_test_store_rows_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_store_verify
tests_unit_test_store_verify_SOURCES = tests/unit/test_store_verify.c tests/contract/fixture.c tests/contract/fixture.h
tests_unit_test_store_verify_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_environment
tests_unit_test_environment_SOURCES = tests/unit/test_environment.c $(STORE_FIXTURE)
tests_unit_test_environment_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_gate_kills
tests_unit_test_gate_kills_SOURCES = tests/unit/test_gate_kills.c $(STORE_FIXTURE)
tests_unit_test_gate_kills_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_throttle
tests_unit_test_throttle_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_setting
tests_unit_test_setting_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_webhook
tests_unit_test_webhook_SOURCES = tests/unit/test_webhook.c worker/webhook.c worker/webhook.h
tests_unit_test_webhook_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_capture
tests_unit_test_capture_LDADD = worker/libworker.a $(TEST_LIBS)
cmocka_tests += tests/unit/test_exec
tests_unit_test_exec_LDADD = worker/libworker.a $(TEST_LIBS)
tests_unit_test_exec_CPPFLAGS = $(AM_CPPFLAGS) $(WORKER_TEST_CPPFLAGS)
cmocka_tests += tests/unit/test_unsynced
tests_unit_test_unsynced_SOURCES = tests/unit/test_unsynced.c tests/contract/fixture.c tests/contract/fixture.h
tests_unit_test_unsynced_LDADD = worker/libworker.a $(TEST_LIBS)
cmocka_tests += tests/unit/test_strays
tests_unit_test_strays_LDADD = worker/libworker.a $(TEST_LIBS)
tests_unit_test_strays_CPPFLAGS = $(AM_CPPFLAGS) $(WORKER_TEST_CPPFLAGS)
cmocka_tests += tests/unit/test_gate_hazards
tests_unit_test_gate_hazards_SOURCES = tests/unit/test_gate_hazards.c tests/unit/injection.c tests/unit/injection.h $(STORE_FIXTURE)
tests_unit_test_gate_hazards_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_meter
tests_unit_test_meter_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_power_loss
tests_unit_test_power_loss_SOURCES = tests/unit/test_power_loss.c tests/unit/injection.c tests/unit/injection.h $(STORE_FIXTURE)
tests_unit_test_power_loss_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_folder
tests_unit_test_folder_LDADD = $(TEST_LIBS)
cmocka_tests += tests/unit/test_store_full
tests_unit_test_store_full_SOURCES = tests/unit/test_store_full.c tests/unit/injection.c tests/unit/injection.h $(STORE_FIXTURE)
tests_unit_test_store_full_LDADD = $(TEST_LIBS)
