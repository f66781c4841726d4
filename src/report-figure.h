/* report-figure.h - figures for a person to read, the same in every locale. */
#ifndef WW_REPORT_FIGURE_H
#define WW_REPORT_FIGURE_H

#include <stdint.h>

/* Each is returned by value, to be used as an argument: figure_count(n).text */
struct figure {
  char text[32];
};

struct figure figure_count(uint64_t count);                   /* 1,234,567 */
struct figure figure_decimal(double value, unsigned places);  /* 1,234.5; "-" if negative or no number */
struct figure figure_time(uint64_t nanoseconds);              /* 1.23 s, 45.6 ms, 789 ns */
struct figure figure_bytes(uint64_t bytes);                   /* 4 KiB, 16.5 MiB */
struct figure figure_share(double part, double whole);        /* 12.3 %; 100 % for all only */
const char *figure_plural(uint64_t count);                    /* "" for 1, else "s" */

#endif
