/* doctor.h - what `writewatch doctor` finds out, and its parts. */
#ifndef WW_DOCTOR_H
#define WW_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "status.h"

/* A number that could not be read is -1. */
struct doctor_machine {
  char     kernel[160];
  char     architecture[72];
  long     processors;
  size_t   page_size;           /* bytes */
  struct doctor_pool { size_t page_size; long total, free; } pools[8];  /* of hugetlb pages */
  size_t   pool_count;
  char     thp[16];             /* always, madvise, never; "" if the kernel has none */
  long     max_map_count, mappings;
  long     overcommit;          /* vm.overcommit_memory */
  bool     address_space_limited;
  uint64_t address_space;       /* bytes of RLIMIT_AS */
  long     seccomp;             /* 0 none, 1 strict, 2 filter */
  long     no_new_privileges;
  long     tracer;              /* process id of a debugger, 0 if none */
  bool     segv_blocked;        /* SIGSEGV in the inherited mask */
  char     container[64];       /* a hint; "" if there is none */
};

/* Errors are errno values; 0 means that it works. */
struct doctor_kernel {
  int      userfaultfd, user_mode_only, device;
  long     unprivileged;        /* vm.unprivileged_userfaultfd */
  bool     features_known;
  uint64_t features;
  int      scan;                /* the ioctl PAGEMAP_SCAN */
  int      scan_tracking;       /* a page written under UFFD_FEATURE_WP_ASYNC is found by it */
  int      soft_dirty;
};

/* Nanoseconds; negative if not measured. */
struct doctor_tracking {
  bool     works;
  char     reason[320];         /* why it does not */
  unsigned pages;               /* trapped in an epoch of the measurement */
  bool     stacks;
  double   signal;              /* a SIGSEGV delivered and returned from */
  double   ascending, shuffled; /* a trapped write, in that order of pages */
  double   with_stacks;         /* ascending, with 16-frame stacks */
  double   start;               /* ww_start() with that many pages */
  uint64_t mappings_budget;
};

struct doctor_shield {
  bool     works;               /* a read() into a watched page was made and declared */
  char     reason[320];         /* why not */
  bool     built;               /* as far as can be told: the library has libseccomp */
  int      kernel;              /* SECCOMP_RET_TRAP */
  bool     takes_privileges;    /* no_new_privs is set for it, if it is not yet */
};

/* Of an engine beside mprotect. */
struct doctor_engine {
  bool works;
  char words[200];              /* by which way, or why not */
};

struct doctor {
  struct doctor_machine  machine;
  struct doctor_shield   shield;
  struct doctor_kernel   kernel;
  struct doctor_tracking tracking;
  struct doctor_engine   userfaultfd, pagemap;
};

/* Bits of doctor_kernel.features, as the kernel numbers them (Linux 6.7);
 * older headers lack the later ones. */
#define DOCTOR_FEATURE_WP             ((uint64_t)1 << 0)
#define DOCTOR_FEATURE_SIGBUS         ((uint64_t)1 << 7)
#define DOCTOR_FEATURE_WP_SHMEM       ((uint64_t)1 << 12)
#define DOCTOR_FEATURE_WP_UNPOPULATED ((uint64_t)1 << 13)
#define DOCTOR_FEATURE_WP_ASYNC       ((uint64_t)1 << 15)

void doctor_machine_probe(struct doctor_machine *machine);
/* These run in a child: a seccomp filter that kills, or a crash, ends that alone. */
void doctor_kernel_probe(struct doctor_kernel *kernel);
void doctor_tracking_probe(struct doctor_tracking *tracking);
void doctor_shield_probe(struct doctor_shield *shield);

/* From what was found: needs the machine and the kernel. */
void doctor_engines_judge(struct doctor *doctor);
/* What WW_ENGINE_AUTO takes under WW_POLICY_ADAPTIVE. */
const char *doctor_engine_adaptive(const struct doctor *doctor);

/* Runs probe(result) in a child and copies back what it leaves in `result`, however
 * it ends. NULL, or in words what went wrong. */
const char *doctor_in_child(void (*probe)(void *result), void *result, size_t size);
/* The number in a file of one line, -1 if it cannot be read. */
long doctor_number(const char *path);

/* The advice, a sentence or two each, one call of `say` for each. */
void doctor_advise(const struct doctor *doctor, void (*say)(void *closure, const char *text), void *closure);

void        doctor_text(FILE *out, const struct doctor *doctor);
enum status doctor_json(FILE *out, const struct doctor *doctor);

#endif
