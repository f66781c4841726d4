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
