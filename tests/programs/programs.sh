#!/bin/sh
# programs.sh - other people's programs, each run as it is and recorded at 10 ms and at 1 s: the same output and
# status, a sound trace, something watched. Prints a table; status 0 if all are as they should be.
#
#   programs.sh [--quick] [--audit] [--no-install] [NAME...]
#
# As root it installs from Debian what is missing; what cannot be had is left out and said so. TOOL and DUMP in
# the environment are `writewatch' and tests/record/dump; default: those of the build tree it is run in.

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
quick='' audit='' install=yes names=''
for argument; do
  case $argument in
    --quick) quick=yes ;; --audit) audit=--audit ;; --no-install) install='' ;;
    -*) usage ;; *) names="$names $argument" ;;
  esac
done
tool=${TOOL:-$PWD/writewatch} dump=${DUMP:-$PWD/tests/record/dump}
if ! test -x "$tool" || ! test -x "$dump"; then echo "programs.sh: no $tool, no $dump" >&2; exit 2; fi
room=$(mktemp -d /tmp/writewatch-programs-XXXXXX) || exit 2
chmod 755 "$room"
trap 'rm -rf "$room"' EXIT
trap 'exit 1' HUP INT TERM
cd "$room" || exit 2
limit=${LIMIT:-180}
LC_ALL=C TZ=UTC PYTHONHASHSEED=1
export LC_ALL TZ PYTHONHASHSEED
PATH=$PATH:/usr/sbin:/sbin

# What each needs: NAME|COMMAND|PACKAGE. Then a function run_NAME: it runs the program behind $R (a command and
# its options, or nothing), and prints what must be the same. Its status is the program's. What it needs
# beforehand is made by prepare_NAME.
table() {
  cat <<'END'
sort|sort|coreutils
gzip|gzip|gzip
xz|xz|xz-utils
gcc|gcc|gcc
python3|python3|python3
perl|perl|perl
lua|lua5.4|lua5.4
sqlite3|sqlite3|sqlite3
redis|redis-server|redis-server
nginx|nginx|nginx-light
memcached|memcached|memcached
postgres|initdb|postgresql
git|git|git
fio|fio|fio
node|node|nodejs
java|javac|default-jdk-headless
go|go|golang-go
sbcl|sbcl|sbcl
ocaml|ocaml|ocaml-nox
stress|stress-ng|stress-ng
END
}
size() { if test "$quick"; then echo "$1"; else echo "$2"; fi; }
# Waits until a command succeeds, for ten seconds.
await() { for i in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; return 1; }
sum() { cksum | cut -d' ' -f1; }

prepare_lines() {
  test -f lines || awk -v n="$(size 400000 4200000)" \
    'BEGIN { srand(1); for (i = 0; i < n; i++) printf "%.9f %d some more of the line\n", rand(), i }' >lines
}
prepare_sort() { prepare_lines; }
run_sort() { $R sort lines | sum; }
prepare_gzip() { prepare_lines; head -c "$(size 8000000 24000000)" lines >part; }
run_gzip() { $R gzip -c part | sum; }
prepare_xz() { prepare_gzip; }
run_xz() { $R xz -T2 -3 --block-size=4MiB -c part | sum; }
prepare_gcc() {
  awk -v n="$(size 200 2000)" 'BEGIN { for (i = 0; i < n; i++)
    printf "int f%d(int *a, int n) { int s = %d; for (int i = 0; i < n; i++) s += a[i] * i %% %d ? a[i] : s >> 1; return s; }\n", i, i, i + 3 }' >large.c
}
run_gcc() { $R gcc -O2 -S -o large.s large.c && sum <large.s; }
options_gcc=--follow-fork
# What a wrapper runs in the end, so that the wrapper is not measured.
prepare_python3() { python=$(python3 -c 'import sys; print(sys.executable)') && "$python" -c 'import test.test_list'; }
run_python3() {
  for module in ${PYTHON_TESTS:-$(size 'test_list test_dict' 'test_list test_dict test_json test_re test_threading test_socket test_subprocess test_signal test_mmap')}; do
    $R "$python" -m unittest "test.$module" >python.out 2>&1
    status=$?
    # How many there were and what came of them, not how long it took.
    echo "$module $status $(grep -E '^(Ran|OK|FAILED)' python.out | sed 's/ in .*//' | tr '\n' ' ')"
    grep -E '^(ERROR|FAIL):' python.out
  done
}
prepare_perl() {
  cat >p.pl <<'END'
my (%h, @l); srand 3;
for my $i (1 .. ($ARGV[0] || 400000)) { my $k = int(rand(1e6)); $h{$k} .= chr(65 + $i % 26); push @l, $k }
my $s = 0; $s += length $h{$_} for sort { $a <=> $b } keys %h;
my $t = join ",", @l; my $c = () = $t =~ /(\d)\1/g;
print "$s $c ", scalar(`echo child`); my $p = fork; exit 5 if !$p; waitpid $p, 0; print $? >> 8, "\n"; exit 3;
END
}
run_perl() { $R perl p.pl "$(size 100000 400000)"; }
prepare_lua() {
  cat >l.lua <<'END'
local t, s = {}, 0
for i = 1, tonumber(arg[1]) do t[i] = { tostring(i * 7919 % 100003), i } end
table.sort(t, function(a, b) return a[1] < b[1] or a[1] == b[1] and a[2] < b[2] end)
for i = 1, #t do s = (s * 31 + t[i][2]) % 1000000007 end
print(s, collectgarbage("count") > 100)
END
}
run_lua() { $R lua5.4 l.lua "$(size 100000 500000)"; }
run_sqlite3() {
  rm -f base
  $R sqlite3 base "create table t(a integer primary key, b text, c real);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < $(size 50000 500000))
      insert into t select i, hex(i * 7919 % 10007), i / 3.0 from n;
    create index x on t(b); select count(*), sum(c), max(b) from t where b > '39';
    delete from t where a % 3 = 0; vacuum; select count(*), total(c) from t; pragma integrity_check;"
}
run_redis() {
  rm -rf redis && mkdir redis
  $R redis-server --port 0 --unixsocket "$room/redis/s" --dir "$room/redis" --save '' --daemonize no \
    >redis/log 2>&1 &
  server=$!
  await redis-cli -s redis/s ping || { cat redis/log; return 1; }
  redis-benchmark -s redis/s -t set,get,lpush,lrange_100,hset -n "$(size 10000 100000)" -r 50000 -P 4 -q 2>&1 |
    tr '\r' '\n' | grep 'requests per second' | sed 's/ *: .*//' >redis/done
  redis-benchmark -s redis/s -t set -n "$(size 10000 200000)" -r 50000 -q --csv 2>/dev/null | tail -1 |
    cut -d'"' -f4 >redis/rate
  redis-cli -s redis/s bgsave >/dev/null
  await sh -c "redis-cli -s redis/s info persistence | grep -q 'rdb_bgsave_in_progress:0'"
  redis-cli -s redis/s info persistence | grep -E 'rdb_last_bgsave_status' | tr -d '\r'
  cat redis/done
  redis-cli -s redis/s eval 'local s = 0; for i = 1, 1000 do redis.call("set", "k" .. i, i); s = s + redis.call("get", "k" .. i) end; return s' 0
  redis-cli -s redis/s shutdown nosave
  wait $server
}
prepare_nginx() {
  mkdir -p nginx/logs nginx/root
  head -c 20000 /dev/zero | tr '\0' x >nginx/root/file
  cat >nginx/conf <<END
daemon off; worker_processes 1; pid $room/nginx/pid; error_log $room/nginx/error;
events { worker_connections 64; }
http { access_log off; client_body_temp_path $room/nginx/a; proxy_temp_path $room/nginx/b; fastcgi_temp_path
  $room/nginx/c; uwsgi_temp_path $room/nginx/d; scgi_temp_path $room/nginx/e;
  gzip on; gzip_min_length 100; gzip_types *; server { listen 127.0.0.1:18080; root $room/nginx/root; } }
END
  test "$(id -u)" -eq 0 && sed -i '1i user root;' nginx/conf
}
options_nginx=--follow-fork
run_nginx() {
  $R nginx -c "$room/nginx/conf" -p "$room/nginx" -e "$room/nginx/error" &
  server=$!
  await ab -q -n 1 http://127.0.0.1:18080/file || { cat nginx/error; return 1; }
  ab -q -n "$(size 500 5000)" -c 8 -k http://127.0.0.1:18080/file 2>&1 | tee nginx/ab |
    grep -E '^(Complete|Failed|Non-2xx|HTML transferred|Total transferred)'
  ab -q -H 'Accept-Encoding: gzip' -n "$(size 200 2000)" -c 8 http://127.0.0.1:18080/file 2>&1 |
    grep -E '^(Complete|Failed|Non-2xx|HTML transferred)'
  kill -QUIT "$(cat nginx/pid)"
  wait $server
}
run_memcached() {
  $R memcached -u root -U 0 -s "$room/memcached" -t 2 &
  server=$!
  await test -S memcached || return 1
  await python3 -c "import socket; s = socket.socket(socket.AF_UNIX); s.connect('memcached')"
  python3 - "$(size 5000 40000)" <<'END'
import socket, sys
n = int(sys.argv[1])
links = []
for i in range(4):
    s = socket.socket(socket.AF_UNIX); s.connect("memcached"); links.append((s, s.makefile("rb")))
good = 0
for i in range(n):
    s, f = links[i % 4]
    value = b"%d" % (i * 7919) * (i % 50 + 1)
    s.sendall(b"set k%d 0 0 %d\r\n%s\r\nget k%d\r\n" % (i, len(value), value, i))
    good += f.readline() == b"STORED\r\n" and f.readline().startswith(b"VALUE") \
        and f.readline() == value + b"\r\n" and f.readline() == b"END\r\n"
print(good)
END
  kill -TERM "$(cat memcached.pid 2>/dev/null || program_of $server memcached)"
  wait $server
}
# The process of that name which is, or descends from, another.
program_of() {
  if test "$R"; then
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v p="$1" -v n="($2)" \
      '{ parent[$1] = $4; name[$1] = $2 } END { for (i in parent) { j = i; while (j in parent && j != p) j = parent[j]; if (j == p && name[i] == n) { print i; exit } } }'
  else
    echo "$1"
  fi
}
prepare_postgres() {
  pg=$(dirname "$(readlink -f "$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb | head -1)")")
  test -x "$pg/postgres" || pg=$(dirname "$(ls /usr/lib/postgresql/*/bin/postgres | head -1)")
  mkdir -p pg
  if test "$(id -u)" -eq 0; then chown -R nobody pg; chmod 777 .; as='setpriv --reuid=nobody --regid=nogroup --clear-groups'; else as=''; fi
  $as "$pg/initdb" -A trust -U me -D "$room/pg/data" >/dev/null 2>&1
}
options_postgres=--follow-fork
run_postgres() {
  $as $R "$pg/postgres" -D "$room/pg/data" -k "$room/pg" -c listen_addresses= -c fsync=off >pg.log 2>&1 &
  server=$!
  await psql -h "$room/pg" -U me postgres -c 'select 1' || { tail -5 pg.log; return 1; }
  dropdb -h "$room/pg" -U me --if-exists bench 2>/dev/null
  createdb -h "$room/pg" -U me bench
  pgbench -h "$room/pg" -U me -i -q -s 1 bench >/dev/null 2>&1
  pgbench -h "$room/pg" -U me -n -c 4 -t "$(size 50 500)" bench 2>&1 | tee pgbench.out |
    grep -E 'transactions actually|failed'
  psql -h "$room/pg" -U me bench -Atc 'select count(*), sum(abalance) - (select sum(bbalance) from pgbench_branches) from pgbench_accounts; select sum(i * i) from generate_series(1, 100000) i; select md5(string_agg(i::text, chr(44) order by md5(i::text))) from generate_series(1, 50000) i'
  kill -INT "$(head -1 pg/data/postmaster.pid)"
  wait $server
}
prepare_git() {
  rm -rf repository && git init -q repository
  ( cd repository && git config user.email a@b && git config user.name a
    for i in $(seq "$(size 10 60)"); do
      for j in $(seq 20); do echo "$i $j $((i * j * 7919 % 1000))" >>"f$j"; done
      git add . && GIT_AUTHOR_DATE="$((1600000000 + i)) +0000" GIT_COMMITTER_DATE="$((1600000000 + i)) +0000" git commit -qm "$i"
    done ) >/dev/null
}
options_git=--follow-fork
run_git() {
  rm -rf copy && cp -r repository copy
  ( cd copy && $R git gc -q --aggressive && git fsck --full 2>&1 && git count-objects -v | grep -E '^(count|in-pack)' )
}
run_fio() {
  for engine in ${FIO_ENGINES:-psync libaio io_uring}; do
    for direct in 0 1; do
      rm -f fio.data
      $R fio --name=t --filename="$room/fio.data" --size="$(size 4m 32m)" --bs=16k --rw=randrw --ioengine=$engine \
        --iodepth=8 --direct=$direct --verify=crc32c --verify_fatal=1 --randseed=1 --thread --minimal >fio.out 2>&1
      echo "$engine direct=$direct status $? $(grep -c verify: fio.out)"
    done
  done
}
prepare_node() {
  cat >n.js <<'END'
// (module (memory 1) (func (export "f") (param i32) (result i32) (i32.load (local.get 0))))
const code = new Uint8Array([0,97,115,109,1,0,0,0,1,6,1,96,1,127,1,127,3,2,1,0,5,3,1,0,1,7,5,1,1,102,0,0,10,9,1,7,0,32,0,40,2,0,11]);
const f = new WebAssembly.Instance(new WebAssembly.Module(code)).exports.f;
let traps = 0;
for (let i = 0; i < 1000; i++) try { f(0x7ffffff0) } catch (e) { traps += e instanceof WebAssembly.RuntimeError }
let deep = 0; (function g() { try { deep++; g() } catch (e) {} })();
const m = new Map(); for (let i = 0; i < Number(process.argv[2]); i++) m.set("k" + i * 7919 % 100003, { i, a: [i, i + 1] });
let s = 0; for (const v of m.values()) s = (s * 31 + v.i) % 1000000007;
console.log(traps, deep > 1000, s, JSON.stringify([...m.keys()]).length, f(16));
setTimeout(() => process.exit(6), 10);
END
}
run_node() { $R node n.js "$(size 100000 600000)"; }
prepare_java() {
  cat >J.java <<'END'
import java.util.*;
public class J {
  static int depth;
  static void dive() { depth++; dive(); }
  static int length(String s) { return s.length(); }
  public static void main(String[] a) throws Exception {
    int npes = 0, overflows = 0;
    for (int i = 0; i < 200000; i++) try { length(i % 100 == 0 ? null : "x"); } catch (NullPointerException e) { npes++; }
    for (int i = 0; i < 5; i++) try { dive(); } catch (StackOverflowError e) { overflows++; }
    Map<Integer, int[]> m = new HashMap<>();
    long s = 0;
    for (int i = 0; i < Integer.parseInt(a[0]); i++) { m.put(i * 7919 % 65537, new int[]{i, i + 1}); if (i % 1000 == 0) s += m.size(); }
    Thread[] t = new Thread[4]; long[] r = new long[4];
    for (int i = 0; i < 4; i++) { int n = i; t[i] = new Thread(() -> { StringBuilder b = new StringBuilder(); for (int k = 0; k < 100000; k++) b.append(k); r[n] = b.length(); }); t[i].start(); }
    for (Thread x : t) x.join();
    System.gc();
    System.out.println(npes + " " + overflows + " " + s + " " + Arrays.toString(r)); System.exit(4);
  }
}
END
  javac J.java
}
run_java() { $R java -Xmx256m -cp . J "$(size 300000 3000000)"; }
prepare_go() {
  mkdir -p gocode && cat >gocode/main.go <<'END'
package main
/*
#include <stdlib.h>
#include <string.h>
static int work(int n) { char *p = malloc(n); memset(p, 3, n); int s = 0; for (int i = 0; i < n; i += 100) s += p[i]; free(p); return s; }
*/
import "C"
import ("fmt"; "os"; "runtime"; "sync"; "sort")
type T struct{ a, b int }
func deref(p *T) (r int) { defer func() { if recover() != nil { r = -1 } }(); return p.a }
func main() {
	npes := 0
	for i := 0; i < 1000; i++ { if deref(nil) == -1 { npes++ } }
	var w sync.WaitGroup; var m sync.Mutex; var all []int
	for g := 0; g < 8; g++ { w.Add(1); go func(g int) { defer w.Done(); s := map[int]*T{}; for i := 0; i < 60000; i++ { s[i*7919%10007] = &T{i, g} }; m.Lock(); all = append(all, len(s)+int(C.work(1<<20))); m.Unlock() }(g) }
	w.Wait(); sort.Ints(all); runtime.GC()
	fmt.Println(npes, all); os.Exit(2)
}
END
  ( cd gocode && GOFLAGS=-mod=mod GO111MODULE=off GOCACHE=$room/gocache go build -o ../gocode.bin main.go )
}
run_go() { $R ./gocode.bin; }
run_sbcl() {
  $R sbcl --noinform --no-userinit --no-sysinit --non-interactive --eval "
    (let ((h (make-hash-table :test 'equal)) (s 0))
      (dotimes (i $(size 100000 600000)) (setf (gethash (format nil \"~d\" (mod (* i 7919) 50021)) h) (list i (1+ i))))
      (maphash (lambda (k v) (setf s (mod (+ s (length k) (car v)) 1000000007))) h)
      (gc :full t)
      (print (list s (hash-table-count h)
        (handler-case (labels ((f (n) (+ 1 (f (1+ n))))) (f 0)) (storage-condition () :deep))))
      (sb-ext:exit :code 9))"
}
prepare_ocaml() {
  cat >o.ml <<'END'
let () =
  let n = int_of_string Sys.argv.(1) in
  let h = Hashtbl.create 16 and s = ref 0 in
  for i = 0 to n do Hashtbl.replace h (string_of_int (i * 7919 mod 50021)) [i; i + 1] done;
  Hashtbl.iter (fun k v -> s := (!s + String.length k + List.hd v) mod 1000000007) h;
  let rec f n = 1 + f (n + 1) in
  let deep = try ignore (f 0); false with Stack_overflow -> true in
  Gc.compact ();
  Printf.printf "%d %d %b\n" !s (Hashtbl.length h) deep; exit 8
END
}
run_ocaml() { ( ulimit -s 8192; $R ocaml o.ml "$(size 100000 600000)" ); }
options_stress=--follow-fork
run_stress() {
  for stressor in ${STRESSORS:-$(size 'malloc fork' 'malloc mmap brk stack bigheap mremap madvise vm memcpy fork vfork clone exec sigfd sigsegv sigsuspend signal sigq kill pthread')}; do
    $R stress-ng --$stressor 1 --$stressor-ops "$(size 20 100)" -t 20 --no-rand-seed --quiet >stress.out 2>&1
    echo "$stressor $?"
  done
}

# --------------------------------------------------------------------------------------------------
now() { date +%s%N; }
wanted() { test -z "$names" && return 0; case " $names " in *" $1 "*) return 0 ;; esac; return 1; }
has_all() { command -v "$1" >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/"$1" >/dev/null 2>&1; }

missing=''
for line in $(table); do
  name=${line%%|*} rest=${line#*|}
  wanted "$name" && { has_all "${rest%|*}" || missing="$missing ${rest#*|}"; }
done
wanted nginx && ! has_all ab && missing="$missing apache2-utils"
if test "$missing" && test "$install" && test "$(id -u)" -eq 0 && command -v apt-get >/dev/null; then
  echo "installing:$missing" >&2
  ( apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing ) >apt.log 2>&1
fi

# one NAME INTERVAL: runs it in the background with a limit of time; sets $status and $spent, leaves NAME.INTERVAL.
one() {
  if test "$2" = plain; then R=; else
    eval "extra=\${options_$1:-}"
    R="$tool record $audit -i $2 -o $room/t/$1.wwt $extra --"
  fi
  begin=$(now)
  ( "run_$1" ) >"$1.$2" 2>"$1.$2.err" &
  runner=$!
  ( sleep "$limit" && { echo 'out of time' >>"$1.$2"; kill_all $runner; } ) &
  watchdog=$!
  wait $runner
  status=$?
  kill_all $watchdog
  wait $watchdog 2>/dev/null
  echo "status $status" >>"$1.$2"
  spent=$((($(now) - begin) / 1000000))
  # A server's rate is what counts: nanoseconds per request instead.
  if test "$1" = redis && test -s redis/rate; then spent=$(awk '{ print int(1e9 / $1) }' redis/rate); fi
}
# With the shell's own kill: a bare system has no other.
kill_all() {
  for victim in $(cat /proc/[0-9]*/stat 2>/dev/null | awk -v p="$1" '{ parent[$1] = $4 }
    END { for (i in parent) { j = i; while (j in parent && j != p) j = parent[j]; if (j == p) print i } }'); do
    kill -KILL "$victim" 2>/dev/null
  done
}
# verdict NAME INTERVAL: what is wrong, or nothing.
verdict() {
  if grep -q 'out of time' "$1.$2"; then echo 'hangs'; return; fi
  if ! cmp -s "$1.plain" "$1.$2"; then
    echo "differs: $(diff "$1.plain" "$1.$2" | grep '^[<>]' | head -4 | tr '\n' ' ' | cut -c1-160)"; return
  fi
  for trace in t/"$1".wwt*; do
    "$dump" "$trace" >dumped 2>&1
    if ! grep -q '^end' dumped || grep -q '^damage' dumped; then echo "no sound trace: $trace"; return; fi
    grep -q missed: dumped && { echo "missed pages: $(grep -m1 missed: dumped)"; return; }
  done
}
# How much was watched, in all traces: "EPOCHS epochs, PAGES pages, SHARE %".
watched() {
  for trace in t/"$1".wwt*; do "$dump" "$trace"; done | awk '
    /^epoch/ { epochs++; pages += $5 } /^coverage/ { if ($3 > most) { most = $3; share = 100 * $5 / $3 } }
    END { printf "%d epochs, %d pages, %d%%", epochs, pages, share }'
}

failed=0
printf '%-10s %10s %8s %8s  %s\n' program plain '10 ms' '1 s' 'what came of it'
for line in $(table); do
  name=${line%%|*} command=${line#*|}
  command=${command%|*}
  wanted "$name" || continue
  if ! has_all "$command"; then printf '%-10s left out: no %s\n' "$name" "$command"; continue; fi
  mkdir -p t && chmod 777 t
  if command -v "prepare_$name" >/dev/null 2>&1; then "prepare_$name" || { echo "$name: cannot be prepared"; failed=1; continue; }; fi
  one "$name" plain
  plain=$spent ratios='' wrong=''
  if grep -q 'out of time' "$name.plain"; then
    printf '%-10s left out: it takes longer than %s s by itself\n' "$name" "$limit"
    continue
  fi
  for interval in 10ms 1s; do
    rm -f t/*
    one "$name" $interval
    ratios="$ratios $(awk -v a="$spent" -v b="$plain" 'BEGIN { printf "%.2f", a / (b ? b : 1) }')"
    why=$(verdict "$name" $interval)
    test "$why" && wrong="$wrong [$interval $why]"
    test $interval = 10ms && amount=$(watched "$name")
  done
  set -- $ratios
  if test "$wrong"; then
    failed=1
    printf '%-10s %8d ms %8s %8s  NOT:%s\n' "$name" "$plain" "$1" "$2" "$wrong"
    test "${KEEP:-}" && mkdir -p "$KEEP" && cp -r "$name".* t "$KEEP"/
  else
    printf '%-10s %8d ms %8s %8s  as unrecorded; %s\n' "$name" "$plain" "$1" "$2" "$amount"
  fi
done
exit $failed
