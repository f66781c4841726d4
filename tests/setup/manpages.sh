#!/bin/sh
# Is the manual whole? Every function of the header has a page, which names every
# error that the header names; links lead somewhere; the pages are well-formed.

set -u
work=$(mktemp -d "${TMPDIR:-/tmp}/ww-manpages.XXXXXX") || {
  echo "Bail out! no temporary directory"
  exit 1
}
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

number=0
check() { # WHAT: right if $work/wrong is empty
  number=$((number + 1))
  if [ ! -s "$work/wrong" ]; then echo "ok $number - $*"; return; fi
  echo "not ok $number - $*"
  sed 's/^/# /' "$work/wrong"
}
skip() { number=$((number + 1)); echo "ok $number - $1 # SKIP $2"; }
page_of() { # NAME: its page, a link followed
  at=$top_srcdir/man/$1.3
  [ -e "$at" ] && { echo "$at"; return; }
  at=$top_builddir/man/$1.3
  [ -e "$at" ] || return 1
  to=$(sed -n 's|^\.so man3/||p' "$at")
  [ -n "$to" ] && [ -e "$top_srcdir/man/$to" ] && echo "$top_srcdir/man/$to"
}

# "name error error ..." for each function: the errors are those of the comment
# before it; functions that follow without a comment of their own share it.
awk '
  /^\/\*/ { errors = "" ; inside = 1 }
  inside {
    text = $0
    while (match(text, /-E[A-Z0-9]+/)) {
      errors = errors " " substr(text, RSTART + 1, RLENGTH - 1)
      text = substr(text, RSTART + RLENGTH)
    }
  }
  /\*\// { inside = 0 }
  /^WW_API/ { match($0, /ww_[a-z_]+\(/) || match($0, /ww_[a-z_]+ *\(/)
    print substr($0, RSTART, RLENGTH - 1) errors }
' "$top_srcdir/include/writewatch.h" "$top_srcdir/include/writewatch-checkpoint.h" >"$work/functions"

: >"$work/wrong"
[ "$(wc -l <"$work/functions")" -ge 25 ] && grep -q '^ww_touch EINVAL ENOMEM$' "$work/functions" &&
  grep -q '^ww_chain_open EINVAL E2BIG EBUSY ENOMEM ENOENT' "$work/functions" ||
  cat "$work/functions" >"$work/wrong"
check "the header's functions and errors are found"

: >"$work/wrong"
while read -r name errors; do
  page=$(page_of "$name") || { echo "$name has no page" >>"$work/wrong"; continue; }
  grep -q "^\.Nm $name\( ,\)*$" "$page" || echo "$page does not name $name" >>"$work/wrong"
  grep -q "^\.F[no] $name" "$page" || echo "$page does not show how $name is called" >>"$work/wrong"
  for error in $errors; do
    grep -q "Er $error\>" "$page" || echo "$page does not tell $error of $name" >>"$work/wrong"
  done
done <"$work/functions"
check "every function has a page, with every error"

: >"$work/wrong"
for page in "$top_srcdir"/man/*.3; do
  name=$(basename "$page" .3)
  for function in $(sed -n 's/^\.F[no] \(ww_[a-z_]*\).*/\1/p' "$page" | sort -u); do
    grep -q "^$function" "$work/functions" || grep -q "^$function(" "$top_srcdir/include/writewatch.h" ||
      echo "$page tells of $function, which does not exist" >>"$work/wrong"
  done
done
check "no page tells of a function that does not exist"

: >"$work/wrong"
for page in "$top_srcdir"/man/*.[1-9]; do
  sed -n 's/^\.Xr \(ww_[a-z_]*\|writewatch[a-z-]*\) \([1-9]\).*/\1 \2/p' "$page" | sort -u |
  while read -r name section; do
    [ -e "$top_srcdir/man/$name.$section" ] || [ -e "$top_builddir/man/$name.$section" ] ||
      echo "$page refers to $name($section), which does not exist" >>"$work/wrong"
  done
done
check "no page refers to one that does not exist"

: >"$work/wrong"
for constant in $(cat "$top_srcdir"/include/*.h | grep -o '\<WW_[A-Z_]*\>' | sort -u); do
  case $constant in WW_API|WRITEWATCH_H|WW_CHAIN_DIRECTORY|WW_CHAIN_FILE|WW_CHAIN_GENERATION|WW_CHAIN_LABEL) continue ;; esac
  grep -q "\<$constant\>" "$top_srcdir"/man/*.3 || echo "no page tells of $constant" >>"$work/wrong"
done
members='/^struct [a-z_]* {/,/^};/{
  s|/\*.*||
  s/^  [a-z].*[ *]\([a-z_]*\);.*/\1/p
}'
for member in $(cat "$top_srcdir"/include/*.h | sed -n "$members" | sort -u); do
  grep -q "^\.It Fa.*\<$member\>\|^\.Fa.*\<$member\>" "$top_srcdir"/man/*.3 ||
    echo "no page tells of the member $member" >>"$work/wrong"
done
check "every constant and every member is told of"

: >"$work/wrong"
grep -q 'STATUS_[A-Z]* *=' "$top_srcdir/tools/status.h" || echo "no statuses found" >"$work/wrong"
for name in $(sed -n 's/^  \(STATUS_[A-Z]*\) *= *\([0-9]*\),*.*/\2/p' "$top_srcdir/tools/status.h"); do
  sed -n '/^\.Sh EXIT STATUS/,/^\.Sh [^E]/p' "$top_srcdir/man/writewatch.1" | grep -q "^\.It $name\$" ||
    echo "writewatch.1 does not tell exit status $name" >>"$work/wrong"
done
check "the command's page tells every exit status"

: >"$work/wrong"
tool=$top_builddir/writewatch
"$tool" demo --list >"$work/list" 2>>"$work/wrong" && "$tool" --help >"$work/help" 2>>"$work/wrong" &&
  "$tool" demo --help >"$work/demo" 2>>"$work/wrong" || echo "$tool does not run" >>"$work/wrong"
for name in $(sed -n 's/^\([a-z]*\) .*/\1/p' "$work/list") \
  $(sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' "$work/help"); do
  grep -q "^\.\(It \)*\(Cm\|Ss\).*\<$name\>" "$top_srcdir/man/writewatch.1" ||
    echo "writewatch.1 does not tell of $name" >>"$work/wrong"
done
for name in $(sed -n 's/^  --\([a-z]*\).*/\1/p' "$work/demo"); do
  grep -q "^\.It Fl -$name\>" "$top_srcdir/man/writewatch.1" ||
    echo "writewatch.1 does not tell of --$name" >>"$work/wrong"
done
check "the command's page tells of every command, workload and option"

: >"$work/wrong"
for page in "$top_srcdir"/man/*.[1-9] "$top_srcdir/README"; do
  for name in $(sed -n 's/.*writewatch demo \([a-z][a-z]*\).*/\1/p' "$page"); do
    grep -q "^$name " "$work/list" || echo "$page has an example of $name, which is no workload" >>"$work/wrong"
  done
done
check "no example is of a workload that does not exist"

: >"$work/wrong"
for text in README HACKING NEWS; do
  # Columns are characters: the bytes that go on with one do not count.
  LC_ALL=C awk -v name="$text" '{ gsub(/[\200-\277]/, "") }
    length > 100 { print name ":" NR ": " length " columns" }' "$top_srcdir/$text"
done >"$work/wrong"
check "no line of the texts is too long to be read in a terminal"

if command -v mandoc >/dev/null 2>&1; then
  # What it says of other people's pages, of style and of the order of names does not count.
  for page in "$top_srcdir"/man/*.[1-9]; do mandoc -T lint -W warning "$page" 2>/dev/null; done |
    grep -v 'unusual Xr order' >"$work/wrong"
  check "mandoc finds nothing to warn of"
else
  skip "mandoc finds nothing to warn of" "mandoc is not installed"
fi
if command -v groff >/dev/null 2>&1 && groff -mdoc -Tascii /dev/null >/dev/null 2>&1; then
  for page in "$top_srcdir"/man/*.[1-9]; do groff -mdoc -Tascii -ww -z "$page"; done >"$work/wrong" 2>&1
  check "groff finds nothing to warn of"
else
  skip "groff finds nothing to warn of" "groff is not installed"
fi

echo "1..$number"
