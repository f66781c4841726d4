#!/bin/sh
# `writewatch top' without a terminal: lines, its options, and whom it looks at.
. "$top_srcdir/tests/tool/tap.sh"
there=$top_builddir/tests
cd "$scratch" || exit 99
"$there/trace/make_trace" --epochs 50 --pages 4000 --dirty 300 a.wwt
"$there/trace/make_trace" --epochs 50 --pages 4000 --dirty 300 --no-end open.wwt

run top --delay 0.05 a.wwt
verdict 'a trace that has ended: lines, and an end' same "$status" 0
verdict 'a line says epoch, MiB/s, pages' grep -q 'epoch 50  [0-9.,]* MiB/s  [0-9,]* pages/epoch' out
verdict 'the share that was watched' grep -q 'watched [0-9.]* %' out
verdict 'a region and a first writer' grep -q 'region .* first writer ' out
verdict 'and no escapes' sh -c '! grep -q "$(printf "\033")" out'
# Without an END it waits for more, until it is told.
timeout 1 "$tool" top --delay 0.05 open.wwt >out 2>err
verdict 'a trace without an end: more may come' same "$?" 124
run top --delay 0.05 --count 1 open.wwt
verdict 'but --count ends it' same "$status" 0

expect 2 'needs one of' 'nothing to look at' top
expect 2 'needs one of' 'a trace and a process' top --pid 1 a.wwt
expect 2 'above 0' 'a process of no number' top --pid none
expect 2 'seconds' 'a delay that is none' top --delay soon a.wwt
expect 2 'COMMAND only' 'options for nobody' top --interval 10ms a.wwt
expect 3 'cannot read' 'a trace that is not there' top absent.wwt
expect 3 'does not begin as a trace' 'a file that is no trace' top "$top_srcdir/README"
expect 3 'is not being recorded' 'a process that is not recorded' top --pid $$
expect 3 'cannot look at' 'a process that is not there' top --pid 2147483647
run top --help
verdict '--help' grep -q -e '--pid' out

# A stand-in for a recorded process: what the recorder leaves in its environment.
"$there/trace/make_trace" --epochs 50 --pages 4000 --dirty 300 recorded.wwt
env WRITEWATCH_RECORD="1 2 3 /usr/lib/library $scratch/recorded.wwt" sleep 60 &
sleeper=$!
sleep 0.3
expect 3 'has no trace of its own' 'a child whose trace is another'"'"'s' top --pid $sleeper
kill $sleeper; wait $sleeper 2>/dev/null

if ! "$tool" --help | grep -q '^  record '; then
  skip 'top -- COMMAND' 'there is no recorder yet'
  plan
  exit 0
fi
cat >writes.c <<'END'
#include <stdlib.h>
#include <string.h>
#include <time.h>
int main(void)
{
  size_t size = 8 << 20;
  char *memory = malloc(size);
  struct timespec pause = { 0, 20000000 };
  for (int i = 0; i < 100; i++) {
    memset(memory, i, size);
    nanosleep(&pause, NULL);
  }
  return memory[5] == 0;
}
END
$CC -O1 -g -o writes writes.c
"$tool" top --delay 0.3 --interval 50ms -- ./writes >out 2>err
verdict 'top -- COMMAND ends with it' same "$?" 0
verdict 'and says what it wrote' grep -q 'MiB/s' out
verdict 'nothing is left' sh -c '! ls "${TMPDIR:-/tmp}"/writewatch-top-* 2>/dev/null | grep -q .'
"$tool" record -o pid.wwt -i 50ms -- ./writes >record.out 2>record.err &
recorder=$!
sleep 1
victim=$(cat /proc/$recorder/task/$recorder/children 2>/dev/null | tr ' ' '\n' | head -n 1)
run top --delay 0.2 --count 2 --pid "${victim:-0}"
verdict 'top --pid of a recorded process' grep -q 'MiB/s' out
wait $recorder
plan
