# System calls that write into tracked memory.
check_PROGRAMS += %D%/matrix
%C%_matrix_SOURCES = %D%/matrix.c %D%/matrix.h %D%/scene.c %D%/verdict.c %D%/verdict.h %D%/watched.c \
  %D%/fixture.c %D%/rows_read.c %D%/rows_socket.c %D%/rows_path.c %D%/rows_descriptor.c %D%/rows_signal.c \
  %D%/rows_time.c %D%/rows_process.c %D%/rows_wait.c %D%/rows_ipc.c %D%/rows_async.c %D%/rows_bad.c \
  %D%/blocking.c %D%/stdio.c %D%/standing.c tests/tap.h
%C%_matrix_LDADD = libwritewatch.la
dist_check_SCRIPTS += %D%/unshielded.sh %D%/announced.sh
TESTS += %D%/matrix %D%/unshielded.sh %D%/announced.sh
CLEANFILES += matrix-unshielded.got matrix-announced.got

# Calls that are not trapped; as a program that looks its functions up as it goes, and as one
# that has done so when it starts, whose table of them is read-only from then on.
check_PROGRAMS += %D%/fast %D%/fast-now
TESTS += %D%/fast %D%/fast-now
%C%_fast_SOURCES = %D%/fast.c %D%/shielded.h tests/tap.h
%C%_fast_LDADD = libtracker.la
%C%_fast_LDFLAGS = $(AM_LDFLAGS) -Wl,-z,lazy
%C%_fast_now_SOURCES = $(%C%_fast_SOURCES)
%C%_fast_now_LDADD = libtracker.la
%C%_fast_now_LDFLAGS = $(AM_LDFLAGS) -Wl,-z,now,-z,relro

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

# Whole programs under the shield: what they do is the same as without.
check_PROGRAMS += %D%/storm
TESTS += %D%/storm
tests_shield_storm_SOURCES = %D%/storm.c %D%/storm.h %D%/worker.c %D%/watcher.c %D%/shielded.h tests/tap.h
tests_shield_storm_LDADD = libwritewatch.la

check_PROGRAMS += %D%/tenant
TESTS += %D%/tenant
tests_shield_tenant_SOURCES = %D%/tenant.c %D%/tenant.h %D%/house.c %D%/shielded.h \
  %D%/part-files.c %D%/part-text.c %D%/part-net.c %D%/part-threads.c %D%/part-process.c %D%/part-signals.c \
  %D%/part-memory.c %D%/part-kernel.c tests/tap.h
tests_shield_tenant_LDADD = libwritewatch.la -lm -ldl -lrt
# It starts itself: no wrapper script. And it says what calls return: no result is ignored.
tests_shield_tenant_LDFLAGS = $(AM_LDFLAGS) -no-install
EXTRA_tests_shield_tenant_DEPENDENCIES = shield_lodger.la
check_LTLIBRARIES += shield_lodger.la
shield_lodger_la_SOURCES = %D%/lodger.c
shield_lodger_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath /nowhere

if HAVE_GC
check_PROGRAMS += %D%/gc
TESTS += %D%/gc
endif
tests_shield_gc_SOURCES = %D%/gc.c %D%/shielded.h tests/tap.h
tests_shield_gc_CFLAGS = $(AM_CFLAGS) $(GC_CFLAGS)
tests_shield_gc_LDADD = libwritewatch.la $(GC_LIBS)

# Processes that copy the memory, made by the bare calls.
check_PROGRAMS += %D%/clones
TESTS += %D%/clones
%C%_clones_SOURCES = %D%/clones.c %D%/shielded.h tests/tap.h
%C%_clones_LDADD = libwritewatch.la

# The shield is turned on beside busy threads.
check_PROGRAMS += %D%/racing
TESTS += %D%/racing
%C%_racing_SOURCES = %D%/racing.c %D%/shielded.h tests/tap.h
%C%_racing_LDADD = libwritewatch.la
