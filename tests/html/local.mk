# The HTML report, looked at by a browser.
check_PROGRAMS += %D%/hostile_trace %D%/cells
%C%_hostile_trace_SOURCES = %D%/hostile_trace.c
%C%_hostile_trace_LDADD = libtracewrite.la
%C%_cells_SOURCES = %D%/cells.c
%C%_cells_LDADD = libhtml.la libtrace.la -lm
TESTS += %D%/cells %D%/page.sh
EXTRA_DIST += %D%/page.sh %D%/before.js %D%/probe.js
