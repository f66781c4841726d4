# record.sh - sourced by the tests of `writewatch record': a scratch folder, TAP, and whether there can be a
# shield here.
. "${top_srcdir:?run by make check}/tests/tool/tap.sh" || exit 99
subject=$top_builddir/tests/record/subject dump=$top_builddir/tests/record/dump
cd "$scratch" || exit 99

case $SANITIZERS in
  *address*|*thread*)
    echo "1..0 # SKIP a sanitizer's runtime cannot be preloaded into a program that has none"
    exit 0 ;;
esac
"$tool" record -o probe.wwt -- true 2>err
if test $? -eq 125; then
  echo "1..0 # SKIP $(head -n 1 err)"
  exit 0
fi

# A trace in lines, into the file `lines'.
lines() { "$dump" "$1" >lines 2>&1; }
has() { grep -q -e "$1" lines; }
