/* status.h - the exit statuses of the command: writewatch(1) mirrors them. */
#ifndef WW_STATUS_H
#define WW_STATUS_H

enum status {
  STATUS_OK       = 0,  /* done, and what was checked is right */
  STATUS_CHECK    = 1,  /* a check failed: a lost or invented write, a workload's wrong result, a damaged trace */
  STATUS_USAGE    = 2,  /* an unknown name, a bad number, a missing operand */
  STATUS_INPUT    = 3,  /* an input could not be read or understood */
  STATUS_OUTPUT   = 4,  /* the output could not be written whole; nothing was left in --output's place */
  STATUS_TRACKING = 5,  /* the library could not track */
  STATUS_MEMORY   = 6   /* out of memory */
};

#define STATUS_HELP \
  "Exit status:\n" \
  "  0  done, and what was checked is right\n" \
  "  1  a check failed: --verify found a lost or an invented write, --audit\n" \
  "     a missed one, the workload's own result is wrong, or a trace is damaged or cut\n" \
  "     (the report is written all the same)\n" \
  "  2  usage: an unknown name, a bad number, a missing operand\n" \
  "  3  an input could not be read or understood\n" \
  "  4  the output could not be written whole\n" \
  "  5  tracking failed: the library said why\n" \
  "  6  out of memory\n"

#endif
