# What the command prints for programs can be read by programs.
. "${top_srcdir:?run by make check}/tests/tool/tap.sh" || exit 99
reader=$top_builddir/tests/tool/json_reads

for name in strided sqlite protection; do
  run demo $name --format json --verify
  verdict "$name, json: status 0" same "$status" 0
  "$reader" <"$scratch/out" >"$scratch/keys" 2>"$scratch/err"
  verdict "$name, json: one object" same $? 0
  run demo $name --format csv
  verdict "$name, csv: status 0" same "$status" 0
  verdict "$name, csv: every line has as many commas as the first (but in quotes, and in notes)" \
    same "$(grep -v '^#' "$scratch/out" | sed 's/"[^"]*"//g; s/[^,]//g' | sort -u | wc -l)" 1
done
run demo strided --format json --threads 2 --seed 77 --verify
verdict 'json: the seed is in it' grep -q '"77"\|: 77' "$scratch/out"
verdict 'json: what --verify found is in it' grep -q '0 lost, 0 invented' "$scratch/out"

# Text fits the terminal, notes such as a workload's source too. Stacks are left out:
# a name is not cut.
for columns in 60 80 200; do
  for name in btree heat fft; do
    COLUMNS=$columns LC_ALL=C run demo $name --epochs 2 --stacks 0
    verdict "$name, text: no line is longer than $columns" \
      same "$(awk -v most=$columns 'length > most' "$scratch/out" | wc -l)" 0
  done
done
COLUMNS=60 run demo btree --epochs 2 --stacks 0
verdict 'text: a note that is parted is still whole' \
  grep -q 'Bayer & McCreight, Organization and maintenance of large ordered indexes' <<END
$(tr -s ' \n' ' ' <"$scratch/out")
END
plan
