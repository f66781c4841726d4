/* rows_async.c - what the kernel writes later than in the call that asks for it: aio, io_uring. */
#include "matrix.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LONG = 6000 };

/* ------------------------------------------------------------------ aio */

static long
call_io_setup(struct scene *s)
{
  long result = SYS(s, SYS_io_setup, 4, P(s->at[0]));
  int error = errno;
  aio_context_t context;
  memcpy(&context, s->at[0], sizeof context);
  s->also[0] = result ? 0 : syscall(SYS_io_destroy, context);
  errno = error;
  return result;
}

static const char *
context_none(struct scene *s)
{
  memset(s->image[0], 0, s->size[0]);
  return NULL;
}

static const char *
aio(struct scene *s)
{
  aio_context_t context = 0;
  s->file[0] = data_file(LONG);
  if (syscall(SYS_io_setup, 4, &context))
    return "no aio";
  s->keep[0] = (long)context;
  return NULL;
}

static void
aio_end(struct scene *s)
{
  if (s->keep[0])
    syscall(SYS_io_destroy, s->keep[0]);
}

static struct iocb *
aio_read(struct scene *s, void *address, size_t length)
{
  static struct iocb block;
  block = (struct iocb) { .aio_data = 0x1234, .aio_lio_opcode = IOCB_CMD_PREAD,
                          .aio_fildes = (unsigned)s->file[0], .aio_buf = (uintptr_t)address,
                          .aio_nbytes = length };
  return &block;
}

/* The result is the read's. */
static long
call_io_submit(struct scene *s)
{
  struct iocb *blocks[1] = { aio_read(s, s->at[0], s->size[0]) };
  struct io_event event;
  long result = SYS(s, SYS_io_submit, s->keep[0], 1, P(blocks));
  if (result == 1)
    result = syscall(SYS_io_getevents, s->keep[0], 1, 1, &event, NULL);
  if (result != 1)
    return -1;
  errno = event.res < 0 ? (int)-event.res : 0;
  return event.res < 0 ? -1 : (long)event.res;
}

static char elsewhere[LONG];

static const char *
aio_done(struct scene *s)
{
  const char *reason = aio(s);
  struct iocb *blocks[1] = { aio_read(s, elsewhere, sizeof elsewhere) };
  if (reason)
    return reason;
  return syscall(SYS_io_submit, s->keep[0], 1, blocks) != 1 ? "no aio of files in memory" : NULL;
}

static long
call_io_getevents(struct scene *s)
{
  struct timespec while_ = { 5, 0 };
  return SYS(s, SYS_io_getevents, s->keep[0], 1, 4, P(s->at[0]), P(&while_));
}

static long
call_io_pgetevents(struct scene *s)
{
  struct timespec while_ = { 5, 0 };
  return SYS(s, SYS_io_pgetevents, s->keep[0], 1, 4, P(s->at[0]), P(&while_), 0);
}

/* ------------------------------------------------------------- io_uring */

/* One ring of few entries: file[1] is it. */
static struct ring {
  char *submissions, *completions;
  struct io_uring_sqe *entries;
  struct io_uring_params parameters;
  size_t submissions_length, completions_length, entries_length;
} ring;

static const char *
uring(struct scene *s)
{
  struct io_uring_params *p = &ring.parameters;
  memset(p, 0, sizeof *p);
  s->file[0] = data_file(LONG);
  s->file[1] = (int)syscall(SYS_io_uring_setup, 4, p);
  if (s->file[1] < 0)
    return errno == EPERM ? "io_uring is forbidden" : "no io_uring";
  ring.submissions_length = p->sq_off.array + p->sq_entries * sizeof(unsigned);
  ring.completions_length = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
  ring.entries_length = p->sq_entries * sizeof(struct io_uring_sqe);
  ring.submissions = mmap(NULL, ring.submissions_length, PROT_READ | PROT_WRITE, MAP_SHARED, s->file[1],
                          IORING_OFF_SQ_RING);
  ring.completions = mmap(NULL, ring.completions_length, PROT_READ | PROT_WRITE, MAP_SHARED, s->file[1],
                          IORING_OFF_CQ_RING);
  ring.entries = mmap(NULL, ring.entries_length, PROT_READ | PROT_WRITE, MAP_SHARED, s->file[1],
                      IORING_OFF_SQES);
  s->keep[0] = true;
  return NULL;
}

static void
uring_end(struct scene *s)
{
  if (!s->keep[0])
    return;
  munmap(ring.submissions, ring.submissions_length);
  munmap(ring.completions, ring.completions_length);
  munmap(ring.entries, ring.entries_length);
}

static unsigned *
at(char *base, unsigned offset)
{
  return (unsigned *)(void *)(base + offset);
}

/* Submits, waits, and returns the read's own result. */
static long
uring_read(struct scene *s, unsigned char operation, const void *address, size_t length)
{
  const struct io_uring_params *p = &ring.parameters;
  unsigned *tail = at(ring.submissions, p->sq_off.tail), mask = *at(ring.submissions, p->sq_off.ring_mask);
  unsigned *head = at(ring.completions, p->cq_off.head);
  memset(ring.entries, 0, sizeof *ring.entries);
  ring.entries[0].opcode = operation;
  ring.entries[0].fd = s->file[0];
  ring.entries[0].addr = (uintptr_t)address;
  ring.entries[0].len = (unsigned)length;
  at(ring.submissions, p->sq_off.array)[*tail & mask] = 0;
  __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
  if (SYS(s, SYS_io_uring_enter, s->file[1], 1, 1, IORING_ENTER_GETEVENTS, 0, 0) != 1)
    return -1;
  if (__atomic_load_n(at(ring.completions, p->cq_off.tail), __ATOMIC_ACQUIRE) == *head)
    return -1;
  const struct io_uring_cqe *done = (const void *)(ring.completions + p->cq_off.cqes);
  int result = done[*head & *at(ring.completions, p->cq_off.ring_mask)].res;
  __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
  errno = result < 0 ? -result : 0;
  return result < 0 ? -1 : result;
}

static long
call_uring_read(struct scene *s)
{
  return uring_read(s, IORING_OP_READ, s->at[0], s->size[0]);
}

static long
call_uring_readv(struct scene *s)
{
  struct iovec v[2] = { { s->at[0], s->size[0] }, { s->at[1], s->size[1] } };
  return uring_read(s, IORING_OP_READV, v, 2);
}

/* Waits in the kernel until there is something to read. */
static const char *
uring_of_pipe(struct scene *s)
{
  const char *reason = uring(s);
  if (reason)
    return reason;
  close(s->file[0]);
  int ring_file = s->file[1];
  s->file[0] = s->file[1] = -1;
  reason = pipe_with(s, LONG);
  s->file[2] = s->file[1];
  s->file[1] = ring_file;
  return reason;
}

static long
call_uring_fixed(struct scene *s)
{
  struct iovec v = { s->at[0], s->size[0] };
  if (SYS(s, SYS_io_uring_register, s->file[1], IORING_REGISTER_BUFFERS, P(&v), 1))
    return -1;
  long result = uring_read(s, IORING_OP_READ_FIXED, s->at[0], s->size[0]);
  int error = errno;
  syscall(SYS_io_uring_register, s->file[1], IORING_UNREGISTER_BUFFERS, NULL, 0);
  errno = error;
  return result;
}

static const char *
uring_possible(struct scene *s)
{
  memset(s->image[0], 0, s->size[0]);
  struct io_uring_params parameters;
  memset(&parameters, 0, sizeof parameters);
  s->file[1] = (int)syscall(SYS_io_uring_setup, 4, &parameters);
  return s->file[1] < 0 ? "no io_uring" : NULL;
}

static long
call_uring_setup(struct scene *s)
{
  s->file[0] = (int)SYS(s, SYS_io_uring_setup, 4, P(s->at[0]));
  return s->file[0];
}

enum { EVENTS = 4 * sizeof(struct io_event) };

const struct row rows_async[] = {
  { "io_setup", { sizeof(aio_context_t) }, context_none, .call = call_io_setup, .via = RAW, .varies = 1 },
  { "io_submit, read", { LONG }, aio, .call = call_io_submit, .via = RAW, .held = true, .clean = aio_end },
  { "io_submit, read, short", { 20000 }, aio, .call = call_io_submit, .via = RAW, .held = true,
    .clean = aio_end },
  { "io_getevents", { EVENTS }, aio_done, .call = call_io_getevents, .via = RAW, .varies = 1,
    .clean = aio_end },
  { "io_pgetevents", { EVENTS }, aio_done, .call = call_io_pgetevents, .via = RAW, .varies = 1,
    .clean = aio_end },
  { "io_uring_setup", { sizeof(struct io_uring_params) }, uring_possible, .call = call_uring_setup,
    .via = RAW },
  { "io_uring, read", { LONG }, uring, .call = call_uring_read, .via = RAW, .held = true,
    .clean = uring_end },
  { "io_uring, read of a pipe", { LONG }, uring_of_pipe, .call = call_uring_read, .via = RAW, .held = true,
    .clean = uring_end },
  { "io_uring, readv", { 100, LONG }, uring, .call = call_uring_readv, .via = RAW, .held = true,
    .clean = uring_end },
  { "io_uring, fixed buffer", { LONG }, uring, .call = call_uring_fixed, .via = RAW, .held = true,
    .pinned = 1,
    .clean = uring_end },
  { .name = NULL }
};
