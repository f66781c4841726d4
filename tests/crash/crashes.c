/* crashes.c - the ways to crash, and the remedy for each. */
#include "config.h"
#include "victim.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <errno.h>

/* Bare instructions, so that the compiler can neither move nor mend them and
 * a handler knows where each begins and ends. */
__asm__(".text\n"
        "crash_store: crash_store_at: movb $1, (%rdi)\n"
        "crash_store_end: ret\n"
        "crash_load: crash_load_at: movb (%rdi), %al\n"
        "crash_load_end: ret\n"
        "crash_halt: crash_halt_at: hlt\n"
        "crash_halt_end: ret\n"
        "crash_call: call *%rdi\n"
        "ret\n"
        "crash_deep: movq %rsp, %r11\n"
        "crash_deep_at: pushq %rax\n"
        "jmp crash_deep_at\n"
        "crash_deep_end: movq %r11, %rsp\n"
        "ret\n");
extern void crash_store(void *), crash_load(void *), crash_halt(void), crash_call(void *), crash_deep(void);
extern char crash_store_at[], crash_store_end[], crash_load_at[], crash_load_end[];
extern char crash_halt_at[], crash_halt_end[], crash_deep_at[], crash_deep_end[];

void *
crash_target(const struct crash *crash)
{
  /* Not the page's first byte: the address must arrive to the byte. */
  return crash->page < 0 ? (void *)crash->address : (void *)(victim_page(crash->page) + 0x123);
}

/* Bring about the cause; a remedy may have removed it. */
void
crash_prepare(const struct crash *crash)
{
  if (crash->remedy == REMEDY_MAP)
    munmap(victim_page(crash->page), victim.page_size);
  else if (crash->spoil >= 0)
    mprotect(victim_page(crash->page), victim.page_size, crash->spoil);
}

/* Sleep in read(2) until a byte with this round's number arrives; say whether
 * a signal cut the sleep short. */
static void
sleep_until_woken(int fd, unsigned char round)
{
  unsigned char byte;
  ssize_t got;

  do {
    /* Not read(2), whose code in libc differs when there are other threads. */
    got = syscall(SYS_read, fd, &byte, 1);
    if (got < 0) {
      struct record record = { .length = 0 };
      record_text(&record, errno == EINTR ? "read was interrupted" : "read failed");
      record_write(&record);
    }
  } while (got != 1 || byte != round);
}

static struct {
  pthread_t thread, target;
  pid_t target_id;
  int pipe[2];
  _Atomic unsigned asked;
} sender;

/* The other thread of DEED_THREAD: for each request, a signal once the target
 * sleeps, and a byte once it sleeps again (or still does). */
static void *
send_signals(void *unused)
{
  (void)unused;
  for (unsigned round = 1;; round++) {
    unsigned char byte = (unsigned char)round;
    while (atomic_load(&sender.asked) < round)
      usleep(20);
    while (thread_state(0, sender.target_id) != 'S')
      usleep(20);
    pthread_kill(sender.target, SIGSEGV);
    while (thread_state(0, sender.target_id) != 'S' && atomic_load(&sender.asked) == round)
      usleep(20);
    if (write(sender.pipe[1], &byte, 1) != 1)
      return NULL;
  }
}

static void
ask_sender(void)
{
  unsigned round;

  if (!sender.thread) {
    sigset_t all, before;
    if (pipe(sender.pipe) != 0)
      _exit(70);
    sender.target = pthread_self();
    sender.target_id = (pid_t)syscall(SYS_gettid);
    /* Only the target may take a signal. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&sender.thread, NULL, send_signals, NULL) != 0)
      _exit(70);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  round = atomic_fetch_add(&sender.asked, 1) + 1;
  errno = EXDEV;
  sleep_until_woken(sender.pipe[0], (unsigned char)round);
}

void
crash_commit(const struct crash *crash)
{
  static unsigned char round;
  void *target = crash_target(crash);

  /* A value that no call on the way sets: seen again, it was kept. */
  errno = EXDEV;
  switch (crash->deed) {
  case DEED_STORE: crash_store(target); break;
  case DEED_LOAD: crash_load(target); break;
  case DEED_CALL: crash_call(target); break;
  case DEED_HALT: crash_halt(); break;
  case DEED_DEEP: crash_deep(); break;
  case DEED_RAISE: raise(SIGSEGV); break;
  case DEED_KILL: kill(getpid(), SIGSEGV); break;
  case DEED_QUEUE: sigqueue(getpid(), SIGSEGV, (union sigval){ .sival_int = VICTIM_VALUE }); break;
  case DEED_KILLED:
    /* The tracer takes SIGUSR2 for a ring at its door and keeps it from us. */
    round++;
    raise(SIGUSR2);
    sleep_until_woken(VICTIM_WAKE, round);
    break;
  case DEED_THREAD: ask_sender(); break;
  }
}

void
crash_remedy(const struct crash *crash, void *context)
{
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  greg_t at = registers[REG_RIP];

  switch (crash->remedy) {
  case REMEDY_SKIP:
    if (at == (greg_t)(uintptr_t)crash_store_at)
      registers[REG_RIP] = (greg_t)(uintptr_t)crash_store_end;
    else if (at == (greg_t)(uintptr_t)crash_load_at)
      registers[REG_RIP] = (greg_t)(uintptr_t)crash_load_end;
    else if (at == (greg_t)(uintptr_t)crash_halt_at)
      registers[REG_RIP] = (greg_t)(uintptr_t)crash_halt_end;
    else if (at == (greg_t)(uintptr_t)crash_deep_at)
      registers[REG_RIP] = (greg_t)(uintptr_t)crash_deep_end;
    break;
  case REMEDY_PROTECT:
    mprotect(victim_page(crash->page), victim.page_size, PROT_READ | PROT_WRITE);
    break;
  case REMEDY_MAP:
    mmap(victim_page(crash->page), victim.page_size, PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    break;
  case REMEDY_RETURN:
    registers[REG_RIP] = *(greg_t *)registers[REG_RSP];
    registers[REG_RSP] += 8;
    break;
  case REMEDY_NOTHING:
    break;
  }
}
