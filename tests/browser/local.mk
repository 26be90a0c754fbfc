# The status page in Chromium, in JavaScript: `make check-browser` (README.md in tests/). BROWSER_FLAGS goes to `node --test`.
BROWSER_TESTS = \
	tests/browser/access.test.mjs \
	tests/browser/jobs.test.mjs \
	tests/browser/list.test.mjs \
	tests/browser/load.test.mjs \
	tests/browser/servers.test.mjs \
	tests/browser/sites.test.mjs \
	tests/browser/views.test.mjs
EXTRA_DIST += \
	$(BROWSER_TESTS) \
	tests/browser/functions/stage \
	tests/browser/harness.mjs \
	tests/browser/package.json \
	tests/browser/run

.PHONY: check-browser
check-browser: all
	JOBGATE_BUILD=$(abs_builddir) $(srcdir)/tests/browser/run $(BROWSER_FLAGS)
