# examples: small programs for people to start from; built by their test alone,
# against the library as installed.
examplesdir = $(docdir)/examples
dist_examples_DATA = %D%/minimal.c %D%/shield.c %D%/checkpoint-heat.c %D%/checkpoint-spool.sh
dist_check_SCRIPTS += %D%/test-installed.sh
TESTS += %D%/test-installed.sh
