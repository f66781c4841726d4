# tests/tool: the command, seen from outside.
tool_tests = \
  %D%/usage.sh %D%/inputs.sh %D%/outputs.sh %D%/verify.sh %D%/workloads.sh %D%/formats.sh \
  %D%/bench.sh
TESTS += $(tool_tests)
EXTRA_DIST += $(tool_tests) %D%/tap.sh
check_PROGRAMS += %D%/json_reads
%C%_json_reads_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
%C%_json_reads_SOURCES = %D%/json_reads.c
%C%_json_reads_LDADD = $(JANSSON_LIBS)
