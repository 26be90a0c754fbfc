# jobgatectl, in Python: `make check-ctl`.
EXTRA_DIST += \
	tests/ctl/conftest.py \
	tests/ctl/pytest.ini \
	tests/ctl/test_commands.py \
	tests/ctl/test_doctor.py \
	tests/ctl/test_keeping.py

.PHONY: check-ctl
check-ctl: all tests/tools/jobgate-put $(bad_programs)
	JOBGATE_BUILD=$(abs_builddir) PYTHONDONTWRITEBYTECODE=1 $(PYTEST) $(srcdir)/tests/ctl $(CTL_FLAGS)
