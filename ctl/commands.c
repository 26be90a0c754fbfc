/* commands.c - all commands, in the order of --help and of the manual */
#include "config.h"
#include "command.h"

const struct command *const commands[] = {&list_command,      &show_command,
                                          &submit_command,    &cancel_command,
                                          &retry_command,     &log_command,
                                          &tail_command,      &wait_command,
                                          &purge_command,     &pause_command,
                                          &resume_command,    &stats_command,
                                          &functions_command, &key_command,
                                          &doctor_command,    &backup_command,
                                          &restore_command,   &verify_command,
                                          &recover_command,   &export_command,
                                          &import_command,    NULL};
