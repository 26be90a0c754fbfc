# Tests of the HTTP side without a server: the request as a value, and all handlers against a world in memory.
HTTP_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cgi-bin
HTTP_TEST_LIBS = tests/unit/libtest.a cgi-bin/libjobgatehttp.a $(JOBGATE_LIBS) $(FCGI_LIBS) $(CMOCKA_LIBS)
HTTP_TEST_WORLD = tests/http_unit/ask.c tests/http_unit/ask.h tests/http_unit/fake_world.c tests/http_unit/fake_world.h

cmocka_tests += tests/http_unit/test_errors
tests_http_unit_test_errors_SOURCES = tests/http_unit/test_errors.c $(HTTP_TEST_WORLD)
tests_http_unit_test_errors_CPPFLAGS = $(HTTP_TEST_CPPFLAGS)
tests_http_unit_test_errors_LDADD = $(HTTP_TEST_LIBS)
cmocka_tests += tests/http_unit/test_jobs
tests_http_unit_test_jobs_SOURCES = tests/http_unit/test_jobs.c $(HTTP_TEST_WORLD)
tests_http_unit_test_jobs_CPPFLAGS = $(HTTP_TEST_CPPFLAGS)
tests_http_unit_test_jobs_LDADD = $(HTTP_TEST_LIBS)
cmocka_tests += tests/http_unit/test_request
tests_http_unit_test_request_CPPFLAGS = $(HTTP_TEST_CPPFLAGS)
tests_http_unit_test_request_LDADD = $(HTTP_TEST_LIBS)
cmocka_tests += tests/http_unit/test_guard
tests_http_unit_test_guard_SOURCES = tests/http_unit/test_guard.c $(HTTP_TEST_WORLD)
tests_http_unit_test_guard_CPPFLAGS = $(HTTP_TEST_CPPFLAGS)
tests_http_unit_test_guard_LDADD = $(HTTP_TEST_LIBS)
