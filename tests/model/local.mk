# tests/model: the protocols of the gate, searched by a model checker.
dist_check_SCRIPTS += %D%/model.sh
TESTS += %D%/model.sh
EXTRA_DIST += %D%/changing.pml %D%/held.pml %D%/disposition.pml %D%/kept.pml %D%/lost-writes.pml %D%/pins.pml %D%/removal.pml
