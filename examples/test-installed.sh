#!/bin/sh
# Do the examples work for somebody who has Writewatch installed, and nothing of
# its source? Installs into a directory of its own, compiles them by what
# pkg-config says, and runs them; the checkpointer is killed at random moments.
# WW_SEED=N takes the moments of an earlier run again.

set -u
unset MAKEFLAGS MFLAGS MAKELEVEL GNUMAKEFLAGS
work=$(mktemp -d "${TMPDIR:-/tmp}/ww-installed.XXXXXX") || {
  echo "Bail out! no temporary directory"
  exit 1
}
child=''
trap '[ -z "$child" ] || kill -9 "$child" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

echo "1..18"
number=0
it() { # the verdict is that of the command before
  verdict=$?
  number=$((number + 1))
  if [ "$verdict" = 0 ]; then echo "ok $number - $*"; return; fi
  echo "not ok $number - $*"
  for file in "$work/log" "$work/out" "$work/err"; do [ -e "$file" ] && sed 's/^/# /' "$file"; done
}

# random N: 0 .. N-1, the next of a seeded sequence (Lehmer's, with 48271)
seed=${WW_SEED:-$(($(date +%s) % 100000 * 100 + $$ % 100))}
echo "# seed $seed (WW_SEED=$seed takes it again)"
random_state=$((seed % 2147483646 + 1))
random() { # 0 for 0
  random_state=$((random_state * 48271 % 2147483647))
  drawn=0; [ "$1" -eq 0 ] || drawn=$((random_state % $1))
}
size_of() { if [ -e "$work/$1" ]; then wc -c <"$work/$1"; else echo 0; fi; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

# ------------------------------------------------------------------ install

"$MAKE" -s -C "$top_builddir" install DESTDIR="$work/root" >"$work/log" 2>&1 </dev/null
it "make install"
pc=$(find "$work/root" -name writewatch.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$work/root
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
flags=$(pkg-config --cflags --libs writewatch-checkpoint 2>"$work/log")
[ -n "$pc" ] && [ -n "$flags" ]
it "pkg-config finds it"
echo "# $flags"
libraries=$(dirname "$(find "$work/root" -name 'libwritewatch.so' | head -n 1)")
LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH

for example in minimal shield checkpoint-heat; do
  $CC -std=gnu11 -O2 -Wall -Wextra -Werror $SANITIZERS -o "$work/$example" \
    "$top_srcdir/examples/$example.c" $flags >"$work/log" 2>&1
  it "$example.c compiles by what pkg-config says"
done
[ "$(wc -l <"$top_srcdir/examples/minimal.c")" -le 40 ]
it "the minimal one has at most 40 lines"
printf '#include <writewatch.h>\nint main() { return ww_version() == nullptr; }\n' >"$work/plus.cc"
(cd "$work" && $CXX -Wall -Wextra -Werror $SANITIZERS -o plus plus.cc $flags && ./plus) >"$work/log" 2>&1
it "a C++ program includes the header and links"
rm -f "$work/log"

"$work/minimal" >"$work/out" 2>"$work/err"
[ $? = 0 ] && [ "$(cat "$work/out")" = "$(printf 'page 3: 2 written\npage 40: 1 written')" ]
it "minimal says which pages were written"

# Three pages of records by the kernel, the last page by the program.
page=$(getconf PAGESIZE)
head -c $((2 * page + 1)) /dev/zero | tr '\0' r >"$work/records"
"$work/shield" "$work/records" >"$work/out" 2>"$work/err"
status=$?
if [ $status = 77 ]; then
  number=$((number + 1))
  echo "ok $number - with the shield read(2) fills a watched table # SKIP $(head -n 1 "$work/err")"
else
  [ $status = 0 ] && [ "$(cat "$work/out")" = "$(printf '%s\n' "$((2 * page / 512 + 1)) records read" \
    'page 0: 3 written by the kernel' 'page 63: 1 written by the program')" ]
  it "with the shield read(2) fills a watched table, and says so"
fi
"$work/shield" --without "$work/records" >"$work/out" 2>"$work/err"
[ $? = 0 ] && [ "$(cat "$work/out")" = "$(printf '%s\n' 'record 0: read: Bad address' '0 records read' \
  'page 63: 1 written by the program')" ]
it "without it read(2) fails"

# ------------------------------------------------------------- checkpointer

file() { printf '%012d.ww' "$1"; }
tool=$(find "$work/root" -path '*/bin/writewatch' | head -n 1)
size='--steps 1500 --every 5 --edge 256'
heat() { # DIR [OPTION...]: its standard output goes to $work/out
  state=$1; shift
  "$work/checkpoint-heat" $size --dir "$work/$state" "$@" >"$work/out" 2>"$work/err"
}
begun=$(milliseconds)
heat whole && grep -q '^steps 1500 hash [0-9a-f]*$' "$work/out"
it "the checkpointer runs to its end"
whole=$(cat "$work/out")
took=$(($(milliseconds) - begun))
[ "$(size_of "whole/$(file 2)")" -gt 0 ] &&
  [ "$(size_of "whole/$(file 300)")" -gt $((5 * $(size_of "whole/$(file 2)"))) ]
it "a delta is much smaller than the full image"
heat whole
[ $? = 2 ] && grep -q -e --resume "$work/err"
it "a state that is there is not overwritten unasked"

# Each is killed within a third of the time that an undisturbed run takes.
killed=0 tries=0
while [ $killed -lt 5 ] && [ $tries -lt 12 ]; do
  tries=$((tries + 1))
  random $((took / 3 + 1)); moment=$drawn
  "$work/checkpoint-heat" $size --dir "$work/killed" --resume >"$work/out" 2>"$work/err" &
  child=$!
  sleep $((moment / 1000)).$(printf %03d $((moment % 1000)))
  kill -9 "$child" 2>/dev/null
  wait "$child" 2>/dev/null
  [ $? -gt 128 ] && killed=$((killed + 1))
  child=''
done
files=$(ls "$work/killed" | grep -c '^[0-9]*\.ww$')
echo "# killed $killed times in $tries runs, $files files by then"
echo "# an undisturbed run takes $took ms and makes $(ls "$work/whole" | grep -c '\.ww$') files"
[ $killed -ge 3 ]
it "killed at random moments"
heat killed --resume && [ "$(cat "$work/out")" = "$whole" ]
it "restarted, it ends with the same bits as undisturbed"

# A file that a disk tore: the last one cut short, then the head of one with a bit turned.
last=$(ls "$work/killed" | grep '^[0-9]*\.ww$' | tail -n 1)
random $(($(size_of "killed/$last") + 0))
head -c "$drawn" "$work/killed/$last" >"$work/torn" && mv "$work/torn" "$work/killed/$last"
heat killed --resume
[ $? = 0 ] && grep -q "checkpoint $(echo "${last%.ww}" | sed 's/^0*//') is skipped" "$work/err" &&
  [ "$(cat "$work/out")" = "$whole" ]
it "a torn last file is skipped, the state before it used"

middle=$(file 150)
random 128
byte=$(od -An -tu1 -j "$drawn" -N 1 "$work/killed/$middle" | tr -d ' ')
turned=$(printf '\\%03o' $((byte ^ 4)))
printf "$turned" | dd of="$work/killed/$middle" bs=1 seek="$drawn" conv=notrunc 2>/dev/null
heat killed --resume
[ $? = 0 ] && grep -q "checkpoint 150 is skipped" "$work/err" && [ "$(cat "$work/out")" = "$whole" ]
it "a turned bit in the middle of the chain is noticed, the state before it used"

# The same bits as an undisturbed run, by the command.
"$tool" checkpoint extract "$work/whole" plate >"$work/plate" 2>"$work/log" &&
  "$tool" checkpoint extract "$work/killed" plate 2>>"$work/log" | cmp "$work/plate" - >>"$work/log" 2>&1
it "what is saved is that of the undisturbed run"
