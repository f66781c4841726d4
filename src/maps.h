/* maps.h - async-signal-safe. What /proc/self/maps says of the address space. */
#ifndef WW_MAPS_H
#define WW_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping {
  uintptr_t start, end;
  int protection;    /* PROT_* */
  bool shared;
  uint64_t offset;   /* in the file, bytes */
  uint64_t device;   /* major << 32 | minor */
  uint64_t inode;    /* 0 if no file is mapped */
  char path[256];    /* cut; "" if it has none */
};

/* Reads mappings by ascending address. The buffer is the caller's: a handler has
 * little stack. */
struct maps_reader {
  int fd;
  char *buffer;
  size_t size, length, next;
};

/* 0, or the negative errno of opening the file. */
int maps_open(struct maps_reader *reader, char *buffer, size_t size);
/* 1 and a mapping; 0 at the end; a negative errno if the file cannot be read. */
int maps_next(struct maps_reader *reader, struct mapping *mapping);
void maps_close(struct maps_reader *reader);

/* The protection of the mapping that holds `address`, 0 if it has none; a negative
 * errno if it cannot be told. */
int maps_protection(uintptr_t address);
/* How many mappings the process has; a negative errno if it cannot be told. */
long maps_count(void);
/* Bytes of a page of this mapping: huge pages have their own size. */
size_t maps_page_size(const struct mapping *mapping);

#endif
