# include.sh - the header is C99 to C17 and C++11 to C++17, without a warning.
. "$top_srcdir/tests/crash/tap.sh"

use='#include <writewatch.h>
static struct ww_options options = WW_OPTIONS_INIT;
int main(void)
{
  ww_tracker *tracker = 0;
  if (ww_tracker_create(&tracker, &options) == 0)
    ww_tracker_destroy(tracker);
  return 0;
}'
flags='-Wall -Wextra -pedantic -Werror -fsyntax-only'

# compiles LANGUAGE STANDARD COMPILER...: the source comes on stdin
compiles() {
  language=$1 standard=$2
  shift 2
  "$@" -x "$language" -std="$standard" $flags -I"$top_srcdir/include" - 2>"$scratch/errors"
}

for standard in c99 c11 c17 gnu99; do
  # shellcheck disable=SC2086  # a compiler may come with options
  printf '%s\n' "$use" | compiles c $standard $CC
  result $? "the header is $standard" "$scratch/errors"
done
for standard in c++11 c++17; do
  printf '%s\n' "$use" | compiles c++ $standard $CXX
  result $? "the header is $standard" "$scratch/errors"
done

# The same flags must be able to object.
printf '#include <writewatch.h>\nint f(void) { int unused; return 0; }\n' \
  | compiles c c99 $CC
[ $? -ne 0 ]
result $? "an unused variable is objected to"
finish
