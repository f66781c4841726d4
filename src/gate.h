/* gate.h - async-signal-safe. The protocol against lost writes: handlers pass a
 * gate that stamps them with an epoch, and whoever ends an epoch waits for the
 * handlers that it stamped.
 *
 * The danger. A handler marks a page dirty and then makes it writable; a
 * collector takes the marks and then makes the marked pages read-only. If the
 * collector falls between the handler's two steps, the page ends up writable and
 * unmarked, and every later write to it is lost. Marking it on both sides of the
 * unprotecting leaves the same window when two collects fall inside one handler.
 *
 * The protocol. There are two of everything that handlers write (marks, logs),
 * used by epochs in turn: `epoch & 1`.
 *
 *   handler    H1  e = epoch; inside[e & 1]++
 *              H2  if epoch != e now: inside[e & 1]--, again from H1
 *              H3  mark the page in marks[e & 1]; log the writer in log[e & 1]
 *              H4  make the page writable
 *              H5  inside[e & 1]--
 *   collector  C1  epoch = e + 1                      (collectors exclude each other)
 *              C2  wait until inside[e & 1] == 0
 *              C3  make the pages of marks[e & 1] read-only
 *              C4  return marks[e & 1] and log[e & 1]; clear them
 *
 * Why nothing is lost. Between H2 and H5 a handler of epoch e has been counted
 * while the epoch was e: H1's increment and H2's load, and C1's store and C2's
 * load, are sequentially consistent, so if H2 still read e, C2 sees the
 * increment and waits. Hence at C3 no handler is going to touch marks[e & 1] or
 * to unprotect a page that it marked there. So the invariant holds: at the
 * return of the collect that ends e, every writable page is marked in
 * marks[(e + 1) & 1]; for a page becomes writable only at H4, after its mark of
 * the same epoch, and the marks of e were all made read-only at C3. A page that
 * C3 makes read-only although a handler of e + 1 has marked it is only trapped
 * once more, and stays marked. A write that lands after C1 and before C3 is on a
 * page that is returned now, and is there for whoever copies the page after the
 * return. Marks and logs of an ended epoch are quiet after C2: the collector
 * reads them without locks, and no log record is half-written.
 *
 * Why nothing waits for ever. H1/H2 repeat only when a collect began in between.
 * C2 waits for handlers that were inside at C1; handlers take no lock and call
 * nothing that waits for a collector, and signals are held off inside, so they
 * leave. A handler that dies with its thread (only in
 * a forked child, where its thread does not exist) is forgotten by gate_reset().
 *
 * tests/model/ has this in Promela, with each step left out in turn. The same
 * gate guards the table of regions (region.c): there an "epoch" is one published
 * table, and advancing waits for those who may still be reading the old one. */
#ifndef WW_GATE_H
#define WW_GATE_H

#include "os.h"

#include <stdatomic.h>
#include <stdint.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_POINTER_LOCK_FREE == 2,
               "the handler's atomics must be lock-free");

/* Threads are spread over lanes so that they do not pull at one cache line. */
enum { GATE_LANES = 8 };

struct gate {
  _Atomic uint64_t epoch;
  struct { _Alignas(128) _Atomic uint32_t inside[2]; } lane[GATE_LANES];
};

struct gate_pass {
  uint64_t epoch;
  _Atomic uint32_t *inside;
};

static inline unsigned
gate_lane(void)
{
  /* Any address of the thread's own, stirred. */
  uint64_t own = (uint64_t)(uintptr_t)&os_own_thread;
  return (unsigned)((own >> 6) * 0x9e3779b97f4a7c15u >> 61) % GATE_LANES;
}

static inline struct gate_pass
gate_enter(struct gate *gate)
{
  unsigned lane = gate_lane();
  for (;;) {
    struct gate_pass pass;
    pass.epoch = atomic_load(&gate->epoch);
    pass.inside = &gate->lane[lane].inside[pass.epoch & 1];
    atomic_fetch_add(pass.inside, 1);
    if (atomic_load(&gate->epoch) == pass.epoch)
      return pass;
    atomic_fetch_sub(pass.inside, 1);
  }
}

static inline void
gate_leave(struct gate_pass pass)
{
  atomic_fetch_sub(pass.inside, 1);
}

/* End the epoch and wait for its handlers; returns the epoch that ended. Callers
 * exclude each other, and none is inside. */
static inline uint64_t
gate_advance(struct gate *gate)
{
  uint64_t ended = atomic_load(&gate->epoch);
  atomic_store(&gate->epoch, ended + 1);
#ifndef GATE_WITHOUT_WAIT   /* defined only for a test that must fail: tests/live/oracle.c */
  for (unsigned lane = 0; lane < GATE_LANES; lane++)
    for (unsigned attempt = 0; atomic_load(&gate->lane[lane].inside[ended & 1]); attempt++)
      os_pause(attempt);
#endif
  return ended;
}

/* In a forked child, where the other threads' handlers do not exist. */
static inline void
gate_reset(struct gate *gate)
{
  for (unsigned lane = 0; lane < GATE_LANES; lane++)
    for (unsigned parity = 0; parity < 2; parity++)
      atomic_store(&gate->lane[lane].inside[parity], 0);
}

#endif
