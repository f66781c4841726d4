/* rows_process.c - what the kernel says of this process and of the machine. */
#include "matrix.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined(__x86_64__)
# include <asm/prctl.h>
#endif

static long
call_sysinfo(struct scene *s)
{
  return s->via == VIA_LIBC ? sysinfo(s->at[0]) : SYS(s, SYS_sysinfo, P(s->at[0]));
}

static long
call_uname(struct scene *s)
{
  return s->via == VIA_LIBC ? uname(s->at[0]) : SYS(s, SYS_uname, P(s->at[0]));
}

static long
call_getrlimit(struct scene *s)
{
  return s->via == VIA_LIBC ? getrlimit(RLIMIT_NOFILE, s->at[0])
         : SYS(s, SYS_getrlimit, RLIMIT_NOFILE, P(s->at[0]));
}

static long
call_prlimit(struct scene *s)
{
  return s->via == VIA_LIBC ? prlimit(0, RLIMIT_NOFILE, NULL, s->at[0])
         : SYS(s, SYS_prlimit64, 0, RLIMIT_NOFILE, 0, P(s->at[0]));
}

static long
call_getaffinity(struct scene *s)
{
  return s->via == VIA_LIBC ? sched_getaffinity(0, s->size[0], s->at[0])
         : SYS(s, SYS_sched_getaffinity, 0, P(s->size[0]), P(s->at[0]));
}

static long
call_getparam(struct scene *s)
{
  return s->via == VIA_LIBC ? sched_getparam(0, s->at[0]) : SYS(s, SYS_sched_getparam, 0, P(s->at[0]));
}

static long
call_getattr(struct scene *s)
{
  return SYS(s, SYS_sched_getattr, 0, P(s->at[0]), P(s->size[0]), 0);
}

static long
call_interval(struct scene *s)
{
  return s->via == VIA_LIBC ? sched_rr_get_interval(0, s->at[0])
         : SYS(s, SYS_sched_rr_get_interval, 0, P(s->at[0]));
}

static long
call_getcpu(struct scene *s)
{
  return SYS(s, SYS_getcpu, P(s->at[0]), P(s->at[1]), 0);
}

static long
call_getresuid(struct scene *s)
{
  return s->via == VIA_LIBC ? getresuid(s->at[0], s->at[1], s->at[2])
         : SYS(s, SYS_getresuid, P(s->at[0]), P(s->at[1]), P(s->at[2]));
}

static long
call_getresgid(struct scene *s)
{
  return s->via == VIA_LIBC ? getresgid(s->at[0], s->at[1], s->at[2])
         : SYS(s, SYS_getresgid, P(s->at[0]), P(s->at[1]), P(s->at[2]));
}

static const char *
some_groups(struct scene *s)
{
  gid_t groups[4] = { 1, 2, 3, 4 };
  (void)s;
  if (getgroups(0, NULL) <= 0 && setgroups(4, groups))
    return "this process is in no groups";
  return NULL;
}

static long
call_getgroups(struct scene *s)
{
  int room = (int)(s->size[0] / sizeof(gid_t));
  return s->via == VIA_LIBC ? getgroups(room, s->at[0]) : SYS(s, SYS_getgroups, room, P(s->at[0]));
}

static const char *
capabilities(struct scene *s)
{
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  memcpy(s->image[0], &header, sizeof header);
  return NULL;
}

/* Of a version that is none: the kernel writes which it has. */
static const char *
no_capabilities(struct scene *s)
{
  struct __user_cap_header_struct header = { 0x11223344, 0 };
  memcpy(s->image[0], &header, sizeof header);
  return NULL;
}

static long
call_capget(struct scene *s)
{
  return SYS(s, SYS_capget, P(s->at[0]), P(s->at[1]));
}

static long
control(struct scene *s, int what)
{
  return s->via == VIA_LIBC ? prctl(what, s->at[0], 0, 0, 0) : SYS(s, SYS_prctl, what, P(s->at[0]));
}

static long
call_name(struct scene *s)
{
  return control(s, PR_GET_NAME);
}

static long
call_death(struct scene *s)
{
  return control(s, PR_GET_PDEATHSIG);
}

static long
call_reaper(struct scene *s)
{
  return control(s, PR_GET_CHILD_SUBREAPER);
}

#if defined(__x86_64__)
static long
call_arch(struct scene *s)
{
  return SYS(s, SYS_arch_prctl, ARCH_GET_FS, P(s->at[0]));
}

static long
call_tsc(struct scene *s)
{
  return control(s, PR_GET_TSC);
}
#endif

/* ------------------------------------------------------ our own memory */

static char from[6000];

static const char *
filled(struct scene *s)
{
  (void)s;
  data_fill(from, sizeof from);
  return NULL;
}

static long
call_vm_readv(struct scene *s)
{
  struct iovec local = { s->at[0], s->size[0] }, remote = { from, sizeof from };
  return s->via == VIA_LIBC ? process_vm_readv(getpid(), &local, 1, &remote, 1, 0)
         : SYS(s, SYS_process_vm_readv, getpid(), P(&local), 1, P(&remote), 1, 0);
}

static long
call_vm_writev(struct scene *s)
{
  struct iovec local = { from, sizeof from }, remote = { s->at[0], s->size[0] };
  return s->via == VIA_LIBC ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0)
         : SYS(s, SYS_process_vm_writev, getpid(), P(&local), 1, P(&remote), 1, 0);
}

static long
call_mincore(struct scene *s)
{
  static char *some;
  if (!some) {
    some = mmap(NULL, 6000 * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    some[0] = 1;
  }
  return s->via == VIA_LIBC ? mincore(some, s->size[0] * page_size(), s->at[0])
         : SYS(s, SYS_mincore, P(some), P(s->size[0] * page_size()), P(s->at[0]));
}

static long
call_mempolicy(struct scene *s)
{
  return SYS(s, SYS_get_mempolicy, P(s->at[0]), P(s->at[1]), P(8 * s->size[1]), 0, 0);
}

static long
call_move_pages(struct scene *s)
{
  static void *pages[4];
  for (int i = 0; i < 4; i++)
    pages[i] = from + i * 1000;
  return SYS(s, SYS_move_pages, 0, 4, P(pages), 0, P(s->at[0]), 0);
}

static long
call_robust_list(struct scene *s)
{
  return SYS(s, SYS_get_robust_list, 0, P(s->at[0]), P(s->at[1]));
}

static long
call_getrandom(struct scene *s)
{
  return s->via == VIA_LIBC ? getrandom(s->at[0], s->size[0], 0)
         : SYS(s, SYS_getrandom, P(s->at[0]), P(s->size[0]), 0);
}

static const char *
key(struct scene *s)
{
  long added = syscall(SYS_add_key, "user", "writewatch-matrix", "some secret words", 17,
                       KEY_SPEC_PROCESS_KEYRING);
  s->keep[0] = added;
  return added < 0 ? "no keys" : NULL;
}

static long
call_key(struct scene *s)
{
  return SYS(s, SYS_keyctl, KEYCTL_READ, s->keep[0], P(s->at[0]), P(s->size[0]));
}

enum { ID = sizeof(uid_t), LIMIT = sizeof(struct rlimit), HEADER = sizeof(struct __user_cap_header_struct) };

const struct row rows_process[] = {
  { "sysinfo", { sizeof(struct sysinfo) }, .call = call_sysinfo, .varies = 1 },
  { "uname", { sizeof(struct utsname) }, .call = call_uname },
  { "getrlimit", { LIMIT }, .call = call_getrlimit },
  { "prlimit64", { LIMIT }, .call = call_prlimit },
  { "sched_getaffinity", { sizeof(cpu_set_t) }, .call = call_getaffinity },
  { "sched_getparam", { sizeof(struct sched_param) }, .call = call_getparam },
  { "sched_getattr", { 100 }, .call = call_getattr, .via = RAW },
  { "sched_rr_get_interval", { sizeof(struct timespec) }, .call = call_interval },
  { "getcpu", { 4, 4 }, .call = call_getcpu, .via = RAW, .varies = 3 },
  { "getresuid", { ID, ID, ID }, .call = call_getresuid },
  { "getresgid", { ID, ID, ID }, .call = call_getresgid },
  { "getgroups", { 1000 }, some_groups, .call = call_getgroups },
  { "capget", { HEADER, 24 }, capabilities, .call = call_capget, .via = RAW },
  { "capget, version asked", { HEADER, 24 }, no_capabilities, .call = call_capget, .via = RAW },
  { "prctl PR_GET_NAME", { 16 }, .call = call_name },
  { "prctl PR_GET_PDEATHSIG", { 4 }, .call = call_death },
  { "prctl PR_GET_CHILD_SUBREAPER", { 4 }, .call = call_reaper },
#if defined(__x86_64__)
  { "prctl PR_GET_TSC", { 4 }, .call = call_tsc },
  { "arch_prctl ARCH_GET_FS", { 8 }, .call = call_arch, .via = RAW },
#endif
  { "process_vm_readv", { 6000 }, filled, .call = call_vm_readv },
  { "process_vm_readv, short", { 9000 }, filled, .call = call_vm_readv },
  { "process_vm_writev", { 6000 }, filled, .call = call_vm_writev },
  { "process_vm_writev, short", { 9000 }, filled, .call = call_vm_writev },
  { "mincore", { 6000 }, .call = call_mincore },
  { "get_mempolicy", { 4, 128 }, .call = call_mempolicy, .via = RAW },
  { "move_pages", { 16 }, filled, .call = call_move_pages, .via = RAW },
  { "get_robust_list", { 8, 8 }, .call = call_robust_list, .via = RAW },
  { "getrandom", { 3000 }, .call = call_getrandom, .varies = 1 },
  { "keyctl KEYCTL_READ", { 3000 }, key, .call = call_key, .via = RAW },
  { .name = NULL }
};
