/* report-figure.c - figures for a person to read.
 *
 * printf() would take the decimal point from the program's locale. */
#include "config.h"
#include "report-figure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct figure
figure_count(uint64_t count)
{
  struct figure figure;
  char digits[24], *to = figure.text;
  int length = snprintf(digits, sizeof(digits), "%" PRIu64, count), i;

  for (i = 0; i < length; i++) {
    if (i > 0 && (length - i) % 3 == 0)
      *to++ = ',';
    *to++ = digits[i];
  }
  *to = 0;
  return figure;
}

struct figure
figure_decimal(double value, unsigned places)
{
  static const unsigned powers[] = { 1, 10, 100, 1000 };
  struct figure figure = { "-" };
  uint64_t scaled;

  if (!(value >= 0))
    return figure;
  if (value > 1e15)
    return figure_count(value < 1.8e19 ? (uint64_t)value : UINT64_MAX);
  scaled = (uint64_t)(value * powers[places] + 0.5);
  figure = figure_count(scaled / powers[places]);
  if (places > 0) {
    size_t used = strlen(figure.text);
    snprintf(figure.text + used, sizeof(figure.text) - used, ".%0*" PRIu64, (int)places,
             scaled % powers[places]);
  }
  return figure;
}

/* Three digits that count, and a unit. */
static struct figure
with_unit(double value, const char *unit)
{
  struct figure figure = figure_decimal(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
  size_t used = strlen(figure.text);

  snprintf(figure.text + used, sizeof(figure.text) - used, " %s", unit);
  return figure;
}

struct figure
figure_time(uint64_t nanoseconds)
{
  double value = (double)nanoseconds;

  if (nanoseconds == 0)
    return (struct figure){ "0 s" };
  if (value < 1e3)
    return with_unit(value, "ns");
  if (value < 999.5e3)
    return with_unit(value / 1e3, "us");
  if (value < 999.5e6)
    return with_unit(value / 1e6, "ms");
  return with_unit(value / 1e9, "s");
}

struct figure
figure_bytes(uint64_t bytes)
{
  static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  struct figure figure;
  double value = (double)bytes;
  unsigned unit = 0;
  size_t used;

  while (value >= 1024 && unit < 6) {
    value /= 1024;
    unit++;
  }
  figure = figure_decimal(value, value == (double)(uint64_t)value ? 0 : 1);
  used = strlen(figure.text);
  snprintf(figure.text + used, sizeof(figure.text) - used, " %s", units[unit]);
  return figure;
}

struct figure
figure_share(double part, double whole)
{
  struct figure figure = { "-" };
  double share;
  size_t used;

  if (!(whole > 0))
    return figure;
  share = 100 * part / whole;
  if (part > 0 && share < 0.1)
    strcpy(figure.text, "<0.1");
  else if (part >= whole)
    strcpy(figure.text, "100");
  else
    figure = figure_decimal(share < 99.9 ? share : 99.9, 1);
  used = strlen(figure.text);
  snprintf(figure.text + used, sizeof(figure.text) - used, " %%");
  return figure;
}

const char *
figure_plural(uint64_t count)
{
  return count == 1 ? "" : "s";
}
