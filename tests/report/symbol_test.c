/* symbol_test.c - addresses are given the right names, and where there is
 * nothing to go by, none rather than wrong ones. */
#include "config.h"
#include "sample.h"
#include "symbol.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>

/* The linker puts __wrap_readlink() in the place of readlink() (see local.mk):
 * /proc as it is where nobody may read it, or where it is another's. */
ssize_t __real_readlink(const char *path, char *target, size_t size);
ssize_t __wrap_readlink(const char *path, char *target, size_t size);
static const char *self;   /* where /proc/self points; NULL: the truth, "": nowhere */

ssize_t
__wrap_readlink(const char *path, char *target, size_t size)
{
  if (!self)
    return __real_readlink(path, target, size);
  if (!*self) {
    errno = ENOENT;
    return -1;
  }
  memcpy(target, self, strlen(self));
  return (ssize_t)strlen(self);
}

static struct symbols *symbols;
static jmp_buf back;
static void *return_address;
static int known_line;

static void
start(void)
{
  ck_assert_int_eq(symbols_open(&symbols), 0);
}

static void
finish(void)
{
  symbols_close(symbols);
  symbols = NULL;
  self = NULL;
}

__attribute__((noinline)) static void
remember(void)
{
  return_address = __builtin_return_address(0);
}

__attribute__((noinline)) static void
known_function(void)
{
  known_line = __LINE__ + 1;
  remember();
  __asm__ volatile ("");   /* no tail call */
}

__attribute__((noinline)) static _Noreturn void
leave(void)
{
  return_address = __builtin_return_address(0);
  longjmp(back, 1);
}

/* Nothing comes after the call: it returns into the next function. */
__attribute__((noinline)) static void
ends_with_a_call(void)
{
  leave();
}

__attribute__((always_inline)) static inline void
inlined_function(void)
{
  known_line = __LINE__ + 1;
  remember();
  __asm__ volatile ("");
}

__attribute__((noinline)) static void
outer_function(void)
{
  inlined_function();
}

static struct symbol
find(void *address, bool is_return)
{
  return symbols_find(symbols, (uint64_t)(uintptr_t)address, is_return);
}

START_TEST(function_and_line)
{
  struct symbol symbol;

  known_function();
  symbol = find(return_address, true);
  ck_assert_str_eq(symbol.function, "known_function");
  ck_assert_ptr_null(symbol.inlined);
  ck_assert_ptr_nonnull(strstr(symbol.file, "symbol_test.c"));
  ck_assert_int_eq(symbol.line, known_line);
  ck_assert_ptr_nonnull(strstr(symbol.module, "report_symbol_test"));
  /* Once more, from what is remembered. */
  symbol = find(return_address, true);
  ck_assert_str_eq(symbol.function, "known_function");
  /* The same place as an instruction that wrote. */
  symbol = find((char *)return_address - 1, false);
  ck_assert_str_eq(symbol.function, "known_function");
  ck_assert_uint_eq(symbol.offset + 1, find(return_address, true).offset);
}
END_TEST

START_TEST(call_at_the_end)
{
  struct symbol symbol;

  if (setjmp(back) == 0)
    ends_with_a_call();
  symbol = find(return_address, true);
  ck_assert_str_eq(symbol.function, "ends_with_a_call");
}
END_TEST

START_TEST(inlined)
{
  struct symbol symbol;

  outer_function();
  symbol = find(return_address, true);
  ck_assert_str_eq(symbol.function, "outer_function");
  ck_assert_str_eq(symbol.inlined, "inlined_function");
  ck_assert_int_eq(symbol.line, known_line);
}
END_TEST

/* The linker knows functions of libraries by name and version. */
START_TEST(library)
{
  void *place = dlsym(RTLD_DEFAULT, "hsearch_r");
  struct symbol symbol = find(place, false);

  ck_assert_ptr_nonnull(place);
  ck_assert_str_eq(symbol.function, "hsearch_r");
  ck_assert_ptr_nonnull(strstr(symbol.module, "lib"));
}
END_TEST

/* Memory that no function is in. */
START_TEST(nowhere)
{
  static char data[64];
  void *places[] = { NULL, FRAME(1), FRAME(UINT64_MAX), &places, data + 32 };
  size_t i;

  for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
    struct symbol symbol = find(places[i], i % 2);
    ck_assert_ptr_null(symbol.inlined);
    ck_assert_ptr_null(symbol.file);
    if (i < 3)
      ck_assert_ptr_null(symbol.module);
  }
}
END_TEST

typedef void *place(void);

static void *
plugin(void **exported, void **hidden)
{
  const char *top = getenv("top_builddir");
  char path[4096];
  void *module;

  snprintf(path, sizeof(path), "%s/.libs/report_plugin.so", top ? top : ".");
  module = dlopen(path, RTLD_NOW);
  ck_assert_msg(module != NULL, "%s", dlerror());
  *exported = ((place *)dlsym(module, "plugin_exported"))();
  *hidden = ((place *)dlsym(module, "plugin_hidden_place"))();
  return module;
}

/* A stripped library keeps the names of what it exports. */
START_TEST(stripped_and_closed)
{
  void *exported, *hidden, *module = plugin(&exported, &hidden);
  struct symbol symbol;

  finish();
  start();
  symbol = find(exported, true);
  ck_assert_str_eq(symbol.function, "plugin_exported");
  ck_assert_ptr_null(symbol.file);
  symbol = find(hidden, true);
  ck_assert_msg(symbol.function == NULL, "a name was made up: %s", symbol.function);
  ck_assert_ptr_nonnull(strstr(symbol.module, "report_plugin.so"));
  ck_assert_uint_gt(symbol.offset, 0);
  finish();
  dlclose(module);
  start();
  symbol = find(exported, true);
  ck_assert_ptr_null(symbol.function);
  ck_assert_ptr_null(symbol.module);
}
END_TEST

/* Then what the dynamic linker knows must do. */
START_TEST(without_proc)
{
  static const char *const targets[] = { "", "2147483647", "none" };
  struct symbol symbol;
  void *exported, *hidden, *module = plugin(&exported, &hidden);

  finish();
  self = targets[_i];
  start();
  symbol = find(exported, true);
  ck_assert_str_eq(symbol.function, "plugin_exported");
  ck_assert_ptr_nonnull(strstr(symbol.module, "report_plugin.so"));
  ck_assert_ptr_null(symbol.file);
  dlclose(module);
}
END_TEST

/* The network is not asked; what is here is found all the same. */
START_TEST(debuginfod)
{
  finish();
  setenv("DEBUGINFOD_URLS", "http://127.0.0.1:1/", 1);
  start();
  known_function();
  ck_assert_int_eq(find(return_address, true).line, known_line);
  unsetenv("DEBUGINFOD_URLS");
}
END_TEST

int
main(void)
{
  Suite *suite = suite_create("symbol");
  TCase *cases = tcase_create("symbols");

  tcase_set_timeout(cases, 60);
  tcase_add_checked_fixture(cases, start, finish);
  tcase_add_test(cases, function_and_line);
  tcase_add_test(cases, call_at_the_end);
  tcase_add_test(cases, inlined);
  tcase_add_test(cases, library);
  tcase_add_test(cases, nowhere);
  tcase_add_test(cases, stripped_and_closed);
  tcase_add_loop_test(cases, without_proc, 0, 3);
  tcase_add_test(cases, debuginfod);
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
