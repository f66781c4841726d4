/* part-text.c - sorting, formatting, patterns, locales, time zones, the environment. */
#include "config.h"
#include "tenant.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <iconv.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <regex.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>
#include <wordexp.h>

enum { MANY = 60000 };
struct record { uint32_t key; char text[28]; };

static int
by_key(const void *a, const void *b)
{
  const struct record *x = a, *y = b;
  return (x->key > y->key) - (x->key < y->key);
}

static int
by_text(const void *a, const void *b)
{
  return strcmp(((const struct record *)a)->text, ((const struct record *)b)->text);
}

static void
leave_alone(void *record)
{
  (void)record;
}

static void
sorting(void)
{
  struct record *records = heap(MANY * sizeof *records, 0), key = { .key = 0 };
  for (uint32_t i = 0; i < MANY; i++) {
    records[i].key = (i + 1) * 2654435761u;
    snprintf(records[i].text, sizeof records[i].text, "%x", records[i].key * 40503u);
  }
  qsort(records, MANY, sizeof *records, by_key);
  say("qsort: %u %u %u\n", records[0].key, records[MANY / 2].key, records[MANY - 1].key);
  key.key = records[777].key;
  const struct record *found = bsearch(&key, records, MANY, sizeof *records, by_key);
  say("bsearch: %td\n", found ? found - records : -1);
  qsort(records, MANY, sizeof *records, by_text);
  say("by text: %s %s\n", records[0].text, records[MANY - 1].text);
  void *tree = NULL;
  for (uint32_t i = 0; i < 5000; i++)
    tsearch(&records[i * 7 % MANY], &tree, by_key);
  say_good(tfind(&records[21], &tree, by_key) != NULL, "tfind");
  tdestroy(tree, leave_alone);
  hcreate(10000);
  for (uint32_t i = 0; i < 5000; i++)
    hsearch((ENTRY){ .key = records[i].text, .data = &records[i] }, ENTER);
  ENTRY *entry = hsearch((ENTRY){ .key = records[99].text }, FIND);
  say("hsearch: %s\n", entry ? entry->key : "-");
  hdestroy();
  free(records);
}

static void
formats(void)
{
  char *text = NULL, *large = heap(100000, 0);
  wchar_t *wide = heap(4000 * sizeof *wide, 0);
  say("%d %i %u %o %x %X %c %s %% %5d|%-5d|%05d|%+d\n", -1, 2, 3u, 8u, 255u, 255u, 'c', "text", 42, 42, 42,
      42);
  say("%f %e %g %a %.40f %.3Lf %La %G\n", 3.14159, 1e-300, 1e20, 0.1, 1.0 / 3, 2.5L, 0.7L, NAN);
  say("%2$s %1$s %3$*4$d\n", "two", "one", 7, 9);
  say("%hhd %hd %ld %lld %jd %zu %td\n", (signed char)-1, (short)-2, -3L, -4LL, (intmax_t)-5, (size_t)6,
      (ptrdiff_t)7);
  say("%ls %lc %.3ls %s\n", L"wide", (wint_t)L'w', L"abcdef", "");
  say("sprintf: %d\n", sprintf(large, "%0*d%*s", 30000, 7, 60000, "right"));
  say("%016llx\n", (unsigned long long)digest(large, 90001));
  say("asprintf: %d", asprintf(&text, "%.12s-%d", "a long string that is cut", 5));
  say(" %s\n", text);
  say("swprintf: %d\n", swprintf(wide, 4000, L"%ls-%d-%.2f", L"wide", 9, 2.25));
  int a, b;
  char word[40];
  double number;
  say("sscanf: %d", sscanf("12 0x1f word 2.5e3", "%d %x %39s %lf", &a, (unsigned *)&b, word, &number));
  say(" %d %d %s %g\n", a, b, word, number);
  char *end;
  say("strtod %a, ", strtod("1.7976931348623157e308x", &end));
  errno = 0;
  say("rest %s; strtol %ld", end, strtol("99999999999999999999", NULL, 10));
  say(" %s\n", strerror(errno));
  struct random_data *state = heap_across(sizeof *state);
  char *numbers = heap_across(256);
  int32_t *value = heap_across(sizeof *value);
  memset(state, 0, sizeof *state);
  initstate_r(5, numbers, 256, state);
  random_r(state, value);
  srandom(9);
  srand48(11);
  say("random: %d %ld %ld\n", *value, random(), lrand48());
  free(text);
  free(large);
  free(wide);
}

static void
patterns(void)
{
  regex_t *pattern = heap(sizeof *pattern, 0);
  regmatch_t *match = heap_across(8 * sizeof *match);
  char message[100];
  static const char *const sources[] = {
    "^([a-z]+)-([0-9]{2,4})(x|y)*$", "(a|b)*c|(d+e)?f", "[[:alpha:]_][[:alnum:]_]*=.*;", "(((((a)))))\\1",
    "a{1,200}b"
  };
  static const char *const subjects[] = { "word-123xyx", "ababac", "name = 5;", "name=5;", "aa",
                                          "aaaaaaaaaab" };
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    int error = regcomp(pattern, sources[i], REG_EXTENDED);
    say("%s: %d", sources[i], error);
    for (size_t j = 0; !error && j < sizeof subjects / sizeof *subjects; j++)
      if (regexec(pattern, subjects[j], 8, match, 0) == 0)
        say(" %zu:%d-%d,%d-%d", j, match[0].rm_so, match[0].rm_eo, match[1].rm_so, match[1].rm_eo);
    say("\n");
    if (!error)
      regfree(pattern);
  }
  int error = regcomp(pattern, "(unbalanced", REG_EXTENDED);
  regerror(error, pattern, message, sizeof message);
  say("%s; fnmatch %d %d\n", message, fnmatch("*.[ch]", "file.c", 0), fnmatch("a?c", "abbc", 0));
  wordexp_t words;
  error = wordexp("one $HOME_NOT_SET 'two three' ~root", &words, 0);
  say("wordexp: %d", error);
  for (size_t i = 0; !error && i < words.we_wordc; i++)
    say(" %s", words.we_wordv[i]);
  say("\n");
  if (!error)
    wordfree(&words);
}

static void
locales(void)
{
  static const char utf8[] = "na\303\257ve \342\202\254 \320\232\320\270\321\200";
  const char *name = setlocale(LC_ALL, "C.UTF-8");
  wchar_t *wide = heap(100 * sizeof *wide, 0);
  char *narrow = heap(400, 0), *key = heap(400, 0);
  say("setlocale: %s, %s\n", name ? name : "-", nl_langinfo(CODESET));
  size_t count = mbstowcs(wide, utf8, 100);
  say("mbstowcs: %zd", (ssize_t)count);
  for (size_t i = 0; i < count && count < 100; i++)
    wide[i] = (wchar_t)towupper((wint_t)wide[i]);
  say(" %zd\n", (ssize_t)wcstombs(narrow, wide, 400));
  say("%s, %ls; strcoll %d, strxfrm %zu\n", narrow, wide, strcoll("abc", "abd") < 0, strxfrm(key, utf8, 400));
  iconv_t convert = iconv_open("UTF-16LE", "UTF-8");
  if (convert != (iconv_t)-1) {
    char *in = strdup(utf8), *from = in, *to = narrow;
    size_t left = sizeof utf8 - 1, room = 400;
    say("iconv: %zd", (ssize_t)iconv(convert, &from, &left, &to, &room));
    say(", %zu left, %zu written, %016llx\n", left, 400 - room,
        (unsigned long long)digest(narrow, 400 - room));
    iconv_close(convert);
    free(in);
  }
  convert = iconv_open("ISO-8859-15", "UTF-8");
  say_good(convert != (iconv_t)-1, "iconv_open by a module");
  if (convert != (iconv_t)-1)
    iconv_close(convert);
  locale_t other = newlocale(LC_ALL_MASK, "POSIX", NULL);
  say("toupper_l: %c\n", toupper_l('q', other));
  freelocale(other);
  setlocale(LC_ALL, "C");
}

static void
zones(void)
{
  static const char *const names[] = { "UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns",
                                       "XST-3:30",
                                       "No/Such_Zone" };
  char text[100];
  struct tm *parts = heap_across(sizeof *parts);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    time_t moment = 1700000000 + (time_t)i * 15552000;
    setenv("TZ", names[i], 1);
    tzset();
    localtime_r(&moment, parts);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z %a %j", parts);
    say("%s: %s, back %d\n", names[i], text, mktime(parts) == moment);
  }
  say("strptime: %d\n", strptime("2024-02-29 12:34:56", "%Y-%m-%d %H:%M:%S", parts) != NULL);
  say("%d %d\n", parts->tm_yday, parts->tm_mday);
  unsetenv("TZ");
}

static void
environment(void)
{
  char name[32], value[64];
  int found = 0;
  for (int i = 0; i < 500; i++) {
    snprintf(name, sizeof name, "TENANT_%d", i);
    snprintf(value, sizeof value, "%*d", 1 + i % 50, i);
    setenv(name, value, 1);
  }
  for (int i = 0; i < 500; i += 2) {
    snprintf(name, sizeof name, "TENANT_%d", i);
    unsetenv(name);
  }
  static char own[] = "TENANT_OWN=mine";
  putenv(own);
  for (int i = 0; i < 500; i++) {
    snprintf(name, sizeof name, "TENANT_%d", i);
    found += getenv(name) != NULL;
  }
  say("environment: %d, %s\n", found, getenv("TENANT_OWN"));
  FILE *shell = popen("echo \"$TENANT_OWN $TENANT_499 $TENANT_498\"", "r");
  char *line = heap_across(4000);
  say("inherited: %s", fgets(line, 4000, shell) ? line : "-\n");
  pclose(shell);
}

const struct part text_parts[] = {
  { "sorting", sorting, false }, { "formats", formats, false }, { "patterns", patterns, false },
  { "locales", locales, false }, { "zones", zones, false }, { "environment", environment, false },
  { NULL, NULL, false }
};
