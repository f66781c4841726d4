# The first benchmark: built with the tests so that it does not rot. `make bench` runs
# it, and then `writewatch bench` (tools/bench.mk) into the folder bench-results.
# Options: make bench BENCHFLAGS='--only trap --rounds 21' SUITEFLAGS='--quick'
check_PROGRAMS += bench/bench
bench_bench_CPPFLAGS = $(AM_CPPFLAGS) -DBENCH_FLAGS='"$(CFLAGS) $(SANITIZER_FLAGS)"'
bench_bench_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
bench_bench_SOURCES = \
  %D%/bench.h \
  %D%/bench.c \
  %D%/bare.c \
  %D%/collect.c \
  %D%/contest.c \
  %D%/durable.c \
  %D%/facts.c \
  %D%/instruments.c \
  %D%/meanwhile.c \
  %D%/memory.c \
  %D%/micro.c \
  %D%/output.c \
  %D%/results.c \
  %D%/shield.c \
  %D%/threads.c \
  %D%/trap.c \
  tools/delivery.c \
  tools/delivery.h \
  tests/shield/shielded.h
bench_bench_LDADD = libwritewatch-checkpoint.la libwritewatch.la $(JANSSON_LIBS) -lm

EXTRA_DIST += %D%/chain-bytes.sh
# Reports of a trace of a gigabyte: time and memory. REPORTFLAGS='--bytes 100000000'
check_PROGRAMS += bench/report
bench_report_SOURCES = %D%/report.c

CLEANFILES += bench.csv bench.json
.PHONY: bench
bench: bench/bench$(EXEEXT) bench/report$(EXEEXT) tests/trace/make_trace$(EXEEXT) writewatch$(EXEEXT)
	bench/bench$(EXEEXT) $(BENCHFLAGS)
	$(SHELL) $(srcdir)/%D%/chain-bytes.sh ./writewatch$(EXEEXT)
	bench/report$(EXEEXT) $(REPORTFLAGS)
	./writewatch$(EXEEXT) bench --output bench-results $(SUITEFLAGS)
	$(SHELL) $(srcdir)/%D%/record.sh
EXTRA_DIST += %D%/record.sh
clean-local: bench-clean
.PHONY: bench-clean
bench-clean:
	rm -rf bench-results
