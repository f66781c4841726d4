# `writewatch top', on a terminal and without one.
check_PROGRAMS += %D%/screen
%C%_screen_SOURCES = %D%/screen.c %D%/terminal.c %D%/terminal.h
%C%_screen_LDADD = -lutil
top_tests = %D%/lines.sh
TESTS += %D%/screen $(top_tests)
EXTRA_DIST += $(top_tests)
