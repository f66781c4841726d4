/* demo_verify.h - is a dirty set true? Compares the tracked memory with a copy
 * taken at the last quiet point, and with the kernel's opinion. */
#ifndef WW_DEMO_VERIFY_H
#define WW_DEMO_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"
#include "writewatch.h"

struct demo_verify;

struct demo_part {         /* tracked memory */
  char    *name;
  void    *address;
  size_t   length;         /* bytes, whole pages */
  bool     own;            /* the driver's to unmap */
};

/* Copy `parts` and begin watching them: before tracking starts, while all is
 * quiet. `loud`: every write changes bytes. */
enum status demo_verify_create(struct demo_verify **verify, const struct demo_part *parts, size_t count,
                               size_t page_size, bool loud, bool alone);
/* Everything is quiet and `dirty` was just collected. Says what is wrong with it;
 * what was found is in demo_verify_passed(). */
enum status demo_verify_epoch(struct demo_verify *verify, const ww_dirty *dirty);
bool demo_verify_passed(const struct demo_verify *verify);
/* One line for a person. */
void demo_verify_describe(const struct demo_verify *verify, char *text, size_t size);
void demo_verify_destroy(struct demo_verify *verify);  /* NULL is allowed */

#endif
