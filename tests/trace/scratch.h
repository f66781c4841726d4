/* scratch.h - files of the tests, which nobody has to remove. */
#ifndef WW_TRACE_SCRATCH_H
#define WW_TRACE_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Open for reading and writing, empty. */
__attribute__((unused)) static int
scratch_file(void)
{
  int fd = memfd_create("trace", MFD_CLOEXEC);

  if (fd == -1) {
    printf("Bail out! memfd_create() failed\n");
    exit(99);
  }
  return fd;
}

#endif
