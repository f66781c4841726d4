/* victim.h - a program that crashes to order; the matrix test runs it with and
 * without Writewatch and compares what the world and its own handlers saw. */
#ifndef VICTIM_H
#define VICTIM_H

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the tracker has gone through when the crash happens. */
enum when {
  WHEN_WITHOUT,    /* no function of the library was called */
  WHEN_TRACKING,   /* started, a page collected, a page dirty */
  WHEN_STOPPED,    /* ww_stop() */
  WHEN_DESTROYED,  /* destroyed by a process of one thread: the action is given back */
  WHEN_PASSAGE,    /* destroyed while another thread lived: the handler stays as a passage */
  WHEN_COUNT
};

/* When the victim installs its own handler. */
enum order {
  ORDER_BEFORE,        /* before the library is called */
  ORDER_CREATED,       /* between ww_tracker_create() and ww_start() */
  ORDER_STARTED,       /* while the tracker is at work */
  ORDER_COUNT
};
#define MODE_SHIELD 10  /* added to the order: the tracker has the shield */

/* The victim's memory, page by page, in one mapping. */
enum page {
  PAGE_FIRST_GUARD,   /* no access */
  PAGE_BELOW,         /* read-only, the neighbour below the region */
  PAGE_REGION,        /* first of the region */
  PAGE_IN_HANDLER = PAGE_REGION + 1,   /* written by the handler with SA_NODEFER */
  PAGE_WRITTEN = PAGE_REGION + 3,      /* written in the running epoch */
  PAGE_ARMED = PAGE_REGION + 5,        /* not written */
  PAGE_LATER = PAGE_REGION + 7,        /* written after the crash */
  PAGE_ABOVE = PAGE_REGION + 8,        /* read-only, the neighbour above */
  PAGE_OTHER,         /* read-write, never tracked */
  PAGE_NONE,          /* no access */
  PAGE_READONLY,      /* read-only, no neighbour of the region */
  PAGE_COUNT
};
#define REGION_PAGES 8

enum deed { DEED_STORE, DEED_LOAD, DEED_CALL, DEED_HALT, DEED_DEEP,
            DEED_RAISE, DEED_KILL, DEED_KILLED, DEED_QUEUE, DEED_THREAD };
/* How a handler can put the cause right. */
enum remedy { REMEDY_SKIP, REMEDY_PROTECT, REMEDY_MAP, REMEDY_RETURN, REMEDY_NOTHING };

struct crash {
  const char *name;
  enum deed   deed;
  int         page;      /* where; -1: at `address` */
  uintptr_t   address;
  enum remedy remedy;
  int         spoil;     /* protection that the page is given before each crash; -1: left as it is */
  bool        strays;    /* breaks what the header asks for: no tracking may be expected afterwards */
  int         code;      /* si_code that the kernel gives */
};

enum answer {
  ANSWER_DEFAULT,    /* no handler */
  ANSWER_IGNORE,     /* SIG_IGN */
  ANSWER_RETURN,     /* return twice, then leave it to SIG_DFL */
  ANSWER_REMEDY,     /* put the cause right and return */
  ANSWER_LEAVE,      /* siglongjmp() */
  ANSWER_EXIT,       /* _exit() with a status */
  ANSWER_AGAIN       /* SIG_DFL and raise() */
};

#define FLAGS_BY_SIGNAL 1u  /* set by signal(); SA_NOCLDSTOP means nothing here */
struct disposition {
  const char *name;
  enum answer answer;
  unsigned    flags;      /* sa_flags, or FLAGS_BY_SIGNAL */
  bool        mask;       /* a non-empty sa_mask */
  bool        blocked;    /* SIGSEGV is blocked while the crash happens */
  int         rounds;     /* crashes in one run */
};

extern const struct crash crashes[];
extern const size_t crash_count;
extern const struct disposition dispositions[];
extern const size_t disposition_count;

static inline bool
crash_is_sent(const struct crash *crash)
{
  return crash->deed >= DEED_RAISE;
}

#define VICTIM_STATUS 7          /* the victim lived to its end */
#define VICTIM_NO_SECCOMP 8      /* crash-victim --shield: this machine does not allow it */
#define VICTIM_HANDLER_STATUS 44 /* its handler ended it */
#define VICTIM_VALUE 0x5eed      /* goes along with sigqueue() */
#define VICTIM_REPORT 3          /* records are written here ... */
#define VICTIM_WAKE 4            /* ... and the parent's bytes arrive here */

/* ---- inside the victim */
struct victim {
  const struct crash *crash;
  const struct disposition *disposition;
  enum when when;
  enum order order;
  bool shield;
  bool in_thread;
  size_t page_size;
  char *memory;         /* PAGE_COUNT pages */
  char *region;         /* the part that is tracked */
  char *alternate;      /* the crashing thread's alternate stack */
  size_t alternate_size;
  sigjmp_buf recovery;
  volatile int calls;   /* of the handler */
  volatile int depth;   /* handlers running */
  volatile int done;    /* crashes left by siglongjmp(), so far */
};
extern struct victim victim;

char *victim_page(int page);
void *crash_target(const struct crash *crash);
void crash_prepare(const struct crash *crash);
void crash_commit(const struct crash *crash);
void crash_remedy(const struct crash *crash, void *context);
void disposition_install(const struct disposition *disposition);

/* A record: one line to the report, built without the C library's stdio. */
struct record { char text[480]; size_t length; };
void record_text(struct record *record, const char *text);
void record_hex(struct record *record, const char *name, uint64_t value);
void record_write(struct record *record);
uint64_t signal_mask(void);

/* The state of a thread of process `process` (0: this one), as in proc(5): R, S, t, ...;
 * 0 if there is no such thread. */
char thread_state(pid_t process, pid_t thread);

#endif
