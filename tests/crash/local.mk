# What the system survives: `make crash` (a few minutes of faults under load), `make crash-long MINUTES=60`, and
# `make soak MINUTES=30` (steady load; memory, descriptors, disk and latency stay level).
EXTRA_DIST += tests/crash/campaign.py tests/crash/soak.py
CRASH = JOBGATE_BUILD=$(abs_builddir) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 $(srcdir)/tests/crash

.PHONY: crash crash-long soak
crash: all
	$(CRASH)/campaign.py --minutes 2
crash-long: all
	$(CRASH)/campaign.py --minutes $${MINUTES:-60}
soak: all
	$(CRASH)/soak.py --minutes $${MINUTES:-30}
