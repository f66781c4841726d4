/* held.pml - pages whose content of one moment is kept while threads write to them (src/hold.h).
 *
 * Two pages are watched. Writers write to them at random; a snapshot is taken SNAPSHOTS times meanwhile, and
 * another thread saves the pages while the writers go on. What is opened is marked first, as in gate.h (whose
 * protocol lost-writes.pml has); the gate here is the one of the table of regions.
 *
 * What must hold, in every interleaving:
 *   - what is saved of each page is what it held at the moment at which the last page was armed;
 *   - nobody copies to a pool that is gone;
 *   - nobody waits for ever.
 *
 * LEAVE_OUT_x takes one step away, WRONG_x changes one: then it must fail.
 */

#ifndef WRITERS
#define WRITERS   2
#endif
#ifndef WRITES
#define WRITES    2     /* of each */
#endif
#ifndef SNAPSHOTS
#define SNAPSHOTS 2
#endif
#define PAGES     2

#define RO 0
#define RW 1
#define IN_PLACE 0
#define SAVED    1
#define COPIED   2

byte epoch;                   /* of the gate of regions: its parity counts */
byte inside[2];
bit  changing;
bit  prot[PAGES], mark[PAGES], held[PAGES];
byte state[PAGES];
byte slot[PAGES];             /* the copy that the word names */
byte content[PAGES];
bit  pool;                    /* is there */
bit  taken;                   /* there is something to save */
bit  finished;                /* the last snapshot has ended */

/* Of the observer. */
byte truth[PAGES];

inline enter()
{
  e = epoch & 1;
  inside[e]++;
  do
  :: (epoch & 1) != e -> inside[e]--; e = epoch & 1; inside[e]++
  :: (epoch & 1) == e -> break
  od
}

inline advance()
{
  o = epoch & 1;
  epoch = (epoch + 1) & 1;
  inside[o] == 0
}

/* N1 */
inline copy_first()
{
  if
  :: held[p] && state[p] == IN_PLACE ->
     assert(pool);
     seen = content[p];
     atomic {
       assert(pool);
#ifdef WRONG_COPIED_UNCHECKED
       slot[p] = seen; state[p] = COPIED
#else
       if
       :: state[p] == IN_PLACE -> slot[p] = seen; state[p] = COPIED
       :: else
       fi
#endif
     }
  :: else
  fi
}

proctype writer()
{
  byte left = WRITES, p, e, seen;

  do
  :: left == 0 -> break
  :: left > 0 ->
     if :: p = 0 :: p = 1 fi;
instruction:
     atomic {
       if
       :: prot[p] == RW -> content[p]++; left--; goto next
       :: else -> skip
       fi
     }
     enter();
#ifndef LEAVE_OUT_LEAVING
     if
     :: changing -> inside[e]--; !changing; goto instruction
     :: else
     fi;
#endif
     mark[p] = 1;
#ifdef WRONG_OPENED_FIRST
     prot[p] = RW;
     copy_first();
#else
#ifndef LEAVE_OUT_COPY
     copy_first();
#endif
     prot[p] = RW;
#endif
     inside[e]--;
     goto instruction;
next:
     skip
  od
}

/* S1 and S2 */
inline save()
{
  seen = content[p];
  atomic {
#ifdef WRONG_SAVED_UNCHECKED
    state[p] = SAVED;
#else
    if
    :: state[p] == IN_PLACE -> state[p] = SAVED
    :: else -> seen = slot[p]; state[p] = SAVED
    fi;
#endif
    assert(seen == truth[p])
  }
}

active proctype snapshots()
{
  byte k, p, o, seen;

  atomic { run writer(); run writer() };
  do
  :: k == SNAPSHOTS -> break
  :: k < SNAPSHOTS ->
     pool = 1;
#ifndef LEAVE_OUT_CHANGING
     changing = 1;                          /* F1 */
#endif
#ifndef LEAVE_OUT_WAIT
     advance();                             /* F2 */
#endif
     /* F3: in either order. */
     if
     :: p = 0
     :: p = 1
     fi;
     if :: mark[p] -> prot[p] = RO :: else fi;
#ifndef LEAVE_OUT_ARM
     if :: mark[1 - p] -> prot[1 - p] = RO :: else fi;
#endif
     d_step { truth[0] = content[0]; truth[1] = content[1] };
#ifdef WRONG_HELD_LATE
     changing = 0;
#endif
     /* F4 */
     held[0] = 1;
     held[1] = 1;
     /* F5: the marks are the ended epoch's. */
     d_step { mark[0] = 0; mark[1] = 0 };
     changing = 0;
     /* Saved, in either order, or let go. */
     if
     :: p = 0
     :: p = 1
     fi;
     if :: save() :: skip fi;
     p = 1 - p;
     if :: save() :: skip fi;
     d_step { held[0] = 0; held[1] = 0 };   /* E1 */
#ifndef LEAVE_OUT_END_WAIT
     advance();                             /* E2 */
#endif
     d_step { pool = 0; state[0] = IN_PLACE; state[1] = IN_PLACE; p = 0; seen = 0 };
     k++
  od
}
