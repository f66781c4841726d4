# A report is whole or not there: full disks, closed descriptors, signals.
. "${top_srcdir:?run by make check}/tests/tool/tap.sh" || exit 99
cd "$scratch" || exit 99
mkdir place
small='demo strided --pages 64 --epochs 4'

to_full() { "$tool" "$@" >/dev/full 2>"$scratch/err"; status=$?; }
if test -c /dev/full; then
  for format in text json csv; do
    to_full $small --format $format
    verdict "$format on a full disk: status 4" same "$status" 4
    verdict "$format on a full disk: why" grep -q 'standard output: No space left' err
    expect 4 '/dev/full: No space left' "--output /dev/full, $format" \
      $small --format $format --output /dev/full
  done
  to_full demo --list;  verdict '--list on a full disk' same "$status" 4
  to_full --help;       verdict '--help on a full disk' same "$status" 4
  to_full demo --help;  verdict 'demo --help on a full disk' same "$status" 4
  verdict '/dev/full is still a device' test -c /dev/full
fi
"$tool" $small >&- 2>err
verdict 'standard output is closed: status 4' same $? 4
"$tool" $small 2>&- >out
verdict 'standard error is closed: the report is whole' same "$? $(grep -c 'seed' out)" '0 1'
"$tool" $small --verify --output place/r <&- >out 2>err
verdict 'standard input is closed: no harm' same "$?" 0
rm -f place/r
"$tool" $small --output place/r >&- 2>err
verdict '--output with standard output closed: the file is whole' \
  same "$? $(ls place) $(grep -c seed place/r)" '0 r 1'
rm -f place/r
"$tool" $small --verify --output place/r 2>&- >out
verdict '--output with standard error closed: no message gets into the file' \
  same "$? $(grep -c '^verify:' place/r) $(grep -c seed place/r)" '0 0 1'
rm -f place/r

run $small --output place/report
verdict '--output: status 0' same "$status" 0
verdict '--output: standard output stays empty' test ! -s out
verdict '--output: nothing else is left' same "$(ls -A place)" report
verdict '--output: the permissions are those of any new file' \
  same "$(umask 027; "$tool" $small --output place/m 2>/dev/null; stat -c %a place/m)" 640
run $small; sed 's/[0-9][0-9.]*//g' out >plain
sed 's/[0-9][0-9.]*//g' place/report >filed
verdict '--output: the same report as on standard output, but for the figures' \
  same "$(wc -l <plain)" "$(wc -l <filed)"
rm -f place/m

echo before >place/report; chmod 600 place/report; ln -s report place/link
run $small --output place/link
verdict '--output through a link replaces what it points to' test -L place/link -a -s place/report
verdict '--output keeps the permissions of what was there' same "$(stat -c %a place/report)" 600
verdict '--output: no trace of what was there' same "$(grep -c before place/report)" 0
rm -f place/*

expect 4 'place: Is a directory' '--output is a directory' $small --output place
expect 4 'No such file' '--output in no directory' $small --output none/report
mkfifo pipe; cat pipe >piped &
expect 0 '' '--output is a pipe' $small --output pipe
wait $!
verdict '--output is a pipe: the report went through' test -s piped -a -p pipe

echo before >place/report
expect 3 'No such file' 'a failed run' demo wordcount none --output place/report
verdict 'a failed run leaves the file of before' same "$(cat place/*)" before
(ulimit -f 1; "$tool" demo sqlite --format json --output place/report) >out 2>err
verdict 'a file that grows too large: status 4' same $? 4
verdict 'a file that grows too large: the file of before is there' same "$(cat place/*)" before
rm -f place/report

# Every signal that ends it takes the unfinished file with it.
for signal in HUP INT QUIT TERM PIPE; do
  # A shell without job control starts what runs behind with INT and QUIT ignored.
  case $signal in
    INT | QUIT) env --default-signal=$signal true 2>/dev/null ||
                  { skip "SIG$signal" 'env cannot give a signal back its default'; continue; }
                env --default-signal=$signal \
                  "$tool" demo zipf --epochs 1000000 --output place/report >out 2>err & ;;
    *) "$tool" demo zipf --epochs 1000000 --output place/report >out 2>err & ;;
  esac
  pid=$!
  waited=0
  while nothing_in place && test $waited -lt 200; do sleep 0.05; waited=$((waited + 1)); done
  verdict "SIG$signal: the report is being made" same "$(ls place | grep -c '^report\.')" 1
  kill -$signal $pid
  wait $pid 2>/dev/null
  verdict "SIG$signal: dies of it" test $? -gt 128
  verdict "SIG$signal: nothing is left" nothing_in place
done
plan
