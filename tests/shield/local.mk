# tests/shield: system calls that write into tracked memory.
check_PROGRAMS += %D%/matrix
%C%_matrix_SOURCES = %D%/matrix.c %D%/matrix.h %D%/scene.c %D%/verdict.c %D%/verdict.h %D%/watched.c \
  %D%/fixture.c %D%/rows_read.c %D%/rows_socket.c %D%/rows_path.c %D%/rows_descriptor.c %D%/rows_signal.c \
  %D%/rows_time.c %D%/rows_process.c %D%/rows_wait.c %D%/rows_ipc.c %D%/rows_async.c %D%/rows_bad.c \
  %D%/blocking.c %D%/stdio.c %D%/standing.c tests/tap.h
%C%_matrix_LDADD = libwritewatch.la
dist_check_SCRIPTS += %D%/unshielded.sh %D%/announced.sh
TESTS += %D%/unshielded.sh %D%/announced.sh
CLEANFILES += matrix-unshielded.got matrix-announced.got
