#!/bin/sh
# What the program does to its memory, followed through its own calls: moves.c with the shield.
exec "${top_builddir:-build}/tests/live/moves" --plain
