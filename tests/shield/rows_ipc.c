/* rows_ipc.c - futexes, and the queues, semaphores and memory of System V and POSIX. */
#include "matrix.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *
word(struct scene *s, unsigned value)
{
  memcpy(s->image[0], &value, sizeof value);
  return NULL;
}

static const char *
word_0(struct scene *s)
{
  return word(s, 0);
}

static const char *
word_mine(struct scene *s)
{
  return word(s, (unsigned)syscall(SYS_gettid));
}

static const char *
word_7(struct scene *s)
{
  return word(s, 7);
}

static unsigned other;

static long
call_wake_op(struct scene *s)
{
  return SYS(s, SYS_futex, P(&other), FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 1, P(s->at[0]),
             FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0));
}

static long
call_lock(struct scene *s)
{
  return SYS(s, SYS_futex, P(s->at[0]), FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0, 0, 0, 0);
}

static long
call_try_lock(struct scene *s)
{
  return SYS(s, SYS_futex, P(s->at[0]), FUTEX_TRYLOCK_PI | FUTEX_PRIVATE_FLAG, 0, 0, 0, 0);
}

static long
call_unlock(struct scene *s)
{
  return SYS(s, SYS_futex, P(s->at[0]), FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, 0, 0, 0, 0);
}

/* These only read the word. */
static long
call_requeue(struct scene *s)
{
  return SYS(s, SYS_futex, P(s->at[0]), FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, 1, P(&other), 7);
}

static long
call_wait_not(struct scene *s)
{
  return SYS(s, SYS_futex, P(s->at[0]), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 8, 0, 0, 0);
}

/* These too, but the kernel looks for the page as if to write it: EFAULT where it is read-only. */
static long
call_wake_shared(struct scene *s)
{
  return SYS(s, SYS_futex, P(s->at[0]), FUTEX_WAKE, 1, 0, 0, 0);
}

static long
call_wait_shared(struct scene *s)
{
  struct timespec soon = { 0, 1000000 };
  return SYS(s, SYS_futex, P(s->at[0]), FUTEX_WAIT, 7, P(&soon), 0, 0);
}

/* ------------------------------------------------------- queues of POSIX */

static const char *
queue(struct scene *s)
{
  char name[64], data[1500];
  struct mq_attr attributes = { .mq_maxmsg = 4, .mq_msgsize = 2000 };
  snprintf(name, sizeof name, "/writewatch-matrix-%ld", (long)getpid());
  data_fill(data, sizeof data);
  s->file[0] = mq_open(name, O_RDWR | O_CREAT, 0600, &attributes);
  mq_unlink(name);
  return s->file[0] < 0 || mq_send(s->file[0], data, sizeof data, 3) || mq_send(s->file[0], "second", 6, 1)
         ? "no message queues of POSIX" : NULL;
}

static long
call_mq_receive(struct scene *s)
{
  char second[2000];
  long result = s->via == VIA_LIBC ? mq_receive(s->file[0], s->at[0], s->size[0], s->at[1])
                : SYS(s, SYS_mq_timedreceive, s->file[0], P(s->at[0]), P(s->size[0]), P(s->at[1]), 0);
  int error = errno;
  struct mq_attr attributes;
  s->also[0] = mq_getattr(s->file[0], &attributes) || attributes.mq_curmsgs != 1;
  s->also[1] = attributes.mq_curmsgs ? mq_receive(s->file[0], second, sizeof second, NULL) : -2;
  errno = error;
  return result;
}

static long
call_mq_attributes(struct scene *s)
{
  return s->via == VIA_LIBC ? mq_getattr(s->file[0], s->at[0])
         : SYS(s, SYS_mq_getsetattr, s->file[0], 0, P(s->at[0]));
}

/* ----------------------------------------------------------- System V */

static const char *
messages(struct scene *s)
{
  struct { long type; char text[1500]; } message = { 5, "" };
  data_fill(message.text, sizeof message.text);
  s->keep[0] = msgget(IPC_PRIVATE, 0600);
  return s->keep[0] < 0 || msgsnd((int)s->keep[0], &message, sizeof message.text, 0)
         || msgsnd((int)s->keep[0], &message, 6, 0) ? "no message queues of System V" : NULL;
}

static void
messages_end(struct scene *s)
{
  msgctl((int)s->keep[0], IPC_RMID, NULL);
}

static long
call_msgrcv(struct scene *s)
{
  struct { long type; char text[1500]; } second;
  long size = (long)(s->size[0] - sizeof(long));
  long result = s->via == VIA_LIBC ? msgrcv((int)s->keep[0], s->at[0], (size_t)size, 0, 0)
                : SYS(s, SYS_msgrcv, s->keep[0], P(s->at[0]), size, 0, 0);
  int error = errno;
  s->also[0] = msgrcv((int)s->keep[0], &second, sizeof second.text, 0, IPC_NOWAIT);
  errno = error;
  return result;
}

static long
call_msgctl(struct scene *s)
{
  return s->via == VIA_LIBC ? msgctl((int)s->keep[0], IPC_STAT, s->at[0])
         : SYS(s, SYS_msgctl, s->keep[0], IPC_STAT, P(s->at[0]));
}

static const char *
semaphores(struct scene *s)
{
  s->keep[0] = semget(IPC_PRIVATE, 100, 0600);
  return s->keep[0] < 0 ? "no semaphores of System V" : NULL;
}

static void
semaphores_end(struct scene *s)
{
  semctl((int)s->keep[0], 0, IPC_RMID);
}

static long
call_semctl(struct scene *s)
{
  return s->via == VIA_LIBC ? semctl((int)s->keep[0], 0, IPC_STAT, s->at[0])
         : SYS(s, SYS_semctl, s->keep[0], 0, IPC_STAT, P(s->at[0]));
}

static long
call_semctl_all(struct scene *s)
{
  return s->via == VIA_LIBC ? semctl((int)s->keep[0], 0, GETALL, s->at[0])
         : SYS(s, SYS_semctl, s->keep[0], 0, GETALL, P(s->at[0]));
}

static const char *
shared_memory(struct scene *s)
{
  s->keep[0] = shmget(IPC_PRIVATE, 10000, 0600);
  return s->keep[0] < 0 ? "no shared memory of System V" : NULL;
}

static void
shared_memory_end(struct scene *s)
{
  shmctl((int)s->keep[0], IPC_RMID, NULL);
}

static long
call_shmctl(struct scene *s)
{
  return s->via == VIA_LIBC ? shmctl((int)s->keep[0], IPC_STAT, s->at[0])
         : SYS(s, SYS_shmctl, s->keep[0], IPC_STAT, P(s->at[0]));
}

enum { WORD = sizeof(unsigned), MESSAGE = sizeof(long) + 1500, ATTRIBUTES = sizeof(struct mq_attr) };

const struct row rows_ipc[] = {
  { "futex FUTEX_WAKE_OP", { WORD }, word_0, .call = call_wake_op, .via = RAW, .align = 4 },
  { "futex FUTEX_LOCK_PI", { WORD }, word_0, .call = call_lock, .via = RAW, .align = 4 },
  { "futex FUTEX_TRYLOCK_PI", { WORD }, word_0, .call = call_try_lock, .via = RAW, .align = 4 },
  { "futex FUTEX_UNLOCK_PI", { WORD }, word_mine, .call = call_unlock, .via = RAW, .align = 4 },
  { "futex FUTEX_CMP_REQUEUE", { WORD }, word_7, .call = call_requeue, .via = RAW, .align = 4,
    .harmless = true },
  { "futex FUTEX_WAIT", { WORD }, word_7, .call = call_wait_not, .via = RAW, .align = 4, .harmless = true },
  { "futex FUTEX_WAIT, shared", { WORD }, word_7, .call = call_wait_shared, .via = RAW, .align = 4 },
  { "futex FUTEX_WAKE, shared", { WORD }, word_7, .call = call_wake_shared, .via = RAW, .align = 4 },
  { "mq_timedreceive", { 3000, 4 }, queue, .call = call_mq_receive },
  { "mq_getsetattr", { ATTRIBUTES }, queue, .call = call_mq_attributes },
  { "msgrcv", { MESSAGE }, messages, .call = call_msgrcv, .clean = messages_end },
  { "msgrcv, larger", { 9000 }, messages, .call = call_msgrcv, .clean = messages_end },
  { "msgctl", { sizeof(struct msqid_ds) }, messages, .call = call_msgctl, .varies = 1,
    .clean = messages_end },
  { "semctl", { sizeof(struct semid_ds) }, semaphores, .call = call_semctl, .varies = 1,
    .clean = semaphores_end },
  { "semctl, GETALL", { 200 }, semaphores, .call = call_semctl_all, .clean = semaphores_end },
  { "shmctl", { sizeof(struct shmid_ds) }, shared_memory, .call = call_shmctl, .varies = 1,
    .clean = shared_memory_end },
  { .name = NULL }
};
