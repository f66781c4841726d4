/* disk.h - a disk that fails, or loses power, at the call that the test names: it stands in for the system
 * calls of a program that links libchain.la with --wrap. */
#ifndef WW_TEST_DISK_H
#define WW_TEST_DISK_H

#include <stdbool.h>
#include <stdint.h>

enum disk_call { DISK_WRITE, DISK_SYNC, DISK_RENAME, DISK_OPEN, DISK_TRUNCATE, DISK_REMOVE, DISK_READ,
                 DISK_CALLS };
extern const char *const disk_call_names[DISK_CALLS];

enum disk_how {
  DISK_FAILS,        /* with `error', from that call on until disk_heal(), if `for_good' */
  DISK_SHORT,        /* half of it is done */
  DISK_INTERRUPTED,  /* EINTR, once */
  DISK_DEAD,         /* the process ends before the call */
  DISK_POWER,        /* the same, and what was not flushed is lost, or not, at random */
};

struct disk_fault {
  enum disk_call call;       /* DISK_CALLS: any of them */
  unsigned       number;     /* the how many-th, from 0 */
  enum disk_how  how;
  int            error;
  bool           for_good;
  uint64_t       random;     /* of DISK_POWER */
};

/* From now on, or NULL: all goes well. Counts begin at 0. */
void disk_break(const struct disk_fault *fault);
/* Calls since then, of one kind or (DISK_CALLS) all. */
unsigned disk_count(enum disk_call call);
/* Did the fault happen? */
bool disk_has_failed(void);
/* The exit status of a process whose disk died. */
enum { DISK_STATUS = 77 };

#endif
