# A program that is killed, with its companion or without, leaves a trace of all epochs that were closed.
. "${top_srcdir:?run by make check}/tests/record/record.sh" || exit 99

# The id of a process by its parent's and its name.
child_of() {
  cat /proc/[0-9]*/stat 2>/dev/null | sed -n "s/^\([0-9]*\) ($2) [A-Z] $1 .*/\1/p" | head -n 1
}

times=${RECORD_KILLS:-12}
good=0 whole=0
for i in $(seq "$times"); do
  rm -f t.wwt counter
  "$tool" record -o t.wwt -i 3ms -- "$subject" busy counter 2>err &
  parent=$!
  until test -s counter; do sleep 0.01; done
  child=$(child_of $parent subject) companion=$(child_of $parent writewatch)
  sleep "0.0$((i * 37 % 100 + 10))"
  if test $((i % 3)) -eq 0; then
    kill -KILL "$child" "$companion" "$parent"
  else
    kill -KILL "$child"
  fi
  wait $parent 2>/dev/null
  status=$?
  closed=$(od -An -tu8 -N8 counter | tr -d ' ')
  lines t.wwt
  marked=$(grep -c '^epoch.*marker' lines)
  if test "$status" -ne 137 || test "$marked" -lt "$closed" || has '^damage'; then
    echo "# $i: status $status, $marked epochs of $closed"
    grep damage lines | sed 's/^/# /'
  else
    good=$((good + 1))
  fi
  has '^end signalled 9' && whole=$((whole + 1))
done
verdict "killed $times times: every epoch that was closed is there, and nothing is damaged" \
  same $good "$times"
verdict 'who is left says how the program ended' test $whole -ge $((times - (times + 2) / 3))
plan
