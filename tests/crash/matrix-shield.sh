# matrix-shield.sh - the matrix of crashes under the shield, for handlers that are
# installed before it and while it is at work.
exec "$top_builddir/tests/crash/crash-matrix" --shield
