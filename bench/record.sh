#!/bin/sh
# record.sh - what `writewatch record' costs at 100 ms with 16 frames: programs as they are and recorded, by turns;
# the median of the ratios, of the time on the clock and of the processor's. Part of `make bench'.
#
#   bench/record.sh [ROUNDS]      in the build tree
rounds=${1:-5}
tool=${TOOL:-$PWD/writewatch}
room=$(mktemp -d) || exit 1
trap 'rm -rf "$room"' EXIT
cd "$room" || exit 1
python=$(python3 -c 'import sys; print(sys.executable)' 2>/dev/null)
awk 'BEGIN { srand(1); for (i = 0; i < 2000000; i++) printf "%.9f %d some more of the line\n", rand(), i }' >lines
head -c 24000000 lines >part
cat >compute.c <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  size_t n = 6u << 20; double *a = calloc(n, sizeof *a), s = 0;
  for (int r = 0; r < 60; r++) for (size_t i = 0; i < n; i++) s += a[(i * 7919) % n] = a[i] * 0.5 + (double)i + r;
  printf("%g\n", s); return 0;
}
END
${CC:-cc} -O2 -o compute compute.c || exit 1

# spend NAME COMMAND...: "wall processor" in seconds
spend() {
  name=$1; shift
  python3 - "$@" <<'END' 2>/dev/null
import os, subprocess, sys, time
begin = time.monotonic()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
wall, t = time.monotonic() - begin, os.times()
print(wall, t.children_user + t.children_system)
END
}
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }

measure() {
  name=$1 goal=$2; shift 2
  : >wall; : >processor
  for round in $(seq "$rounds"); do
    set -- "$@"
    plain=$(spend "$name" "$@") recorded=$(spend "$name" "$tool" record -o t.wwt -- "$@")
    echo "$plain $recorded" | awk '{ print $3 / $1 >>"wall"; print $4 / $2 >>"processor" }'
  done
  printf '%-22s %6.2f %10.2f      %s\n' "$name" "$(median <wall)" "$(median <processor)" "$goal"
}
printf '%-22s %6s %10s   %s\n' 'recorded / not' wall processor goal
measure 'sort' 1.3 sort lines
measure 'xz -T2' 1.3 xz -T2 -2 --block-size=4MiB -k -c part
test "$python" && measure 'python3 (test_dict)' 1.3 "$python" -m unittest test.test_dict test.test_list test.test_json
measure 'compute, 48 MiB' 1.05 ./compute
if command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null; then
  # A server's rate: requests a second.
  : >wall
  for round in $(seq "$rounds"); do
    for mode in plain recorded; do
      test $mode = plain && prefix= || prefix="$tool record -o t.wwt --"
      $prefix redis-server --port 0 --unixsocket "$room/s" --save '' --dir "$room" >/dev/null 2>&1 &
      server=$!
      for i in $(seq 100); do redis-cli -s "$room/s" ping >/dev/null 2>&1 && break; sleep 0.1; done
      redis-benchmark -s "$room/s" -t set,get -n 100000 -r 50000 -q --csv 2>/dev/null |
        awk -F'"' '$4 + 0 > 0 { s += 1 / $4 } END { print s }' >"$mode"
      redis-cli -s "$room/s" shutdown nosave 2>/dev/null
      wait $server
    done
    awk -v a="$(cat plain)" -v b="$(cat recorded)" 'BEGIN { print b / a }' >>wall
  done
  printf '%-22s %6.2f %10s      %s\n' 'redis (rate)' "$(median <wall)" '' 1.3
fi
