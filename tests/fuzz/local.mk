# The parser of traces under fire: a short run in the check, with any compiler; `make fuzz' and
# `make fuzz-afl' for the long ones (FUZZ_SECONDS=600).
check_PROGRAMS += %D%/mutate
TESTS += %D%/corpus.sh
EXTRA_PROGRAMS += %D%/trace-libfuzzer
EXTRA_DIST += %D%/corpus.sh %D%/long.sh %D%/corpus
tests_fuzz_mutate_SOURCES = %D%/mutate.c %D%/target.c %D%/target.h tests/tap.h
tests_fuzz_mutate_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests
tests_fuzz_mutate_LDADD = libtrace.la libhtml.la libreport.la libwritewatch.la
tests_fuzz_trace_libfuzzer_SOURCES = %D%/target.c %D%/target.h
tests_fuzz_trace_libfuzzer_LDADD = libtrace.la libhtml.la libreport.la libwritewatch.la
tests_fuzz_trace_libfuzzer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZ_SECONDS = 60
.PHONY: fuzz fuzz-afl
fuzz:
	$(SHELL) $(srcdir)/%D%/long.sh $(srcdir) libfuzzer $(FUZZ_SECONDS)
fuzz-afl:
	$(SHELL) $(srcdir)/%D%/long.sh $(srcdir) afl $(FUZZ_SECONDS)
