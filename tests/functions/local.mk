# Functions with one bad habit each (and a few with none), for the tests of the worker and of the servers.
# Those in C are built without our flags: a sanitizer's own habits would get in the way of theirs.
bad_programs = \
	tests/functions/allocate \
	tests/functions/double_fork \
	tests/functions/fork_forever \
	tests/functions/noop \
	tests/functions/print_descriptors \
	tests/functions/print_environment
bad_scripts = \
	tests/functions/big_output \
	tests/functions/binary_output \
	tests/functions/close_descriptors \
	tests/functions/echo \
	tests/functions/end_by_signal \
	tests/functions/end_on_term \
	tests/functions/exit_with \
	tests/functions/explore \
	tests/functions/fail_then_succeed \
	tests/functions/flood_stderr \
	tests/functions/flood_stdout \
	tests/functions/hold_stdout \
	tests/functions/huge_file \
	tests/functions/ignore_stdin \
	tests/functions/ignore_term \
	tests/functions/kill_parent \
	tests/functions/messy_folder \
	tests/functions/progress_garbage \
	tests/functions/sleeper \
	tests/functions/tee_output \
	tests/functions/text_output
check_PROGRAMS += $(bad_programs)
EXTRA_DIST += $(bad_scripts)

.PHONY: bad-programs
bad-programs: $(bad_programs)

bad_cflags = -std=gnu17 -Wall -Wextra
tests_functions_allocate_CFLAGS = $(bad_cflags)
tests_functions_allocate_LDFLAGS =
tests_functions_double_fork_CFLAGS = $(bad_cflags)
tests_functions_double_fork_LDFLAGS =
tests_functions_fork_forever_CFLAGS = $(bad_cflags)
tests_functions_fork_forever_LDFLAGS =
tests_functions_noop_CFLAGS = $(bad_cflags)
tests_functions_noop_LDFLAGS =
tests_functions_print_descriptors_CFLAGS = $(bad_cflags)
tests_functions_print_descriptors_LDFLAGS =
tests_functions_print_environment_CFLAGS = $(bad_cflags)
tests_functions_print_environment_LDFLAGS =
