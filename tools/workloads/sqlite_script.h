/* sqlite_script.h - the SQL script of the sqlite workload. */
#ifndef WW_SQLITE_SCRIPT_H
#define WW_SQLITE_SCRIPT_H

#include <stddef.h>

#include "workload.h"

struct sqlite_script {
  char  *name;
  char  *text;        /* ends with a NUL */
  size_t statements;
};

/* Read the operand, or the script that comes with the command. 0, or a negative
 * errno after workload_fail(). The caller frees `name` and `text`. */
int sqlite_script_read(struct workload_run *run, struct sqlite_script *script);
/* The line of `position`, from 1. */
size_t sqlite_script_line(const struct sqlite_script *script, const char *position);

#endif
