# System calls and signals of a tracked program.
check_LTLIBRARIES += %D%/plugin.la
%C%_plugin_la_SOURCES = %D%/plugin.c
# What is only for tests is built as an archive unless it is to be put somewhere.
%C%_plugin_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath /nowhere

check_PROGRAMS += %D%/signals
TESTS += %D%/signals
%C%_signals_SOURCES = %D%/signals.c %D%/signals.h %D%/small.c %D%/small.h %D%/cases_actions.c \
  %D%/cases_masks.c %D%/cases_waits.c %D%/cases_sent.c %D%/cases_processes.c %D%/cases_places.c tests/tap.h
%C%_signals_LDADD = libtracker.la
# It execs itself; the plugin calls back.
%C%_signals_LDFLAGS = $(AM_LDFLAGS) -no-install -export-dynamic
EXTRA_%C%_signals_DEPENDENCIES = %D%/plugin.la
