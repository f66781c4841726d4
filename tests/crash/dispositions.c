/* dispositions.c - the victim's own handlers, and what they put on record. */
#include "config.h"
#include "victim.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

uint64_t
signal_mask(void)
{
  uint64_t mask = 0;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof mask);
  return mask;
}

static const char *
sender_name(pid_t pid)
{
  return pid == getpid() ? "itself" : pid == getppid() ? "the parent" : "a stranger";
}

static void
record_info(struct record *record, const siginfo_t *info)
{
  record_hex(record, "signo", (uint32_t)info->si_signo);
  record_hex(record, "code", (uint32_t)info->si_code);
  record_hex(record, "errno", (uint32_t)info->si_errno);
  if (info->si_code > 0) {
    record_hex(record, "addr", (uintptr_t)info->si_addr);
    return;
  }
  record_text(record, " from ");
  record_text(record, sender_name(info->si_pid));
  record_hex(record, "uid", info->si_uid);
  if (info->si_code == SI_QUEUE)
    record_hex(record, "value", (uint32_t)info->si_value.sival_int);
}

static bool
is_alternate(uintptr_t address)
{
  uintptr_t base = (uintptr_t)victim.alternate;
  return address >= base && address - base < victim.alternate_size;
}

static void
record_context(struct record *record, const siginfo_t *info, const ucontext_t *context)
{
  uint64_t mask;

  memcpy(&mask, &context->uc_sigmask, sizeof mask);
  record_hex(record, "rip", (uint64_t)context->uc_mcontext.gregs[REG_RIP]);
  /* Inside a handler the stack is as deep as all that has called it. */
  if (victim.depth == 1 && !is_alternate((uintptr_t)context->uc_mcontext.gregs[REG_RSP]))
    record_hex(record, "rsp", (uint64_t)context->uc_mcontext.gregs[REG_RSP]);
  record_hex(record, "restores", mask);
  record_hex(record, "altstack", (uintptr_t)context->uc_stack.ss_sp);
  record_hex(record, "flags", (uint32_t)context->uc_stack.ss_flags);
  record_hex(record, "size", context->uc_stack.ss_size);
  /* Of a sent signal these are left over from whatever trap came last. */
  if (info->si_code > 0) {
    record_hex(record, "trap", (uint64_t)context->uc_mcontext.gregs[REG_TRAPNO]);
    record_hex(record, "error", (uint64_t)context->uc_mcontext.gregs[REG_ERR]);
    if (info->si_code != SI_KERNEL)
      record_hex(record, "cr2", (uint64_t)context->uc_mcontext.gregs[REG_CR2]);
  }
}

static void
record_place(struct record *record)
{
  stack_t stack;
  /* A volatile local would do, were it not for ASan's fake stack. */
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);

  record_text(record, is_alternate(here) ? " on the alternate stack" : " on the stack");
  syscall(SYS_sigaltstack, NULL, &stack);
  record_hex(record, "onstack", (uint32_t)stack.ss_flags);
}

static void
handle(int signo, siginfo_t *info, void *context, const char *which)
{
  const struct disposition *disposition = victim.disposition;
  struct record record = { .length = 0 };
  int error = errno, call = ++victim.calls;

  victim.depth++;
  record_text(&record, which);
  record_hex(&record, "call", (uint64_t)call);
  record_hex(&record, "depth", (uint64_t)victim.depth);
  record_hex(&record, "signal", (uint32_t)signo);
  record_hex(&record, "mask", signal_mask());
  record_hex(&record, "seen-errno", (uint32_t)error);
  record_place(&record);
  if (info) {
    record_info(&record, info);
    record_context(&record, info, context);
  }
  record_write(&record);

  /* A handler that may be interrupted by SIGSEGV may write to tracked memory. */
  if (disposition->flags & SA_NODEFER)
    victim_page(PAGE_IN_HANDLER)[call] = 1;
  /* What comes while the handler runs: at once, or held back by the mask. */
  if (call == 1 && (disposition->mask || disposition->flags & SA_NODEFER)) {
    raise(SIGUSR1);
    if (!(disposition->flags & SA_RESETHAND))
      raise(SIGSEGV);
  }

  errno = 100 + call;
  victim.depth--;
  switch (disposition->answer) {
  case ANSWER_RETURN:
    if (call == 3)
      signal(SIGSEGV, SIG_DFL);
    break;
  case ANSWER_REMEDY:
    /* The one that this handler raised itself has no cause to be put right. */
    if (info && info->si_code > 0)
      crash_remedy(victim.crash, context);
    break;
  case ANSWER_LEAVE:
    siglongjmp(victim.recovery, 1);
  case ANSWER_EXIT:
    _exit(VICTIM_HANDLER_STATUS);
  case ANSWER_AGAIN:
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
    record.length = 0;
    record_text(&record, "still alive behind raise");
    record_write(&record);
    break;
  case ANSWER_DEFAULT:
  case ANSWER_IGNORE:
    break;
  }
  errno = 100 + call;
}

static void
handle_plain(int signo)
{
  handle(signo, NULL, NULL, "plain handler");
}

static void
handle_info(int signo, siginfo_t *info, void *context)
{
  handle(signo, info, context, "siginfo handler");
}

static void
handle_other(int signo)
{
  struct record record = { .length = 0 };
  record_text(&record, "other handler");
  record_hex(&record, "signal", (uint32_t)signo);
  record_hex(&record, "mask", signal_mask());
  record_hex(&record, "depth", (uint64_t)victim.depth);
  record_write(&record);
}

void
disposition_install(const struct disposition *disposition)
{
  struct sigaction action;

  signal(SIGUSR1, handle_other);
  if (disposition->answer == ANSWER_DEFAULT || disposition->answer == ANSWER_IGNORE) {
    signal(SIGSEGV, disposition->answer == ANSWER_DEFAULT ? SIG_DFL : SIG_IGN);
    return;
  }
  if (disposition->flags == FLAGS_BY_SIGNAL) {
    signal(SIGSEGV, handle_plain);
    return;
  }
  memset(&action, 0, sizeof action);
  action.sa_flags = (int)disposition->flags;
  sigemptyset(&action.sa_mask);
  if (disposition->mask) {
    sigaddset(&action.sa_mask, SIGUSR1);
    sigaddset(&action.sa_mask, SIGHUP);
    sigaddset(&action.sa_mask, SIGRTMIN + 5);
    sigaddset(&action.sa_mask, SIGRTMAX);
  }
  if (disposition->flags & SA_SIGINFO)
    action.sa_sigaction = handle_info;
  else
    action.sa_handler = handle_plain;
  sigaction(SIGSEGV, &action, NULL);
}
