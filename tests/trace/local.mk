# Traces: a generator that the others use too, and what is read back from them.
check_PROGRAMS += %D%/make_trace %D%/roundtrip %D%/oracle
TESTS += %D%/roundtrip %D%/oracle %D%/report.sh
dist_check_SCRIPTS += %D%/report.sh
EXTRA_DIST += %D%/golden
tests_trace_make_trace_SOURCES = %D%/make_trace.c %D%/make_modules.c %D%/make_trace.h
tests_trace_make_trace_LDADD = libtracewrite.la -ldl
tests_trace_roundtrip_SOURCES = %D%/roundtrip.c %D%/scratch.h tests/tap.h
tests_trace_roundtrip_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests
tests_trace_roundtrip_LDADD = libtrace.la
tests_trace_roundtrip_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write -Wl,--wrap=malloc
tests_trace_oracle_SOURCES = %D%/oracle.c %D%/scratch.h tests/tap.h
tests_trace_oracle_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests
tests_trace_oracle_LDADD = libtrace.la
