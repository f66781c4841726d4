# tests/model: the protocols of the gate, searched by a model checker.
dist_check_SCRIPTS += %D%/model.sh
TESTS += %D%/model.sh
EXTRA_DIST += %D%/lost-writes.pml %D%/removal.pml %D%/disposition.pml %D%/pins.pml
