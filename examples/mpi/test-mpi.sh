#!/bin/sh
# The solver on many processes, one of which is killed at random moments: started again it goes on, and ends
# with the same bits as one that was left alone. WW_SEED=N takes the moments of an earlier run again.

set -u
work=$(mktemp -d "${TMPDIR:-/tmp}/ww-mpi.XXXXXX") || {
  echo "Bail out! no temporary directory"
  exit 1
}
job=''
trap '[ -z "$job" ] || kill -9 "$job" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

number=0
it() { # the verdict is that of the command before
  verdict=$?
  number=$((number + 1))
  if [ "$verdict" = 0 ]; then echo "ok $number - $*"; return; fi
  echo "not ok $number - $*"
  for file in "$work"/log "$work"/said; do [ -e "$file" ] && tail -n 40 "$file" | sed 's/^/# /'; done
}

ranks=3 kills=5
why=''
command -v mpicc >/dev/null 2>&1 || why="mpicc is not installed (Debian: libopenmpi-dev)"
command -v mpirun >/dev/null 2>&1 || why="mpirun is not installed (Debian: openmpi-bin)"
[ -z "$SANITIZERS" ] || why="Open MPI and sanitizers do not go together"
if [ -z "$why" ]; then
  # As root, with more processes than processors, and without a wait that takes a whole one.
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
  OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_orte_tmpdir_base=$work
  export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM OMPI_MCA_rmaps_base_oversubscribe
  export OMPI_MCA_mpi_yield_when_idle OMPI_MCA_orte_tmpdir_base
  mpirun -n $ranks true >"$work/log" 2>&1 </dev/null ||
    why="mpirun does not work here: $(tail -n 1 "$work/log" | tr -d '#')"
fi
if [ -n "$why" ]; then
  echo "1..1"
  echo "ok 1 - a solver with Open MPI # SKIP $why"
  exit 0
fi
echo "1..8"

# random N: 0 .. N-1, the next of a seeded sequence (Lehmer's, with 48271)
seed=${WW_SEED:-$(($(date +%s) % 100000 * 100 + $$ % 100))}
echo "# seed $seed (WW_SEED=$seed takes it again)"
random_state=$((seed % 2147483646 + 1))
random() {
  random_state=$((random_state * 48271 % 2147483647))
  drawn=$((random_state % $1))
}
pause() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

mpicc -std=gnu11 -O2 -Wall -Wextra -I"$top_srcdir/include" -o "$work/heat3d" "$top_srcdir/examples/mpi/heat3d.c" \
  -L"$top_builddir/.libs" -lwritewatch-checkpoint -lwritewatch -Wl,-rpath,"$(cd "$top_builddir/.libs" && pwd)" \
  >"$work/log" 2>&1
it "heat3d.c compiles with mpicc"

solve() { # DIRECTORY [OPTION...]
  directory=$1; shift
  exec mpirun --timeout 300 -n $ranks "$work/heat3d" --size 48 --steps 600 --every 10 --directory "$directory" "$@" \
    >>"$work/said" 2>&1 </dev/null
}
same() {
  for rank in $(seq 0 $((ranks - 1))); do
    cmp "$work/alone/result-$rank" "$1/result-$rank" >>"$work/log" 2>&1 || return 1
  done
}

before=$(milliseconds)
(solve "$work/alone")
it "it runs, one alone"
took=$(($(milliseconds) - before))

# Killed again and again, the moments somewhere in the time that one run takes. If the machine was so fast that
# nothing came of it, from the beginning.
victim() { # one of the job's processes, at random; none: it has ended
  while ! grep -q '^State:.Z' /proc/"$job"/status 2>/dev/null && [ -d /proc/"$job" ]; do
    set -- $(cat /proc/"$job"/task/*/children 2>/dev/null)
    if [ $# -gt 0 ]; then
      random $#
      shift "$drawn"
      echo "$1"
      return
    fi
  done
}
killed=0 starts=0 done=''
: >"$work/said"
while [ -z "$done" ] && [ $starts -lt 40 ]; do
  starts=$((starts + 1))
  solve "$work/killed" &
  job=$!
  if [ $killed -lt $kills ]; then
    random "$took"
    pause $((drawn / 2 + took / 8))
    kill -9 $(victim) 2>/dev/null && killed=$((killed + 1))
  fi
  wait "$job" && done=yes
  job=''
  if [ -n "$done" ] && [ $killed -lt 2 ]; then
    rm -rf "$work/killed"
    done='' killed=0
    : >"$work/said"
  fi
done 2>>"$work/log"
[ -n "$done" ]
it "killed $killed times and started $starts times, it ends"
same "$work/killed"
it "with the same bits"
grep -q 'attempt [0-9]*, from step [1-9]' "$work/said" || [ "$killed" -eq 0 ]
it "having gone on from checkpoints: $(sed -n 's/^attempt [0-9]*, from step //p' "$work/said" | tr '\n' ' ')"

# One rank's newest checkpoints are damaged: all go back to what all have.
(solve "$work/damaged" --steps 155)
rm -f "$work"/damaged/result-*
for file in $(ls "$work"/damaged/rank-1/*.ww | tail -n 2); do
  dd if=/dev/zero of="$file" bs=1 seek=1000 count=64 conv=notrunc 2>>"$work/log"
done
: >"$work/said"
(solve "$work/damaged") && same "$work/damaged" && grep -q 'from step 1[0-3]0' "$work/said"
it "what one rank cannot read none restores: $(sed -n 's/^attempt [0-9]*, //p' "$work/said")"

# Each checkpoint is handed over to another place, from which the job can be started as well.
HAND_OVER_TO=$work/handed
export HAND_OVER_TO
(solve "$work/here" --steps 105 --on-commit "$top_srcdir/examples/mpi/hand-over.sh")
[ "$(ls "$work/handed" 2>/dev/null | wc -l)" -eq $ranks ]
it "checkpoints are handed over"
: >"$work/said"
(solve "$work/handed") && same "$work/handed" && grep -q 'from step 100' "$work/said"
it "and the job goes on from there"
