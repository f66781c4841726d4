/* kept.pml - pages that stay open from epoch to epoch and are compared by their hash (src/policy.c).
 *
 * A page is watched. Threads of the program write to it, a collector collects COLLECTS times while they
 * do, decides each time whether the page is kept, and copies it as ww_dirty_copy() does whenever it was
 * told; when all is quiet it collects and copies once more. The page may be
 *   - armed: read-only, unmarked;
 *   - trapped in the ended epoch, and then armed or kept for the first time;
 *   - a neighbour: read-only, unmarked, hashed, marked, kept if the mark was ours, then opened;
 *   - opened ahead by a handler: hashed, marked, then provisional, then opened;
 *   - kept, and then compared, and kept or given up: marked provisionally, armed by the next collect, or by
 *     this one if it has changed;
 *   - given back by a collect that fails, when its mark is owed.
 *
 * What must hold, in every interleaving:
 *   - no change is lost: when all is quiet, and all is collected and copied, the copy equals the memory;
 *   - nothing is invented: the page is in a set only if somebody wrote it in that epoch or about when the
 *     collect ran (with a counter, not with TOGGLE, where what comes back was written too);
 *   - nobody waits for ever.
 *
 * The content is a number that counts its writes, and the hash of it is a copy. With TOGGLE the content is
 * one bit that each write turns over, so that it comes back to what it was.
 *
 * LEAVE_OUT_x takes one step away, WRONG_x changes one: then it must fail.
 */

#ifndef WRITERS
#define WRITERS  1
#endif
#ifndef WRITES
#define WRITES   2     /* of each */
#endif
#ifndef COLLECTS
#define COLLECTS 2     /* while they write; two more follow */
#endif

#define RO 0
#define RW 1

byte epoch;
byte inside[2];               /* handlers, by the parity of their epoch */
bit  prot;                    /* at first RO: all is armed */
bit  kept;
byte baseline;
byte content;
byte done;
byte collects;                /* odd while one is being made */

/* By parity. */
bit  mark[2], bulk[2], trapped[2], provisional[2], owed[2];
byte hash[2];

/* Of the observer; the protocol does not see these. */
byte copy;
bit  written, written_before; /* since the last collect began, and since the one before */
bit  about[2];                /* a fault marked the page: a write is to follow */

#ifdef TOGGLE
#define NEXT(value) (1 - value)
#else
#define NEXT(value) (value + 1)
#endif

/* Of the running epoch; the collector's, for nobody else ends it. */
#define r (epoch & 1)

inline enter()
{
  e = epoch;
  inside[e & 1]++;
  do
  :: epoch != e -> inside[e & 1]--; e = epoch; inside[e & 1]++
  :: epoch == e -> break
  od
}

proctype writer()
{
  byte e, left = WRITES;
  bit  won;

  do
  :: left == 0 -> break
  :: left > 0 ->
instruction:
     atomic {
       if
       :: prot == RW -> content = NEXT(content); written = 1; left--; goto next
       :: else -> skip                      /* the fault is on its way */
       fi
     }
     enter();
     atomic { won = !mark[e & 1]; mark[e & 1] = 1; about[e & 1] = 1 };
     if
     :: !won && bulk[e & 1] -> trapped[e & 1] = 1
     :: else
     fi;
     prot = RW;
     inside[e & 1]--;
     goto instruction;
next:
     skip
  od;
  done++
}

/* A handler of another page opens this one along with its own: ahead.c, mark_ahead(). */
proctype opener()
{
  byte e, seen, before;
  bit  won;

  enter();
  before = collects;
  if
  :: mark[e & 1] -> skip
#ifndef LEAVE_OUT_COLLECTS
  :: (before & 1) && !mark[e & 1] -> skip
  :: !(before & 1) && !mark[e & 1] ->
#else
  :: else ->
#endif
     seen = content;
     d_step { won = !mark[e & 1]; mark[e & 1] = 1 };
     if
     :: won ->
        bulk[e & 1] = 1;
#ifndef LEAVE_OUT_COLLECTS
        if :: collects != before -> owed[e & 1] = 1 :: else fi;
#endif
        hash[e & 1] = seen;
        provisional[e & 1] = 1;
        prot = RW
     :: else
     fi
  fi;
  inside[e & 1]--;
  done++
}

/* choice.c, keep_neighbours() */
inline keep_neighbour()
{
#ifdef WRONG_OPENED_FIRST
  prot = RW;
#endif
#ifdef WRONG_HASHED_AFTER_MARK
  d_step { won = !mark[1 - p]; mark[1 - p] = 1 };
  baseline = content;
#else
  baseline = content;
  d_step { won = !mark[1 - p]; mark[1 - p] = 1 };
#endif
#ifdef WRONG_KEPT_BY_LOSER
  won = 1;
#endif
  if
  :: won ->
     bulk[1 - p] = 1;
     kept = 1;
     prot = RW
  :: else
  fi
}

/* policy.c, policy_make_provisional() in the running epoch; or else it is armed at once. */
inline give_up()
{
#ifdef LEAVE_OUT_GIVEN_UP_HASH
  skip;
#else
  hash[1 - p] = baseline;
#endif
#ifdef LEAVE_OUT_GIVEN_UP_MARK
  mark[1 - p] = 0;
#endif
  provisional[1 - p] = 1;
  kept = 0
}

/* policy_verify(): fresh is what this collect has kept of the trapped ones, or of those opened ahead. */
inline look()
{
  seen = content;
  if
  :: fresh && was_trapped -> same = 0
  :: fresh && !was_trapped -> same = (seen == hash[p])
  :: else -> same = (seen == baseline && bulk[p] && !trapped[p])
  fi;
#ifdef WRONG_BASELINE_READ_AGAIN
  baseline = content
#else
#ifndef LEAVE_OUT_BASELINE
  baseline = seen
#endif
#endif
}

/* loan_verify(), as in pins.pml */
inline judge()
{
  known = 0;
  if
  :: !mark[1 - p] -> seen = content; known = !mark[1 - p]
  :: else
  fi;
  if
  :: known -> same = (seen == hash[p])
  :: else ->
     d_step { same = (provisional[1 - p] && hash[p] == hash[1 - p]); doubt = !provisional[1 - p] }
  fi;
#ifndef LEAVE_OUT_OWED
  same = same && !owed[p]
#endif
}

inline collect()
{
  collects++;
#ifndef WRONG_MARKED_LATE
#ifndef LEAVE_OUT_NEXT_MARK
  if :: kept -> mark[1 - (epoch & 1)] = 1; bulk[1 - (epoch & 1)] = 1 :: else fi;
#endif
#endif
  /* C1 */
  atomic {
    e = epoch; p = e & 1;
    epoch = e + 1;
    written_before = written; written = 0
  };
#ifdef WRONG_MARKED_LATE
  if :: kept -> mark[1 - p] = 1; bulk[1 - p] = 1 :: else fi;
#endif
  inside[p] == 0;                           /* C2 */
  same = 0; fresh = 0; doubt = 0;
  was_trapped = (!bulk[p] || trapped[p]);
  /* policy_choose() */
  if
  :: mark[p] && !kept && (was_trapped || (provisional[p] && !owed[p])) ->
     if
     :: kept = 1; fresh = 1;
        d_step { won = !mark[1 - p]; mark[1 - p] = 1 };
#ifdef WRONG_TRAP_FORGOTTEN
        bulk[1 - p] = 1
#else
        if :: won -> bulk[1 - p] = 1 :: else fi
#endif
     :: skip
     fi
  :: !mark[p] && !kept && !mark[1 - p] ->
     if :: keep_neighbour() :: skip fi
  :: else
  fi;
#ifdef WRONG_JUDGED_BEFORE_ARMING
  if :: mark[p] && !kept && provisional[p] && !trapped[p] -> judge() :: else fi;
#endif
  /* C3 */
  if :: mark[p] && !kept -> prot = RO :: else fi;
  if
  :: fails ->
     /* give_back() */
     if
     :: mark[p] ->
        mark[1 - p] = 1; bulk[1 - p] = 1;
#ifndef LEAVE_OUT_OWED_BACK
        owed[1 - p] = 1;
#endif
        kept = 0
     :: else
     fi;
     atomic { written = written || written_before; if :: about[p] -> about[1 - p] = 1 :: else fi }
  :: else ->
#ifndef WRONG_JUDGED_BEFORE_ARMING
     if :: mark[p] && !kept && provisional[p] && !trapped[p] -> judge() :: else fi;
#endif
     if
     :: mark[p] && kept ->
        look();
        if
        :: !fresh && same -> if :: give_up() :: skip fi
        /* All of a region's pages at once, those that have changed among them, which are armed by this
         * collect already: choice.c, pays(). */
        :: !fresh && !same -> if :: give_up(); prot = RO :: skip fi
        :: else
        fi
     :: else
     fi
  fi;
  /* C4 */
  atomic {
    set = mark[p] && !same && !fails;
    if
    :: set && !owed[p] -> assert(written || written_before || about[p] || about[1 - p] || doubt)
    :: else
    fi;
    mark[p] = 0; bulk[p] = 0; trapped[p] = 0; provisional[p] = 0; owed[p] = 0; hash[p] = 0; about[p] = 0
  };
  collects++
}

/* policy_rebase() */
inline rebase(value)
{
  seen = value;
  if
  :: !mark[r] -> skip
  :: mark[r] && kept -> baseline = seen
  :: mark[r] && !kept ->
     if
#ifdef LEAVE_OUT_OWED_ON_THE_WAY
     :: !provisional[r] -> skip
#else
     :: !provisional[r] -> owed[r] = 1
#endif
     :: provisional[r] -> if :: seen != hash[r] -> owed[r] = 1 :: else fi
     fi
  fi
}

/* copy.c, ww_dirty_copy(): also of a page that is not in the set, for which one may ask as well. */
inline copy_page()
{
#ifdef WRONG_REBASED_FIRST
  rebase(content);
  copy = content;
#else
  copy = content;
#ifndef WRONG_MEMCPY
  rebase(copy);
#endif
#endif
  set = 0
}

active proctype collector()
{
  byte k, e, p, seen;
  bit  won, known, doubt, same, fresh, was_trapped, set, fails;

  atomic {
    run writer();
#if WRITERS > 1
    run writer();
#endif
    run opener()
  };
  do
  :: k == COLLECTS + 2 -> break
  :: k < COLLECTS + 2 ->
     if
     :: k < COLLECTS -> fails = 1
     :: k < COLLECTS -> fails = 0
     :: k >= COLLECTS -> done == WRITERS + 1; fails = 0
     fi;
     collect();
     if
     :: set -> copy_page()
     :: k < COLLECTS -> copy_page()
     :: k < COLLECTS && !set -> skip
     :: k >= COLLECTS && !set -> skip
     fi;
     assert(k < COLLECTS || content == copy);
     k++
  od
}
