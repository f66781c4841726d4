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

# System calls and signals of a tracked program.
check_LTLIBRARIES += %D%/plugin.la
%C%_plugin_la_SOURCES = %D%/plugin.c
# What is only for tests is built as an archive unless it is to be put somewhere.
%C%_plugin_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath /nowhere

check_PROGRAMS += %D%/signals
TESTS += %D%/signals
%C%_signals_SOURCES = %D%/signals.c %D%/signals.h %D%/small.c %D%/small.h %D%/cases_actions.c \
  %D%/cases_masks.c %D%/cases_waits.c %D%/cases_sent.c %D%/cases_processes.c %D%/cases_places.c tests/tap.h
%C%_signals_LDADD = libtracker.la
# It execs itself; the plugin calls back.
%C%_signals_LDFLAGS = $(AM_LDFLAGS) -no-install -export-dynamic
EXTRA_%C%_signals_DEPENDENCIES = %D%/plugin.la
