# --verify must be able to fail: it is fed dirty sets with a page left out and
# with a page put in.
. "${top_srcdir:?run by make check}/tests/tool/tap.sh" || exit 99

for oracle in pagemap-scan soft-dirty content; do
  WRITEWATCH_DEMO_ORACLE=$oracle
  export WRITEWATCH_DEMO_ORACLE
  run demo strided --pages 64 --epochs 3 --verify
  if test "$status" -eq 5 && grep -q 'not to be had here' "$scratch/err"; then
    skip "oracle $oracle" 'this kernel has it not, or does not permit it'
    continue
  fi
  verdict "$oracle: a true dirty set passes" same "$status" 0
  verdict "$oracle: is named in the report" grep -q "$oracle" "$scratch/out"
  for threads in 1 2; do
    WRITEWATCH_DEMO_SABOTAGE=lose run demo strided --pages 64 --epochs 3 --threads $threads --verify
    verdict "$oracle, $threads threads: a lost write: status 1" same "$status" 1
    verdict "$oracle, $threads threads: region, address and epoch of it" \
      grep -q "epoch 1: a write was LOST: page [0-9]* of region 'counters', at 0x" "$scratch/err"
    WRITEWATCH_DEMO_SABOTAGE=invent run demo strided --pages 64 --epochs 3 --threads $threads --verify
    verdict "$oracle, $threads threads: an invented write: status 1" same "$status" 1
    verdict "$oracle, $threads threads: region, address and epoch of it" \
      grep -q "epoch 1: a write was INVENTED: page [0-9]* of region 'counters', at 0x" "$scratch/err"
  done
  verdict "$oracle: the report is there all the same" grep -q 'FAILED' "$scratch/out"
  WRITEWATCH_DEMO_SABOTAGE=invent run demo sqlite --verify
  if test $oracle = content; then
    verdict "$oracle: cannot tell where writes may be silent, and says so" \
      grep -q 'cannot tell' "$scratch/err"
  else
    verdict "$oracle: a write invented where writes may be silent: status 1" same "$status" 1
  fi
done
unset WRITEWATCH_DEMO_ORACLE
for engine in userfaultfd pagemap; do
  for policy in trap adaptive; do
    run demo random --pages 256 --epochs 5 --engine $engine --policy $policy --verify
    if grep -q "cannot be had" "$scratch/err"; then
      skip "--engine $engine" "this machine does not have it"
    else
      verdict "--engine $engine --policy $policy: verified" same "$status" 0
      verdict "--engine $engine --policy $policy: in the report" grep -q "^  engine *$engine" "$scratch/out"
    fi
  done
done
run demo btree --pages 256 --epochs 3 --audit
verdict '--audit: nothing is missed' same "$status" 0
verdict '--audit: is in the report' grep -q 'audit.*passed: 0 pages missed' "$scratch/out"
# The last page is one that nobody else writes: eight pages of which strided takes the first.
WRITEWATCH_DEMO_MISS=1 run demo strided --pages 8 --epochs 1 --audit
if test "$status" -eq 5; then
  skip '--audit: a missed write: status 1' '/proc/self/mem cannot be written here'
else
  verdict '--audit: a missed write: status 1' same "$status" 1
  verdict '--audit: epoch, region and address of it' \
    grep -q "epoch 1: the audit found a write that was missed: [0-9]* bytes of region 'counters', at 0x" "$scratch/err"
  verdict '--audit: the report is there all the same' grep -q 'FAILED: 1 page missed' "$scratch/out"
fi
WRITEWATCH_DEMO_MISS=1 run demo strided --pages 8 --epochs 1
verdict 'without --audit nobody finds it' same "$status" 0
run demo strided --pages 8 --epochs 1 --verify
verdict 'one epoch is said as one' grep -q ' in 1 epoch,' "$scratch/err"
WRITEWATCH_DEMO_SABOTAGE=lose run demo protection --verify
verdict 'protection is verified, too' same "$status" 1
WRITEWATCH_DEMO_SABOTAGE=lose run demo strided --pages 64
verdict 'without --verify nobody looks' same "$status" 0
WRITEWATCH_DEMO_SABOTAGE=lose run demo strided --pages 64 --verify --output "$scratch/report"
verdict 'a failed check leaves a report in --output' grep -q FAILED "$scratch/report"
if test -n "$SANITIZERS"; then
  skip 'out of memory: status 6' 'a sanitizer takes all address space'
else
  (ulimit -v 600000; "$tool" demo sequential --pages 200000 >"$scratch/out" 2>"$scratch/err")
  verdict 'out of memory: status 6' same $? 6
  (ulimit -v 600000; "$tool" demo sequential --pages 90000 --verify >"$scratch/out" 2>"$scratch/err")
  verdict 'out of memory for the copy: status 6' same $? 6
  verdict 'out of memory: says what to do' grep -q 'fewer --pages' "$scratch/err"
fi
plan
