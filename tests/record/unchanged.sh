# What a program prints, and how it ends, is the same recorded and not, whatever the interval is.
. "${top_srcdir:?run by make check}/tests/record/record.sh" || exit 99

awk 'BEGIN { srand(7); for (i = 0; i < 150000; i++) print int(rand() * 1e9), i }' >numbers

# compare WHAT COMMAND...
compare() {
  what=$1
  shift
  "$@" >plain.out 2>plain.err <numbers
  plain=$?
  for interval in 10ms 1s; do
    "$tool" record --audit -o t.wwt -i $interval -- "$@" >out 2>err <numbers
    got=$?
    lines t.wwt
    if test $got -ne $plain; then
      not_ok "$what at $interval: status $got, not $plain"; show
    elif ! cmp -s plain.out out || ! cmp -s plain.err err; then
      not_ok "$what at $interval: other output"; show
    elif ! has '^end' || has '^damage' || ! has '^run'; then
      not_ok "$what at $interval: no sound trace"; head -5 lines | sed 's/^/# /'
    elif has 'missed:'; then
      not_ok "$what at $interval: pages were missed"; grep missed: lines | head -5 | sed 's/^/# /'
    else
      ok "$what at $interval: status $got, $(grep -c '^epoch' lines) epochs, nothing missed"
    fi
  done
}

compare 'cat' cat
compare 'sort' sort
compare 'sort -n by threads' sort -n --parallel=2 -S 1M
compare 'gzip' gzip -c
compare 'a pipeline of sh' sh -c 'cat | head -n 1000 | sort -r | sed 3q; exit 7'
compare 'sh, killed by itself' sh -c 'echo before; kill -TERM $$; echo behind'
compare 'awk' awk '{ count[$1 % 1000]++ } END { for (i = 0; i < 1000; i++) print i, count[i] }'
# The command may be libtool's script, which adds to it.
compare 'the environment' sh -c 'env | grep -Ev "^(LD_LIBRARY_PATH|BIN_SH|DUALCASE|_)=" | sort'
compare 'its descriptors and threads' sh -c 'ls /proc/self/fd; grep -E "Threads|SigIgn" /proc/$$/status'
compare 'not found in the shell' sh -c 'no-such-command; echo $?'
if command -v perl >/dev/null; then
  compare 'perl' perl -e 'my %h; while (<STDIN>) { my ($a, $b) = split; $h{$a % 5000} .= $b } print scalar(keys %h), "\n"; print `echo child`; $SIG{ALRM} = sub { print "alarm\n"; exit 3 }; alarm 1; sleep 5'
else
  skip 'perl' 'no perl'
fi
if command -v python3 >/dev/null; then
  compare 'python3' python3 -c '
import sys, threading, subprocess, json, signal
words = sys.stdin.read().split()
done = []
def work(n):
  done.append(len(json.dumps({w: n for w in words[:20000]})))
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(done), subprocess.run(["echo", "child"], capture_output=True).stdout)
signal.signal(signal.SIGUSR1, lambda *a: print("signal"))
signal.raise_signal(signal.SIGUSR1)
sys.exit(9)'
else
  skip 'python3' 'no python3'
fi
plan
