/* filter.c - the shield's filter, run in an interpreter of the kernel's language, against a
 * plain statement of what it is for: a call is trapped if it is made from code that is
 * watched and may write into a window.
 *
 * A row at a time: arguments, windows and code are drawn near each other's edges. What a
 * call may write is worked out to the byte; such a call must be trapped. How much more may
 * be trapped is bounded as well, by granules of 64 KiB: a filter that traps all would be
 * right and useless. */
#include "config.h"
#include "../tap.h"
#include "raw.h"
#include "shield/program.h"
#include "shield/shield.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Long enough for any address; unsigned __int128 is not ISO C. */
__extension__ typedef unsigned __int128 wide;

enum { CONFIGURATIONS = 60, CALLS = 200, GRANULE = 65536, REFUSED = -1 };
static const uint64_t ADDRESSES = (uint64_t)1 << 48;   /* a pointer of the program is below this */

static struct sock_filter program[BPF_MAXINSNS];
static struct coverage coverage;
static uint64_t state;

static uint64_t
below(uint64_t limit)
{
  return tap_random(&state) % limit;
}

static uint64_t
one_of(const uint64_t *values, size_t count)
{
  return values[below(count)];
}

#define ONE_OF(...) one_of((const uint64_t[]){ __VA_ARGS__ }, \
                           sizeof (uint64_t[]){ __VA_ARGS__ } / sizeof(uint64_t))

/* ------------------------------------------------------------------ the interpreter */

/* What the kernel's own check refuses, and what this test does not know, is REFUSED. */
static int64_t
run(const struct sock_filter *filter, size_t length, const struct seccomp_data *data)
{
  uint32_t a = 0, x = 0, memory[BPF_MEMWORDS] = { 0 };
  for (size_t at = 0; at < length; at++) {
    const struct sock_filter *now = &filter[at];
    bool yes;
    uint32_t operand = now->code & BPF_X ? x : now->k;
    switch (now->code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (now->k % 4 || now->k > sizeof *data - 4)
          return REFUSED;
        memcpy(&a, (const char *)data + now->k, 4);
        continue;
      case BPF_LD | BPF_IMM: a = now->k; continue;
      case BPF_LD | BPF_MEM: case BPF_LDX | BPF_MEM: case BPF_ST:
        if (now->k >= BPF_MEMWORDS)
          return REFUSED;
        if (now->code == BPF_ST)
          memory[now->k] = a;
        else
          *(now->code == (BPF_LD | BPF_MEM) ? &a : &x) = memory[now->k];
        continue;
      case BPF_MISC | BPF_TAX: x = a; continue;
      case BPF_ALU | BPF_ADD | BPF_K: case BPF_ALU | BPF_ADD | BPF_X: a += operand; continue;
      case BPF_ALU | BPF_SUB | BPF_X: a -= operand; continue;
      case BPF_ALU | BPF_MUL | BPF_K: a *= operand; continue;
      case BPF_ALU | BPF_AND | BPF_K: a &= operand; continue;
      case BPF_ALU | BPF_OR | BPF_X: a |= operand; continue;
      case BPF_ALU | BPF_LSH | BPF_K: case BPF_ALU | BPF_LSH | BPF_X:
        if (operand > 31)
          return REFUSED;
        a <<= operand;
        continue;
      case BPF_ALU | BPF_RSH | BPF_K:
        if (operand > 31)
          return REFUSED;
        a >>= operand;
        continue;
      case BPF_JMP | BPF_JA: at += now->k; continue;
      case BPF_RET | BPF_K: return now->k;
      case BPF_JMP | BPF_JEQ | BPF_K: yes = a == operand; break;
      case BPF_JMP | BPF_JGT | BPF_K: case BPF_JMP | BPF_JGT | BPF_X: yes = a > operand; break;
      case BPF_JMP | BPF_JGE | BPF_K: case BPF_JMP | BPF_JGE | BPF_X: yes = a >= operand; break;
      case BPF_JMP | BPF_JSET | BPF_K: yes = a & operand; break;
      default: return REFUSED;
    }
    at += yes ? now->jt : now->jf;
  }
  return REFUSED;
}

/* --------------------------------------------------------------- what it is to do */

static bool
meets_window(wide start, wide end)
{
  for (size_t i = 0; i < coverage.windows; i++)
    if (start < coverage.window[i].end && end > coverage.window[i].start)
      return true;
  return false;
}

/* The bytes that the kernel may write there, by the argument that says how much. */
static wide
extent(const struct out *out, uint64_t length)
{
  switch (out->kind) {
    case OUT_BYTES: return (wide)length + (out->size > 1 ? out->size : 0);
    case OUT_ITEMS: return (wide)length * out->size;
    case OUT_BITS: return ((wide)length + 63) / 64 * 8;
    case OUT_PAGES: return (wide)length / (wide)sysconf(_SC_PAGESIZE) + 1;
    default: return out->size;
  }
}

/* What may be taken for it: its granules, by the coarsest reckoning, and one more; all that
 * follows if it is longer than 32 bits can say. */
static wide
reach(const struct out *out, uint64_t length)
{
  wide bytes = out->size;
  if (out->kind == OUT_BYTES || out->kind == OUT_ITEMS)
    bytes = extent(out, length);
  else if (out->kind == OUT_PAGES || out->kind == OUT_BITS)
    bytes = length;
  return length > UINT32_MAX || bytes > UINT32_MAX ? (wide)1 << 64 : (bytes / GRANULE + 2) * GRANULE;
}

enum verdict { PASS, TRAP, EITHER };

static enum verdict
by_pointers(const struct out *outs, unsigned count, const uint64_t *argument)
{
  enum verdict verdict = PASS;
  for (unsigned i = 0; i < count; i++) {
    uint64_t pointer = argument[outs[i].pointer], length = argument[outs[i].length];
    if (outs[i].kind == OUT_NONE)
      continue;
    /* No address at all: taken for one in the very last granule. */
    if (pointer >= ADDRESSES) {
      if (meets_window(ADDRESSES - GRANULE, ADDRESSES))
        verdict = EITHER;
      continue;
    }
    wide end = pointer + extent(&outs[i], length);
    bool sized = outs[i].kind != OUT_FIXED && outs[i].kind != OUT_SOCKLEN;
    wide far = pointer / GRANULE * GRANULE + reach(&outs[i], sized ? length : 0);
    if (meets_window(pointer, end))
      return TRAP;
    if (meets_window(pointer / GRANULE * GRANULE, far))
      verdict = EITHER;
  }
  return verdict;
}

/* False: go on with the next. */
static bool
by_condition(const struct condition *when, const uint64_t *argument, enum verdict *verdict)
{
  uint64_t value = argument[when->argument];
  uint32_t low = (uint32_t)value, operation = low & ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  switch (when->kind) {
    case TRAP_ALWAYS: *verdict = TRAP; return true;
    case TRAP_IF_SET: *verdict = TRAP; return low & when->value;
    case TRAP_IF_FILES: *verdict = TRAP; return coverage.files;
    case TRAP_IF_EQUAL: *verdict = TRAP; return low == when->value;
    case TRAP_IF_NONZERO: *verdict = TRAP; return value != 0;
    case PASS_UNLESS_SET: *verdict = PASS; return !(low & when->value);
    case PASS_UNLESS_FUTEX:
      *verdict = operation < 32 && !(when->value >> operation & 1) ? PASS : EITHER;
      return (low & FUTEX_PRIVATE_FLAG) && (operation >= 32 || *verdict == PASS);
    default: return false;
  }
}

static enum verdict
expected(const struct row *row, const struct seccomp_data *data)
{
  uint64_t argument[6], at = data->instruction_pointer;
  bool watched = false;
  for (unsigned i = 0; i < 6; i++)
    argument[i] = data->args[i];
  for (size_t i = 0; i < coverage.code; i++)
    watched |= at > coverage.codes[i].start && at <= coverage.codes[i].end;
  if (!watched)
    return PASS;
  if (!row) {
    struct out any[6] = { { OUT_NONE, 0, 0, 0 } };
    for (uint8_t i = 0; i < 6; i++)
      any[i] = (struct out){ OUT_FIXED, i, 0, 1 };
    return data->nr >= table_first_unknown() && data->nr < TABLE_NUMBERS
      ? by_pointers(any, 6, argument) : PASS;
  }
  bool trapped_before = false;
  for (unsigned i = 0; i < ROW_CONDITIONS; i++) {
    enum verdict verdict = EITHER;
    if (!by_condition(&row->when[i], argument, &verdict))
      continue;
    if (verdict != TRAP || !coverage.further)
      return verdict;
    trapped_before = true;      /* by the first filter: what a further one says does not matter */
  }
  if (trapped_before)
    return EITHER;
  enum verdict outs = by_pointers(row->out, ROW_OUTS, argument);
  enum verdict also = by_pointers(row->also, ROW_ALSO, argument);
  return outs == TRAP || also == TRAP ? TRAP : outs == EITHER || also == EITHER ? EITHER : PASS;
}

/* ---------------------------------------------------------------------- what is drawn */

static void
draw_coverage(void)
{
  memset(&coverage, 0, sizeof coverage);
  coverage.further = below(2);
  coverage.files = below(2);
  coverage.windows = 1 + below(below(4) ? 3 : PROGRAM_WINDOWS);
  for (size_t i = 0; i < coverage.windows; i++) {
    uint64_t start = below(8) ? below(ADDRESSES) : ONE_OF(1, (uint64_t)1 << 32, ADDRESSES - GRANULE);
    start = start / GRANULE * GRANULE;
    uint64_t length = ONE_OF(GRANULE, 2 * GRANULE, 100 * GRANULE, (uint64_t)1 << 32, (uint64_t)3 << 31);
    coverage.window[i] = (struct range){ start, start + length < ADDRESSES ? start + length : ADDRESSES };
  }
  coverage.code = 1 + below(below(4) ? 3 : PROGRAM_CODE);
  for (size_t i = 0; i < coverage.code; i++) {
    uint64_t border = (1 + below(ADDRESSES >> 32)) << 32, length = 4096 * (1 + below(1000));
    uint64_t end = border - ONE_OF(0, 4096, 4096, 1 << 30);
    coverage.codes[i] = (struct range){ below(4) ? end - length : border - ((uint64_t)1 << 32), end };
  }
}

static uint64_t
near(uint64_t value)
{
  uint64_t distance = ONE_OF(0, 1, 2, 7, 8, 100, GRANULE - 1, GRANULE, GRANULE + 1, 2 * GRANULE, 3 * GRANULE);
  return below(2) ? value + distance : value - distance;
}

static uint64_t
draw_length(void)
{
  switch (below(8)) {
    case 0: return 0;
    case 1: return below(100);
    case 2: return tap_random(&state);
    case 3: return near(UINT32_MAX / ONE_OF(1, 8, 12, 16, 32));
    case 4: return below(UINT32_MAX);
    default: return near(ONE_OF(GRANULE, 4 * GRANULE, 1000 * GRANULE, GRANULE / 8,
                                GRANULE / 16)) & UINT32_MAX;
  }
}

static void
draw_call(const struct row *row, int number, struct seccomp_data *data)
{
#if defined(__x86_64__)
  *data = (struct seccomp_data){ .nr = number, .arch = AUDIT_ARCH_X86_64 };
#else
  *data = (struct seccomp_data){ .nr = number, .arch = AUDIT_ARCH_AARCH64 };
#endif
  const struct range *code = &coverage.codes[below(coverage.code)];
  data->instruction_pointer = below(4) ? code->start + 1 + below(code->end - code->start)
    : below(8) ? near(below(2) ? code->start : code->end) : code->end + ((uint64_t)1 << 32) * (below(3) - 1);
  for (unsigned i = 0; i < 6; i++)
    data->args[i] = below(3) ? draw_length() : below(2) ? 0 : tap_random(&state) >> below(64);
  for (unsigned i = 0; row && i < ROW_OUTS + ROW_ALSO; i++) {
    const struct out *out = i < ROW_OUTS ? &row->out[i] : &row->also[i - ROW_OUTS];
    const struct range *window = &coverage.window[below(coverage.windows)];
    uint64_t before = (uint64_t)extent(out, data->args[out->length]);
    if (out->kind != OUT_NONE && below(2))
      data->args[out->pointer] = near(below(3) ? window->start - before : below(2)
                                      ? window->start : window->end);
  }
  for (unsigned i = 0; !row && i < 6; i++)
    if (!below(6))
      data->args[i] = near(below(2) ? coverage.window[0].start : coverage.window[0].end);
  /* Flags and operations. */
  for (unsigned i = 0; row && i < ROW_CONDITIONS; i++)
    if (row->when[i].kind == PASS_UNLESS_FUTEX)
      data->args[row->when[i].argument] = below(40) | ONE_OF(0, 128, 128, 256, 384);
    else if (row->when[i].kind != WHEN_NONE && row->when[i].kind != TRAP_ALWAYS && below(2))
      data->args[row->when[i].argument] = ONE_OF(0, 0, row->when[i].value, (uint64_t)1 << 40);
}

/* ----------------------------------------------------------------------------- a row */

static unsigned seen[EITHER + 1];

static const char *
judge(const struct row *row, size_t length, const struct seccomp_data *data)
{
  enum verdict verdict = expected(row, data);
  int64_t found = run(program, length, data);
  seen[verdict]++;
  if (found == REFUSED)
    return "the kernel would refuse the program";
  if (found != SECCOMP_RET_ALLOW && found != (SECCOMP_RET_TRAP | SHIELD_TRAP_DATA))
    return "neither passed nor trapped";
  if (verdict == TRAP && found == SECCOMP_RET_ALLOW)
    return "passed, and should have been trapped";
  if (verdict == PASS && found != SECCOMP_RET_ALLOW)
    return "trapped, and should have been passed";
  return NULL;
}

static void
complain(const char *fault, const struct seccomp_data *data)
{
  printf("# %s: number %d at %#llx\n", fault, data->nr, (unsigned long long)data->instruction_pointer);
  for (unsigned i = 0; i < 6; i++)
    printf("# argument %u: %#llx\n", i, (unsigned long long)data->args[i]);
  for (size_t i = 0; i < coverage.windows; i++)
    printf("# window %#lx-%#lx\n", (long)coverage.window[i].start, (long)coverage.window[i].end);
  for (size_t i = 0; i < coverage.code; i++)
    printf("# code %#lx-%#lx\n", (long)coverage.codes[i].start, (long)coverage.codes[i].end);
}

static bool
try_row(const struct row *row, int number)
{
  for (unsigned i = 0; i < CONFIGURATIONS; i++) {
    draw_coverage();
    size_t length = program_make(&coverage, program);
    if (!length) {
      printf("# no program of %zu windows and %zu pieces of code\n", coverage.windows, coverage.code);
      return false;
    }
    for (unsigned call = 0; call < CALLS; call++) {
      struct seccomp_data data;
      draw_call(row, number, &data);
      const char *fault = judge(row, length, &data);
      if (fault) {
        complain(fault, &data);
        return false;
      }
    }
  }
  return true;
}

/* Numbers that no row is for. */
static bool
try_others(void)
{
  for (int number = 0; number < TABLE_NUMBERS + 40; number++) {
    if (number % 8 == 0)
      draw_coverage();
    size_t length = program_make(&coverage, program);
    for (unsigned call = 0; !table_find(number) && call < CALLS; call++) {
      struct seccomp_data data;
      draw_call(NULL, number, &data);
      const char *fault = judge(NULL, length, &data);
      if (fault) {
        complain(fault, &data);
        return false;
      }
    }
  }
  return true;
}

int
main(int argc, char **argv)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int error = program_prepare();
  if (error == -ENOTSUP) {
    skip("the filter's program", "built without libseccomp");
    return tap_done();
  }
  state = tap_seed(argc, argv, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
  table_prepare();
  ok(!error, "libseccomp makes the first part");
  for (unsigned i = 0; i < table_count; i++) {
    uint64_t from = state;
    ok(try_row(&table_rows[i], table_rows[i].number), "row %u, number %d, from state %#llx", i,
       table_rows[i].number, (unsigned long long)from);
  }
  ok(try_others(), "numbers without a row");
  ok(seen[TRAP] > seen[PASS] / 20 && seen[PASS] > seen[TRAP] / 20,
     "%u calls to trap, %u to pass, %u either way",
     seen[TRAP], seen[PASS], seen[EITHER]);
  return tap_done();
}
