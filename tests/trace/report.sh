# writewatch report and diff, seen from outside: golden files, statuses, filters, and what reads the output.
. "${top_srcdir:?run by make check}/tests/tool/tap.sh" || exit 99
make_trace=$(cd "$top_builddir" && pwd)/tests/trace/make_trace
reader=$(cd "$top_builddir" && pwd)/tests/tool/json_reads
golden=$(cd "$top_srcdir" && pwd)/tests/trace/golden
tool=$(cd "$top_builddir" && pwd)/writewatch
cd "$scratch" || exit 99
LC_ALL=C COLUMNS=80 NO_COLOR=
export LC_ALL COLUMNS NO_COLOR

"$make_trace" --epochs 12 --pages 800 --stacks 20 --adaptive a.wwt || exit 99
"$make_trace" --epochs 15 --pages 800 --stacks 20 --seed 2 --interval 50000000 b.wwt || exit 99

# compare NAME WHAT ARGUMENTS...: the output is the golden file NAME; UPDATE=1 makes it so.
compare() {
  name=$1 what=$2
  shift 2
  run "$@"
  if test -n "$UPDATE"; then cp out "$golden/$name"; fi
  if test "$status" -eq 0 && cmp -s out "$golden/$name"; then
    ok "$what: as in $name"
  else
    not_ok "$what: not as in $name, or status $status"
    diff "$golden/$name" out | sed 's/^/#   /' | head -n 20
  fi
}

compare report-stack 'text' report --no-names a.wwt
compare report-function 'text by function, three shown' report --no-names --by function --top 3 a.wwt
compare report-library 'text by library, sorted by name' report --no-names --by library --sort name --top 0 a.wwt
compare report-thread 'text by thread, of the heap in half a second' \
  report --no-names --by thread --region heap --since 0.3 --until 800ms a.wwt
COLUMNS=40 compare report-narrow 'text of 40 columns' report --no-names --by line --top 2 a.wwt
LC_ALL=C.UTF-8 compare report-utf8 'text in UTF-8' report --no-names --by region a.wwt
compare report.json 'json' report --no-names --format json a.wwt
compare report.csv 'csv' report --no-names --format csv --by function a.wwt
compare report.folded 'folded' report --no-names --format folded a.wwt
compare diff-text 'diff' diff --no-names a.wwt b.wwt
compare diff.json 'diff, json' diff --no-names --format json --by thread a.wwt b.wwt

for columns in 40 60 80 200; do
  COLUMNS=$columns run report --no-names --by function a.wwt
  verdict "no line is longer than $columns" same "$(awk -v most=$columns 'length > most' out | wc -l)" 0
done

# What programs read is readable, and says the same in each format.
for arguments in 'report --format json --by stack a.wwt' 'report --format json --by region b.wwt' \
                 'diff --format json a.wwt b.wwt'; do
  run $arguments --no-names
  "$reader" <out >keys 2>err
  verdict "$arguments: one JSON object" same $? 0
done
pages() { awk -F, -v row="$1" '$1 == row { n += $7 } END { print n }' csv; }
run report --no-names --format csv --by thread a.wwt
cp out csv
run report --no-names --format folded a.wwt
verdict 'csv: the epochs have as many pages as the regions' same "$(pages epoch)" "$(pages region)"
verdict 'folded: as many pages as the epochs' same "$(awk '{ n += $NF } END { print n }' out)" "$(pages epoch)"
verdict 'folded: stacks, a blank, a number' same "$(grep -cv '^[^ ;]\(.*[^;]\)\{0,1\} [0-9][0-9]*$' out)" 0
verdict 'csv: every line has as many commas' same "$(sed 's/"[^"]*"//g; s/[^,]//g' csv | sort -u | wc -l)" 1

# Names of this machine's own files.
"$make_trace" --real --epochs 4 --stacks 300 real.wwt || exit 99
run report --by function --top 0 real.wwt
verdict 'real modules: functions are named' grep -q ' ([a-z0-9_.-]*\.so\.[0-9]' out
run report --format html --output page.html real.wwt
verdict 'html: a page' grep -q '^<!DOCTYPE html>' page.html

# Nothing watched, nothing closed: said loudly.
"$make_trace" --epochs 0 none.wwt
run report --no-names none.wwt
verdict 'no epoch: it is said' grep -q '^NO EPOCH WAS CLOSED' out
run report --no-names --since 100 a.wwt
verdict 'no epoch in the time that was asked for' grep -q 'in the time that was asked for' out
head -c 400 a.wwt >begin.wwt
run report --no-names begin.wwt
verdict 'no region: NOTHING WAS WATCHED' grep -q '^NOTHING WAS WATCHED' out
verdict 'a trace that is cut in the midst of a block: status 1' same "$status" 1

# Damaged, cut, killed, and what is no trace.
"$make_trace" --epochs 12 --pages 800 --no-end killed.wwt
expect 0 'has no end' 'a trace of a program that was killed' report --no-names killed.wwt
verdict '... is said in the report, too' grep -q 'ended  *not said' out
size=$(wc -c <a.wwt)
head -c $((size - 30)) a.wwt >cut.wwt
expect 1 'cut at byte' 'a trace that is cut' report --no-names cut.wwt
cp a.wwt damaged.wwt
printf 'XXXX' | dd of=damaged.wwt bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
expect 1 'damaged at byte [0-9]*: a block.s checksum is wrong' 'a trace that is damaged' report --no-names damaged.wwt
verdict '... the report is written all the same' grep -q '12 epochs\|11 epochs' out
run report --no-names --format json damaged.wwt
verdict '... json says where' grep -q '"reason": "a block.s checksum is wrong"' out
expect 1 'damaged' 'diff with a damaged trace' diff --no-names a.wwt damaged.wwt
cp a.wwt head.wwt
printf 'XXXX' | dd of=head.wwt bs=1 seek=40 conv=notrunc 2>/dev/null
expect 1 'damaged at byte 16:' 'a trace whose START alone is damaged' report --no-names head.wwt
verdict '... its pages are all there' grep -q '^12 epochs' out
verdict '... what is missing is said' grep -q 'its beginning is missing' out
echo hello >text.wwt
expect 3 'too short' 'a file that is too short' report text.wwt
head -c 4000 /dev/zero >zero.wwt
expect 3 'does not begin as a trace' 'a file that is no trace' report zero.wwt
: >empty.wwt
expect 3 'empty' 'an empty file' report empty.wwt
expect 3 'No such file' 'a file that is not there' report missing.wwt
expect 3 'regular file' 'a folder' report .
mkfifo fifo
expect 3 'regular file' 'a FIFO, which is not waited for' report fifo
cp a.wwt future.wwt
printf '\002' | dd of=future.wwt bs=1 seek=8 conv=notrunc 2>/dev/null
expect 3 'version' 'a trace of a later version' report future.wwt

# Usage.
expect 2 'one trace' 'no trace' report
expect 2 'one trace' 'two traces' report a.wwt b.wwt
expect 2 'two traces' 'diff with one' diff a.wwt
expect 2 'format' 'an unknown format' report --format xml a.wwt
expect 2 'format' 'a format that diff has not' diff --format html a.wwt b.wwt
expect 2 'by' 'an unknown grouping' report --by color a.wwt
expect 2 'sort' 'an unknown order' report --sort size a.wwt
expect 2 'whole number' 'a bad number' report --top -1 a.wwt
expect 2 'not a time' 'a bad time' report --since 5m a.wwt
expect 2 'no region' 'a region that is not there' report --region nowhere a.wwt
run report --help
verdict '--help: status 0' same "$status" 0
run report --no-names --output /dev/full a.wwt
verdict 'a full device: status 4' same "$status" 4

# A terminal has colours, unless it is asked not to.
if command -v script >/dev/null 2>&1; then
  terminal() { TERM=xterm-256color script -qec "$1 '$tool' report --no-names a.wwt" /dev/null </dev/null >out 2>err; }
  terminal 'env -u NO_COLOR'
  verdict 'a terminal: colours' grep -q '\[38;5;' out
  terminal 'env NO_COLOR=1'
  verdict 'NO_COLOR: none' same "$(grep -c '\[38;5;' out)" 0
else
  skip 'a terminal: colours' 'no script(1)'
  skip 'NO_COLOR: none' 'no script(1)'
fi
run report --no-names a.wwt
verdict 'a pipe: no colours, no bar' same "$(cat out err | grep -c "$(printf '\033')")" 0
plan
