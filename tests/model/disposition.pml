/* disposition.pml - a signal's action is set while handlers read it (src/disposition.h).
 *
 * What must hold, in every interleaving:
 *   - a reader's copy is one action as it was set, and one that was current at some
 *     time between its begin and its end;
 *   - SA_RESETHAND lets at most one reader have the handler of a version;
 *   - nobody waits for ever (a reader goes round again only if another was published).
 *
 * An action is two words, which the model sets to its version. LEAVE_OUT_x takes one
 * step away: then it must fail.
 */

#define WRITERS 2
#define READERS 2
#define SETS    2             /* of each writer */
#define VERSIONS 6

byte version;
byte first[2], second[2];     /* the words of the two slots */
byte used_up;
byte had[VERSIONS];           /* who had the handler of a version */
bit  locked;

#ifdef LEAVE_OUT_SLOTS
#define SLOT(v) 0
#else
#define SLOT(v) ((v) & 1)
#endif

active [WRITERS] proctype writer()
{
  byte next, sets;
  do
  :: sets == SETS -> break
  :: else ->
#ifndef LEAVE_OUT_LOCK
    atomic { !locked -> locked = 1 }
#endif
    next = version + 1;
#ifdef LEAVE_OUT_ORDER
    version = next;
#endif
    first[SLOT(next)] = next;                           /* W1 */
    second[SLOT(next)] = next;
#ifndef LEAVE_OUT_ORDER
    version = next;                                     /* W2 */
#endif
#ifndef LEAVE_OUT_LOCK
    locked = 0;
#endif
    sets++
  od
}

active [READERS] proctype reader()
{
  byte mine, one, two, begin, before;
  begin = version;
again:
  mine = version;                                       /* R1 */
  one = first[SLOT(mine)];                              /* R2 */
  two = second[SLOT(mine)];
#ifndef LEAVE_OUT_RECHECK
  if
  :: version != mine -> goto again                      /* R3 */
  :: else
  fi;
#endif
  assert(one == two && one == mine && mine >= begin);
  /* SA_RESETHAND */
  if
  :: mine == 0 || used_up == mine -> goto end_default
  :: else
  fi;
claim:
  before = used_up;
  if
  :: before >= mine -> goto end_default
  :: else
  fi;
#ifdef LEAVE_OUT_CLAIM
  used_up = mine;
#else
  atomic {
    if
    :: used_up == before -> used_up = mine
    :: else -> goto claim
    fi
  }
#endif
  had[mine]++;
  assert(had[mine] <= 1);
end_default:
  skip
}
