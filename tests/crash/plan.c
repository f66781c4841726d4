/* plan.c - the rows and columns of the matrix, for the victim and its driver. */
#include "config.h"
#include "victim.h"

#include <sys/mman.h>

#define CODE_KERNEL 0x80  /* SI_KERNEL */

const struct crash crashes[] = {
  { "write to null", DEED_STORE, -1, 0, REMEDY_SKIP, -1, false, SEGV_MAPERR },
  { "read of null", DEED_LOAD, -1, 0, REMEDY_SKIP, -1, false, SEGV_MAPERR },
  { "write to a wild address", DEED_STORE, -1, 0x200000000000u, REMEDY_SKIP, -1, false, SEGV_MAPERR },
  { "write to a non-canonical address", DEED_STORE, -1, 0x8000000000000000u, REMEDY_SKIP, -1, false,
    CODE_KERNEL },
  { "write to read-only memory", DEED_STORE, PAGE_READONLY, 0, REMEDY_PROTECT, PROT_READ, false,
    SEGV_ACCERR },
  { "write to the page below the region", DEED_STORE, PAGE_BELOW, 0, REMEDY_PROTECT, PROT_READ, false,
    SEGV_ACCERR },
  { "write to the page above the region", DEED_STORE, PAGE_ABOVE, 0, REMEDY_PROTECT, PROT_READ, false,
    SEGV_ACCERR },
  { "read of PROT_NONE", DEED_LOAD, PAGE_NONE, 0, REMEDY_PROTECT, PROT_NONE, false, SEGV_ACCERR },
  { "read of PROT_NONE in the region", DEED_LOAD, PAGE_ARMED, 0, REMEDY_PROTECT, PROT_NONE, true,
    SEGV_ACCERR },
  { "write to an armed page that was unmapped", DEED_STORE, PAGE_ARMED, 0, REMEDY_MAP, -1, true,
    SEGV_MAPERR },
  { "write to a written page that was unmapped", DEED_STORE, PAGE_WRITTEN, 0, REMEDY_MAP, -1, true,
    SEGV_MAPERR },
  { "jump to a page without execution", DEED_CALL, PAGE_OTHER, 0, REMEDY_RETURN, -1, false, SEGV_ACCERR },
  { "jump to an armed page", DEED_CALL, PAGE_ARMED, 0, REMEDY_RETURN, -1, false, SEGV_ACCERR },
  { "jump to a written page", DEED_CALL, PAGE_WRITTEN, 0, REMEDY_RETURN, -1, false, SEGV_ACCERR },
  { "jump to null", DEED_CALL, -1, 0, REMEDY_RETURN, -1, false, SEGV_MAPERR },
  { "privileged instruction", DEED_HALT, -1, 0, REMEDY_SKIP, -1, false, CODE_KERNEL },
  { "stack overflow", DEED_DEEP, -1, 0, REMEDY_SKIP, -1, false, SEGV_MAPERR },
  { "raise", DEED_RAISE, -1, 0, REMEDY_NOTHING, -1, false, SI_TKILL },
  { "kill to itself", DEED_KILL, -1, 0, REMEDY_NOTHING, -1, false, SI_USER },
  { "kill from the parent", DEED_KILLED, -1, 0, REMEDY_NOTHING, -1, false, SI_USER },
  { "sigqueue", DEED_QUEUE, -1, 0, REMEDY_NOTHING, -1, false, SI_QUEUE },
  { "pthread_kill from another thread", DEED_THREAD, -1, 0, REMEDY_NOTHING, -1, false, SI_TKILL },
};
const size_t crash_count = sizeof crashes / sizeof *crashes;

const struct disposition dispositions[] = {
  { "no handler", ANSWER_DEFAULT, 0, false, false, 1 },
  { "SIG_IGN", ANSWER_IGNORE, 0, false, false, 2 },
  { "signal()", ANSWER_RETURN, FLAGS_BY_SIGNAL, false, false, 4 },
  { "sigaction", ANSWER_RETURN, 0, false, false, 4 },
  { "SA_SIGINFO", ANSWER_RETURN, SA_SIGINFO, false, false, 4 },
  { "SA_ONSTACK", ANSWER_RETURN, SA_SIGINFO | SA_ONSTACK, false, false, 4 },
  { "SA_NODEFER", ANSWER_RETURN, SA_SIGINFO | SA_NODEFER, false, false, 4 },
  { "SA_RESETHAND", ANSWER_RETURN, SA_SIGINFO | SA_RESETHAND, false, false, 2 },
  { "all flags", ANSWER_RETURN, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART | SA_RESETHAND, true,
    false, 2 },
  { "a mask", ANSWER_RETURN, SA_SIGINFO, true, false, 4 },
  { "SIGSEGV blocked", ANSWER_RETURN, SA_SIGINFO, false, true, 1 },
  { "a remedy", ANSWER_REMEDY, SA_SIGINFO | SA_ONSTACK, true, false, 3 },
  { "siglongjmp from the stack", ANSWER_LEAVE, 0, false, false, 50 },
  { "siglongjmp from the alternate stack", ANSWER_LEAVE, SA_SIGINFO | SA_ONSTACK, true, false, 50 },
  { "_exit", ANSWER_EXIT, SA_SIGINFO | SA_ONSTACK, false, false, 1 },
  { "SIG_DFL and raise", ANSWER_AGAIN, SA_SIGINFO | SA_ONSTACK, false, false, 1 },
};
const size_t disposition_count = sizeof dispositions / sizeof *dispositions;
