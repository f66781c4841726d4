#!/bin/sh
# announced.sh - the matrix with ww_touch() before each call in place of the shield: all
# goes right, and the matrix sees pages that are returned without having been written.
matrix=$top_builddir/tests/shield/matrix
log=matrix-announced.got
"$matrix" --announced >"$log" 2>&1
sed -n '/^1\.\./!p' "$log"
tests=$(grep -Ec '^(not )?ok ' "$log")
bad=$(grep -c '^not ok ' "$log")
tests=$((tests + 1))
if "$matrix" --announced --exact 'read of 10 bytes' | grep 'was returned and not written' >/dev/null; then
  echo "ok $tests - a page that is returned and was not written is seen"
else
  echo "not ok $tests - a page that is returned and was not written is seen"
  bad=$((bad + 1))
fi
echo "1..$tests"
exit "$((bad != 0))"
