# Whole programs under the shield: what they do is the same as without.
check_PROGRAMS += %D%/storm
TESTS += %D%/storm
tests_shield_storm_SOURCES = %D%/storm.c %D%/storm.h %D%/worker.c %D%/watcher.c %D%/shielded.h tests/tap.h
tests_shield_storm_LDADD = libwritewatch.la
