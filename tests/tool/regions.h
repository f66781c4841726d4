/* regions.h - the memory that a workload under test has asked for. */
#ifndef WW_TEST_REGIONS_H
#define WW_TEST_REGIONS_H

#include <stdatomic.h>
#include <stddef.h>

struct workload_run;

enum { MAX_REGIONS = 12 };

struct region {
  char           name[32];
  unsigned char *address;
  size_t         bytes;    /* asked for */
  size_t         length;   /* whole pages */
  unsigned char *copy;     /* as the epoch found it */
  atomic_bool   *written;  /* one a page */
};

extern struct region regions[MAX_REGIONS];
extern size_t region_count;
extern size_t page_size;

/* Once, before all others: installs the handler; not 0: it could not. */
int regions_begin(void);
/* Keep a copy of all regions and see writes from here on. */
void regions_watch(void);
/* How many pages were written since regions_watch() and are as they were (each is
 * said on stdout); adds to *written how many were written. */
size_t regions_silent(const struct workload_run *run, unsigned epoch, size_t *written);
/* Unmap and forget all regions. */
void regions_drop(void);

#endif
