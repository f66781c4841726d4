# tests/setup: what a newcomer meets first: the set-up and the manual.
dist_check_SCRIPTS += %D%/bootstrap.sh %D%/manpages.sh
TESTS += %D%/bootstrap.sh %D%/manpages.sh
