# The tests. TAP for the C programs (cmocka prints it), pytest for the real servers.
include tests/functions/local.mk
include tests/tools/local.mk
include tests/unit/local.mk
include tests/http_unit/local.mk
include tests/contract/local.mk
include tests/http/local.mk
include tests/ctl/local.mk
include tests/worker/local.mk
include tests/browser/local.mk
include tests/documents/local.mk
include tests/crash/local.mk
include tests/hazards/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
EXTRA_DIST += tests/check tests/lint tests/node

.PHONY: lint
lint:
	CC='$(CC)' $(srcdir)/tests/lint $(srcdir) $(builddir)
