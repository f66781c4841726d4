# tap.sh - sourced by the tests of the command: a scratch folder, TAP, and the
# command under test.
: "${top_builddir:?run by make check}" "${top_srcdir:?run by make check}"
tool=$top_builddir/writewatch
scratch=$(mktemp -d) || exit 99
trap 'chmod -R u+rwx "$scratch" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
count=0

ok() { count=$((count + 1)); echo "ok $count - $1"; }
not_ok() { count=$((count + 1)); echo "not ok $count - $1"; }
skip() { count=$((count + 1)); echo "ok $count - $1 # SKIP $2"; }
plan() { echo "1..$count"; }

# What the last run said, for who reads the log.
show() { sed 's/^/#   /' "$scratch/out" "$scratch/err" 2>/dev/null | head -n 40; }

# verdict WHAT CONDITION...: the condition is a command.
verdict() {
  what=$1
  shift
  if "$@"; then ok "$what"; else not_ok "$what"; show; fi
}

# run ARGUMENTS...: standard output, error and status into $scratch/out, err, $status.
run() {
  "$tool" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
  status=$?
}

# expect STATUS TEXT WHAT ARGUMENTS...: exits with STATUS, and its messages hold TEXT.
expect() {
  wanted=$1 text=$2 what=$3
  shift 3
  run "$@"
  if test "$status" -ne "$wanted"; then
    not_ok "$what: status $status, not $wanted"; show
  elif ! grep -q -e "$text" "$scratch/err"; then
    not_ok "$what: the message does not say '$text'"; show
  else
    ok "$what: status $wanted"
  fi
}

same() { test "$1" = "$2"; }
nothing_in() { test -z "$(ls -A "$1")"; }
