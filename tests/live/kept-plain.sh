#!/bin/sh
# What the program does to pages that are kept, through its own calls: kept.c with the shield.
exec "${top_builddir:-build}/tests/live/kept" --plain
