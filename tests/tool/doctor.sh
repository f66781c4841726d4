#!/bin/sh
# What `writewatch doctor` says of this machine: its statuses, its two formats,
# and that what it says agrees with what can be found out without it.
: "${top_builddir:=.}"
tool=$top_builddir/writewatch
scratch=$(mktemp -d "${TMPDIR:-/tmp}/doctor.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
number=0

ok() { # condition's status, what
  number=$((number + 1))
  if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

skip() { # what, reason
  number=$((number + 1))
  echo "ok $number - $1 # SKIP $2"
}

expect() { # wanted status, command...; output and talk are kept for a look
  wanted=$1
  shift
  "$@" >"$scratch/out" 2>"$scratch/err"
  status=$?
  [ "$status" -eq "$wanted" ] && return 0
  echo "# status $status, wanted $wanted: $*"
  sed 's/^/# /' "$scratch/err" "$scratch/out"
  return 1
}

# The value of a key of one line, without its comma.
value() { sed -n "s/^ *\"$1\": \(.*[^,]\),*\$/\1/p" "$scratch/json" | head -n 1; }

echo 1..20

expect 0 "$tool" doctor
ok $? "tracking works here"
grep -q 'tracking works here' "$scratch/out" && grep -q '^Advice' "$scratch/out" && [ ! -s "$scratch/err" ]
ok $? "the text says so, gives advice, and nothing is said on standard error"
awk 'length > 100 { print "# " $0; wide = 1 } END { exit wide }' "$scratch/out"
ok $? "its lines fit a terminal"

expect 0 "$tool" doctor --format json
ok $? "--format json"
cp "$scratch/out" "$scratch/json"
"$top_builddir/tests/tool/doctor_json" <"$scratch/json" >"$scratch/keys" 2>&1
keys=$?
sed 's/^/# /' "$scratch/keys"
ok $keys "the JSON parses, has the keys, and its numbers are possible"

[ "$(value page_size)" = "$(getconf PAGESIZE)" ]
ok $? "page_size is that of getconf"
[ "$(value max_map_count)" = "$(cat /proc/sys/vm/max_map_count)" ]
ok $? "max_map_count is that of /proc"
[ "$(value processors)" = "$(getconf _NPROCESSORS_ONLN)" ]
ok $? "processors are those of getconf"
case "$(value kernel)" in *"$(uname -r)"*) true ;; *) false ;; esac
ok $? "kernel holds the release of uname"

# What the library says by doing it.
for engine in userfaultfd pagemap; do
  expected=false; "$tool" demo strided --pages 8 --epochs 1 --engine $engine --stacks 0 >/dev/null 2>&1 && expected=true
  sed -n "/^ *\"$engine\": {\$/,/}/s/^ *\"works\": \([a-z]*\),*\$/\1/p" "$scratch/json" | grep -q "^$expected\$"
  ok $? "the engine $engine is told of as it works here: $expected"
done

# Whether there is a shield is known from the build and from /proc.
expected=false; grep -q '^S\["HAVE_LIBSECCOMP_TRUE"\]=""' "$top_builddir/config.status" && expected=true
[ "$(value libseccomp)" = $expected ]
ok $? "libseccomp is told of as it was configured"
privileges=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
no_new=$(sed -n 's/^NoNewPrivs:[[:space:]]*//p' /proc/self/status)
expected=true
[ $((0x$privileges >> 21 & 1)) -eq 1 ] || [ "$no_new" = 1 ] && expected=false
[ "$(value sets_no_new_privileges)" = $expected ]
ok $? "what the shield takes is what /proc says of the privileges"

expect 0 "$tool" doctor --help && grep -q '^Exit status' "$scratch/out"
ok $? "--help documents the exit statuses"
expect 2 "$tool" doctor --format yaml && grep -q yaml "$scratch/err" && [ ! -s "$scratch/out" ]
ok $? "an unknown format is status 2 and named"
expect 2 "$tool" doctor --bogus && grep -q 'doctor --help' "$scratch/err"
ok $? "an unknown option is status 2 and tells where to look"
expect 2 "$tool" doctor now && grep -q now "$scratch/err"
ok $? "an operand is status 2 and named"
if [ -w /dev/full ]; then
  "$tool" doctor >/dev/full 2>"$scratch/err"
  [ $? -eq 4 ] && [ "$(grep -c 'No space left' "$scratch/err")" = "$(wc -l <"$scratch/err")" ] &&
    [ "$(wc -l <"$scratch/err")" -eq 1 ]
  ok $? "a full disk is status 4, and said once"
else
  skip "a full disk is status 4, and said once" "/dev/full is missing"
fi

# Without a megabyte of address space to spare no tracker can be made, or it can
# and works: what is said and the status must agree.
if [ -n "$SANITIZERS" ]; then
  skip "with little address space status and words agree" "sanitizers need their own address space"
else
  # shellcheck disable=SC3045  # dash, bash and busybox have it
  (ulimit -v 65536 && exec "$tool" doctor --format json) >"$scratch/json" 2>"$scratch/err"
  status=$?
  case "$status $(value works)" in
    "0 true" | "5 false") [ "$(value address_space)" = 67108864 ] ;;
    *) echo "# status $status, works $(value works)"; sed 's/^/# /' "$scratch/err"; false ;;
  esac
  ok $? "with little address space status and words agree"
fi

what="an ordinary user gets as far"
if [ "$(id -u)" -ne 0 ]; then
  skip "$what" "this is an ordinary user already"
elif ! command -v setpriv >/dev/null 2>&1; then
  skip "$what" "setpriv was not found"
elif ! setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$tool"; then
  skip "$what" "nobody cannot reach the build folder"
else
  expect 0 setpriv --reuid=65534 --regid=65534 --clear-groups "$tool" doctor
  ok $? "$what"
fi
