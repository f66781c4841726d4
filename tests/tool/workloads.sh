# Every workload on the list: right in its own eyes, and its reports true.
. "${top_srcdir:?run by make check}/tests/tool/tap.sh" || exit 99

text=$top_srcdir/include/writewatch.h
names=$("$tool" demo --list | sed -n 's/^\([a-z0-9]*\)  *[^ ].*/\1/p')
test -n "$names" || { echo "Bail out! demo --list is empty"; exit 1; }

# true_run WHAT ARGUMENTS...
true_run() {
  what=$1
  shift
  run demo "$@" --verify
  if test "$status" -ne 0; then
    not_ok "$what: status $status"; show
  elif ! grep -q '^verify: passed: 0 lost, 0 invented of [1-9]' "$scratch/err"; then
    not_ok "$what: nothing was verified"; show
  else
    ok "$what"
  fi
}

for name in $names; do
  case $name in
    protection) true_run "$name" protection ;;
    wordcount)  true_run "$name" wordcount "$text" ;;
    sqlite)     true_run "$name" sqlite ;;
    *)          true_run "$name" "$name" --epochs 5
                true_run "$name, another seed, other epochs, no stacks" "$name" --epochs 7 --seed 3 --stacks 0
                if "$tool" demo --list | sed -n "/^$name /,/^[a-z]/p" | grep -q 'any number of threads'; then
                  true_run "$name, 3 threads" "$name" --epochs 5 --threads 3
                fi ;;
  esac
  # A workload that is checked says so.
  test "$name" = protection || verdict "$name checks itself" grep -q 'check.*passed' "$scratch/out"
done

# The patterns write as many pages as they claim to.
dirty() {
  run demo "$@" --stacks 0 --verify
  sed -n 's/.* invented of \([0-9]*\) reported.*/\1/p' "$scratch/err"
}
verdict 'sequential dirties every page' same "$(dirty sequential --pages 96 --epochs 3)" 288
verdict 'strided dirties an eighth' same "$(dirty strided --pages 96 --epochs 3)" 36
verdict 'stream dirties an eighth' same "$(dirty stream --pages 96 --epochs 3)" 36
verdict 'more epochs than pages' same "$(dirty stream --pages 1 --epochs 9)" 9
plan
