# tests/checkpoint: the chain. Tests that stand in for the disk link the convenience library.
check_PROGRAMS += %D%/history
TESTS += %D%/history
%C%_history_SOURCES = %D%/history.c %D%/place.c %D%/place.h tests/tap.h
%C%_history_LDADD = libwritewatch-checkpoint.la libwritewatch.la
