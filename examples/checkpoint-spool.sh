#!/bin/sh
# checkpoint-spool.sh - an adapter: carries checkpoints from node-local storage to where they outlive the node.
#
# As `on_commit_command' of a chain (ww_chain_open(3)), with SPOOL in the environment:
#
#   options.on_commit_command = "exec /path/to/checkpoint-spool.sh";
#
# It is called when a checkpoint is safe on the local disk, and waited for. The file is copied aside, flushed
# and renamed, so that what is in the spool is whole; the spool is a chain by itself, which
# `writewatch checkpoint verify' reads and ww_chain_open() opens. A full image makes what is older superfluous.
#
# SCR (SCR_Route_file, SCR_Complete_output) and VELOC (VELOC_Route_file, VELOC_Checkpoint_end) want to be told
# by the process itself: open the chain in a directory of theirs, and call them from `on_commit'.
set -eu
: "${WW_CHAIN_FILE:?run by a chain}" "${SPOOL:?where checkpoints go}"
name=${WW_CHAIN_FILE##*/}
mkdir -p "$SPOOL"
cp -- "$WW_CHAIN_FILE" "$SPOOL/.$name.part"
sync "$SPOOL/.$name.part"
mv -- "$SPOOL/.$name.part" "$SPOOL/$name"
sync "$SPOOL"
