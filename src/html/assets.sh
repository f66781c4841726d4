#!/bin/sh
# assets.sh - FOLDER: writes C on standard output that has the page's files as texts. Plain sed: this
# runs in any build.
set -e
folder=$1

# A line a string. Trigraphs are off in gnu11.
asset() {
  name=$1
  shift
  printf '\nconst char *const %s[] = {\n' "$name"
  for file do
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/  "/' -e 's/$/\\n",/' "$folder/$file"
  done
  printf '  NULL\n};\n'
}

printf '/* Made by assets.sh: change the files that it names. */\n#include "html/assets.h"\n'
asset html_style page.css
asset html_body page.html
asset html_script show.js heat.js places.js hand.js map.js growth.js table.js writers.js start.js
