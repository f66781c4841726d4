# The corpus is read without complaint, and survives seeded mutations. One's own seed and patience:
# WRITEWATCH_TEST_SEED=7 WRITEWATCH_FUZZ_ROUNDS=10000 make check TESTS=tests/fuzz/corpus.sh
: "${top_builddir:?run by make check}" "${top_srcdir:?run by make check}"
seed=${WRITEWATCH_TEST_SEED:-1}
rounds=${WRITEWATCH_FUZZ_ROUNDS:-60}
echo "# seed $seed (WRITEWATCH_TEST_SEED), $rounds rounds (WRITEWATCH_FUZZ_ROUNDS)"
exec "$top_builddir/tests/fuzz/mutate" "$seed" "$rounds" "$top_srcdir"/tests/fuzz/corpus/*
