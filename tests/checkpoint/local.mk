# tests/checkpoint: the chain. Tests that stand in for the disk link the convenience library.
check_PROGRAMS += %D%/history
TESTS += %D%/history
%C%_history_SOURCES = %D%/history.c %D%/place.c %D%/place.h tests/tap.h
%C%_history_LDADD = libwritewatch-checkpoint.la libwritewatch.la
check_PROGRAMS += %D%/faults
TESTS += %D%/faults
disk_wraps = -Wl,--wrap=pwrite -Wl,--wrap=pread -Wl,--wrap=fsync -Wl,--wrap=renameat -Wl,--wrap=openat \
  -Wl,--wrap=ftruncate -Wl,--wrap=unlinkat
%C%_faults_SOURCES = %D%/faults.c %D%/disk.c %D%/disk.h %D%/place.c %D%/place.h tests/tap.h
%C%_faults_LDADD = libchain.la libwritewatch.la
%C%_faults_LDFLAGS = $(AM_LDFLAGS) $(disk_wraps)

check_PROGRAMS += %D%/meanwhile
TESTS += %D%/meanwhile
%C%_meanwhile_SOURCES = %D%/meanwhile.c tests/engine.h tests/tap.h
%C%_meanwhile_LDADD = libwritewatch-checkpoint.la libwritewatch.la
check_PROGRAMS += %D%/damage
TESTS += %D%/damage
%C%_damage_SOURCES = %D%/damage.c %D%/disk.c %D%/disk.h %D%/place.c %D%/place.h tests/tap.h
%C%_damage_LDADD = libchain.la libwritewatch.la
%C%_damage_LDFLAGS = $(AM_LDFLAGS) $(disk_wraps)
check_PROGRAMS += %D%/kills
TESTS += %D%/kills
%C%_kills_SOURCES = %D%/kills.c %D%/place.c %D%/place.h tests/tap.h
%C%_kills_LDADD = libwritewatch-checkpoint.la libwritewatch.la libpagehash.la
check_PROGRAMS += %D%/fuzz
TESTS += %D%/fuzz
%C%_fuzz_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/src/checkpoint
%C%_fuzz_SOURCES = %D%/fuzz.c %D%/place.c %D%/place.h tests/tap.h
%C%_fuzz_LDADD = libwritewatch-checkpoint.la libwritewatch.la libpagehash.la
check_PROGRAMS += %D%/options
TESTS += %D%/options
%C%_options_SOURCES = %D%/options.c %D%/place.c %D%/place.h tests/tap.h
%C%_options_LDADD = libwritewatch-checkpoint.la libwritewatch.la
