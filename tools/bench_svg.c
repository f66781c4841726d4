/* bench_svg.c - writes charts as SVG 1.1. */
#include "config.h"
#include "bench_svg.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = 960, HEIGHT = 600, LEFT = 84, RIGHT = 190, TOP = 78, BOTTOM = 64, ROW = 26, NAME = 170 };

/* After Okabe & Ito, "Color Universal Design", 2008, and darker ones of the same hues. */
static const char *const colours[] = {
  "#000000", "#0072b2", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#e69f00", "#8c564b", "#7f7f7f",
    "#7b4fb5",
  "#e7298a", "#004d7a", "#00694c", "#66a61e", "#5f9ea0", "#444444",
};
#define COLOURS (sizeof colours / sizeof colours[0])

static const char *const part_colours[SVG_PARTS] = { "#d55e00", "#7f7f7f", "#0072b2", "#e69f00" };

static void
text(FILE *out, double x, double y, const char *anchor, unsigned size, const char *fill, const char *words)
{
  fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%u\" fill=\"%s\">", x, y, anchor,
          size,
          fill);
  for (; *words; words++)
    switch (*words) {
      case '<': fputs("&lt;", out); break;
      case '>': fputs("&gt;", out); break;
      case '&': fputs("&amp;", out); break;
      default: putc(*words, out);
    }
  fputs("</text>\n", out);
}

static void
begin(FILE *out, double height, const char *title, const char *subtitle)
{
  fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\" "
          "font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\">\n"
          "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n", WIDTH, height, WIDTH, height);
  text(out, 24, 32, "start", 19, "#111111", title);
  text(out, 24, 54, "start", 13, "#555555", subtitle);
}

struct axis { double least, most, from, to; bool log; };

static double
place(const struct axis *axis, double value)
{
  double share;

  if (axis->log)
    share = (log10(value) - log10(axis->least)) / (log10(axis->most) - log10(axis->least));
  else
    share = (value - axis->least) / (axis->most - axis->least);
  return axis->from + share * (axis->to - axis->from);
}

static void
fit(const struct svg_chart *chart, struct axis *x, struct axis *y)
{
  x->least = y->least = INFINITY;
  x->most = y->most = 0;
  for (size_t l = 0; l < chart->count; l++)
    for (size_t p = 0; p < chart->lines[l].count; p++) {
      const struct svg_point *at = &chart->lines[l].points[p];

      x->least = fmin(x->least, at->x);
      x->most = fmax(x->most, at->x);
      y->least = fmin(y->least, at->y);
      y->most = fmax(y->most, at->y);
    }
  y->least = pow(10, floor(log10(y->least)));
  y->most = pow(10, ceil(log10(y->most)));
  if (y->most <= y->least)
    y->most = y->least * 10;
  if (chart->x_log) {
    x->least /= 1.25;
    x->most *= 1.25;
  } else {
    x->least -= 0.15;
    x->most += 0.15;
  }
}

static void
draw_axes(FILE *out, const struct svg_chart *chart, const struct axis *x, const struct axis *y)
{
  double seen[64];
  size_t seen_count = 0;
  char label[24];

  for (double at = y->least; at <= y->most * 1.001; at *= 10) {
    const double where = place(y, at);

    for (int minor = 2; minor < 10 && at * minor < y->most; minor++)
      fprintf(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#f1f1f1\"/>\n", LEFT,
              WIDTH - RIGHT,
              place(y, at * minor), place(y, at * minor));
    fprintf(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#c8c8c8\"/>\n", LEFT,
            WIDTH - RIGHT,
            where, where);
    text(out, LEFT - 8, where + 4, "end", 12, "#333333", chart->y_label(at, label));
  }
  for (size_t l = 0; l < chart->count; l++)
    for (size_t p = 0; p < chart->lines[l].count; p++) {
      const double at = chart->lines[l].points[p].x;
      bool known = false;

      for (size_t i = 0; i < seen_count; i++)
        known = known || seen[i] == at;
      if (known || seen_count == 64)
        continue;
      seen[seen_count++] = at;
      fprintf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"#e4e4e4\"/>\n", place(x, at),
              place(x, at), TOP, HEIGHT - BOTTOM + 5);
      text(out, place(x, at), HEIGHT - BOTTOM + 21, "middle", 12, "#333333", chart->x_label(at, label));
    }
  fprintf(out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#888888\"/>\n",
          LEFT, TOP,
          WIDTH - RIGHT - LEFT, HEIGHT - BOTTOM - TOP);
  text(out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 18, "middle", 13, "#111111", chart->x_title);
  fprintf(out, "<g transform=\"translate(20 %.1f) rotate(-90)\">", (TOP + HEIGHT - BOTTOM) / 2.0);
  text(out, 0, 0, "middle", 13, "#111111", chart->y_title);
  fprintf(out, "</g>\n");
}

static void
draw_line(FILE *out, const struct svg_line *line, const struct axis *x, const struct axis *y)
{
  const char *colour = colours[line->colour % COLOURS];

  fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%s\"%s points=\"", colour,
          line->thick ? "3" : "1.6", line->dashed ? " stroke-dasharray=\"6 3\"" : "");
  for (size_t p = 0; p < line->count; p++)
    fprintf(out, "%.1f,%.1f ", place(x, line->points[p].x), place(y, line->points[p].y));
  fprintf(out, "\"/>\n");
  for (size_t p = 0; p < line->count; p++) {
    const struct svg_point *at = &line->points[p];

    if (at->low > 0 && at->high > at->low)
      fprintf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", place(x, at->x),
              place(x, at->x), place(y, fmax(at->low, y->least)), place(y, fmin(at->high, y->most)), colour);
    fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"%s\"/>\n", place(x, at->x), place(y, at->y),
            line->thick ? "4" : "3", colour);
  }
}

struct label { const struct svg_line *line; double wanted, at; };

static int
by_height(const void *a, const void *b)
{
  const struct label *one = a, *other = b;

  return (one->wanted > other->wanted) - (one->wanted < other->wanted);
}

/* The legend: each line's name beside its end, moved apart where they would cover
 * each other. */
static void
draw_names(FILE *out, const struct svg_chart *chart, const struct axis *x, const struct axis *y)
{
  struct label labels[32];
  size_t count = 0;

  for (size_t l = 0; l < chart->count && count < 32; l++)
    if (chart->lines[l].count) {
      labels[count] = (struct label){ .line = &chart->lines[l],
                                      .wanted = place(y,
                                                      chart->lines[l].points[chart->lines[l].count - 1].y) };
      count++;
    }
  qsort(labels, count, sizeof labels[0], by_height);
  for (size_t i = 0; i < count; i++) {
    labels[i].at = fmax(labels[i].wanted, TOP + 8);
    if (i > 0)
      labels[i].at = fmax(labels[i].at, labels[i - 1].at + 16);
  }
  for (size_t i = count; i-- > 0; )
    labels[i].at = fmin(labels[i].at, i + 1 < count ? labels[i + 1].at - 16 : HEIGHT - BOTTOM);
  for (size_t i = 0; i < count; i++) {
    const struct svg_line *line = labels[i].line;
    const char *colour = colours[line->colour % COLOURS];

    fprintf(out,
            "<polyline fill=\"none\" stroke=\"%s\" stroke-opacity=\"0.5\" "
            "points=\"%.1f,%.1f %d,%.1f %d,%.1f\"/>\n",
            colour, place(x, line->points[line->count - 1].x), labels[i].wanted, WIDTH - RIGHT + 18,
              labels[i].at,
            WIDTH - RIGHT + 26, labels[i].at);
    if (line->thick)
      fprintf(out, "<g font-weight=\"bold\">");
    text(out, WIDTH - RIGHT + 30, labels[i].at + 4, "start", 13, colour, line->name);
    if (line->thick)
      fprintf(out, "</g>\n");
  }
}

void
svg_lines(FILE *out, const struct svg_chart *chart)
{
  struct axis x = { .from = LEFT, .to = WIDTH - RIGHT, .log = chart->x_log };
  struct axis y = { .from = HEIGHT - BOTTOM, .to = TOP, .log = true };

  begin(out, HEIGHT, chart->title, chart->subtitle);
  fit(chart, &x, &y);
  draw_axes(out, chart, &x, &y);
  for (size_t l = 0; l < chart->count; l++)
    draw_line(out, &chart->lines[l], &x, &y);
  draw_names(out, chart, &x, &y);
  fprintf(out, "</svg>\n");
}

/* Shares of the whole, for the wholes differ by powers of ten; they stand at the end. */
void
svg_stacks(FILE *out, const struct svg_bars *bars)
{
  const double height = TOP + 34 + (double)bars->count * ROW + 54, wide = WIDTH - NAME - RIGHT;
  double legend = NAME;

  begin(out, height, bars->title, bars->subtitle);
  for (size_t p = 0; p < SVG_PARTS; p++) {
    fprintf(out, "<rect x=\"%.1f\" y=\"%d\" width=\"13\" height=\"13\" fill=\"%s\"/>\n", legend, TOP - 8,
            part_colours[p]);
    text(out, legend + 18, TOP + 3, "start", 13, "#333333", bars->part_names[p]);
    legend += 150;
  }
  for (int tenth = 0; tenth <= 10; tenth += 2) {
    const double at = NAME + wide * tenth / 10;
    char label[24];

    snprintf(label, sizeof label, "%d %%", tenth * 10);
    fprintf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%.1f\" stroke=\"#d8d8d8\"/>\n", at, at,
            TOP + 20,
            height - 48);
    text(out, at, height - 32, "middle", 12, "#333333", label);
  }
  for (size_t b = 0; b < bars->count; b++) {
    const struct svg_bar *bar = &bars->bars[b];
    const double top = TOP + 26 + (double)b * ROW;
    double sum = 0, at = NAME;
    char label[64], amount[24];

    for (size_t p = 0; p < SVG_PARTS; p++)
      sum += bar->parts[p];
    text(out, NAME - 8, top + 14, "end", 13, "#111111", bar->name);
    for (size_t p = 0; sum > 0 && p < SVG_PARTS; p++) {
      const double part = bar->parts[p] / sum * wide;

      fprintf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\" fill=\"%s\"/>\n", at, top, part,
              ROW - 6,
              part_colours[p]);
      at += part;
    }
    snprintf(label, sizeof label, "%s%s", bars->x_label(sum, amount), bar->note);
    text(out, WIDTH - RIGHT + 10, top + 14, "start", 13, "#111111", label);
  }
  text(out, NAME + wide / 2, height - 10, "middle", 13, "#111111", bars->x_title);
  fprintf(out, "</svg>\n");
}
