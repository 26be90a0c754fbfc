/* process.h - proving which process it is
 *
 * Internal to lib/store_bdb. What /proc says of a process, and ending one for certain. */
#ifndef JOBGATE_PROCESS_H
#define JOBGATE_PROCESS_H

#include "../outcome.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_BOOT_ID_SIZE 40

/* Start time (field 22 of /proc/PID/stat), 0 when there is no such process. */
uint64_t process_started(pid_t pid);
/* 'R', 'S', 'D', 'T', … of one thread; 0 when it is gone. */
char process_thread_state(pid_t pid, pid_t thread);
/* Identity of this process's pid namespace; 0 when /proc does not tell. */
uint64_t process_pid_space(void);
/* IO when /proc is not mounted. */
enum outcome process_boot_id(char text[PROCESS_BOOT_ID_SIZE], struct error *error);
/* SIGKILL to the process that has this number and this start time, and to no other. False when there is none.
 */
bool process_kill(pid_t pid, uint64_t started);

#endif
