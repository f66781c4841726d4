/* pins.pml - memory that is lent to the kernel for the time of a system call.
 *
 * CALLERS threads make a system call each, in the course of which the kernel writes to
 * the page; a thread of the program writes to it as well; a collector collects COLLECTS
 * times while they do, copies the page whenever it was told, and collects once more when
 * all is quiet. The names P1 .. P5 and A1 .. A3 are those of src/pin.h, H1 .. H5 and
 * C1 .. C4 those of src/gate.h; loan.h says what a provisional mark is.
 *
 * What must hold, in every interleaving:
 *   - the kernel never writes to a read-only page (EFAULT);
 *   - the page is in a collect's set if it differed from the copy when the collect began;
 *     and when all is quiet the copy equals the memory;
 *   - the page is not in a set if nobody wrote it since the collect before began, or was
 *     about to;
 *   - nobody waits for ever.
 *
 * The page's content is a number that counts its writes, and the hash of it is a copy.
 * With TOGGLE the content is one bit that each write turns over, so that it comes back to
 * what it was. Then the copy is taken by somebody who knows what each mark's hash was: what
 * must hold is that one epoch's judgement ends where the next one's begins.
 *
 * LEAVE_OUT_x takes one step away, WRONG_x changes one: then it must fail.
 */

#ifndef CALLERS
#define CALLERS  1
#endif
#ifndef WRITES
#define WRITES   1     /* by the program; the kernel: two in the first call, one in others */
#endif
#ifndef COLLECTS
#define COLLECTS 2     /* while they write; one more follows */
#endif

#define RO 0
#define RW 1

byte epoch;
byte inside[2];             /* handlers, by the parity of their epoch */
bit  prot;                    /* at first RO: all is armed */
byte arming;
byte pins;
byte done;

/* By parity. */
bit  mark[2], declared[2], trapped[2], provisional[2];
byte hash[2];

byte content;

/* Of the observer; the protocol does not see these. */
byte copy;
byte base[2];                 /* the content when the provisional mark was made */
bit  based[2];                /* there was one */
bit  written, written_before; /* since the last collect began, and since the one before */
bit  about[2];                /* a fault marked the page: a write is to follow */
bit  set;
bit  must;

#ifdef TOGGLE
#define NEXT(value) (1 - value)
#else
#define NEXT(value) (value + 1)
#endif

#ifdef LEAVE_OUT_COUNT
#define COUNT(parity)   skip
#define UNCOUNT(parity) skip
#else
#define COUNT(parity)   inside[parity]++
#define UNCOUNT(parity) inside[parity]--
#endif

inline write()
{
  content = NEXT(content); written = 1
}

inline enter()
{
  e = epoch;
  COUNT(e & 1);
  do
  :: epoch != e -> UNCOUNT(e & 1); e = epoch; COUNT(e & 1)
  :: epoch == e -> break
  od
}

/* loan.c, mark_provisional() in the marks of an epoch */
inline mark_provisional(parity)
{
#ifdef WRONG_HASH_AFTER_MARK
  d_step { won = !mark[parity]; mark[parity] = 1;
           if :: won -> base[parity] = content; based[parity] = 1 :: else fi };
  if
  :: won ->
     seen = content;
     declared[parity] = 1;
     hash[parity] = seen;
     provisional[parity] = 1
  :: else
  fi
#else
  if
  :: mark[parity] -> skip
  :: else ->
     seen = content;
     d_step { won = !mark[parity]; mark[parity] = 1;
              if :: won -> base[parity] = seen; based[parity] = 1 :: else fi };
     if
     :: won ->
        declared[parity] = 1;
#ifdef WRONG_PROVISIONAL_BEFORE_HASH
        provisional[parity] = 1;
        hash[parity] = seen
#else
        hash[parity] = seen;
        provisional[parity] = 1
#endif
#ifdef WRONG_HASH_OF_LOSER
     :: else -> hash[parity] = seen
#else
     :: else
#endif
     fi
  fi
#endif
}

proctype caller(byte me)
{
  byte e, seen, left;
  bit  won;

#ifndef LEAVE_OUT_PIN
  pins++;                                   /* P1 */
#endif
#ifndef LEAVE_OUT_SETTLE
  arming == 0;                              /* P2 */
#endif
  /* P3 */
  enter();
#ifndef LEAVE_OUT_MARK
  mark_provisional(e & 1);
#endif
  prot = RW;
  UNCOUNT(e & 1);
  /* P4 */
  left = (me == 0 -> 2 : 1);
  do
  :: left == 0 -> break
  :: left > 0 ->
     atomic { assert(prot == RW); write(); left-- }
#ifndef TOGGLE
  :: left > 0 -> left--                     /* it may write less than it might */
#endif
  od;
#ifndef LEAVE_OUT_PIN
  pins--;                                   /* P5 */
#endif
  done++
}

proctype program()
{
  byte e, left = WRITES;
  bit  won;

  do
  :: left == 0 -> break
  :: left > 0 ->
instruction:
     atomic {
       if
       :: prot == RW -> write(); left--; goto next
       :: else -> skip                      /* the fault is on its way */
       fi
     }
     enter();
     atomic { won = !mark[e & 1]; mark[e & 1] = 1; about[e & 1] = 1 };
     if
     :: !won && declared[e & 1] -> trapped[e & 1] = 1
     :: else
     fi;
     prot = RW;
     UNCOUNT(e & 1);
     goto instruction;
next:
     skip
  od;
  done++
}

/* loan.c, loan_verify(): is the mark taken out of the set? */
inline judge()
{
  unchanged = 0;
  doubt = 0;
  if
#ifdef LEAVE_OUT_JUDGEMENT
  :: 0 -> known = 0
#else
  :: mark[p] && provisional[p] && !trapped[p] ->
#ifdef WRONG_JUDGED_BY_CONTENT
     unchanged = (content == hash[p])
#else
     known = 0;
     if
     :: !mark[1 - p] ->
        seen = content;
#ifdef LEAVE_OUT_SECOND_LOOK
        known = 1
#else
        known = !mark[1 - p]
#endif
     :: else
     fi;
     if
     :: known -> unchanged = (seen == hash[p])
     :: else ->
        d_step { unchanged = (provisional[1 - p] && hash[p] == hash[1 - p]); doubt = !provisional[1 - p] }
     fi
#endif
#endif
  :: else
  fi
}

inline collect()
{
  /* C1 */
  atomic {
    e = epoch; p = e & 1;
    epoch = e + 1;
    must = (content != copy);
    written_before = written; written = 0
  };
  inside[p] == 0;                           /* C2 */
#ifndef LEAVE_OUT_ARMING
  arming++;                                 /* A1 */
#endif
  pinned = (pins > 0);                      /* A2 */
  /* C3. Where nothing is pinned other pages than the marked may be armed, too. */
  if
  :: !pinned -> if :: prot = RO :: !mark[p] -> skip fi
  :: pinned && mark[p] ->
#ifdef LEAVE_OUT_CARRY_OVER
     skip
#else
     mark_provisional(1 - p)
#endif
  :: else
  fi;
#ifndef LEAVE_OUT_ARMING
  arming--;                                 /* A3 */
#endif
  judge();
  /* C4 */
  atomic {
    set = mark[p] && !unchanged;
#ifndef TOGGLE
    assert(set || !must);
#endif
    /* Somebody who marks it for the next epoch just now may stand between mark and hash: then
     * it is returned to be sure. */
    assert(!set || written || written_before || about[p] || doubt);
    mark[p] = 0; declared[p] = 0; trapped[p] = 0; provisional[p] = 0; hash[p] = 0;
    about[p] = 0; based[p] = 0; base[p] = 0
  };
#ifdef TOGGLE
  d_step { if :: set -> copy = (based[1 - p] -> base[1 - p] : content) :: else fi; set = 0 }
#else
  d_step { if :: set -> copy = content :: else fi; set = 0 }
#endif
}

active proctype collector()
{
  byte k, e, p, seen;
  bit  won, known, doubt, pinned, unchanged;

  atomic {
    run program();
    run caller(0);
#if CALLERS > 1
    run caller(1)
#endif
  };
  do
  :: k == COLLECTS -> break
  :: k < COLLECTS -> collect(); k++
  od;
  done == CALLERS + 1;
  collect();
  assert(content == copy)
}
