#!/bin/sh
# chain-bytes.sh TOOL - what the deltas of a chain take on the workloads: bytes written to bytes changed (the pages of
# 4,096 bytes that hold something else than at the last checkpoint, by comparing all of them), as whole pages and
# as changed bytes, neither of them packed; and packed, for what it is worth.
set -u
tool=${1:?TOOL}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

measure() { # SAVE: sets pages, bytes
  rm -rf "$scratch/chain"
  "$tool" demo "$name" --stacks 0 --checkpoint "$scratch/chain" --save "$@" >/dev/null 2>"$scratch/err" || return 1
  set -- $(sed -n 's/^checkpoint: .*; \([0-9]*\) deltas of \([0-9]*\) changed pages, \([0-9]*\) bytes$/\2 \3/p' "$scratch/err")
  [ $# = 2 ] && pages=$1 bytes=$2
}

printf '%-12s %10s  %13s %13s %13s\n' workload 'MiB changed' 'whole/changed' 'bytes/whole' 'packed/whole'
printf '%-12s %10s  %13s %13s %13s\n' '' '' '(at most 1.1)' '(sparse: 0.5)' ''
for name in sequential strided random zipf stream heat matmul lu cg quicksort fft hashtable btree list gc; do
  set --
  [ $name = lu ] && set -- --pages 1024
  measure plain-pages "$@" && whole=$bytes changed=$pages && measure plain-bytes "$@" && plain=$bytes &&
    measure bytes "$@" || { echo "$name: failed"; sed 's/^/  /' "$scratch/err"; continue; }
  awk -v name=$name -v changed="$changed" -v whole="$whole" -v plain="$plain" -v packed="$bytes" 'BEGIN {
    if (changed == 0) changed = 1
    printf "%-12s %10.1f  %13.3f %13.3f %13.3f\n", name, changed / 256, whole / changed / 4096, plain / whole,
      packed / whole }'
done
