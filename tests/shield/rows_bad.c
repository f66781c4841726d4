/* rows_bad.c - calls that are wrong, or odd, fail and go right as they do untracked. */
#include "matrix.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHORT = 10, LONG = 6000 };

static const char *
file_long(struct scene *s)
{
  s->file[0] = data_file(LONG);
  return NULL;
}

static const char *
file_short(struct scene *s)
{
  s->file[0] = data_file(SHORT);
  return NULL;
}

static char *two;

/* Two pages: the first has `protection`, the second is not mapped until give_back(). */
static char *
two_pages(int protection)
{
  if (!two)
    two = mmap(NULL, 2 * page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mmap(two, page_size(), protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  munmap(two + page_size(), page_size());
  return two;
}

/* Nobody else is to find the hole. */
static long
give_back(long result)
{
  int error = errno;
  mmap(two + page_size(), page_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  errno = error;
  return result;
}

static long
into(struct scene *s, void *address, size_t length)
{
  return s->via == VIA_LIBC ? read(s->file[0], address, length)
         : SYS(s, SYS_read, s->file[0], P(address), P(length));
}

static void *volatile nowhere;      /* NULL, which compilers do not see */

static long
call_null(struct scene *s)
{
  return into(s, nowhere, LONG);
}

static long
call_unmapped(struct scene *s)
{
  return give_back(into(s, two_pages(PROT_READ | PROT_WRITE) + page_size(), LONG));
}

static long
call_kernel(struct scene *s)
{
  return into(s, (void *)(uintptr_t)0xffff800000001000, LONG);
}

/* Read-only, and none of ours: it stays so. */
static long
call_readonly(struct scene *s)
{
  char *memory = two_pages(PROT_READ);
  long result = into(s, memory + 100, 200);
  int error = errno;
  s->also[0] = memory[100];
  s->also[1] = into(s, memory + 100, 200);
  errno = error;
  return give_back(result);
}

/* Up to the end of what is mapped. */
static long
call_half_mapped(struct scene *s)
{
  char *memory = two_pages(PROT_READ | PROT_WRITE);
  long result = into(s, memory + page_size() - 50, 200);
  int error = errno;
  memcpy(s->also, memory + page_size() - sizeof s->also, sizeof s->also);
  errno = error;
  return give_back(result);
}

static long
call_zero(struct scene *s)
{
  return into(s, s->at[0], 0);
}

/* Longer than any mapping, and within what may be the program's. */
static long
call_huge(struct scene *s)
{
  return into(s, s->at[0], (size_t)64 << 20);
}

/* Compilers know that no object is so large. */
static volatile size_t half_of_all = SIZE_MAX / 2, all_but_some = SIZE_MAX - 100;

static long
call_enormous(struct scene *s)
{
  return into(s, s->at[0], half_of_all);
}

static long
call_wrapping(struct scene *s)
{
  return into(s, s->at[0], all_but_some);
}

static long
call_bad_file(struct scene *s)
{
  return s->via == VIA_LIBC ? read(-1, s->at[0], s->size[0])
         : SYS(s, SYS_read, -1, P(s->at[0]), P(s->size[0]));
}

static long
vector(struct scene *s, const struct iovec *v, int count)
{
  return s->via == VIA_LIBC ? readv(s->file[0], v, count) : SYS(s, SYS_readv, s->file[0], P(v), count);
}

/* A good range, a bad one, a good one: short, at the bad one. */
static long
call_bad_range(struct scene *s)
{
  struct iovec v[3] = { { s->at[0], 100 }, { nowhere, 10 }, { (char *)s->at[0] + 100, 100 } };
  return vector(s, v, 3);
}

static long
call_bad_ranges(struct scene *s)
{
  return give_back(vector(s, (struct iovec *)(void *)(two_pages(PROT_READ) + page_size()), 2));
}

static long
call_half_ranges(struct scene *s)
{
  char *memory = two_pages(PROT_READ | PROT_WRITE);
  struct iovec v = { s->at[0], 100 };
  memcpy(memory + page_size() - sizeof v, &v, sizeof v);
  return give_back(vector(s, (struct iovec *)(void *)(memory + page_size() - sizeof v), 2));
}

static long
call_null_ranges(struct scene *s)
{
  return vector(s, nowhere, 2);
}

static long
call_no_ranges(struct scene *s)
{
  struct iovec v = { s->at[0], 100 };
  return vector(s, &v, 0);
}

static long
call_many_ranges(struct scene *s)
{
  static struct iovec v[IOV_MAX + 1];
  for (int i = 0; i <= IOV_MAX; i++)
    v[i] = (struct iovec) { s->at[0], 1 };
  return vector(s, v, IOV_MAX + 1);
}

static long
call_as_many_ranges(struct scene *s)
{
  static struct iovec v[IOV_MAX];
  for (int i = 0; i < IOV_MAX; i++)
    v[i] = (struct iovec) { (char *)s->at[0] + i, 1 };
  return vector(s, v, IOV_MAX);
}

static long
call_negative_range(struct scene *s)
{
  struct iovec v[2] = { { s->at[0], 100 }, { s->at[0], (size_t)-5 } };
  return vector(s, v, 2);
}

/* ------------------------------------------------------------ other calls */

static long
call_stat_null(struct scene *s)
{
  return SYS(s, SYS_newfstatat, -100, P("/dev/null"), P(nowhere), 0);
}

static long
call_stat_nothing(struct scene *s)
{
  return s->via == VIA_LIBC ? fstatat(-100, "/no/such/thing", s->at[0], 0)
         : SYS(s, SYS_newfstatat, -100, P("/no/such/thing"), P(s->at[0]), 0);
}

static long
call_stat_bad_path(struct scene *s)
{
  return SYS(s, SYS_newfstatat, -100, P(nowhere), P(s->at[0]), 0);
}

static long
call_wait_nobody(struct scene *s)
{
  return s->via == VIA_LIBC ? wait4(-1, s->at[0], 0, NULL) : SYS(s, SYS_wait4, -1, P(s->at[0]), 0, 0);
}

static long
call_wait_null(struct scene *s)
{
  pid_t child = fork();
  if (!child)
    _exit(3);
  long result = s->via == VIA_LIBC ? wait4(child, nowhere, 0, nowhere) : SYS(s, SYS_wait4, child, 0, 0, 0);
  return result == child ? 0 : -1;
}

static long
call_poll_none(struct scene *s)
{
  struct timespec none = { 0, 0 };
  return s->via == VIA_LIBC ? ppoll(s->at[0], 0, &none, NULL)
         : SYS(s, SYS_ppoll, P(s->at[0]), 0, P(&none), 0, 8);
}

static const char *
stream(struct scene *s)
{
  int negative = -1;
  memcpy(s->image[1], &negative, sizeof negative);
  return stream_with(s, 10);
}

static long
call_negative_length(struct scene *s)
{
  return s->via == VIA_LIBC ? getsockname(s->file[0], s->at[0], s->at[1])
         : SYS(s, SYS_getsockname, s->file[0], P(s->at[0]), P(s->at[1]));
}

static long
call_null_length(struct scene *s)
{
  return SYS(s, SYS_getsockname, s->file[0], P(s->at[0]), P(nowhere));
}

static long
call_getcwd_small(struct scene *s)
{
  if (s->via == VIA_LIBC)
    return getcwd(s->at[0], 1) ? 0 : -1;
  return SYS(s, SYS_getcwd, P(s->at[0]), 1);
}

static long
call_unknown(struct scene *s)
{
  long result = SYS(s, 100000, P(s->at[0]), P(s->size[0]));
  s->also[0] = errno;
  errno = 0;
  return result == -1 ? 0 : 1;
}

const struct row rows_bad[] = {
  { "bad: read to NULL", { 100 }, file_long, .call = call_null, .harmless = true },
  { "bad: read to what is not mapped", { 100 }, file_long, .call = call_unmapped, .harmless = true },
  { "bad: read to the kernel's", { 100 }, file_long, .call = call_kernel, .harmless = true },
  { "bad: read to the read-only", { 100 }, file_long, .call = call_readonly, .harmless = true },
  { "bad: read to the half mapped", { 100 }, file_long, .call = call_half_mapped, .harmless = true },
  { "bad: read of nothing", { 100 }, file_long, .call = call_zero, .harmless = true },
  { "bad: read of no file", { 100 }, .call = call_bad_file, .harmless = true },
  { "odd: read of a huge length", { LONG }, file_short, .call = call_huge },
  { "odd: read of half of all", { LONG }, file_short, .call = call_enormous, .harmless = true },
  { "odd: read that wraps around", { LONG }, file_short, .call = call_wrapping, .harmless = true },
  { "bad: readv, one range", { 300 }, file_long, .call = call_bad_range },
  { "bad: readv, ranges not mapped", { 100 }, file_long, .call = call_bad_ranges, .harmless = true },
  { "bad: readv, ranges half mapped", { 100 }, file_long, .call = call_half_ranges, .harmless = true },
  { "bad: readv, ranges NULL", { 100 }, file_long, .call = call_null_ranges, .harmless = true },
  { "bad: readv, no ranges", { 100 }, file_long, .call = call_no_ranges, .harmless = true },
  { "bad: readv, too many ranges", { 100 }, file_long, .call = call_many_ranges, .harmless = true },
  { "odd: readv, as many ranges as may be", { 2000 }, file_long, .call = call_as_many_ranges },
  { "bad: readv, negative length", { 100 }, file_long, .call = call_negative_range, .harmless = true },
  { "bad: newfstatat, NULL", { 144 }, .call = call_stat_null, .via = RAW, .harmless = true },
  { "bad: newfstatat, no such thing", { 144 }, .call = call_stat_nothing, .harmless = true },
  { "bad: newfstatat, path NULL", { 144 }, .call = call_stat_bad_path, .via = RAW, .harmless = true },
  { "bad: wait4, nobody there", { 4 }, .call = call_wait_nobody, .harmless = true },
  { "odd: wait4, nothing asked", { 4 }, .call = call_wait_null, .harmless = true },
  { "odd: ppoll, none", { 8 }, .call = call_poll_none, .harmless = true },
  { "bad: getsockname, length negative", { 110, 4 }, stream, .call = call_negative_length, .harmless = true },
  { "bad: getsockname, length NULL", { 110, 4 }, stream, .call = call_null_length, .via = RAW,
    .harmless = true },
  { "bad: getcwd, no room", { 100 }, .call = call_getcwd_small, .harmless = true },
  { "bad: no such call", { 100 }, .call = call_unknown, .via = RAW, .harmless = true },
  { .name = NULL }
};
