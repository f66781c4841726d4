# matrix-shield.sh - the matrix of crashes under the shield, for handlers that are
# installed while it is at work.
exec "$top_builddir/tests/crash/crash-matrix" --shield
