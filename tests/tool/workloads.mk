# The workloads against their own checks, without driver and tracker.
check_PROGRAMS += tests/tool/computing
TESTS += tests/tool/computing
tests_tool_computing_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools/workloads
tests_tool_computing_SOURCES = %D%/computing.c %D%/regions.c %D%/regions.h \
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
tests_tool_computing_LDADD = -lm
