/* disposition.h - async-signal-safe. The action that the program set for a signal whose real
 * action is ours, read by handlers while another thread sets it.
 *
 * Versions are numbered; version v lies in slot v & 1. Whoever sets (one at a time, see
 * process_lock()) fills the slot that is not current and then publishes its version. A
 * reader takes the version, copies its slot, and takes the version again:
 *
 *   reader  R1  v = version         writer  W1  fill slot[(v + 1) & 1]
 *           R2  copy slot[v & 1]            W2  version = v + 1
 *           R3  if version != v: R1
 *
 * Why no copy is torn. The slot that R2 copies is written again only by the writer of v + 2,
 * who comes after W2 of v + 1; all of it is sequentially consistent, so if R3 still sees v,
 * none of those writes came before R3. Why nobody waits: R3 fails only if an action was
 * published meanwhile, and a writer that is held up, or lost in a fork(), is in a slot that
 * nobody reads. tests/model/disposition.pml has this, and what each step is for.
 *
 * SA_RESETHAND is used up by the version's number, which needs no writer: the first handler
 * to claim it gets the handler, everybody after that sees the default action. */
#ifndef WW_DISPOSITION_H
#define WW_DISPOSITION_H

#include "os.h"

#include <stdatomic.h>

/* The kernel's spelling; libc's SIG_DFL and SIG_IGN have another type. */
#define DISPOSITION_DEFAULT ((void (*)(int, siginfo_t *, void *))0)
#define DISPOSITION_IGNORE  ((void (*)(int, siginfo_t *, void *))1)

struct disposition {
  _Atomic uint64_t version;     /* 0: never set, which is the default action */
  _Atomic uint64_t used_up;     /* the version whose SA_RESETHAND has been */
  struct {
    _Atomic uintptr_t handler, restorer;
    _Atomic uint64_t flags, mask;
  } slot[2];
};

/* One at a time. */
static inline void
disposition_set(struct disposition *disposition, const struct os_action *action)
{
  uint64_t version = atomic_load(&disposition->version) + 1;
  atomic_store(&disposition->slot[version & 1].handler, (uintptr_t)action->handler);
  atomic_store(&disposition->slot[version & 1].restorer, (uintptr_t)action->restorer);
  atomic_store(&disposition->slot[version & 1].flags, action->flags);
  atomic_store(&disposition->slot[version & 1].mask, action->mask);
  atomic_store(&disposition->version, version);
}

/* The action as it is now; returns its version. */
static inline uint64_t
disposition_get(struct disposition *disposition, struct os_action *action)
{
  uint64_t version;
  do {
    version = atomic_load(&disposition->version);
    unsigned slot = version & 1;
    action->handler = (void (*)(int, siginfo_t *, void *))atomic_load(&disposition->slot[slot].handler);
    action->restorer = (void (*)(void))atomic_load(&disposition->slot[slot].restorer);
    action->flags = atomic_load(&disposition->slot[slot].flags);
    action->mask = atomic_load(&disposition->slot[slot].mask);
  } while (atomic_load(&disposition->version) != version);
  if (version && atomic_load(&disposition->used_up) == version)
    action->handler = DISPOSITION_DEFAULT;
  return version;
}

/* SA_RESETHAND of this version: true for the one who may call the handler. */
static inline bool
disposition_use_up(struct disposition *disposition, uint64_t version)
{
  uint64_t before = atomic_load(&disposition->used_up);
  while (before < version)
    if (atomic_compare_exchange_weak(&disposition->used_up, &before, version))
      return true;
  return false;
}

#endif
