# Workers without a web server, in Python: `make check-worker`.
EXTRA_DIST += \
	tests/worker/conftest.py \
	tests/worker/pytest.ini \
	tests/worker/test_programs.py \
	tests/worker/test_refusals.py \
	tests/worker/test_room.py \
	tests/worker/test_worker.py

.PHONY: check-worker
check-worker: all tests/tools/jobgate-put tests/crash/shim.so $(bad_programs)
	JOBGATE_BUILD=$(abs_builddir) PYTHONDONTWRITEBYTECODE=1 $(PYTEST) $(srcdir)/tests/worker $(WORKER_FLAGS)
