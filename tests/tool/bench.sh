# `writewatch bench`: what it writes can be read, what it compares is compared. Its
# figures are nobody's business here.
. "${top_srcdir:?run by make check}/tests/tool/tap.sh" || exit 99

expect 2 'bench --help' 'an unknown option' bench --qiuck
expect 2 'neither a contestant nor a workload' 'an unknown name' bench --only nobody
expect 2 "'spare' is one" 'an operand' bench spare
for option in rounds epochs size threads; do
  for value in '' x 0 -1 1.5 99999999999999999999; do
    run bench --$option="$value"
    test "$status" -eq 2 && grep -q -e "--$option" "$scratch/err" || break
  done
  verdict "--$option takes whole numbers only" same "$status $value" '2 99999999999999999999'
done
expect 2 'nothing of the suite' 'a workload of one thread, with two' bench --only list --threads 2
: >"$scratch/file"
expect 4 'not a folder' 'an output that is no folder' bench --output "$scratch/file" --only hot --size 1

run bench --help
verdict '--help is data: standard output, status 0' same "$status$(wc -c <"$scratch/err")" 00
for option in $(sed -n 's/^  { "\([a-z]*\)",.*/\1/p' "$top_srcdir/tools/bench.c"); do
  grep -q -e "--$option" "$scratch/out" || break
done
verdict '--help explains every option' grep -q -e "--$option" "$scratch/out"
run bench --list
verdict '--list: status 0, nothing but data' same "$status$(wc -c <"$scratch/err")" 00
for name in untracked pagemap-scan mprotect-trap userfaultfd-adaptive bare-loop libsigsegv libgc fork copy hash; do
  grep -q "^  $name  *[^ ]" "$scratch/out" || break
done
verdict '--list names the contestants' grep -q "^  $name  *[^ ]" "$scratch/out"

run bench --quick --size 1 --rounds 2 --epochs 4 --only hot --only heat --only fork --only copy \
  --only bare-loop --only mprotect-trap --output "$scratch/new"
verdict 'a run: status 0' same "$status" 0
verdict 'silent where standard error is no terminal' test ! -s "$scratch/err"
verdict 'the table says what machine it was' grep -q '^kernel  *Linux' "$scratch/out"
verdict 'and names a case' grep -q '^hot 10 %, 1 MiB: 26 of 256 pages' "$scratch/out"
verdict 'and a contestant' grep -q '^  copy  .* 26$' "$scratch/out"
verdict 'and means' grep -q '^Ratio of the cost' "$scratch/out"
csv=$scratch/new/bench-suite.csv
columns=$(head -n 1 "$csv" | awk -F, '{ print NF }')
verdict 'CSV: a header' same "$(head -n 1 "$csv" | cut -d, -f1-3)" case,workload,operand
# A quoted comma is no separator.
verdict 'CSV: each row has its columns' awk -F, -v want="$columns" \
  '{ gsub(/"[^"]*"/, "x"); if (split($0, parts, ",") != want) exit 1 } END { exit NR < 10 }' "$csv"
verdict 'CSV: nothing was missed' awk -F, '{ gsub(/"[^"]*"/, "x"); split($0, p, ",") }
  NR > 1 && p[13] != "" && p[13] != 0 { bad = 1 } END { exit bad }' "$csv"
verdict 'JSON can be read' sh -c '"$1" <"$2" | grep -q ^means$' sh "$top_builddir/tests/tool/json_reads" \
  "$scratch/new/bench-suite.json"
run bench --quick --rounds 1 --epochs 2 --size 1 --size 2 --only hot --only copy --only hash \
  --output "$scratch/new"
for chart in cost-size parts-hot-2; do
  verdict "$chart.svg is there" test -s "$scratch/new/$chart.svg"
  verdict "$chart.svg is whole" same "$(tail -n 1 "$scratch/new/$chart.svg")" '</svg>'
  if command -v python3 >/dev/null 2>&1; then
    verdict "$chart.svg is well-formed" python3 -c \
      'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$scratch/new/$chart.svg"
  else
    skip "$chart.svg is well-formed" 'no python3'
  fi
  verdict "$chart.svg: no number went wrong" sh -c '! grep -q -e nan -e inf "$1"' sh "$scratch/new/$chart.svg"
done
verdict 'no part of a file is left' sh -c '! ls "$1" | grep -q part$' sh "$scratch/new"

for name in copy mprotect-trap bare-loop; do
  WRITEWATCH_BENCH_MISS=$name
  export WRITEWATCH_BENCH_MISS
  expect 1 "$name MISSED 1 written page" "a page that $name misses is noticed" \
    bench --size 1 --rounds 1 --epochs 2 --threads 1 --only hot --only $name
  unset WRITEWATCH_BENCH_MISS
done
plan
