#!/bin/sh
# The tests of the tracker once more for each engine but mprotect, with which they run by
# themselves: one line for each test and engine, with what it counted.
: "${top_builddir:=.}"
number=0

line() { # status, what
  number=$((number + 1))
  if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

# Seconds that the oracle takes: five kinds of memory or more share them.
WRITEWATCH_ORACLE_SECONDS=${WRITEWATCH_ORACLE_SECONDS-5}
export WRITEWATCH_ORACLE_SECONDS

for engine in userfaultfd pagemap; do
  WRITEWATCH_ENGINE=$engine
  export WRITEWATCH_ENGINE
  why=$("$top_builddir/writewatch" demo sequential --pages 16 --epochs 1 --stacks 0 2>&1 >/dev/null)
  status=$?
  if [ $status -ne 0 ]; then
    case $why in *"cannot be had"*) ;; *) line 1 "$engine: status $status: $why"; continue ;; esac
    number=$((number + 1))
    echo "ok $number - $engine # SKIP $(echo "$why" | head -n 1)"
    continue
  fi
  for test in live/kinds live/budget live/churn live/stacks live/sent live/audit live/threads live/oracle live/refault \
    live/snapshot live/snapshot-storm \
    unit/unit unit/failing crash/crash-fork crash/crash-follow crash/crash-chain crash/crash-interrupted \
    crash/crash-matrix; do
    said=$("$top_builddir/tests/$test" 2>&1)
    status=$?
    good=$(printf '%s\n' "$said" | grep -c '^ok')
    bad=$(printf '%s\n' "$said" | grep -c '^not ok')
    skipped=$(printf '%s\n' "$said" | grep -c '^ok.*# SKIP')
    [ $status -eq 0 ] && [ "$bad" -eq 0 ] && [ "$good" -gt 0 ]
    result=$?
    line $result "$engine: $test: $((good - skipped)) passed, $skipped skipped, $bad failed, status $status"
    printf '%s\n' "$said" | sed -n 's/^ok [0-9]* - \(.*# SKIP.*\)/#   \1/p'
    [ $result -eq 0 ] || printf '%s\n' "$said" | grep -A 6 '^not ok' | head -n 40 | sed 's/^/#   /'
  done
done
echo "1..$number"
