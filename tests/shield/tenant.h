/* tenant.h - a program that lives in tracked memory altogether: parts of a battery,
 * each of which does what programs do and says what came of it. What a part says
 * must be the same with tracking and without: no addresses, times or process ids. */
#ifndef SHIELD_TENANT_H
#define SHIELD_TENANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct part {
  const char *name;
  void (*run)(void);
  bool moves;   /* mappings, or the heap's end: run only where that is followed */
};

/* Ended by a NULL name; a file each. */
extern const struct part files_parts[], text_parts[], net_parts[], thread_parts[], process_parts[],
  signal_parts[], memory_parts[], kernel_parts[];

/* Into the output, through stdio; then house_settle(). */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "what: yes" or "what: no (errno words)": for calls whose result is good or bad. */
void say_good(bool good, const char *what);
void say_flush(void);              /* before fork() */
/* FNV-1a, so that much data is said in one line. */
uint64_t digest(const void *data, size_t length);
/* On the heap, filled with `fill`; ends the program if there is no memory. */
void *heap(size_t size, int fill) __attribute__((returns_nonnull));
/* `size` bytes on the heap, half of them before a page's edge and half behind it; aligned to 8,
 * so that what has at most 8 bytes ends at the edge. Settled: the kernel finds it protected. */
void *heap_across(size_t size) __attribute__((returns_nonnull, noinline));
/* Where the module with thread-local variables is. */
const char *lodger_path(void);

/* ------------------------------------------------------------------- house.c */

/* All of this process's memory that may be watched is, from now on, by a thread that
 * collects without much of a pause. 0, or a negative errno after a line on stderr. */
int house_watch(unsigned flags);
/* Memory that a part has mapped by itself; not watched if nothing is. */
void house_adopt(void *memory, size_t length);
/* All that has been written so far is protected again when it returns. In a child, and where
 * nothing is watched, it does nothing. */
void house_settle(void);
/* The end of it; writes the figures to a file, a line each: "name number" or
 * "refused where: why". False if the file cannot be written or a collect failed. */
bool house_leave(const char *path);

#endif
