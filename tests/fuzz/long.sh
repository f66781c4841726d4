# long.sh SRCDIR KIND SECONDS - the long run: a build of its own with a fuzzer's compiler, in the folder
# fuzz-KIND; what it finds stays there. KIND is libfuzzer (clang) or afl (afl-clang-fast and afl-fuzz).
srcdir=$(cd "$1" && pwd) kind=$2 seconds=$3
case $kind in
  libfuzzer) compiler=${FUZZ_CC:-clang} flags='-fsanitize=fuzzer-no-link,address,undefined' ;;
  afl)       compiler=${FUZZ_CC:-afl-clang-fast} flags='' ;;
  *)         echo "long.sh: libfuzzer or afl, not '$kind'" >&2; exit 2 ;;
esac
command -v "$compiler" >/dev/null || { echo "long.sh: there is no $compiler here (Debian: clang, afl++)" >&2; exit 3; }
mkdir -p "fuzz-$kind/found" "fuzz-$kind/corpus" && cd "fuzz-$kind" || exit 4
test -f Makefile || "$srcdir/configure" --disable-shared --enable-static CC="$compiler" CFLAGS="-g -O1 $flags" \
  >configure.log 2>&1 || { tail configure.log >&2; exit 4; }
cp -n "$srcdir"/tests/fuzz/corpus/* corpus/
if test "$kind" = libfuzzer; then
  make -s tests/fuzz/trace-libfuzzer || exit 4
  exec tests/fuzz/trace-libfuzzer -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 \
    -artifact_prefix=found/ corpus
fi
make -s tests/fuzz/mutate || exit 4
AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_SKIP_CPUFREQ=1 AFL_NO_UI=1 \
  exec afl-fuzz -i corpus -o found -V "$seconds" -t 5000 -- tests/fuzz/mutate 0 0 @@
