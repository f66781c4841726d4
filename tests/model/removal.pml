/* removal.pml - a region is added, armed, disarmed, armed again and removed while
 * threads write to it.
 *
 * The handler finds the region of a fault in a table that is never changed, only
 * replaced. What a replaced table and a removed region need is that no handler
 * still uses them when they are freed: the gate of lost-writes.pml, with the
 * table in the place of the marks. (src/region.c, src/fault.c, src/epoch.c)
 *
 * What must hold, in every interleaving:
 *   - no handler reads a table or uses a region that has been freed, so none
 *     changes the protection of memory that is the caller's again;
 *   - no write to the memory, which is always writable as the program sees it,
 *     is passed on as a crash;
 *   - while the region is armed, a page that can be written is marked: a handler
 *     of before ww_stop() loses no write of after ww_start();
 *   - nobody waits for ever.
 *
 * LEAVE_OUT_x takes one step away: then it must fail.
 */

#define WRITERS 2
#define WRITES  1     /* of each writer; it may fault again and again */
#define ROUNDS  2     /* of add and remove */
#define TABLES  5     /* 2 * ROUNDS + 1: even ones are empty, table t holds region t / 2 */

#define RO 0
#define RW 1

byte epoch;
byte inside[2];
bit  prot = RW;
byte table;                   /* the one that is published */
bit  table_freed[TABLES];
bit  region_freed[ROUNDS];
bit  armed;                   /* the region's own word for it */
byte armings;
bit  marked;
byte done;
bit  watched;                 /* of the observer: from the end of arming to the begin of disarming */

#define holds_region(t) ((t) & 1)

#ifdef LEAVE_OUT_COUNT
#define COUNT(parity)   skip
#define UNCOUNT(parity) skip
#else
#define COUNT(parity)   inside[parity]++
#define UNCOUNT(parity) inside[parity]--
#endif

proctype writer()
{
  byte left = WRITES;
  byte e;
  byte t;
  byte seen;

  do
  :: left == 0 -> break
  :: left > 0 ->
instruction:
     atomic {
       if
       :: prot == RW -> assert(!watched || marked); left--; goto next
       :: else -> skip
       fi
     }
look:
     seen = armings;
enter:
     e = epoch;
     COUNT(e & 1);
#ifndef LEAVE_OUT_RECHECK
     if
     :: epoch != e -> UNCOUNT(e & 1); goto enter
     :: epoch == e
     fi;
#endif
     t = table;
     assert(!table_freed[t]);               /* read to find the region */
     if
     :: holds_region(t) ->
        assert(!region_freed[t / 2]);
        if
        :: armed ->
           d_step { assert(!region_freed[t / 2]); marked = 1 };
           d_step { assert(!region_freed[t / 2]); prot = RW };
           UNCOUNT(e & 1);
           goto instruction
        :: !armed
        fi
     :: else -> skip
     fi;
     UNCOUNT(e & 1);
     /* Not ours, or not any more: a fault that was on its way when the region was
      * disarmed finds the memory writable, or armed anew. Anything else is a crash. */
#ifndef LEAVE_OUT_LOOK
     if
     :: prot == RW -> goto instruction
     :: prot == RO
     fi;
#endif
#ifdef LEAVE_OUT_ARMINGS
     assert(false);
#else
     assert(armings != seen);
#endif
     goto look;
next:
     skip
  od;
  done++
}

inline await_handlers()
{
  e = epoch;
  epoch = e + 1;
#ifdef LEAVE_OUT_WAIT
  skip
#else
  inside[e & 1] == 0
#endif
}

inline publish(t)
{
  table = t;
#ifndef LEAVE_OUT_ORDER
  await_handlers();
#endif
  table_freed[(t) - 1] = 1
}

inline arm()
{
#if defined(LEAVE_OUT_ARMED_FIRST)
  prot = RO;
  armed = 1;
  armings++;
#elif defined(LEAVE_OUT_COUNT_ARMING_LAST)
  armings++;
  armed = 1;
  prot = RO;
#else
  armed = 1;
  armings++;
  prot = RO;
#endif
  watched = 1
}

inline disarm()
{
  watched = 0;
#ifdef LEAVE_OUT_DISARMED_LAST
  armed = 0;
  prot = RW;
#else
  prot = RW;
  armed = 0;
#endif
}

active proctype owner()
{
  byte round;
  byte e;

  atomic { run writer(); run writer() };
  do
  :: round == ROUNDS -> break
  :: round < ROUNDS ->
     /* ww_region_add() of a started tracker */
#ifdef LEAVE_OUT_PUBLISH_FIRST
     arm();
     publish(2 * round + 1);
#else
     publish(2 * round + 1);
     arm();
#endif
     /* ww_stop(), ww_start() */
     disarm();
#ifndef LEAVE_OUT_STOP_WAIT
     await_handlers();
#endif
     marked = 0;
     arm();
     /* ww_region_remove() */
#ifdef LEAVE_OUT_DISARM_FIRST
     publish(2 * round + 2);
     disarm();
#else
     disarm();
#ifdef LEAVE_OUT_ORDER
     await_handlers();                      /* before it is unpublished: too early */
#endif
     publish(2 * round + 2);
#endif
     atomic { region_freed[round] = 1; marked = 0 };
     round++
  od;
  done == WRITERS
}
