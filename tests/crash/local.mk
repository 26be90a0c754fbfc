# What the system survives: `make crash` (a few minutes of faults under load), `make crash-long MINUTES=60`, and
# `make soak MINUTES=30` (steady load; memory, descriptors, disk and latency stay level). SEED=N repeats a choice of faults.
EXTRA_DIST += \
	tests/crash/campaign.py \
	tests/crash/damage.py \
	tests/crash/faults.py \
	tests/crash/installation.py \
	tests/crash/orders.py \
	tests/crash/power.py \
	tests/crash/power_control.py \
	tests/crash/soak.py \
	tests/crash/shadow.c \
	tests/crash/shadow.h \
	tests/crash/shim.c \
	tests/crash/shim.h
CLEANFILES += tests/crash/shim.so
CRASH = JOBGATE_BUILD=$(abs_builddir) PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 $(srcdir)/tests/crash

# Not by automake: a library that is loaded into programs needs no more than this. Nothing of ours is in it, so no sanitizer.
tests/crash/shim.so: tests/crash/shim.c tests/crash/shim.h tests/crash/shadow.c tests/crash/shadow.h
	@$(MKDIR_P) tests/crash
	$(AM_V_CC)$(CC) -I. -D_GNU_SOURCE -std=gnu17 -O2 -Wall -Wextra -Wno-unused-parameter -fPIC -shared -o $@ \
		$(srcdir)/tests/crash/shim.c $(srcdir)/tests/crash/shadow.c

.PHONY: crash crash-long soak
crash: all tests/crash/shim.so
	$(CRASH)/campaign.py --minutes 1.5
crash-long: all tests/crash/shim.so
	$(CRASH)/campaign.py --minutes $${MINUTES:-60}
soak: all
	$(CRASH)/soak.py --minutes $${MINUTES:-30}
