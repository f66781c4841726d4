# A chain of checkpoints: the command that looks at it, and workloads that go on from it.
. "${top_srcdir:?run by make check}/tests/tool/tap.sh" || exit 99

chain=$scratch/chain
memory_of() { sed -n 's/.*"checkpoint": "\(memory [0-9a-f]* after [0-9]*\).*/\1/p' "$1"; }

# ----------------------------------------------------------------- resuming

# resumed NAME [ARGUMENTS]: killed after two epochs of five, it ends with the bits of a run that was not.
resumed() {
  name=$1
  shift
  rm -rf "$chain" "$scratch/whole"
  "$tool" demo "$name" --epochs 5 --stacks 0 --format json --checkpoint "$scratch/whole" "$@" \
    >"$scratch/first" 2>"$scratch/err" </dev/null || { not_ok "$name: a run with --checkpoint"; show; return; }
  (WRITEWATCH_DEMO_DIE=2 "$tool" demo "$name" --epochs 5 --stacks 0 --checkpoint "$chain" "$@") \
    >/dev/null 2>"$scratch/err" </dev/null
  test $? -gt 128 || { not_ok "$name: killed after two epochs"; show; return; }
  case $name in wordcount) operands=$* ;; *) operands='' ;; esac
  # shellcheck disable=SC2086
  "$tool" demo "$name" --stacks 0 --format json --verify --resume "$chain" $operands >"$scratch/out" \
    2>"$scratch/err" </dev/null
  status=$?
  whole=$(memory_of "$scratch/first")
  test -n "$whole" && grep -q '^resumed after epoch 2' "$scratch/err" && test "$status" = 0 &&
    test "$(memory_of "$scratch/out")" = "$whole"
  verdict "$name: resumed after its death it ends with the same bits" same $? 0
}
for name in sequential strided random zipf stream heat matmul lu cg quicksort fft hashtable btree list gc; do
  resumed $name --pages 256
done
resumed heat --pages 256 --threads 3
resumed hashtable --pages 256 --threads 2 --policy adaptive
resumed cg --pages 256 --threads 2 --interval 2
resumed wordcount "$top_srcdir/README" "$top_srcdir/HACKING"
expect 2 'cannot be resumed' 'sqlite cannot be resumed' demo sqlite --checkpoint "$scratch/none"
expect 2 'cannot be resumed' 'nor can what demonstrates mprotect()' demo protection --checkpoint "$scratch/none"

# Killed wherever it happens to be, again and again.
rm -rf "$chain" "$scratch/whole"
"$tool" demo btree --pages 512 --epochs 40 --stacks 0 --format json --checkpoint "$scratch/whole" >"$scratch/first" \
  2>"$scratch/err" </dev/null
how=--checkpoint kills=0
for tenth in 1 2 3 4 5 6 7 8; do
  "$tool" demo btree --pages 512 --epochs 40 --stacks 0 $how "$chain" >/dev/null 2>"$scratch/err" </dev/null &
  child=$!
  sleep 0.0$tenth
  kill -9 $child 2>/dev/null
  wait $child 2>/dev/null
  test $? -gt 128 && kills=$((kills + 1))
  ls "$chain" 2>/dev/null | grep -q '\.ww$' && how=--resume
done
echo "# killed $kills times"
"$tool" demo btree --stacks 0 --pages 512 --epochs 40 --format json $how "$chain" >"$scratch/out" 2>"$scratch/err" </dev/null
verdict 'killed at any moment, it ends with the same bits' same "$(memory_of "$scratch/out")" \
  "$(memory_of "$scratch/first")"

# -------------------------------------------------------------------- usage

rm -rf "$chain"
run demo zipf --pages 64 --epochs 4 --stacks 0 --checkpoint "$chain"
verdict 'a chain of four' same "$status$(ls "$chain" | grep -c '^[0-9]*\.ww$')" 04
expect 2 'holds checkpoints' 'a chain that is there is not gone on with unasked' demo zipf --checkpoint "$chain"
expect 2 'is of the workload zipf' 'another workload' demo heat --resume "$chain"
expect 2 'was begun with' 'other pages' demo zipf --pages 65 --resume "$chain"
expect 2 'was begun with' 'another seed' demo zipf --seed 9 --resume "$chain"
expect 2 'one directory' 'both --checkpoint and --resume' demo zipf --checkpoint "$chain" --resume "$chain"
expect 2 'is for --checkpoint' '--interval alone' demo zipf --interval 3
mkdir "$scratch/empty"
expect 3 'no checkpoint' 'nothing to resume' demo zipf --resume "$scratch/empty"
expect 2 'an action is wanted' 'no action' checkpoint
expect 2 "unknown action 'lsit'" 'an unknown action' checkpoint lsit "$chain"
expect 2 'usage: writewatch checkpoint list DIR' 'no directory' checkpoint list
expect 2 'takes no -k' 'an option of another action' checkpoint list "$chain" --keep 3
expect 2 'whole number' 'a generation that is none' checkpoint show "$chain" --generation x
expect 2 'text or json' 'an unknown format' checkpoint list "$chain" --format csv
expect 3 'No such file' 'a directory that is not there' checkpoint list "$scratch/nowhere"
test ! -e "$scratch/nowhere"
verdict 'which is not made by looking at it' same $? 0
expect 2 'no checkpoint 9' 'a generation that is not there' checkpoint show "$chain" --generation 9
expect 2 "no region 'x'" 'a region that is not there' checkpoint extract "$chain" x
run checkpoint --help
verdict '--help' same "$status$(wc -c <"$scratch/err")" 00

# --------------------------------------------------------------------- work

json() { "$top_builddir/tests/tool/json_reads" "$scratch/out" >/dev/null 2>&1; }
for action in 'list' 'verify' 'show' 'diff'; do
  operands=''
  test $action = diff && operands='1 4'
  # shellcheck disable=SC2086
  run checkpoint $action "$chain" $operands --format json
  wanted=0
  test $action = diff && wanted=1
  verdict "$action: JSON" same "$status $(head -c 1 "$scratch/out")" "$wanted {"
done
run checkpoint list "$chain"
verdict 'list: a line each' same "$(grep -c ' sound$' "$scratch/out")" 4
run checkpoint extract "$chain" counters --output "$scratch/last"
verdict 'extract' same "$status$(wc -c <"$scratch/last")" "0$((64 * $(getconf PAGESIZE)))"
run checkpoint extract "$chain" counters --generation 2 --output "$scratch/second"
cmp -s "$scratch/last" "$scratch/second"
verdict 'an earlier one is another' same $? 1
run checkpoint diff "$chain" 2 2
verdict 'diff: nothing' same "$status" 0
run checkpoint restore "$chain" --output "$scratch/restored"
cmp -s "$scratch/restored/0001-counters" "$scratch/last"
verdict 'restore: the same bytes' same "$status$?" 00
expect 4 'cannot make' 'restore into what is there' checkpoint restore "$chain" --output "$scratch/restored"
run checkpoint compact "$chain" --keep 2
verdict 'compact' same "$status$(ls "$chain" | grep -c '^[0-9]*\.ww$')" 02
run checkpoint extract "$chain" counters --output "$scratch/after"
cmp -s "$scratch/last" "$scratch/after"
verdict 'and the bytes are the same' same "$status$?" 00

printf x | dd of="$chain/000000000004.ww" bs=1 seek=140 conv=notrunc 2>/dev/null
run checkpoint verify "$chain"
verdict 'verify: damage is found, status 1' grep -q 'checksum does not fit' "$scratch/out"
verdict 'and only there' same "$status$(grep -c ' sound$' "$scratch/out")" 11
run checkpoint extract "$chain" counters --output "$scratch/older"
verdict 'what is before it is used' same "$status" 0
verdict 'and that is said, with the reason' grep -q '4 is skipped: .*checksum' "$scratch/err"
expect 1 'is not sound' 'by its number it is an error' checkpoint extract "$chain" counters --generation 4
plan
