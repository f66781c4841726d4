/* memory_test.c - the Nth allocation fails, for every N, while a summary is
 * made and written: an error, or a whole report, and never a crash. Once only
 * the Nth, once all from the Nth on; jansson's allocations too. libdw's own are
 * spared: it does not survive that (elfutils 0.188 uses what it did not get),
 * which is why it is not called unless there is plenty. */
#include "config.h"
#include "sample.h"
#include "symbol.h"

#include <dlfcn.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define SANITIZED 1
#elif defined(__has_feature)
# if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#  define SANITIZED 1
# endif
#endif

#ifdef SANITIZED
int
main(void)
{
  printf("1..1\nok 1 - the Nth allocation fails # SKIP the sanitizer owns malloc()\n");
  return 0;
}
#else

enum mode { COUNT, ONE, ALL };

static bool       armed;
static enum mode  mode;
static size_t     added_again;
static size_t     countdown, allocations, failures;

/* The linker puts these in the place of what they call (see local.mk). */
int __real_symbols_open(struct symbols **symbols);
int __wrap_symbols_open(struct symbols **symbols);
struct symbol __real_symbols_find(struct symbols *symbols, uint64_t address, bool is_return);
struct symbol __wrap_symbols_find(struct symbols *symbols, uint64_t address, bool is_return);
static bool naming;   /* libdw may be at work */

int
__wrap_symbols_open(struct symbols **symbols)
{
  int error;

  naming = true;
  error = __real_symbols_open(symbols);
  naming = false;
  return error;
}

struct symbol
__wrap_symbols_find(struct symbols *symbols, uint64_t address, bool is_return)
{
  struct symbol symbol;

  naming = true;
  symbol = __real_symbols_find(symbols, address, is_return);
  naming = false;
  return symbol;
}

/* The program's own code, as the linker names its ends. */
extern const char __executable_start, etext;

static bool
refused(const char *caller)
{
  if (!armed || (naming && (caller < &__executable_start || caller >= &etext)))
    return false;
  allocations++;
  if (mode == COUNT || (countdown > 0 && --countdown > 0))
    return false;
  if (mode == ONE && failures > 0)
    return false;
  failures++;
  errno = ENOMEM;
  return true;
}

/* What stands behind these names otherwise. */
static void *
next(const char *name)
{
  void *function = dlsym(RTLD_NEXT, name);

  if (!function)
    abort();
  return function;
}

void *
malloc(size_t size)
{
  static void *(*real)(size_t);

  if (!real)
    real = (void *(*)(size_t))next("malloc");
  return refused(__builtin_return_address(0)) ? NULL : real(size);
}

void *
calloc(size_t count, size_t size)
{
  static void *(*real)(size_t, size_t);

  if (!real)
    real = (void *(*)(size_t, size_t))next("calloc");
  return refused(__builtin_return_address(0)) ? NULL : real(count, size);
}

void *
realloc(void *memory, size_t size)
{
  static void *(*real)(void *, size_t);

  if (!real)
    real = (void *(*)(void *, size_t))next("realloc");
  return refused(__builtin_return_address(0)) ? NULL : real(memory, size);
}

static void *frames[3][2];
static const char *const formats[] = { "text", "JSON", "CSV" };

static ww_dirty *
small_set(unsigned epoch)
{
  ww_region *region = fake_region("small", 0x10000000, 128, 4096);
  ww_dirty *dirty = fake_dirty(epoch, epoch * 1000, epoch * 1000 + 1000);
  unsigned i;

  fake_watch(dirty, region);
  for (i = 0; i < 6; i++) {
    fake_run(dirty, region, 2 * i, 1, WW_TRAPPED);
    fake_fault(dirty, region, 2 * i, 1 + (int)i % 4, epoch * 1000 + i, frames[i % 3], i % 3 == 2 ? 0 : 2);
  }
  return dirty;
}

/* Make and write a summary of the sets; what went wrong first. */
static int
attempt(ww_dirty **sets, size_t count, int fd, enum ww_format format)
{
  ww_summary *summary;
  size_t i;
  int error = ww_summary_create(&summary, "memory");

  if (error)
    return error;
  error = ww_summary_note(summary, "key", "value");
  for (i = 0; i < count && !error; i++) {
    error = ww_summary_add(summary, sets[i]);
    if (error == -ENOMEM && mode == ONE) {
      /* Nothing of the set was counted: it can be added again. */
      error = ww_summary_add(summary, sets[i]);
      added_again++;
    }
  }
  if (!error)
    error = ww_summary_write(summary, fd, format);
  ww_summary_free(summary);
  return error;
}

/* Without memory there may be fewer names, but nothing else may be missing. */
static char *
without_names(const char *text, enum ww_format format)
{
  json_t *report, *writer, *frame;
  char *plain = strdup(text), *writers, *line, *to;
  size_t i, k;

  if (format == WW_FORMAT_TEXT) {
    writers = strstr(plain, "First writers");
    if (!writers)
      return plain;
    /* The lines of frames are those that are indented by six. */
    for (line = to = writers; *line;) {
      size_t length = strcspn(line, "\n") + 1;
      if (strncmp(line, "      ", 6) == 0) {
        memcpy(to, "frame\n", 6);
        to += 6;
      } else {
        memmove(to, line, length);
        to += length;
      }
      line += length;
    }
    *to = 0;
  } else if (format == WW_FORMAT_JSON) {
    free(plain);
    report = json_loads(text, 0, NULL);
    ck_assert_msg(report != NULL, "broken JSON was called a success");
    json_array_foreach(json_object_get(report, "writers"), i, writer)
      json_array_foreach(json_object_get(writer, "stack"), k, frame) {
        json_object_del(frame, "function");
        json_object_del(frame, "inlined");
        json_object_del(frame, "file");
        json_object_del(frame, "line");
        json_object_del(frame, "module");
        json_object_del(frame, "offset");
      }
    plain = json_dumps(report, JSON_PRESERVE_ORDER);
    json_decref(report);
  }
  return plain;
}

START_TEST(nth)
{
  enum ww_format format = (enum ww_format)(_i / 2);
  enum mode how = _i % 2 ? ALL : ONE;
  ww_dirty *sets[2];
  char *wanted, *got, *text;
  size_t n, all, errors = 0, whole = 0;
  int fd = scratch(), error;

  setenv("COLUMNS", "80", 1);
  setenv("LC_ALL", "C", 1);
  frames[0][0] = (char *)(void *)attempt + 8;
  frames[0][1] = (char *)(void *)without_names + 8;
  frames[1][0] = (char *)dlsym(RTLD_DEFAULT, "json_dumps") + 8;
  frames[1][1] = (char *)dlsym(RTLD_DEFAULT, "json_loads") + 8;
  for (n = 0; n < 2; n++)
    sets[n] = small_set((unsigned)n + 1);
  mode = COUNT;
  armed = true;
  error = attempt(sets, 2, fd, format);
  armed = false;
  ck_assert_int_eq(error, 0);
  all = allocations;
  text = written(fd, NULL);
  wanted = without_names(text, format);
  free(text);
  ck_assert_uint_gt(all, 20);
  for (n = 1; n <= all; n++) {
    ck_assert_int_eq(ftruncate(fd, 0) | (int)lseek(fd, 0, SEEK_SET), 0);
    mode = how;
    countdown = n;
    failures = 0;
    armed = true;
    error = attempt(sets, 2, fd, format);
    armed = false;
    if (error) {
      ck_assert_msg(error == -ENOMEM, "allocation %zu: error %d", n, error);
      errors++;
      continue;
    }
    whole++;
    text = written(fd, NULL);
    got = without_names(text, format);
    ck_assert_msg(strcmp(got, wanted) == 0, "allocation %zu: not a whole report:\n%s", n, text);
    free(text);
    free(got);
  }
  printf("# %s, %s: %zu allocations, %zu errors, %zu whole reports\n", formats[format],
         how == ONE ? "one fails" : "all from there on fail", all, errors, whole);
  fflush(stdout);
  ck_assert_uint_gt(errors, 5);
  ck_assert(how == ALL || added_again > 10);
  free(wanted);
  close(fd);
  fake_free();
}
END_TEST

int
main(void)
{
  Suite *suite = suite_create("memory");
  TCase *cases = tcase_create("reports");

  tcase_set_timeout(cases, 300);
  tcase_add_loop_test(cases, nth, 0, 6);
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
#endif
