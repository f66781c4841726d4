# Names, numbers, operands: what is not understood is refused, with words.
. "${top_srcdir:?run by make check}/tests/tool/tap.sh" || exit 99

expect 2 'Usage:' 'no command'
expect 2 "unknown command 'dmeo'" 'an unknown command' dmeo
expect 2 "unknown workload 'haet'" 'an unknown workload' demo haet
expect 2 'demo --help' 'an unknown option' demo --pagse 3
expect 2 'demo --help' 'an option without its value' demo --pages
for option in pages epochs threads seed stacks; do
  for value in '' x 12x -1 +1 ' 1' 0x10 1.5 1k 99999999999999999999; do
    run demo strided --$option="$value"
    test "$status" -eq 2 && grep -q -e "--$option" "$scratch/err" || break
  done
  verdict "--$option takes whole numbers only" same "$status $value" '2 99999999999999999999'
done
for option in pages epochs threads; do
  expect 2 'out of range' "--$option 0" demo strided --$option 0
done
expect 2 'out of range' 'more pages than addresses' demo strided --pages 18446744073709551615
expect 2 'out of range' 'too many frames' demo strided --stacks 65
expect 2 'out of range' 'too many threads' demo strided --threads 257
expect 2 'auto, mprotect, userfaultfd or pagemap' 'an unknown engine' demo strided --engine msync
expect 2 'auto, trap or adaptive' 'an unknown policy' demo strided --policy wait
expect 2 'demonstrates mprotect' 'another engine for what shows mprotect()' demo protection --engine pagemap
expect 2 'text, json or csv' 'an unknown format' demo strided --format xml
expect 2 "'spare' is one" 'an operand that is not wanted' demo strided spare
expect 2 'no file named' 'wordcount without a file' demo wordcount
expect 2 'is the second' 'sqlite with two scripts' demo sqlite a.sql b.sql
expect 2 'on 1 at most' 'threads for a workload of one' demo sqlite --threads 2
expect 2 'fixed demonstration' 'pages for a fixed demonstration' demo protection --pages 5
expect 2 'too few' 'a size that a workload cannot have' demo sqlite --pages 3

run --help
verdict '--help is data: standard output, status 0' same "$status$(wc -c <"$scratch/err")" 00
verdict '--help names the commands' grep -q '^  demo' "$scratch/out"
run --version
verdict '--version' grep -q '^writewatch [0-9]*\.[0-9]*\.[0-9]*$' "$scratch/out"
run demo --help
verdict 'demo --help documents the exit statuses' grep -q '^  6  out of memory' "$scratch/out"
for option in $(sed -n 's/^  { "\([a-z]*\)",.*/\1/p' "$top_srcdir/tools/demo_options.c"); do
  grep -q -e "--$option" "$scratch/out" || break
done
verdict 'demo --help explains every option' grep -q -e "--$option" "$scratch/out"
run demo --list
verdict 'demo --list: status 0, nothing but data' same "$status$(wc -c <"$scratch/err")" 00
for name in protection sequential strided random zipf stream heat matmul lu cg quicksort fft hashtable btree \
            list gc wordcount sqlite; do
  verdict "demo --list names $name" grep -q "^$name  *[^ ]" "$scratch/out"
done
verdict 'demo --list cites sources' grep -q 'from: .*Linux Programming Interface' "$scratch/out"
begin=$(date +%s)
run demo
end=$(date +%s)
verdict 'demo alone: a report, status 0' same "$status" 0
verdict 'demo alone says something on standard output' test -s "$scratch/out"
if test -n "$SANITIZERS"; then
  skip 'demo alone takes less than 5 seconds' 'a sanitizer is on'
else
  verdict 'demo alone takes less than 5 seconds' test $((end - begin)) -le 5
fi
run demo strided --pages 64 --seed 5 --seed 7
verdict 'the last of two equal options counts' grep -q 'seed.*7' "$scratch/out"
plan
