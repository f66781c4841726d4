#!/bin/sh
# Is the protocol right in every interleaving, and does each of its steps matter?
# spin(1) searches the whole state space of each model: as it is, which must hold,
# and with one step left out, which must fail.

set -u
models=$top_srcdir/tests/model
unset MAKEFLAGS
work=$(mktemp -d "${TMPDIR:-/tmp}/ww-model.XXXXXX") || {
  echo "Bail out! no temporary directory"
  exit 1
}
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

echo "1..85"
number=0
spin=${SPIN:-spin}
cc=${CC:-cc}
lacks=''
command -v "$spin" >/dev/null 2>&1 || lacks="spin is not installed"
command -v "${cc%% *}" >/dev/null 2>&1 || lacks="no C compiler"

# search MODEL [-DNAME...]: the verdict is left in $verdict: holds, fails or broken.
# A search that was cut short has not shown anything.
search() {
  model=$1; shift
  # What fails does so early: compiling it takes longest.
  optimise=-O2; [ "$expected" = holds ] || optimise=-O0
  rm -rf "$work/pan"; mkdir "$work/pan"
  verdict=broken
  (cd "$work/pan" && "$spin" -a "$@" "$models/$model.pml" &&
    $cc $optimise -w -DSAFETY -DCOLLAPSE -o pan pan.c &&
    { ./pan -m100000 -n; :; }) >"$work/log" 2>&1 </dev/null || return
  if grep -q -e 'max search depth too small' -e 'Search not completed$' -e 'out of memory' "$work/log"; then
    # pan also says so where it stopped at an error that it found
    grep -q 'errors: [1-9]' "$work/log" && verdict=fails
  elif grep -q 'errors: 0$' "$work/log"; then
    verdict=holds
  elif grep -q 'errors: [1-9]' "$work/log"; then
    verdict=fails
  fi
}

# must VERDICT WHAT MODEL [-DNAME...]
must() {
  number=$((number + 1))
  expected=$1 what=$2; shift 2
  if [ -n "$lacks" ]; then echo "ok $number - $what # SKIP $lacks"; return; fi
  search "$@"
  if [ "$verdict" = "$expected" ]; then
    echo "ok $number - $what"
    sed -n -e 's/^pan:1: /# /p' -e 's/^ *\([0-9]*\) states, stored.*/# \1 states/p' "$work/log" | head -n 1
  else
    echo "not ok $number - $what (expected: $expected; found: $verdict)"
    sed 's/^/# /' "$work/log"
  fi
}

must holds "lost-writes: the protocol holds" lost-writes
must holds "lost-writes: H3 and H4 may change places" lost-writes -DSWAP_H3_H4 -DCOLLECTS=1
must fails "lost-writes without H1, the handler counts itself" lost-writes -DLEAVE_OUT_COUNT
must fails "lost-writes without H2, the handler looks at the epoch again" lost-writes -DLEAVE_OUT_RECHECK
must fails "lost-writes without H3, the page is marked" lost-writes -DLEAVE_OUT_MARK
must fails "lost-writes without the record of H3" lost-writes -DLEAVE_OUT_RECORD
must fails "lost-writes without H4 before H5, the handler stays to the end" lost-writes -DLEAVE_OUT_STAY
must fails "lost-writes without C1, the flip of the epoch" lost-writes -DLEAVE_OUT_FLIP
must fails "lost-writes without C2, the wait for handlers" lost-writes -DLEAVE_OUT_WAIT
must fails "lost-writes without C2 before C3, wait, then arm" lost-writes -DLEAVE_OUT_ORDER
must fails "lost-writes without C3, arming" lost-writes -DLEAVE_OUT_ARM
must fails "lost-writes without C4, the bits are cleared" lost-writes -DLEAVE_OUT_CLEAR
must holds "removal: the protocol holds" removal
must fails "removal without the handlers' count" removal -DLEAVE_OUT_COUNT
must fails "removal without a second look at the epoch" removal -DLEAVE_OUT_RECHECK
must fails "removal without the wait for handlers" removal -DLEAVE_OUT_WAIT
must fails "removal without unpublish before wait" removal -DLEAVE_OUT_ORDER
must fails "removal without disarm before unpublish" removal -DLEAVE_OUT_DISARM_FIRST
must fails "removal without publish before arm" removal -DLEAVE_OUT_PUBLISH_FIRST
must fails "removal without \`armed' set before read-only" removal -DLEAVE_OUT_ARMED_FIRST
must fails "removal without \`armed' unset after writable" removal -DLEAVE_OUT_DISARMED_LAST
must fails "removal without the wait of ww_stop()" removal -DLEAVE_OUT_STOP_WAIT
must fails "removal without a look whether the page is writable by now" removal -DLEAVE_OUT_LOOK
must fails "removal without a look whether it is armed anew" removal -DLEAVE_OUT_ARMINGS
must fails "removal without \`armed' set before the arming is counted" removal -DLEAVE_OUT_COUNT_ARMING_LAST
must holds "changing: the protocol holds" changing
must fails "changing without M1, the lock that keeps the epoch" changing -DLEAVE_OUT_LOCK
must fails "changing without M2, the mark" changing -DLEAVE_OUT_CHANGING
must fails "changing without M3, the wait for handlers" changing -DLEAVE_OUT_WAIT
must fails "changing without our protection laid over in M4" changing -DLEAVE_OUT_LAYING
must fails "changing without handlers that leave" changing -DLEAVE_OUT_LEAVING
must fails "changing without a second look by those who left" changing -DLEAVE_OUT_LOOKING_AGAIN

must holds "disposition: the protocol holds" disposition
must fails "disposition without R3, the version is looked at again" disposition -DLEAVE_OUT_RECHECK
must fails "disposition without a slot for each of two versions" disposition -DLEAVE_OUT_SLOTS
must fails "disposition without W1 before W2, filled and then published" disposition -DLEAVE_OUT_ORDER
must fails "disposition without the lock, one at a time" disposition -DLEAVE_OUT_LOCK
must fails "disposition without the claim being one step" disposition -DLEAVE_OUT_CLAIM

toggle='-DTOGGLE -DCALLERS=2 -DWRITES=0'
must holds "pins: the protocol holds" pins
must holds "pins: it holds with two calls at once" pins -DCALLERS=2 -DCOLLECTS=1
must holds "pins: it holds where content comes back to what it was" pins -DTOGGLE
must holds "pins: the same, with two calls at once" pins $toggle
must fails "pins without P1, the pin" pins -DLEAVE_OUT_PIN
must fails "pins without P2, the wait for who arms" pins -DLEAVE_OUT_SETTLE
must fails "pins without the gate's count in P3" pins -DLEAVE_OUT_COUNT
must fails "pins without the mark of P3" pins -DLEAVE_OUT_MARK
must fails "pins without A1 and A3, the count of who arms" pins -DLEAVE_OUT_ARMING
must fails "pins without C3's marks in the running epoch" pins -DLEAVE_OUT_CARRY_OVER
must fails "pins with the hash made after the mark" pins -DWRONG_HASH_AFTER_MARK
must fails "pins with the hash of one who did not make the mark" pins -DWRONG_HASH_OF_LOSER
must fails "pins with the mark provisional before its hash is there" pins -DWRONG_PROVISIONAL_BEFORE_HASH
must fails "pins with all returned that was lent" pins -DLEAVE_OUT_JUDGEMENT
must fails "pins judged by the content alone, not by the next mark's hash" pins -DWRONG_JUDGED_BY_CONTENT $toggle
must fails "pins without a second look for the next mark" pins -DLEAVE_OUT_SECOND_LOOK $toggle

must holds "kept: the protocol holds" kept
must holds "kept: it holds where content comes back to what it was" kept -DTOGGLE
must holds "kept: kept pages may be marked just after the epoch has ended" kept -DWRONG_MARKED_LATE
must fails "kept without marks in the next epoch" kept -DLEAVE_OUT_NEXT_MARK
must fails "kept with a neighbour opened before it is hashed and marked" kept -DWRONG_OPENED_FIRST
must fails "kept with a neighbour hashed after it is marked" kept -DWRONG_HASHED_AFTER_MARK
must fails "kept with a neighbour kept that another has marked" kept -DWRONG_KEPT_BY_LOSER
must fails "kept without the hash of what is given up" kept -DLEAVE_OUT_GIVEN_UP_HASH
must fails "kept without the mark of what is given up" kept -DLEAVE_OUT_GIVEN_UP_MARK
must fails "kept with what is given up judged before it is armed" kept -DWRONG_JUDGED_BEFORE_ARMING
must fails "kept without a new baseline" kept -DLEAVE_OUT_BASELINE
must fails "kept with the baseline read once more" kept -DWRONG_BASELINE_READ_AGAIN
must fails "kept without what a failed collect owes" kept -DLEAVE_OUT_OWED_BACK
must fails "kept without what is owed being returned" kept -DLEAVE_OUT_OWED -DTOGGLE
must fails "kept without a copy of what is on its way to be provisional being owed" kept -DLEAVE_OUT_OWED_ON_THE_WAY -DTOGGLE
must fails "kept with pages opened ahead during a collect" kept -DLEAVE_OUT_COLLECTS -DTOGGLE
must fails "kept the same, and a fault forgotten" kept -DLEAVE_OUT_COLLECTS -DWRONG_TRAP_FORGOTTEN
must fails "kept with a copy that is no new baseline" kept -DWRONG_MEMCPY -DTOGGLE
must fails "kept with the baseline made before the copy" kept -DWRONG_REBASED_FIRST -DTOGGLE

must holds "held: the protocol holds, twice in turn" held -DWRITES=1
must holds "held: it holds with more writes" held -DSNAPSHOTS=1
must fails "held without F1, nobody may open a page" held -DLEAVE_OUT_CHANGING
must fails "held without handlers that leave" held -DLEAVE_OUT_LEAVING
must fails "held without F2, the wait for handlers" held -DLEAVE_OUT_WAIT
must fails "held without F3, arming what is marked" held -DLEAVE_OUT_ARM
must fails "held with F4 after pages can be opened" held -DWRONG_HELD_LATE
must fails "held without N1, who opens copies first" held -DLEAVE_OUT_COPY
must fails "held with N2 before N1, opened and then copied" held -DWRONG_OPENED_FIRST
must fails "held with N1's word not looked at again" held -DWRONG_COPIED_UNCHECKED
must fails "held with S1's word not looked at again" held -DWRONG_SAVED_UNCHECKED
must fails "held without E2, the wait of the end" held -DLEAVE_OUT_END_WAIT
