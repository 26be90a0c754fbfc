# Fuzzing with clang's libFuzzer: `make fuzz` for a minute, `make fuzz-long MINUTES=40`. FUZZ_TARGETS='json request' chooses some.
# The corpus is part of the source.
EXTRA_DIST += \
	tests/fuzz/corpus \
	tests/fuzz/fuzz.h \
	tests/fuzz/fuzz_access.c \
	tests/fuzz/fuzz_address.c \
	tests/fuzz/fuzz_answer.c \
	tests/fuzz/fuzz_capture.c \
	tests/fuzz/fuzz_configuration.c \
	tests/fuzz/fuzz_json.c \
	tests/fuzz/fuzz_record.c \
	tests/fuzz/fuzz_request.c \
	tests/fuzz/run

FUZZ_TARGETS =
.PHONY: fuzz fuzz-long
fuzz:
	$(srcdir)/tests/fuzz/run $(srcdir) $(builddir) 40 $(FUZZ_TARGETS)
fuzz-long:
	$(srcdir)/tests/fuzz/run $(srcdir) $(builddir) $$(($${MINUTES:-40} * 60)) $(FUZZ_TARGETS)
