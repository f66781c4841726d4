# examples: small programs for people to start from; built by their test alone,
# against the library as installed.
examplesdir = $(docdir)/examples
dist_examples_DATA = %D%/minimal.c %D%/shield.c %D%/checkpoint-heat.c %D%/checkpoint-spool.sh
dist_check_SCRIPTS += %D%/test-installed.sh
TESTS += %D%/test-installed.sh

# With Open MPI, where it is there.
mpiexamplesdir = $(docdir)/examples/mpi
dist_mpiexamples_DATA = %D%/mpi/heat3d.c %D%/mpi/hand-over.sh
dist_check_SCRIPTS += %D%/mpi/test-mpi.sh
TESTS += %D%/mpi/test-mpi.sh
