# Real input: files that are there, that are not, and that are not what they seem.
. "${top_srcdir:?run by make check}/tests/tool/tap.sh" || exit 99
cd "$scratch" || exit 99

expect 3 "cannot read 'none.txt': No such file" 'wordcount: a missing file' demo wordcount none.txt
expect 3 "cannot read '/'" 'wordcount: a directory' demo wordcount /
expect 3 "cannot read 'none.sql': No such file" 'sqlite: a missing script' demo sqlite none.sql
expect 3 "cannot read '/'" 'sqlite: a directory' demo sqlite /
if test "$(id -u)" -eq 0; then
  skip 'a file that may not be read' 'root may read everything'
else
  echo text >secret; chmod 0 secret
  expect 3 'Permission denied' 'a file that may not be read' demo wordcount secret
fi

: >empty
expect 0 '0 words' 'wordcount: an empty file' demo wordcount empty --verify
printf 'One two; TWO three.\nthree' >a
printf 'three\n' >b
expect 0 '6 words, 3 different' 'wordcount: a word does not go on in the next file' \
  demo wordcount a b --verify
verdict 'wordcount: the most frequent word comes first' \
  same "$(sed -n '/most frequent/{n;p;}' err | tr -s ' ')" ' 3 three'
"$tool" demo wordcount - <a >out 2>err
verdict 'wordcount: - is standard input' grep -q '5 words, 3 different' err
awk 'BEGIN {
  for (i = 0; i < 20000; i++) {
    word = ""
    for (n = i; n > 0; n = int(n / 26)) word = word sprintf("%c", 97 + n % 26)
    print word
  }
}' >many
words=$(grep -c . many) different=$(grep . many | sort -u | wc -l)
expect 0 "$words words, $different different" 'wordcount: nothing but new words fits exactly' \
  demo wordcount many --verify
expect 2 'try more --pages' 'wordcount: too few pages' demo wordcount many --pages 20
head -c 100000 /dev/urandom >noise
expect 0 'counted twice and equal' 'wordcount: bytes that are no text' \
  demo wordcount noise --verify --epochs 3

expect 0 'shelves and orders agree' 'sqlite: the script that comes with it' demo sqlite
verdict 'sqlite: ... is found in the build tree' grep -q "statements of .*/orders.sql; .*ok" err
printf 'CREATE TABLE t (a);\n\nINSERT INTO u VALUES (1);\n' >wrong.sql
expect 3 'wrong.sql, the statement at line 3: no such table' 'sqlite: a wrong statement' demo sqlite wrong.sql
verdict 'sqlite: ... leaves no report' test ! -s out
printf "CREATE TABLE t (a);\nINSERT INTO t VALUES ('a;b'), ('c -- d;');
SELECT count(*), 'rows' FROM t" >last.sql
expect 0 '2 | rows' 'sqlite: semicolons in strings, no semicolon at the end' \
  demo sqlite last.sql --verify --epochs 50
expect 0 '2 | rows' 'sqlite: all in one epoch' demo sqlite last.sql --verify --epochs 1
expect 0 'ok' 'sqlite: an empty script' demo sqlite empty
printf 'SELECT 1;\0SELECT 2;' >zero.sql
expect 3 'zero byte' 'sqlite: a binary file' demo sqlite zero.sql
echo "ATTACH 'file.db' AS f;" >attach.sql
expect 3 'attached' 'sqlite: a database in a file is refused' demo sqlite attach.sql
verdict 'sqlite: ... and not made' test ! -e file.db
cat >big.sql <<'SQL'
CREATE TABLE t (a);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO t SELECT zeroblob(4000) FROM n;
SQL
expect 2 'try more --pages' 'sqlite: a database that does not fit' demo sqlite big.sql --pages 512
plan
