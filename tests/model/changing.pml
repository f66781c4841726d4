/* changing.pml - the program changes what it wants of a page that is watched, while threads
 * write to it and a collector collects. (src/shield/follow.h, src/fault.c, src/gate.h)
 *
 * The program's thread makes the page read-only and writable again by turns; the kernel may
 * refuse. Two threads write to it, at any time: where the program wants no writing, the write
 * is the program's own crash, whose handler tries again.
 *
 * What must hold, in every interleaving:
 *   - no write is lost: a write after the end of a collect is in the next one's set;
 *   - once a call has returned that made the page read-only, and until the next begins, the
 *     page cannot be written;
 *   - a write is passed on as a crash only if the program wanted no writing at some time
 *     between the fault and then;
 *   - a handler reads no table that is being made anew;
 *   - nobody waits for ever.
 *
 * LEAVE_OUT_x takes one step away: then it must fail.
 */

#define WRITERS  2
#define WRITES   1
#define CHANGES  2     /* to read-only, to writable */
#define COLLECTS 1     /* and one more when all is quiet */

#define RO 0
#define RW 1

byte epoch;                   /* of the tracker's gate */
byte inside[2];
byte region_epoch;            /* of the gate of regions */
byte region_inside[2];
bit  prot;                    /* what the page table says; at first armed */
bit  locked;                  /* the tracker's lock */
bit  changing;
bit  marks[2];
bit  table;                   /* which of two tables is published */
bit  wish[2] = RW;            /* what each says; the next is made in the one that is not published */
byte reading[2];              /* handlers that hold a pointer to it */
byte done;

/* Of the observer. */
bit  written;                 /* since the end of the last collect */
bit  settled_readonly;        /* a call that made it read-only has returned, none has begun */
bit  was_readonly[WRITERS];   /* the program wanted no writing at some time since the fault */

inline note_readonly()
{
  was_readonly[0] = 1;
  was_readonly[1] = 1
}

proctype writer(byte me)
{
  byte left = WRITES;
  byte e;
  byte r;
  bit  t;
  bit  wants;

  do
  :: left == 0 -> break
  :: left > 0 ->
instruction:
     atomic {
       if
       :: prot == RW ->
          assert(!settled_readonly);
          written = 1;
          left--;
          goto next
       :: else -> was_readonly[me] = (wish[table] == RO || settled_readonly)
       fi
     }
look:
     r = region_epoch;
     region_inside[r & 1]++;
     if
     :: region_epoch != r -> region_inside[r & 1]--; goto look
     :: region_epoch == r
     fi;
#ifndef LEAVE_OUT_LEAVING
     if
     :: changing -> region_inside[r & 1]--;
#ifdef LEAVE_OUT_LOOKING_AGAIN
        goto crash;
#else
        goto look
#endif
     :: !changing
     fi;
#endif
     atomic { t = table; reading[t]++ };
     d_step { wants = wish[t]; reading[t]-- };
     if
     :: wants == RW ->
        /* H1 to H5 of gate.h */
h1:     e = epoch;
        inside[e & 1]++;
        if
        :: epoch != e -> inside[e & 1]--; goto h1
        :: epoch == e
        fi;
        marks[e & 1] = 1;
        prot = RW;
        inside[e & 1]--;
        region_inside[r & 1]--;
        goto instruction
     :: wants == RO ->
        region_inside[r & 1]--
     fi;
     /* Not ours; but writable by now? */
     if
     :: prot == RW -> goto instruction
     :: prot == RO
     fi;
crash:
     atomic { assert(was_readonly[me]); left-- };   /* it gives the write up */
next:
     skip
  od;
  done++
}

inline await_region_handlers()
{
  r = region_epoch;
  region_epoch = r + 1;
  region_inside[r & 1] == 0
}

/* M5 */
inline publish(new)
{
  d_step { assert(reading[1 - table] == 0); wish[1 - table] = new };
  atomic {
    table = 1 - table;
    if :: new == RO -> note_readonly() :: else fi
  }
}

active proctype program()
{
  byte left = CHANGES;
  byte r;
  bit  new;
  bit  refused;

  atomic { run writer(0); run writer(1) };
  do
  :: left == 0 -> break
  :: left > 0 ->
     left--;
     new = 1 - wish[table];
     d_step { settled_readonly = 0; refused = 0 };
#ifndef LEAVE_OUT_LOCK
     atomic { !locked -> locked = 1 };                /* M1 */
#endif
#ifndef LEAVE_OUT_CHANGING
     changing = 1;                                    /* M2 */
#endif
#ifndef LEAVE_OUT_WAIT
     await_region_handlers();                         /* M3 */
#endif
     if                                               /* M4 */
     :: refused = 1
     :: new == RO ->
        prot = RO
     :: new == RW ->
#ifdef LEAVE_OUT_LAYING
        prot = RW
#else
        /* What is marked is as the program wants it, else it is armed. */
        if
        :: marks[epoch & 1] -> prot = RW
        :: else -> prot = RO
        fi
#endif
     fi;
     if :: !refused -> publish(new) :: else fi;
     changing = 0;                                    /* M6 */
     locked = 0;
     atomic { settled_readonly = (wish[table] == RO) }
  od;
  done++
}

inline collect()
{
  atomic { !locked -> locked = 1 };
  atomic { e = epoch; epoch = e + 1; must = written; written = 0 };
  inside[e & 1] == 0;
  if
  :: marks[e & 1] && wish[table] == RW -> prot = RO
  :: else
  fi;
  d_step {
    assert(marks[e & 1] || !must);
    if :: marks[e & 1] -> written = 0 :: else fi;
    marks[e & 1] = 0;
    must = 0
  };
  locked = 0
}

active proctype collector()
{
  byte k;
  byte e;
  bit  must;

  do
  :: k == COLLECTS -> break
  :: k < COLLECTS -> collect(); k++
  od;
  done == WRITERS + 1;
  collect()
}
