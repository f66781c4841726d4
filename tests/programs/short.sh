# Other people's programs, a few of them and short: the table of programs.sh, line by line.
. "${top_srcdir:?run by make check}/tests/record/record.sh" || exit 99

cd "$top_builddir" || exit 99
sh "$top_srcdir/tests/programs/programs.sh" --quick --audit --no-install sort gzip gcc perl sqlite3 git \
  >"$scratch/table" 2>"$scratch/err"
while read -r name rest; do
  case $rest in
    plain*) ;;
    'left out'*) skip "$name" "$rest" ;;
    *'as unrecorded'*) ok "$name: $rest" ;;
    *) not_ok "$name: $rest" ;;
  esac
done <"$scratch/table"
verdict 'there is a table' test -s "$scratch/table"
plan
