# Unit tests reach inside (libtracker.la); live tests use the public face.
check_LTLIBRARIES += libtracker-broken.la

# The tracker with step C2 of its protocol (gate.h) left out: what the oracle must catch.
libtracker_broken_la_CPPFLAGS = $(AM_CPPFLAGS) -DGATE_WITHOUT_WAIT
libtracker_broken_la_CFLAGS = $(libtracker_la_CFLAGS)
libtracker_broken_la_SOURCES = $(libtracker_la_SOURCES)
libtracker_broken_la_LIBADD = libpagehash.la $(LIBUNWIND_LIBS) $(LIBSECCOMP_LIBS)

check_PROGRAMS += %D%/live/engines %D%/live/engines-process %D%/live/kept %D%/live/kinds %D%/live/budget %D%/live/churn %D%/live/stacks %D%/live/sent %D%/live/loans %D%/live/moves %D%/live/moving-storm %D%/live/flips %D%/live/audit %D%/live/threads %D%/live/oracle %D%/live/oracle-broken \
  %D%/live/adaptive %D%/live/regret %D%/live/toggling %D%/live/refault \
  %D%/unit/unit %D%/unit/failing %D%/unit/filter
TESTS += %D%/live/engines %D%/live/engines-process %D%/live/all-engines.sh %D%/live/kept %D%/live/kept-plain.sh %D%/live/kinds %D%/live/budget %D%/live/churn %D%/live/stacks %D%/live/sent %D%/live/loans %D%/live/moves %D%/live/moving-storm %D%/live/flips %D%/live/audit %D%/live/threads %D%/live/oracle %D%/live/oracle-broken.sh %D%/live/moves-plain.sh \
  %D%/live/adaptive %D%/live/regret %D%/live/toggling %D%/live/refault \
  %D%/unit/unit %D%/unit/failing %D%/unit/filter
EXTRA_DIST += %D%/engine.h %D%/live/all-engines.sh %D%/live/oracle-broken.sh %D%/live/moves-plain.sh %D%/live/kept-plain.sh

tests_live_loans_SOURCES = %D%/live/loans.c %D%/tap.h
tests_live_loans_LDADD = libtracker.la
tests_live_loans_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=shield_prepare -Wl,--wrap=shield_cover
tests_live_kinds_SOURCES = %D%/live/kinds.c %D%/live/memory.c %D%/live/memory.h %D%/tap.h
tests_live_kinds_LDADD = libwritewatch.la
tests_live_oracle_SOURCES = %D%/live/oracle.c %D%/live/memory.c %D%/live/memory.h %D%/tap.h
tests_live_oracle_LDADD = libwritewatch.la
tests_live_oracle_broken_SOURCES = $(tests_live_oracle_SOURCES)
tests_live_oracle_broken_LDADD = libtracker-broken.la
tests_live_budget_SOURCES = %D%/live/budget.c %D%/tap.h
tests_live_budget_LDADD = libwritewatch.la
tests_live_churn_SOURCES = %D%/live/churn.c %D%/tap.h
tests_live_churn_LDADD = libwritewatch.la
tests_unit_failing_SOURCES = %D%/unit/failing.c %D%/tap.h
tests_unit_failing_LDADD = libtracker.la
tests_unit_failing_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=os_map -Wl,--wrap=os_protect -Wl,--wrap=cost_of
tests_unit_filter_SOURCES = %D%/unit/filter.c %D%/tap.h
tests_unit_filter_LDADD = libtracker.la
tests_unit_unit_SOURCES = %D%/unit/unit.c %D%/unit/unit.h %D%/unit/unit_api.c %D%/unit/unit_bitmap.c \
  %D%/unit/unit_faultlog.c %D%/unit/unit_gate.c %D%/unit/unit_maps.c %D%/unit/unit_region.c %D%/unit/unit_sigmask.c \
  %D%/unit/unit_writers.c %D%/unit/unit_pin.c %D%/unit/unit_loan.c %D%/tap.h
tests_unit_unit_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_unit_LDADD = libtracker.la $(CHECK_LIBS)
tests_live_stacks_SOURCES = %D%/live/stacks.c %D%/tap.h
tests_live_stacks_LDADD = libwritewatch.la
tests_live_sent_SOURCES = %D%/live/sent.c %D%/tap.h
tests_live_sent_LDADD = libwritewatch.la
tests_live_moves_SOURCES = %D%/live/moves.c %D%/live/moving.c %D%/live/moving.h %D%/tap.h
tests_live_moves_LDADD = libtracker.la
tests_live_moves_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=raw_call
tests_live_threads_SOURCES = %D%/live/threads.c %D%/tap.h
tests_live_threads_LDADD = libwritewatch.la
tests_live_audit_SOURCES = %D%/live/audit.c %D%/live/moving.h %D%/tap.h
tests_live_audit_LDADD = libwritewatch.la
tests_live_moving_storm_SOURCES = %D%/live/moving-storm.c %D%/live/moving.c %D%/live/moving.h %D%/tap.h
tests_live_moving_storm_LDADD = libtracker.la
tests_live_flips_SOURCES = %D%/live/flips.c %D%/live/moving.c %D%/live/moving.h %D%/tap.h
tests_live_flips_LDADD = libtracker.la
tests_live_engines_SOURCES = %D%/live/engines.c %D%/live/tracked.c %D%/live/tracked.h %D%/live/memory.c %D%/live/memory.h %D%/tap.h
tests_live_engines_LDADD = libwritewatch.la
tests_live_engines_process_SOURCES = %D%/live/engines-process.c %D%/live/tracked.c %D%/live/tracked.h %D%/tap.h
tests_live_engines_process_LDADD = libwritewatch.la
tests_live_regret_SOURCES = %D%/live/regret.c %D%/live/pattern.c %D%/live/pattern.h %D%/tap.h
tests_live_regret_LDADD = libtracker.la
tests_live_regret_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=cost_of
tests_live_refault_SOURCES = %D%/live/refault.c %D%/tap.h
tests_live_refault_LDADD = libwritewatch.la
tests_live_toggling_SOURCES = %D%/live/toggling.c %D%/tap.h
tests_live_toggling_LDADD = libtracker.la
tests_live_toggling_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=cost_of
tests_live_adaptive_SOURCES = %D%/live/adaptive.c %D%/live/pattern.c %D%/live/pattern.h %D%/tap.h
tests_live_adaptive_LDADD = libtracker.la
tests_live_adaptive_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=cost_of
tests_live_kept_SOURCES = %D%/live/kept.c %D%/live/moving.c %D%/live/moving.h %D%/tap.h
tests_live_kept_LDADD = libtracker.la
tests_live_kept_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=cost_of

# Snapshots.
check_PROGRAMS += %D%/live/snapshot %D%/live/snapshot-storm
TESTS += %D%/live/snapshot %D%/live/snapshot-storm
tests_live_snapshot_SOURCES = %D%/live/snapshot.c %D%/engine.h %D%/tap.h
tests_live_snapshot_LDADD = libwritewatch.la
tests_live_snapshot_storm_SOURCES = %D%/live/snapshot-storm.c %D%/live/memory.c %D%/live/memory.h %D%/engine.h %D%/tap.h
tests_live_snapshot_storm_LDADD = libwritewatch.la
