# tap.sh - the Test Anything Protocol for the scripts beside it, and a scratch
# directory that goes when they end.
number=0 failures=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/ww-crash-XXXXXX") || exit 99
trap 'rm -rf "$scratch"' EXIT
trap 'exit 99' HUP INT TERM

# result STATUS WHAT [FILE]: a FILE explains a failure
result() {
  number=$((number + 1))
  if [ "$1" -eq 0 ]; then
    echo "ok $number - $2"
  else
    failures=$((failures + 1))
    echo "not ok $number - $2"
    if [ -n "${3-}" ]; then sed 's/^/#   /' "$3"; fi
  fi
}

skip() {
  number=$((number + 1))
  echo "ok $number - $1 # SKIP $2"
}

finish() {
  echo "1..$number"
  [ "$failures" -eq 0 ]
  exit
}
