/* program.c - the filter's program: which calls are trapped.
 *
 * Three parts. libseccomp makes the first: it finds a call's class by its number, and lets
 * all others go at once, without a look at anything else, so that the kernel can answer
 * for them from a bitmap (kernel/seccomp.c, seccomp_cache_prepare). The commonest calls are
 * looked for ahead of it. It says the class by
 * returning an errno, which program_make() turns into a jump to the second part: a block
 * for each class, which looks at the arguments and puts down the memory that each
 * pointer may mean, as a first and a last granule of 64 KiB. The third part compares these
 * with the windows, and the calling instruction with the code that is watched.
 *
 * Calls from libseccomp are not enough for that: it compares an argument with constants,
 * but knows no ranges, no sums of pointer and length, no instruction pointer. */
#include "config.h"
#include "shield/program.h"
#include "arena.h"
#include "os.h"
#include "raw.h"
#include "shield/table.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GRANULE_SHIFT = 16, TEMPLATE_MAX = 1536, CLASSES_MAX = 250, POINTERS_MAX = 6, UNKNOWN_CLASS = 1 };

static struct sock_filter template[TEMPLATE_MAX];
static size_t template_length;
/* What stands for each class: a row whose tests all others of the class share. */
static const struct row *class_row[CLASSES_MAX];
static unsigned classes;

/* Six pointers of unknown meaning: looked at if they point into a window. */
static const struct row unknown = {
  .number = -1, .out = { { OUT_FIXED, 0, 0, 1 }, { OUT_FIXED, 1, 0, 1 }, { OUT_FIXED, 2, 0, 1 },
                         { OUT_FIXED, 3, 0, 1 }, { OUT_FIXED, 4, 0, 1 } },
  .also = { { OUT_FIXED, 5, 0, 1 } }
};

/* ---------------------------------------------------------- by number: libseccomp */

static bool
same_tests(const struct row *a, const struct row *b)
{
  return !memcmp(a->out, b->out, sizeof a->out) && !memcmp(a->when, b->when, sizeof a->when)
    && !memcmp(a->also, b->also, sizeof a->also);
}

static unsigned
class_of(const struct row *row)
{
  unsigned class = 1;
  while (class <= classes && !same_tests(class_row[class], row))
    class++;
  if (class > classes)
    class_row[++classes] = row;
  return class;
}

static int
add_rules(scmp_filter_ctx filter)
{
  int error = 0;
  classes = UNKNOWN_CLASS;
  class_row[UNKNOWN_CLASS] = &unknown;
  for (int number = table_first_unknown(); number < TABLE_NUMBERS && !error; number++)
    error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(UNKNOWN_CLASS), number, 0);
  for (unsigned i = 0; i < table_count && !error; i++)
    error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(class_of(&table_rows[i])), table_rows[i].number, 0);
  return error;
}

static int
export(scmp_filter_ctx filter)
{
  int fd = memfd_create("writewatch filter", MFD_CLOEXEC);
  if (fd < 0)
    return -errno;
  int error = seccomp_export_bpf(filter, fd);
  long got = error ? 0 : lseek(fd, 0, SEEK_END);
  if (!error && (got <= 0 || (size_t)got > sizeof template))
    error = -E2BIG;
  if (!error && pread(fd, template, (size_t)got, 0) != got)
    error = -EIO;
  close(fd);
  template_length = (size_t)got / sizeof *template;
  return error;
}

int
program_prepare(void)
{
  if (template_length)
    return 0;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (!filter)
    return -ENOMEM;
  /* A program for another processor, that this one has exec'ed, is not ours. */
  int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
  /* A tree of comparisons rather than a list; libseccomp before 2.5 has it not. */
  (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (!error)
    error = add_rules(filter);
  if (!error)
    error = export(filter);
  seccomp_release(filter);
  return error;
}

/* What libseccomp makes of the table, to be handed over. */
struct prepared {
  int error;
  size_t length;
  unsigned classes;
  const struct row *class_row[CLASSES_MAX];
  struct sock_filter template[TEMPLATE_MAX];
};

int
program_prepare_apart(void)
{
  int status;
  if (template_length)
    return 0;
  struct prepared *made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED)
    return -ENOMEM;
  made->error = -ECHILD;
  /* No signal at its end, and no handlers of atfork: nobody hears of it. */
  long child = RAW_CALL(SYS_clone, 0);
  if (child == 0) {
    made->error = program_prepare();
    made->length = template_length;
    made->classes = classes;
    memcpy(made->class_row, class_row, sizeof class_row);
    memcpy(made->template, template, sizeof template);
    RAW_CALL(SYS_exit_group, 0);
  }
  while (child > 0 && RAW_CALL(SYS_wait4, child, &status, __WALL, NULL) == -EINTR)
    ;
  int error = child < 0 ? (int)child : made->error;
  if (!error) {
    classes = made->classes;
    memcpy(class_row, made->class_row, sizeof class_row);
    memcpy(template, made->template, sizeof template);
    template_length = made->length;
  }
  munmap(made, sizeof *made);
  return error;
}

/* ------------------------------------------------------------------ the emitter */

struct program { struct sock_filter *into; size_t length; };

static void
emit(struct program *program, unsigned code, uint32_t k, unsigned yes, unsigned no)
{
  if (program->length < BPF_MAXINSNS)
    program->into[program->length] = (struct sock_filter){ (uint16_t)code, (uint8_t)yes, (uint8_t)no, k };
  program->length++;
}

/* The offset of an argument's low half; its high half is at + 4. */
static uint32_t
argument_at(unsigned argument)
{
  return (uint32_t)(offsetof(struct seccomp_data, args) + 8 * argument);
}

#define LOAD(at)       emit(program, BPF_LD | BPF_W | BPF_ABS, at, 0, 0)
#define VALUE(k)       emit(program, BPF_LD | BPF_IMM, k, 0, 0)
#define KEEP(slot)     emit(program, BPF_ST, slot, 0, 0)
#define RECALL(slot)   emit(program, BPF_LD | BPF_MEM, slot, 0, 0)
#define RECALL_X(slot) emit(program, BPF_LDX | BPF_MEM, slot, 0, 0)
#define ALU(op, k)     emit(program, BPF_ALU | (op) | BPF_K, k, 0, 0)
#define ALU_X(op)      emit(program, BPF_ALU | (op) | BPF_X, 0, 0, 0)
#define JUMP(op, k, yes, no) emit(program, BPF_JMP | (op) | BPF_K, k, yes, no)
#define RETURN(k)      emit(program, BPF_RET | BPF_K, k, 0, 0)
/* A jump whose target is filled in later; returns where it is. */
#define GO()           (emit(program, BPF_JMP | BPF_JA, 0, 0, 0), program->length - 1)

static void
land(struct program *program, size_t jump)
{
  if (jump < BPF_MAXINSNS)
    program->into[jump].k = (uint32_t)(program->length - jump - 1);
}

/* ------------------------------------------------------------------ by arguments */

/* Slots 2i and 2i + 1: the first granule that pointer i may mean, and the last. A pointer
 * beyond the 48 bits of an address means none, for which the very last granule stands. */
static void
emit_pointer(struct program *program, unsigned index, const struct out *out)
{
  uint32_t at = argument_at(out->pointer), length_at = argument_at(out->length);
  uint32_t unit = out->kind == OUT_ITEMS ? out->size : 1;
  uint32_t more = out->kind == OUT_BYTES && out->size > 1 ? out->size : 0;
  /* Of bits and pages the number stands for the bytes, which are fewer. */
  bool sized = out->kind == OUT_BYTES || out->kind == OUT_ITEMS || out->kind == OUT_PAGES
    || out->kind == OUT_BITS;
  LOAD(at + 4);
  JUMP(BPF_JGT, 0xffff, 0, 4);
  VALUE(UINT32_MAX);
  KEEP(2 * index);
  KEEP(2 * index + 1);
  size_t beyond = GO();
  ALU(BPF_LSH, 32 - GRANULE_SHIFT);
  KEEP(2 * index);
  LOAD(at);
  ALU(BPF_RSH, GRANULE_SHIFT);
  RECALL_X(2 * index);
  ALU_X(BPF_OR);
  KEEP(2 * index);
  if (sized) {
    LOAD(length_at + 4);
    JUMP(BPF_JEQ, 0, 0, 2);
    LOAD(length_at);
    JUMP(BPF_JGT, UINT32_MAX / unit - more, 0, 3);
    VALUE(UINT32_MAX);     /* too long to reckon with: all that follows */
    KEEP(2 * index + 1);
    size_t all = GO();
    if (unit > 1)
      ALU(BPF_MUL, unit);
    if (more)
      ALU(BPF_ADD, more);
    ALU(BPF_RSH, GRANULE_SHIFT);
    ALU(BPF_ADD, 1);
    RECALL_X(2 * index);
    ALU_X(BPF_ADD);
    KEEP(2 * index + 1);
    land(program, all);
  } else {
    RECALL(2 * index);
    ALU(BPF_ADD, 1 + (out->size >> GRANULE_SHIFT));
    KEEP(2 * index + 1);
  }
  land(program, beyond);
}

/* Emits a condition; jumps to be landed at the trap or at the pass are added to the lists. */
static void
emit_condition(struct program *program, const struct condition *when, size_t *trap, unsigned *traps,
               size_t *pass, unsigned *passes)
{
  uint32_t at = argument_at(when->argument);
  switch (when->kind) {
    case TRAP_ALWAYS: case TRAP_IF_FILES:
      trap[(*traps)++] = GO();
      break;
    case TRAP_IF_SET:
      LOAD(at);
      JUMP(BPF_JSET, when->value, 0, 1);
      trap[(*traps)++] = GO();
      break;
    case TRAP_IF_EQUAL:
      LOAD(at);
      JUMP(BPF_JEQ, when->value, 0, 1);
      trap[(*traps)++] = GO();
      break;
    case TRAP_IF_NONZERO:
      LOAD(at);
      JUMP(BPF_JEQ, 0, 0, 2);
      LOAD(at + 4);
      JUMP(BPF_JEQ, 0, 1, 0);
      trap[(*traps)++] = GO();
      break;
    case PASS_UNLESS_SET:
      LOAD(at);
      JUMP(BPF_JSET, when->value, 1, 0);
      pass[(*passes)++] = GO();
      break;
    case PASS_UNLESS_FUTEX:
      LOAD(at);
      JUMP(BPF_JSET, FUTEX_PRIVATE_FLAG, 0, 7);
      ALU(BPF_AND, 127);
      JUMP(BPF_JGT, 31, 4, 0);
      emit(program, BPF_MISC | BPF_TAX, 0, 0, 0);
      VALUE(1);
      ALU_X(BPF_LSH);
      JUMP(BPF_JSET, when->value, 1, 0);
      pass[(*passes)++] = GO();
      break;
    default:
      break;
  }
}

/* Where the parts of the third stand. */
struct targets { size_t trap[2 * CLASSES_MAX], pointers[POINTERS_MAX + 1][CLASSES_MAX], pass[2 * CLASSES_MAX];
                 unsigned traps, passes, pointer_counts[POINTERS_MAX + 1]; };

/* Of the commonest calls, a buffer in the same 4 GiB as the window and beside it, or behind
 * both: a third of the instructions. */
static void
emit_quick(struct program *program, const struct row *row, const struct coverage *coverage)
{
  const struct out *out = &row->out[0];
  uintptr_t first = coverage->window[0].start, last = coverage->window[0].end - 1;
  if (out->kind != OUT_BYTES || out->size != 1 || row->out[1].kind != OUT_NONE
      || row->also[0].kind != OUT_NONE
      || row->when[0].kind != WHEN_NONE || coverage->windows != 1 || first >> 32 != last >> 32)
    return;
  LOAD(argument_at(out->pointer) + 4);
  JUMP(BPF_JGT, (uint32_t)(last >> 32), 12, 0);
  JUMP(BPF_JEQ, (uint32_t)(first >> 32), 0, 12);
  LOAD(argument_at(out->pointer));
  JUMP(BPF_JGT, (uint32_t)last, 9, 0);
  JUMP(BPF_JGE, (uint32_t)first, 9, 0);
  emit(program, BPF_MISC | BPF_TAX, 0, 0, 0);
  VALUE((uint32_t)first);
  ALU_X(BPF_SUB);        /* as much fits before the window */
  emit(program, BPF_MISC | BPF_TAX, 0, 0, 0);
  LOAD(argument_at(out->length) + 4);
  JUMP(BPF_JEQ, 0, 0, 3);
  LOAD(argument_at(out->length));
  emit(program, BPF_JMP | BPF_JGT | BPF_X, 0, 1, 0);
  RETURN(SECCOMP_RET_ALLOW);
}

static void
emit_class(struct program *program, const struct row *row, const struct coverage *coverage,
           struct targets *targets)
{
  unsigned pointers = 0;
  bool always = false;
  emit_quick(program, row, coverage);
  for (unsigned i = 0; i < ROW_CONDITIONS; i++) {
    bool trap = row->when[i].kind == TRAP_ALWAYS || row->when[i].kind == TRAP_IF_SET
      || row->when[i].kind == TRAP_IF_NONZERO || row->when[i].kind == TRAP_IF_EQUAL;
    if ((trap && coverage->further) || (row->when[i].kind == TRAP_IF_FILES && !coverage->files))
      continue;
    emit_condition(program, &row->when[i], targets->trap, &targets->traps, targets->pass, &targets->passes);
    always |= row->when[i].kind == TRAP_ALWAYS;
  }
  if (always)
    return;
  for (unsigned i = 0; i < ROW_OUTS + ROW_ALSO; i++) {
    const struct out *out = i < ROW_OUTS ? &row->out[i] : &row->also[i - ROW_OUTS];
    if (out->kind != OUT_NONE && pointers < POINTERS_MAX)
      emit_pointer(program, pointers++, out);
  }
  targets->pointers[pointers][targets->pointer_counts[pointers]++] = GO();
}

/* ------------------------------------------------------- by windows and by code */

static void
emit_windows(struct program *program, const struct coverage *coverage, struct targets *targets)
{
  for (unsigned left = POINTERS_MAX; left > 0; left--) {
    for (unsigned i = 0; i < targets->pointer_counts[left]; i++)
      land(program, targets->pointers[left][i]);
    /* The last granule may be beyond all that there are. */
    RECALL_X(2 * left - 2);
    RECALL(2 * left - 1);
    emit(program, BPF_JMP | BPF_JGE | BPF_X, 0, 2, 0);
    VALUE(UINT32_MAX);
    KEEP(2 * left - 1);
    for (size_t i = 0; i < coverage->windows; i++) {
      uint32_t first = (uint32_t)(coverage->window[i].start >> GRANULE_SHIFT);
      uint32_t last = (uint32_t)((coverage->window[i].end - 1) >> GRANULE_SHIFT);
      RECALL(2 * left - 1);
      JUMP(BPF_JGE, first, 0, 3);
      RECALL(2 * left - 2);
      JUMP(BPF_JGT, last, 1, 0);
      targets->trap[targets->traps++] = GO();
    }
  }
  for (unsigned i = 0; i < targets->pointer_counts[0]; i++)
    land(program, targets->pointers[0][i]);
  for (unsigned i = 0; i < targets->passes; i++)
    land(program, targets->pass[i]);
  RETURN(SECCOMP_RET_ALLOW);
}

/* The instruction pointer is behind the instruction: start < it <= end. No range crosses a
 * multiple of 4 GiB (filter.c), but one may end at it: then the last instruction's pointer
 * has another high half. */
static void
emit_code(struct program *program, const struct coverage *coverage, const struct targets *targets)
{
  const uint32_t at = offsetof(struct seccomp_data, instruction_pointer);
  for (unsigned i = 0; i < targets->traps; i++)
    land(program, targets->trap[i]);
  for (size_t i = 0; i < coverage->code; i++) {
    uint32_t end = (uint32_t)coverage->codes[i].end;
    LOAD(at + 4);
    JUMP(BPF_JEQ, (uint32_t)(coverage->codes[i].start >> 32), 0, 4);
    LOAD(at);
    JUMP(BPF_JGT, (uint32_t)coverage->codes[i].start, 0, 2);
    JUMP(BPF_JGT, end ? end : UINT32_MAX, 1, 0);
    RETURN(SECCOMP_RET_TRAP | SHIELD_TRAP_DATA);
    if (!end) {
      LOAD(at + 4);
      JUMP(BPF_JEQ, (uint32_t)(coverage->codes[i].end >> 32), 0, 3);
      LOAD(at);
      JUMP(BPF_JEQ, 0, 0, 1);
      RETURN(SECCOMP_RET_TRAP | SHIELD_TRAP_DATA);
    }
  }
  RETURN(SECCOMP_RET_ALLOW);
}

#if defined(__x86_64__)
enum { OWN_PROCESSOR = AUDIT_ARCH_X86_64 };
#else
enum { OWN_PROCESSOR = AUDIT_ARCH_AARCH64 };
#endif
/* What a program calls all the time need not go through the tree. */
static const int hot[] = { SYS_read, SYS_pread64 };
enum { HOT = sizeof hot / sizeof *hot, AHEAD = 3 + 2 * HOT };

/* Jumps to be landed at the classes follow the comparisons. */
static void
emit_hot(struct program *program)
{
  LOAD(offsetof(struct seccomp_data, arch));
  JUMP(BPF_JEQ, (uint32_t)OWN_PROCESSOR, 0, AHEAD - 2);
  LOAD(offsetof(struct seccomp_data, nr));
  for (unsigned i = 0; i < HOT; i++) {
    JUMP(BPF_JEQ, (uint32_t)hot[i], 0, 1);
    (void)GO();
  }
}

size_t
program_make(const struct coverage *coverage, struct sock_filter *into)
{
  static struct targets targets;   /* large; one at a time makes a filter (filter.c) */
  static size_t class_at[CLASSES_MAX];
  struct program whole = { into, 0 }, *program = &whole;
  memset(&targets, 0, sizeof targets);
  emit_hot(program);
  memcpy(into + AHEAD, template, template_length * sizeof *template);
  program->length += template_length;
  for (unsigned class = 1; class <= classes; class++) {
    class_at[class] = program->length;
    emit_class(program, class_row[class], coverage, &targets);
  }
  for (unsigned i = 0; i < HOT; i++) {
    size_t jump = 4 + 2 * i;
    into[jump].k = (uint32_t)(class_at[class_of(table_find(hot[i]))] - jump - 1);
  }
  for (size_t i = AHEAD; i < AHEAD + template_length; i++)
    if (into[i].code == (BPF_RET | BPF_K) && (into[i].k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
      into[i] = (struct sock_filter){ BPF_JMP | BPF_JA, 0, 0,
                                      (uint32_t)(class_at[into[i].k & SECCOMP_RET_DATA] - i - 1) };
  emit_windows(program, coverage, &targets);
  emit_code(program, coverage, &targets);
  return program->length <= BPF_MAXINSNS ? program->length : 0;
}

size_t
program_make_first(const struct coverage *coverage, struct sock_filter *into)
{
  static const struct targets none;
  struct program made = { into, 0 }, *program = &made;
  LOAD(offsetof(struct seccomp_data, arch));
  JUMP(BPF_JEQ, seccomp_arch_native(), 1, 0);
  RETURN(SECCOMP_RET_ALLOW);
  LOAD(offsetof(struct seccomp_data, nr));
  JUMP(BPF_JEQ, SYS_rt_sigprocmask, 1, 0);
  RETURN(SECCOMP_RET_ALLOW);
  LOAD(argument_at(0));
  JUMP(BPF_JEQ, SIG_BLOCK, 1, 0);
  RETURN(SECCOMP_RET_ALLOW);
  LOAD(argument_at(1));        /* without a set it only asks */
  JUMP(BPF_JEQ, 0, 0, 3);
  LOAD(argument_at(1) + 4);
  JUMP(BPF_JEQ, 0, 0, 1);
  RETURN(SECCOMP_RET_ALLOW);
  emit_code(program, coverage, &none);
  return made.length <= BPF_MAXINSNS ? made.length : 0;
}
