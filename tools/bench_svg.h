/* bench_svg.h - charts as SVG: lines over two axes, and bars of stacked parts. */
#ifndef WW_BENCH_SVG_H
#define WW_BENCH_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct svg_point { double x, y, low, high; };

struct svg_line {
  const char       *name;
  unsigned          colour;   /* of svg_colour() */
  bool              thick;    /* the one to look at */
  bool              dashed;
  struct svg_point  points[16];
  size_t            count;
};

struct svg_chart {
  const char      *title, *subtitle, *x_title, *y_title;
  bool             x_log;     /* y always is */
  const char    *(*x_label)(double x, char text[24]);  /* ticks are where points are */
  const char    *(*y_label)(double y, char text[24]);
  struct svg_line *lines;
  size_t           count;
};

#define SVG_PARTS 4
struct svg_bar { const char *name; double parts[SVG_PARTS]; const char *note; };

struct svg_bars {
  const char     *title, *subtitle, *x_title;
  const char     *part_names[SVG_PARTS];
  const char   *(*x_label)(double x, char text[24]);
  struct svg_bar *bars;
  size_t          count;
};

void svg_lines(FILE *out, const struct svg_chart *chart);
void svg_stacks(FILE *out, const struct svg_bars *bars);

#endif
