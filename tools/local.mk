# The command: a dispatcher, a file a subcommand, and the workloads of `demo`.
# It links the shared library, as any other program would, and the reports.
bin_PROGRAMS += writewatch
writewatch_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/%D% -DPKGDATADIR='"$(pkgdatadir)"' -DPKGLIBDIR='"$(pkglibdir)"' $(SQLITE_CFLAGS)
writewatch_SOURCES = \
  %D%/writewatch.c %D%/commands.h %D%/status.h \
  %D%/message.c %D%/message.h \
  %D%/output.c %D%/output.h \
  %D%/demo.c \
  %D%/demo_checkpoint.c %D%/demo_checkpoint.h \
  %D%/demo_options.c %D%/demo_options.h \
  %D%/demo_run.c %D%/demo_run.h \
  %D%/demo_threads.c %D%/demo_threads.h \
  %D%/demo_verify.c %D%/demo_verify.h \
  %D%/demo_oracle.c %D%/demo_oracle.h \
  %D%/diff.c \
  %D%/report.c \
  %D%/report_options.c %D%/report_options.h \
  %D%/trace_reading.c %D%/trace_reading.h \
  %D%/record.c %D%/record.h %D%/record_inspect.c %D%/record_run.c \
  src/record/settings.c \
  %D%/workloads/workload.h %D%/workloads/registry.c \
  %D%/workloads/protection.c \
  %D%/workloads/access.c \
  %D%/workloads/heat.c %D%/workloads/matmul.c %D%/workloads/lu.c %D%/workloads/cg.c \
  %D%/workloads/quicksort.c %D%/workloads/fft.c %D%/workloads/hashtable.c %D%/workloads/btree.c \
  %D%/workloads/list.c %D%/workloads/gc.c \
  %D%/workloads/wordcount.c %D%/workloads/wordcount_text.c %D%/workloads/wordcount.h \
  %D%/workloads/sqlite.c \
  %D%/workloads/sqlite_heap.c %D%/workloads/sqlite_heap.h \
  %D%/workloads/sqlite_script.c %D%/workloads/sqlite_script.h
writewatch_LDADD = libhtml.la libtrace.la libreport.la libwritewatch-checkpoint.la libwritewatch.la \
  $(SQLITE_LIBS) -lm

# The script that comes with `demo sqlite`. The command looks for it in
# ../share/writewatch, seen from itself: so in the build tree, too (the program
# proper is in .libs).
dist_pkgdata_DATA = %D%/workloads/orders.sql
noinst_DATA = share/writewatch/orders.sql
share/writewatch/orders.sql: %D%/workloads/orders.sql
	$(AM_V_GEN)$(MKDIR_P) share/writewatch && cp $(srcdir)/%D%/workloads/orders.sql $@
CLEANFILES += share/writewatch/orders.sql
