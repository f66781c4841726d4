# How a recording ends: by size, by time, for want of room; and what it lives through.
. "${top_srcdir:?run by make check}/tests/record/record.sh" || exit 99

"$tool" record -o t.wwt -- "$subject" shut >out 2>err
verdict 'all closed, elsewhere, nobody: status and output' same "$? $(cat out)" '0 shut'
lines t.wwt
verdict 'all closed, elsewhere, nobody: recorded to the end' \
  same "$(grep -c 'label shut' lines) $(grep '^end' lines)" "5 end exited 0 epochs $(grep -c '^epoch' lines)"

"$tool" record -o t.wwt -i 0 --max-size=64K -- "$subject" busy counter 3000 >out 2>err
verdict '--max-size: the program goes on' same "$? $(cat out)" '5 spun'
lines t.wwt
verdict '--max-size: the trace says so' has '^end size-cap'
verdict '--max-size: the trace is no larger' test "$(wc -c <t.wwt)" -le 65536

"$tool" record -o t.wwt -i 20ms --duration=1 -- "$subject" spin 2 >out 2>err
verdict '--duration: the program goes on' same "$? $(cat out)" '5 spun'
lines t.wwt
verdict '--duration: the trace says so' has '^end duration'

"$tool" record -o /dev/full -- "$subject" spin 0.3 >out 2>err
verdict 'a full disk from the begin: the program goes on' same "$? $(cat out)" '5 spun'
mkdir disk
if test "$(id -u)" -eq 0 && mount -t tmpfs -o size=128k none disk 2>/dev/null; then
  "$tool" record -o disk/t.wwt -i 0 -- "$subject" busy counter 5000 >out 2>err
  verdict 'a full disk: the program goes on' same "$? $(cat out)" '5 spun'
  lines disk/t.wwt
  verdict 'a full disk: the trace says so, if that fitted' test "$(grep '^end disk-full' lines)" -o \
    "$(grep -c '^end' lines)" = 0
  verdict 'a full disk: what fitted is sound' \
    same "$(grep -c '^damage' lines) $(grep -c '^epoch' lines | sed 's/^[1-9].*/some/')" '0 some'
  umount disk
else
  skip 'a full disk' 'no tmpfs to be mounted'
fi

"$tool" record -o t.wwt -i 1ms --overhead=20 -- "$subject" spin 1 >out 2>err
lines t.wwt
verdict '--overhead: the interval is stretched, and the trace says so' has '^note stretched'

"$tool" record -o t.wwt -i 0 --signal=USR2 -- "$subject" spin 2 >out 2>err &
parent=$!
sleep 1; kill -USR2 $parent; sleep 0.3; kill -USR2 $parent
wait $parent
verdict '--signal: the program does not notice' same "$? $(cat out)" '5 spun'
lines t.wwt
verdict '--signal: two epochs were closed' same "$(grep -c '^epoch.*signal' lines)" 2
verdict 'coverage: memory and threads' \
  has '^coverage writable [1-9][0-9]* watched [1-9][0-9]* threads 1 unshielded 0'
plan
