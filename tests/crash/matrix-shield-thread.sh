# matrix-shield-thread.sh - the matrix of crashes in a second thread under the shield, for
# handlers that were installed before it.
exec "$top_builddir/tests/crash/crash-matrix" --shield-thread
