# The tracker: one convenience library, so that unit tests reach inside, and the
# shared library that exports ww_* alone.
noinst_LTLIBRARIES += libtracker.la libreport.la
lib_LTLIBRARIES += libwritewatch.la

libtracker_la_CFLAGS = $(AM_CFLAGS) $(TLS_FLAGS) -fvisibility=hidden $(LIBUNWIND_CFLAGS) $(LIBSECCOMP_CFLAGS)
libtracker_la_SOURCES = \
  %D%/ahead.c \
  %D%/alias.c \
  %D%/alias.h \
  %D%/api.c \
  %D%/arena.c \
  %D%/arena.h \
  %D%/audit.c \
  %D%/audit.h \
  %D%/bitmap.h \
  %D%/carry.c \
  %D%/carry.h \
  %D%/choice.c \
  %D%/context.h \
  %D%/copy.c \
  %D%/cost.c \
  %D%/cost.h \
  %D%/dirtyset.c \
  %D%/dirtyset.h \
  %D%/disposition.h \
  %D%/engine.c \
  %D%/engine.h \
  %D%/engine_choice.c \
  %D%/engine_mprotect.c \
  %D%/engine_pagemap.c \
  %D%/engine_userfault.c \
  %D%/engine_ways.h \
  %D%/epoch.c \
  %D%/epoch.h \
  %D%/error.c \
  %D%/error.h \
  %D%/fault.c \
  %D%/fault.h \
  %D%/faultlog.c \
  %D%/faultlog.h \
  %D%/fork.c \
  %D%/fork.h \
  %D%/gate.h \
  %D%/hashing.c \
  %D%/hashing.h \
  %D%/history.c \
  %D%/history.h \
  %D%/lent.c \
  %D%/lent.h \
  %D%/loan.c \
  %D%/loan.h \
  %D%/lock.c \
  %D%/lock.h \
  %D%/maps.c \
  %D%/maps.h \
  %D%/odds.h \
  %D%/os.c \
  %D%/os.h \
  %D%/os_userfault.c \
  %D%/owned.c \
  %D%/owned.h \
  %D%/pagehash.h \
  %D%/pin.c \
  %D%/pin.h \
  %D%/policy.c \
  %D%/policy.h \
  %D%/process.c \
  %D%/process.h \
  %D%/raw.c \
  %D%/raw.h \
  %D%/region.c \
  %D%/region.h \
  %D%/runs.c \
  %D%/runs.h \
  %D%/segment.c \
  %D%/segment.h \
  %D%/shield/action.c \
  %D%/shield/action.h \
  %D%/shield/call.h \
  %D%/shield/change.c \
  %D%/shield/change.h \
  %D%/shield/fast.c \
  %D%/shield/fast.h \
  %D%/shield/filter.c \
  %D%/shield/filter.h \
  %D%/shield/follow.c \
  %D%/shield/follow.h \
  %D%/shield/follow_file.c \
  %D%/shield/follow_map.c \
  %D%/shield/follow_move.c \
  %D%/shield/hook.c \
  %D%/shield/hook.h \
  %D%/shield/mask.c \
  %D%/shield/mask.h \
  %D%/shield/program.h \
  %D%/shield/ranges.c \
  %D%/shield/safe.c \
  %D%/shield/send.c \
  %D%/shield/send.h \
  %D%/shield/serve.h \
  %D%/shield/serve_async.c \
  %D%/shield/serve_buffer.c \
  %D%/shield/serve_memory.c \
  %D%/shield/serve_signal.c \
  %D%/shield/serve_thread.c \
  %D%/shield/serve_write.c \
  %D%/shield/shield.c \
  %D%/shield/shield.h \
  %D%/shield/table.c \
  %D%/shield/table.h \
  %D%/shield/waiting.c \
  %D%/shield/waiting.h \
  %D%/sigchain.c \
  %D%/sigchain.h \
  %D%/sigmask.h \
  %D%/stack.h \
  %D%/threads.c \
  %D%/threads.h \
  %D%/touch.c \
  %D%/tracker.c \
  %D%/tracker.h \
  %D%/userfault.h \
  %D%/verdict.c \
  %D%/writers.c \
  %D%/writers.h
if HAVE_LIBUNWIND
libtracker_la_SOURCES += %D%/stack_unwind.c
else
libtracker_la_SOURCES += %D%/stack_none.c
endif
if HAVE_LIBSECCOMP
libtracker_la_SOURCES += %D%/shield/program.c
else
libtracker_la_SOURCES += %D%/shield/program_none.c
endif
EXTRA_DIST += %D%/shield/program.c %D%/shield/program_none.c
EXTRA_DIST += %D%/stack_unwind.c %D%/stack_none.c
libtracker_la_LIBADD = libpagehash.la $(LIBUNWIND_LIBS) $(LIBSECCOMP_LIBS)

# Without the sanitizers: it reads memory that they would object to.
noinst_LTLIBRARIES += libpagehash.la
libpagehash_la_CFLAGS = -std=gnu11 $(WARNING_FLAGS) -fvisibility=hidden
libpagehash_la_SOURCES = %D%/pagehash.c %D%/pagehash_avx2.c %D%/pagehash.h

# Reports use the public face only, so that the tool can link them beside the
# shared library.
libreport_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden $(LIBDW_CFLAGS) $(JANSSON_CFLAGS)
libreport_la_SOURCES = \
  %D%/report.c %D%/report.h \
  %D%/report-csv.c \
  %D%/report-figure.c %D%/report-figure.h \
  %D%/report-index.c %D%/report-index.h \
  %D%/report-json.c \
  %D%/report-line.c %D%/report-line.h \
  %D%/report-map.c %D%/report-map.h \
  %D%/report-name.c %D%/report-name.h \
  %D%/report-pageset.c %D%/report-pageset.h \
  %D%/report-runs.c %D%/report-runs.h \
  %D%/report-sink.c %D%/report-sink.h \
  %D%/report-stacks.c %D%/report-stacks.h \
  %D%/report-summary.c %D%/report-summary.h \
  %D%/report-table.c %D%/report-table.h \
  %D%/report-text.c \
  %D%/report-writers.c %D%/report-writers.h \
  %D%/symbol.c %D%/symbol.h
libreport_la_LIBADD = $(LIBDW_LIBS) $(JANSSON_LIBS)

libwritewatch_la_SOURCES =
libwritewatch_la_LIBADD = libtracker.la libreport.la
libwritewatch_la_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LDFLAGS) -version-info $(WW_ABI) \
  -Wl,--version-script=$(srcdir)/%D%/writewatch.map -Wl,-z,nodelete -Wl,-z,defs
EXTRA_libwritewatch_la_DEPENDENCIES = %D%/writewatch.map
EXTRA_DIST += %D%/writewatch.map
