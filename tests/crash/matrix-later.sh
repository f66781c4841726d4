# matrix-later.sh - the matrix of crashes for handlers that are installed after the
# tracker was made; ww_start() goes in front of them.
exec "$top_builddir/tests/crash/crash-matrix" --later
