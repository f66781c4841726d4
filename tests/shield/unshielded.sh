#!/bin/sh
# unshielded.sh - what the shield is for: without it, every row of the matrix goes wrong
# that is not marked as one which needs none. A row that went right all the same would
# show nothing with the shield on.
matrix=$top_builddir/tests/shield/matrix
log=matrix-unshielded.got
"$matrix" --unshielded >"$log" 2>&1
status=$?
if ! grep '^1\.\.' "$log" >/dev/null; then
  echo 'not ok 1 - the matrix ran to its end'
  tail -3 "$log" | sed 's/^/# /'
  echo 1..1
  exit 1
fi
awk -v status="$status" '
  /^ok .*# SKIP/             { sub(/^ok [0-9]* - /, ""); print "ok " ++tests " - " $0; next }
  /^1\.\.0 # SKIP/           { skipped = $0 }
  /^(not )?ok .*\(needs no shield\)/ {
    good = !/^not/; sub(/^(not )?ok [0-9]* - /, "")
    print (good ? "" : "not ") "ok " ++tests " - right: " $0; bad += !good; next }
  /^(not )?ok / {
    good = /^not/; sub(/^(not )?ok [0-9]* - /, "")
    print (good ? "" : "not ") "ok " ++tests " - wrong without: " $0; wrong += good; bad += !good }
  /not done after/           { print "not ok " ++tests " - at once: " $0; bad++ }
  END {
    if (skipped) { print skipped; exit 0 }
    print (wrong ? "" : "not ") "ok " ++tests " - " wrong + 0 " go wrong without the shield"
    print (status ? "" : "not ") "ok " ++tests " - and the matrix says so in its status"
    print "1.." tests
    exit bad || !wrong || !status
  }' "$log"
