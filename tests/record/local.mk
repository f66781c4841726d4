# tests/record: programs that are recorded, and do not notice.
record_tests = \
  %D%/unchanged.sh %D%/agrees.sh %D%/killed.sh %D%/children.sh %D%/refused.sh %D%/endings.sh
TESTS += $(record_tests)
EXTRA_DIST += $(record_tests) %D%/record.sh
check_PROGRAMS += %D%/subject %D%/dump
%C%_subject_SOURCES = %D%/subject.c
# As any program would be: it is not linked with the library, and says the same on any machine.
%C%_subject_CFLAGS = -std=gnu11 -pthread $(WARNING_FLAGS)
%C%_subject_LDFLAGS = -no-install
%C%_dump_SOURCES = %D%/dump.c
%C%_dump_LDADD = libtrace.la libwritewatch.la
%C%_dump_LDFLAGS = $(AM_LDFLAGS) -no-install
