# A crash stays a crash; processes; what the library shows to the linker.
check_PROGRAMS += %D%/crash-matrix %D%/crash-victim
TESTS += %D%/crash-matrix %D%/matrix-later.sh %D%/matrix-shield.sh %D%/matrix-shield-thread.sh
dist_check_SCRIPTS += %D%/matrix-later.sh %D%/matrix-shield.sh %D%/matrix-shield-thread.sh

%C%_crash_matrix_SOURCES = %D%/matrix.c %D%/run.c %D%/run.h %D%/core.c %D%/core.h %D%/plan.c \
  %D%/state.c %D%/victim.h tests/tap.h
# Started a thousand times, and its first instructions are part of what is
# compared: no wrapper script.
%C%_crash_victim_SOURCES = %D%/victim.c %D%/crashes.c %D%/dispositions.c %D%/plan.c %D%/state.c %D%/victim.h
%C%_crash_victim_LDADD = libwritewatch.la
%C%_crash_victim_LDFLAGS = $(AM_LDFLAGS) -no-install

check_PROGRAMS += %D%/crash-fork
TESTS += %D%/crash-fork
%C%_crash_fork_SOURCES = %D%/fork.c %D%/storm.c %D%/storm.h tests/tap.h
%C%_crash_fork_LDADD = libwritewatch.la

check_PROGRAMS += %D%/crash-chain %D%/crash-cplusplus
TESTS += %D%/crash-chain %D%/crash-cplusplus %D%/include.sh
%C%_crash_chain_SOURCES = %D%/chain.c tests/tap.h
%C%_crash_chain_LDADD = libwritewatch.la
%C%_crash_cplusplus_SOURCES = %D%/cplusplus.cc
%C%_crash_cplusplus_LDADD = libwritewatch.la
dist_check_SCRIPTS += %D%/include.sh
EXTRA_DIST += %D%/tap.sh

check_PROGRAMS += %D%/crash-live
TESTS += %D%/user.sh %D%/symbols.sh
dist_check_SCRIPTS += %D%/user.sh %D%/symbols.sh
%C%_crash_live_SOURCES = %D%/live.c %D%/storm.c %D%/storm.h
%C%_crash_live_LDADD = libwritewatch.la
# Copied to where an ordinary user can run it: no wrapper script.
%C%_crash_live_LDFLAGS = $(AM_LDFLAGS) -no-install

check_PROGRAMS += %D%/crash-interrupted
TESTS += %D%/crash-interrupted
%C%_crash_interrupted_SOURCES = %D%/interrupted.c %D%/storm.c %D%/storm.h tests/tap.h
%C%_crash_interrupted_LDADD = libwritewatch.la

check_PROGRAMS += %D%/crash-follow
TESTS += %D%/crash-follow
%C%_crash_follow_SOURCES = %D%/follow.c %D%/storm.c %D%/storm.h tests/tap.h
%C%_crash_follow_LDADD = libwritewatch.la
