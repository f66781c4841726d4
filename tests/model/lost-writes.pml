/* lost-writes.pml - the protocol between the fault handler and the collector.
 *
 * Two threads write to two pages, a third collects COLLECTS times in a row and
 * copies what it was told, then once more when the writers are done. The names
 * H1 .. H5 and C1 .. C4 are those of the comment beside the code, src/gate.h.
 *
 * What must hold, in every interleaving:
 *   - a page written between the end of one collect and the flip (C1) of the
 *     next is in the next one's set; one written later in that collect is in
 *     its set or in the one after it;
 *   - at the end, when all is quiet, the copy equals the memory;
 *   - each page in a set has its writer's record, made in that very epoch: it
 *     was not invented, and the record was complete when it was read;
 *   - nobody waits for ever.
 *
 * LEAVE_OUT_x takes one step away: then it must fail, else the step is useless
 * or this model is blind. SWAP_H3_H4 must hold: the count covers both steps.
 *
 * What the machine does is modelled where it matters: a write and the fault it
 * raises are two steps, and mprotect() to read-only takes effect on one
 * processor after the other, so that for a while one thread can write to a page
 * on which another one faults. Two mprotect() calls exclude each other, as they
 * do in the kernel.
 */

#define WRITERS  2
#define PAGES    2
#ifndef WRITES
#define WRITES   2     /* of each writer */
#endif
#ifndef COLLECTS
#define COLLECTS 3     /* while they write; one more follows */
#endif

#define RO 0
#define RW 1

byte epoch;
byte inside[2];             /* handlers, by the parity of their epoch */
bit  prot[PAGES];             /* what the page table says; at first RO: all is armed */
bit  mmap_lock;
byte done;

/* Two-dimensional: [parity * PAGES + page] */
bit  marks[4];
byte record[4];               /* 0: none, else 1 + the epoch in which it was made */
/* [writer * PAGES + page]: a read-write translation that this processor still holds */
bit  stale_tlb[4];

/* Of the observer; the protocol does not see these. */
bit  differs[PAGES];          /* memory and copy */
bit  written[PAGES];          /* since the end of the last collect */
bit  must[PAGES];             /* what this collect has to return */
bit  set[PAGES];              /* what it returns */

#define at(parity, page) ((parity) * PAGES + (page))

#ifdef LEAVE_OUT_CLEAR
#define CLEAR skip
#else
#define CLEAR marks[at(e & 1, page)] = 0
#endif
#ifdef LEAVE_OUT_COUNT
#define COUNT(parity)   skip
#define UNCOUNT(parity) skip
#else
#define COUNT(parity)   inside[parity]++
#define UNCOUNT(parity) inside[parity]--
#endif

proctype writer(byte me)
{
  byte left = WRITES;
  byte page;
  byte e;
  bit  first;

  do
  :: left == 0 -> break
  :: left > 0 ->
     if
     :: page = 0
     :: page = 1
     fi;
instruction:
     atomic {
       if
       :: prot[page] == RW || stale_tlb[at(me, page)] ->
          differs[page] = 1;
          written[page] = 1;
          left--;
          goto next
       :: else -> skip                      /* the fault is on its way */
       fi
     }
h1:  e = epoch;
     COUNT(e & 1);
#ifndef LEAVE_OUT_RECHECK
     /* H2 */
     if
     :: epoch != e -> UNCOUNT(e & 1); goto h1
     :: epoch == e
     fi;
#endif
#ifdef SWAP_H3_H4
     atomic { mmap_lock == 0 -> prot[page] = RW };
#endif
#ifndef LEAVE_OUT_MARK
     /* H3 */
     d_step { first = !marks[at(e & 1, page)]; marks[at(e & 1, page)] = 1 };
     if
#ifndef LEAVE_OUT_RECORD
     :: first -> record[at(e & 1, page)] = e + 1
#endif
     :: else -> skip
     fi;
#endif
#ifdef LEAVE_OUT_STAY
     UNCOUNT(e & 1);                        /* H5, too early */
#endif
#ifndef SWAP_H3_H4
     atomic { mmap_lock == 0 -> prot[page] = RW };  /* H4 */
#endif
#ifndef LEAVE_OUT_STAY
     UNCOUNT(e & 1);                        /* H5 */
#endif
     goto instruction;
next:
     skip
  od;
  done++
}

inline protect(p)
{
  atomic {
    mmap_lock == 0 -> mmap_lock = 1;
    stale_tlb[at(0, p)] = (prot[p] == RW);
    stale_tlb[at(1, p)] = (prot[p] == RW);
    prot[p] = RO
  };
  stale_tlb[at(0, p)] = 0;
  d_step { stale_tlb[at(1, p)] = 0; mmap_lock = 0 }
}

/* C3: what was dirtied is armed; any other page may be, where runs are joined. */
inline arm()
{
#ifdef LEAVE_OUT_ARM
  skip
#else
  page = 0;
  do
  :: page == PAGES -> break
  :: page < PAGES ->
     if
     :: protect(page)
     :: !marks[at(e & 1, page)] -> skip
     fi;
     page++
  od;
  page = 0
#endif
}

inline await_handlers()
{
#ifdef LEAVE_OUT_WAIT
  skip
#else
  inside[e & 1] == 0
#endif
}

inline collect()
{
  /* C1 */
  atomic {
    e = epoch;
#ifndef LEAVE_OUT_FLIP
    epoch = e + 1;
#endif
    must[0] = written[0]; must[1] = written[1];
    written[0] = 0; written[1] = 0
  };
#ifdef LEAVE_OUT_ORDER
  arm();
  await_handlers();
#else
  await_handlers();                         /* C2 */
  arm();
#endif
  /* C4: page by page, as a person may read the bits */
  page = 0;
  do
  :: page == PAGES -> break
  :: page < PAGES ->
     d_step { set[page] = marks[at(e & 1, page)]; CLEAR };
     d_step {
       if
       :: set[page] ->
          assert(record[at(e & 1, page)] == e + 1);
          record[at(e & 1, page)] = 0
       :: else
       fi
     };
     page++
  od;
  page = 0;
  d_step {
    assert(set[0] || !must[0]);
    assert(set[1] || !must[1]);
    /* Written while the collect ran: this set covers it, or the next one has to. */
    if :: set[0] -> written[0] = 0 :: else fi;
    if :: set[1] -> written[1] = 0 :: else fi;
    must[0] = 0; must[1] = 0
  }
}

/* The caller's: each page is copied at a time of its own, while writers go on. */
inline copy()
{
  if :: set[0] -> d_step { differs[0] = 0; set[0] = 0 } :: else fi;
  if :: set[1] -> d_step { differs[1] = 0; set[1] = 0 } :: else fi
}

active proctype collector()
{
  byte k;
  byte e;
  byte page;

  atomic { run writer(0); run writer(1) };
  do
  :: k == COLLECTS -> break
  :: k < COLLECTS -> collect(); copy(); k++
  od;
  done == WRITERS;
  collect();
  copy();
  assert(!differs[0] && !differs[1])
}
