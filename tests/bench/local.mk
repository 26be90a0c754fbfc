# tests/bench: `make bench` measures Jobgate side by side with the least that could do the same (README.md there).
# Nothing of it is built by `make` or run by `make check`.
bench_programs = \
	tests/bench/bare_cgi \
	tests/bench/bare_fastcgi \
	tests/bench/bdb_sync \
	tests/bench/first_instruction \
	tests/bench/nothing \
	tests/bench/spawn_loops \
	tests/bench/spawn_once \
	tests/bench/store_calls \
	tests/bench/store_cycle \
	tests/bench/store_submit
EXTRA_PROGRAMS = $(bench_programs)
CLEANFILES += $(bench_programs)
EXTRA_DIST += \
	tests/bench/README.md \
	tests/bench/bench.py \
	tests/bench/installation.py \
	tests/bench/load.lua \
	tests/bench/load.py \
	tests/bench/measured.svg \
	tests/bench/picture.py \
	tests/bench/rows.py \
	tests/bench/rows_large.py

tests_bench_bare_fastcgi_LDADD = $(FCGI_LIBS)
tests_bench_bdb_sync_LDADD = $(DB_LIBS)
# Not -I: lib/spawn.h is another file than <spawn.h>.
tests_bench_spawn_loops_CPPFLAGS = -iquote $(top_srcdir)/lib
tests_bench_spawn_once_CPPFLAGS = -iquote $(top_srcdir)/lib
tests_bench_store_calls_LDADD = $(JOBGATE_LIBS)
tests_bench_store_cycle_LDADD = $(JOBGATE_LIBS)
tests_bench_store_submit_LDADD = $(JOBGATE_LIBS)

# STRICT=1: the exit status says whether every bar was reached. BENCH_FLAGS: see bench.py --help.
PYTHON3 = python3
run_bench = PYTHONDONTWRITEBYTECODE=1 $(PYTHON3) $(srcdir)/tests/bench/bench.py --build . \
	$${STRICT:+--strict} $(BENCH_FLAGS)

.PHONY: bench
bench: all $(bench_programs)
	STRICT=$(STRICT); $(run_bench)

.PHONY: bench-large
bench-large: all $(bench_programs)
	STRICT=$(STRICT); $(run_bench) --large --out bench-results-large

clean-local: clean-bench
.PHONY: clean-bench
clean-bench:
	rm -rf bench-results bench-results-large
