#!/bin/sh
# hand-over.sh - given to a chain as on_commit_command: takes each checkpoint over to another place, wholly or not
# at all. The place is $HAND_OVER_TO. Here a multi-level store such as SCR or VELOC would get the file: it is
# final when this runs, will never be written to again, and may be linked instead of copied.
set -eu
place=$HAND_OVER_TO/$(basename "$WW_CHAIN_DIRECTORY")
name=$(basename "$WW_CHAIN_FILE")
mkdir -p "$place"
cp "$WW_CHAIN_FILE" "$place/.$name.$$"
sync "$place/.$name.$$"
mv "$place/.$name.$$" "$place/$name"
