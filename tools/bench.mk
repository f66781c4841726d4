# `writewatch bench`. What it shares with bench/ is compiled once more, as the command's.
writewatch_SOURCES += \
  bench/bench.h bench/facts.c bench/instruments.c \
  %D%/bench.c \
  %D%/bench_cases.c \
  %D%/bench_content.c \
  %D%/bench_contest.c \
  %D%/bench_files.c \
  %D%/bench_image.c \
  %D%/bench_judge.c \
  %D%/bench_libgc.c \
  %D%/bench_library.c \
  %D%/bench_patterns.c \
  %D%/bench_plot.c \
  %D%/bench_scan.c \
  %D%/bench_suite.h \
  %D%/bench_svg.c \
  %D%/bench_svg.h \
  %D%/bench_table.c \
  %D%/bench_trap.c
writewatch_CPPFLAGS += -DBENCH_FLAGS='"$(CFLAGS) $(SANITIZER_FLAGS)"'
writewatch_LDADD += $(LIBSIGSEGV_LIBS)
