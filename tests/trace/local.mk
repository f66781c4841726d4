# Traces: a generator that the others use too, and what is read back from them.
check_PROGRAMS += %D%/make_trace
tests_trace_make_trace_SOURCES = %D%/make_trace.c %D%/make_modules.c %D%/make_trace.h
tests_trace_make_trace_LDADD = libtracewrite.la -ldl
