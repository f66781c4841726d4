# The dirty pages of a recorded program are those that it wrote, and of one mapping those that the kernel's
# own tracker tells: none missed, none invented.
. "${top_srcdir:?run by make check}/tests/record/record.sh" || exit 99

seed=${RECORD_SEED:-$(date +%s)}
echo "# RECORD_SEED=$seed"
for policy in trap adaptive; do
  for interval in 0 5ms; do
    # Epochs that the timer closes have no label: what is in them belongs to the next that has one.
    if test $interval != 0 && test $policy = adaptive; then continue; fi
    "$tool" record -o t.wwt -i 0 --policy=$policy -- "$subject" agree list "$seed" 40 >out 2>err
    verdict "$policy: the program is content ($(cat out))" same $? 0
    verdict "$policy: what is in the trace is what was written" "$dump" --agrees t.wwt list
    "$dump" --agrees t.wwt list | sed 's/^/# /'
    test -s list && sed -i 's/^e3 /e4 /' list
    if "$dump" --agrees t.wwt list >/dev/null; then
      not_ok "$policy: a list that is wrong agrees as well"
    else
      ok "$policy: a list that is wrong does not agree"
    fi
    seed=$((seed + 1))
  done
done
plan
