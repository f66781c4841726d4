# symbols.sh - the library exports its header and nothing else, and what the
# handler reaches calls nothing that a signal handler must not call.
. "$top_srcdir/tests/crash/tap.sh"

library=$(find "$top_builddir/.libs" "$top_builddir/src/.libs" -name libwritewatch.so 2>/dev/null | head -n 1)
if [ -z "$library" ]; then
  echo "symbols.sh: no libwritewatch.so below $top_builddir: build the shared library first" >&2
  exit 99
fi

nm -D --defined-only "$library" >"$scratch/nm" || exit 99
awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' "$scratch/nm" | LC_ALL=C sort >"$scratch/exported"
sed -n 's/;.*//; s/^WW_API.*[ *]\(ww_[a-z_]*\)(.*/\1/p' "$top_srcdir/include/writewatch.h" \
  | LC_ALL=C sort >"$scratch/declared"
grep -c '^WW_API' "$top_srcdir/include/writewatch.h" >"$scratch/lines"

[ "$(wc -l <"$scratch/declared")" -eq "$(cat "$scratch/lines")" ] && [ -s "$scratch/declared" ]
result $? "every WW_API line of the header is understood" "$scratch/declared"
grep -v '^ww_' "$scratch/exported" >"$scratch/alien"
[ ! -s "$scratch/alien" ]
result $? "only ww_ names are exported" "$scratch/alien"
awk '$2 != "A" && $2 != "T"' "$scratch/nm" >"$scratch/data"
[ ! -s "$scratch/data" ]
result $? "no variable and no weak symbol is exported" "$scratch/data"
LC_ALL=C comm -13 "$scratch/exported" "$scratch/declared" >"$scratch/missing"
[ ! -s "$scratch/missing" ]
result $? "all that the header declares is exported" "$scratch/missing"
LC_ALL=C comm -23 "$scratch/exported" "$scratch/declared" >"$scratch/secret"
[ ! -s "$scratch/secret" ]
result $? "all that is exported is declared in the header" "$scratch/secret"
awk '$2 == "A" { print $3 }' "$scratch/nm" >"$scratch/nodes"
[ "$(grep -c '^WRITEWATCH_' "$scratch/nodes")" -ge 1 ] && ! grep -qv '^WRITEWATCH_' "$scratch/nodes"
result $? "they carry the version node of the library" "$scratch/nodes"

# What takes a lock, allocates, buffers, calls the program, or loads lazily. Then
# the files above the handler, which it must not point up to.
forbidden='^(malloc|calloc|realloc|reallocarray|free|cfree|memalign|aligned_alloc|posix_memalign|valloc
|strn?dup|v?as?n?printf|v?[fds]?n?printf|__[a-z]*printf_chk|f?puts|f?putc|putchar|perror
|fopen|fdopen|fclose|fread|fwrite|fflush|fgets|getline|getdelim|f?scanf|__isoc99_.*|stdout|stderr|stdin
|pthread_(mutex|cond|rwlock|barrier|spin|once|key|[gs]etspecific|create|join|atfork).*|sem_.*|call_once|mtx_.*
|exit|atexit|__cxa_.*|dl(open|sym|close|addr|error|_iterate_phdr)|backtrace.*|getenv|setenv|syslog
|strerror|strsignal|psignal|localtime|gmtime|ctime|mktime|qsort|setlocale|opendir|readdir|closedir
|__tls_get_addr|_?_?(sig)?(set|long)jmp.*
|error_.*|epoch_.*|tracker_.*|dirty_.*|fork_.*|faultlog_reserve|faultlog_release|ww_.*)$'
forbidden=$(printf %s "$forbidden" | tr -d '\n')

# forbidden_calls OBJECT: those that are there
forbidden_calls() {
  nm -u "$1" | awk '{ sub(/@.*/, "", $NF); print $NF }' | grep -E "$forbidden"
}

# The rule must be able to fail: each of these on its own.
for call in 'free(malloc(1))' 'printf("%d", 1)' 'pthread_mutex_lock(0)' 'fputs("", stderr)' 'exit(1)' \
  '(void)ww_version()'; do
  cat >"$scratch/bad.c" <<END
/* bad.c - async-signal-safe, it says. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <writewatch.h>
void bad(void); void bad(void) { $call; }
END
  # shellcheck disable=SC2086  # a compiler may come with options
  $CC -O0 -fno-builtin -fPIC -w -I"$top_srcdir/include" -c -o "$scratch/bad.o" "$scratch/bad.c" || exit 99
  forbidden_calls "$scratch/bad.o" >/dev/null
  result $? "a handler that calls $call is caught"
done
printf '_Thread_local int lazy; int bad(void); int bad(void) { return lazy; }\n' >"$scratch/bad.c"
# shellcheck disable=SC2086
$CC -O0 -fPIC -ftls-model=global-dynamic -c -o "$scratch/bad.o" "$scratch/bad.c" || exit 99
if nm -u "$scratch/bad.o" | grep -q __tls_get_addr; then
  forbidden_calls "$scratch/bad.o" >/dev/null
  result $? "thread-local data that is allocated on first use is caught"
else
  skip "thread-local data that is allocated on first use is caught" "this compiler does it in another way"
fi

seen=0
for source in "$top_srcdir"/src/*.c; do
  head -n 1 "$source" | grep -q async-signal-safe || continue
  name=$(basename "$source" .c)
  object=$(find "$top_builddir" -path "*/.libs/libtracker_la-$name.o" | head -n 1)
  # Of two files for one purpose, configure chose one.
  [ -n "$object" ] || continue
  seen=$((seen + 1))
  forbidden_calls "$object" >"$scratch/calls"
  [ ! -s "$scratch/calls" ]
  result $? "$name.c calls nothing that a handler must not call" "$scratch/calls"
done
[ $seen -ge 5 ]
result $? "the handler's files were found: $seen"
finish
