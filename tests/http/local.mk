# Tests against real web servers, in Python: `make check-http` (README.md in tests/). HTTP_FLAGS goes to pytest.
PYTEST = /usr/bin/python3 -m pytest
EXTRA_DIST += \
	tests/README.md \
	tests/http/client.py \
	tests/http/clients.py \
	tests/http/conftest.py \
	tests/http/functions/hold \
	tests/http/functions/note \
	tests/http/functions/puppet \
	tests/http/functions/surroundings \
	tests/http/harness.py \
	tests/http/processes.py \
	tests/http/pytest.ini \
	tests/http/test_access.py \
	tests/http/test_bodies.py \
	tests/http/test_callbacks.py \
	tests/http/test_errors.py \
	tests/http/test_examples.py \
	tests/http/test_functions.py \
	tests/http/test_invocation.py \
	tests/http/test_jobs.py \
	tests/http/test_kills.py \
	tests/http/test_life.py \
	tests/http/test_lists.py \
	tests/http/test_load.py \
	tests/http/test_mounted.py \
	tests/http/test_quickstart.py \
	tests/http/test_reading.py \
	tests/http/test_workers.py

.PHONY: check-http
check-http: all
	JOBGATE_BUILD=$(abs_builddir) PYTHONDONTWRITEBYTECODE=1 $(PYTEST) $(srcdir)/tests/http $(HTTP_FLAGS)
