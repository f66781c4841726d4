#!/bin/sh
# The oracle on a tracker that leaves out the wait for handlers in flight. What it
# does wrong is a data race, which ThreadSanitizer need not say once more.
TSAN_OPTIONS="${TSAN_OPTIONS:-} report_bugs=0"
export TSAN_OPTIONS
exec ./tests/live/oracle-broken broken
