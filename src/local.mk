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
  %D%/hold.c \
  %D%/hold.h \
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
  %D%/pool.c \
  %D%/pool.h \
  %D%/process.c \
  %D%/process.h \
  %D%/raw.c \
  %D%/raw.h \
  %D%/region.c \
  %D%/region.h \
  %D%/runs.c \
  %D%/runs.h \
  %D%/saving.c \
  %D%/segment.c \
  %D%/segment.h \
  %D%/shield/action.c \
  %D%/shield/appear.c \
  %D%/shield/appear.h \
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
  %D%/snapshot.c \
  %D%/snapshot.h \
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
  %D%/report-object.c %D%/report-object.h \
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

# Traces. What writes them is a library of its own, as it goes into strangers' programs; what reads
# them and reports is for the tool.
noinst_LTLIBRARIES += libtracewrite.la libtrace.la
libtracewrite_la_CFLAGS = $(AM_CFLAGS) $(TLS_FLAGS) -fvisibility=hidden
libtracewrite_la_SOURCES = \
  %D%/trace.h \
  %D%/trace_code.h \
  %D%/trace_put.c \
  %D%/trace_seal.c \
  %D%/trace_sum.c \
  %D%/trace_words.c \
  %D%/trace_write.c %D%/trace_write.h
libtrace_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden $(JANSSON_CFLAGS)
libtrace_la_SOURCES = \
  %D%/report-columns.c %D%/report-columns.h \
  %D%/report-diff.c %D%/report-diff.h \
  %D%/report-trace.h \
  %D%/report-trace-csv.c \
  %D%/report-trace-damage.c \
  %D%/report-trace-folded.c \
  %D%/report-trace-heat.c \
  %D%/report-trace-json.c \
  %D%/report-trace-part.h \
  %D%/report-trace-tables.c \
  %D%/report-trace-text.c \
  %D%/report-trace-writers.c \
  %D%/trace_decode.c %D%/trace_decode.h \
  %D%/trace_diff.c %D%/trace_diff.h \
  %D%/trace_frames.c %D%/trace_frames.h \
  %D%/trace_groups.c %D%/trace_groups.h \
  %D%/trace_growth.c %D%/trace_growth.h \
  %D%/trace_heat.c %D%/trace_heat.h \
  %D%/trace_index.c %D%/trace_index.h \
  %D%/trace_pages.c %D%/trace_pages.h \
  %D%/trace_read.c \
  %D%/trace_summary.c %D%/trace_summary.h
libtrace_la_LIBADD = libtracewrite.la libnames.la libreport.la $(JANSSON_LIBS)

libwritewatch_la_SOURCES =
libwritewatch_la_LIBADD = libtracker.la libreport.la
libwritewatch_la_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LDFLAGS) -version-info $(WW_ABI) \
  -Wl,--version-script=$(srcdir)/%D%/writewatch.map -Wl,-z,nodelete -Wl,-z,defs
EXTRA_libwritewatch_la_DEPENDENCIES = %D%/writewatch.map
EXTRA_DIST += %D%/writewatch.map

# The recorder: preloaded into a program by `writewatch record'.
pkglib_LTLIBRARIES += libwritewatch-record.la
libwritewatch_record_la_CPPFLAGS = $(AM_CPPFLAGS) -Dwrite=record_write -Dftruncate=record_ftruncate -Dlseek=record_lseek
libwritewatch_record_la_CFLAGS = $(AM_CFLAGS) $(TLS_FLAGS) -fvisibility=hidden
libwritewatch_record_la_SOURCES = \
  %D%/record/children.c \
  %D%/record/companion.c %D%/record/companion.h \
  %D%/record/control.h \
  %D%/record/discover.c %D%/record/discover.h \
  %D%/record/environment.c %D%/record/environment.h \
  %D%/record/journal.c %D%/record/journal.h \
  %D%/record/keep.c \
  %D%/record/markers.c \
  %D%/record/modules.c %D%/record/modules.h \
  %D%/record/recorder.h \
  %D%/record/residence.c %D%/record/residence.h \
  %D%/record/settings.c %D%/record/settings.h \
  %D%/record/start.c \
  %D%/record/output.c \
  %D%/trace_put.c %D%/trace_sum.c %D%/trace_words.c %D%/trace_write.c
libwritewatch_record_la_LIBADD = libtracker.la
libwritewatch_record_la_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LDFLAGS) -module -avoid-version -no-undefined \
  -Wl,--version-script=$(srcdir)/%D%/record/record.map -Wl,-z,nodelete -Wl,-z,defs
EXTRA_libwritewatch_record_la_DEPENDENCIES = %D%/record/record.map
EXTRA_DIST += %D%/record/record.map
