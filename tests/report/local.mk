# Reports of dirty sets: most tests write about invented ones, which come out
# the same each time.
report_tests = report_golden_test report_values_test report_write_test \
  report_symbol_test report_live_test report_memory_test
check_PROGRAMS += $(report_tests)
TESTS += $(report_tests)

report_test_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
report_test_libs = libreport.la $(CHECK_LIBS) $(JANSSON_LIBS)
report_test_fake = %D%/fake_dirty.c %D%/fake_dirty.h %D%/sample.h

report_golden_test_SOURCES = %D%/golden_test.c $(report_test_fake)
report_golden_test_CPPFLAGS = $(report_test_cppflags)
report_golden_test_LDADD = $(report_test_libs)

report_values_test_SOURCES = %D%/values_test.c $(report_test_fake)
report_values_test_CPPFLAGS = $(report_test_cppflags)
report_values_test_LDADD = $(report_test_libs)

report_write_test_SOURCES = %D%/write_test.c $(report_test_fake)
report_write_test_CPPFLAGS = $(report_test_cppflags)
report_write_test_LDADD = $(report_test_libs)
report_write_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write

report_memory_test_SOURCES = %D%/memory_test.c $(report_test_fake)
report_memory_test_CPPFLAGS = $(report_test_cppflags)
report_memory_test_CFLAGS = $(AM_CFLAGS) -g
report_memory_test_LDADD = $(report_test_libs) -ldl
# malloc() of the program must be that of the libraries too.
report_memory_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--export-dynamic \
  -Wl,--wrap=symbols_open -Wl,--wrap=symbols_find

# Optimised as it may be, the tests of names need debug information.
report_symbol_test_SOURCES = %D%/symbol_test.c $(report_test_fake)
report_symbol_test_CPPFLAGS = $(report_test_cppflags)
report_symbol_test_CFLAGS = $(AM_CFLAGS) -g
report_symbol_test_LDADD = $(report_test_libs) -ldl
report_symbol_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=readlink
EXTRA_report_symbol_test_DEPENDENCIES = report_plugin.la
check_LTLIBRARIES += report_plugin.la
report_plugin_la_SOURCES = %D%/plugin.c
report_plugin_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath /nowhere -Wl,-s

report_live_test_SOURCES = %D%/live_test.c
report_live_test_CPPFLAGS = $(report_test_cppflags)
report_live_test_CFLAGS = $(AM_CFLAGS) -g
report_live_test_LDADD = libreport.la libwritewatch.la $(JANSSON_LIBS)

CLEANFILES += report-*.got

dist_man_MANS += man/writewatch-report.5
EXTRA_DIST += \
  %D%/golden/text-utf8-60 %D%/golden/text-utf8-80 %D%/golden/text-utf8-200 \
  %D%/golden/text-ascii-60 %D%/golden/text-ascii-80 %D%/golden/text-ascii-200 \
  %D%/golden/sample.json %D%/golden/sample.csv \
  %D%/golden/one-text %D%/golden/one.json %D%/golden/one.csv \
  %D%/golden/hostile-text %D%/golden/hostile.json %D%/golden/hostile.csv \
  %D%/golden/nothing-text %D%/golden/nothing.json %D%/golden/nothing.csv \
  %D%/golden/much-text
