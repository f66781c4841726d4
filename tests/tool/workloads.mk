# The workloads against their own checks, without driver and tracker.
check_PROGRAMS += tests/tool/workloads
TESTS += tests/tool/workloads
tests_tool_workloads_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools/workloads
tests_tool_workloads_SOURCES = %D%/workloads.c %D%/regions.c %D%/regions.h \
  tools/workloads/workload.h \
  tools/workloads/heat.c \
  tools/workloads/matmul.c \
  tools/workloads/lu.c \
  tools/workloads/cg.c \
  tools/workloads/quicksort.c \
  tools/workloads/fft.c \
  tools/workloads/hashtable.c \
  tools/workloads/btree.c \
  tools/workloads/list.c \
  tools/workloads/gc.c
tests_tool_workloads_LDADD = -lm
