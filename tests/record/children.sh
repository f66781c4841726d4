# Children are followed if asked, each into a trace of its own; what is exec'ed begins a new one.
. "${top_srcdir:?run by make check}/tests/record/record.sh" || exit 99

traces() { ls t.wwt* 2>/dev/null | wc -l; }

"$tool" record -o t.wwt -- "$subject" forks >out 2>err
verdict 'not followed: status and output' same "$? $(cat out)" '0 31'
verdict 'not followed: one trace' same "$(traces)" 1
lines t.wwt
verdict 'not followed: the children are told of' same "$(grep -c '^child.*not recorded' lines)" 3

"$tool" record --follow-fork -o t.wwt -- "$subject" forks >out 2>err
verdict 'followed: status and output' same "$? $(cat out)" '0 31'
# Two of fork(), what one of them execs, and what posix_spawn() does.
sleep 0.5
verdict "followed: five traces, there are $(traces)" same "$(traces)" 5
good=0
for file in t.wwt*; do
  lines "$file"
  has '^end' && has '^start' && ! has '^damage' && good=$((good + 1))
done
verdict 'followed: each of them is whole' same $good 5
cat t.wwt.* >/dev/null && for file in t.wwt.*; do "$dump" "$file"; done >lines
verdict 'followed: the child of fork() and its marker' has 'label child'
verdict 'followed: how it ended' has '^end exited 11'
verdict 'followed: what was exec'\''ed' has 'origin exec'
verdict 'followed: how that ended' has '^end exited 20'

rm -f t.wwt*
"$tool" record -o t.wwt -- env sh -c 'echo here; exec sh -c "echo there; exit 4"' >out 2>err
verdict 'exec: status and output' same "$? $(tr '\n' ' ' <out)" '4 here there '
lines t.wwt
verdict 'exec: the last image is in the file itself' has '^end exited 4'
verdict 'exec: those before it are beside' same "$(traces)" 3
lines "$(ls t.wwt.* | head -n 1)"
verdict 'exec: how they ended' has '^end replaced'
plan
