# The crash campaign against the whole system under load; `make crash-long MINUTES=60` for an hour of it.
EXTRA_DIST += tests/crash/campaign.py
MINUTES = 60

.PHONY: crash crash-long
crash: all
	JOBGATE_BUILD=$(abs_builddir) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 $(srcdir)/tests/crash/campaign.py --minutes 2
crash-long: all
	JOBGATE_BUILD=$(abs_builddir) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 $(srcdir)/tests/crash/campaign.py --minutes $(MINUTES)
