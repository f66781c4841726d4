#!/bin/sh
# What the compilers of this machine make is named, and what was not recorded is not.
. "$top_srcdir/tests/tool/tap.sh"
name=$top_builddir/tests/names/name
cd "$scratch" || exit 99

# id FILE: its build-id; at FILE SYMBOL: where the symbol is.
id() { readelf -n "$1" 2>/dev/null | sed -n 's/.*Build ID: *//p' | head -n 1; }
at() { nm "$1" | awk -v symbol="$2" '$3 == symbol { print $1 }'; }
named() { "$name" "$@" >out 2>err || echo "status $?" >>out; }
# says WHAT LINE...: the output is these lines.
says() {
  what=$1
  shift
  printf '%s\n' "$@" >wanted
  if cmp -s wanted out; then
    ok "$what"
  else
    not_ok "$what"
    sed 's/^/# wanted: /' wanted
    sed 's/^/# got: /' out err
  fi
}
has() { if grep -q -e "$2" out; then ok "$1"; else not_ok "$1"; sed 's/^/# got: /' out err; fi; }

cat >inner.c <<'END'
int volatile sink;
static inline __attribute__((always_inline)) void innermost(int x)
{
  sink = x;
}
static inline __attribute__((always_inline)) void between(int x)
{
  innermost(x + 1);
}
__attribute__((noinline)) void outermost(int x)
{
  between(x);
}
int main(void)
{
  outermost(1);
  return 0;
}
END
flags='-O1 -fPIE -pie -Wl,--build-id=sha1'
if ! $CC $flags -g -o inner inner.c 2>err || ! command -v readelf >/dev/null || [ -z "$(id inner)" ]; then
  skip 'names of files' 'the compiler makes no build-ids here, or there is no readelf'
  plan
  exit 0
fi
here=$(at inner outermost)
# The store is where line 4 is.
store=$(objdump -d --disassemble=outermost inner | awk '/sink/ { sub(":", "", $1); print $1; exit }')
named ./inner "$(id inner)" "$store"
says 'functions inlined into each other, innermost first, each with its line' \
  'innermost inner.c:4' 'between inner.c:8' 'outermost inner.c:12'
after=$(objdump -d --disassemble=main inner |
  awk 'found { sub(":", "", $1); print $1; exit } /call.*outermost/ { found = 1 }')
named ./inner "$(id inner)" "${after}r"
says 'a return address is the call before it' 'main inner.c:16'
named ./inner "$(id inner)" 7fffffffffff
says 'beyond the file there is nothing' '- -:0'
named ./inner "$(id inner)" "$here" "$here" ffffffffffffffff 0
has 'addresses at the edges' '^outermost inner.c:'

wrong=$(id inner | sed 's/^../00/')
named ./inner "$wrong" "$here"
says 'another build-id: not the file that was recorded' '- -:0' \
  'trouble: the file is not the one that was recorded: its build-id differs'
named ./inner - "$here"
has 'no build-id was recorded, and the file has one: another file' 'build-id differs'
named ./absent "$(id inner)" "$here"
says 'a file that is gone' '- -:0' 'trouble: the file is not there any more, or cannot be read'
mkfifo pipe
named ./pipe "$(id inner)" "$here"
has 'a FIFO in its place does not hold us up' 'not there any more'
: >empty
named ./empty "$(id inner)" "$here"
has 'an empty file' 'no ELF file'

$CC -O1 -fPIE -pie -Wl,--build-id=none -o plain inner.c
here=$(at plain outermost)
SINCE=4000000000000000000 named ./plain - "$here"
has 'without a build-id, unchanged since' '^outermost -:0'
export SINCE=1000000000000000000
named ./plain - "$here"
has 'without a build-id, changed since' 'changed since'
unset SINCE

# Separate debug files.
here=$(at inner outermost) bid=$(id inner)
objcopy --only-keep-debug inner inner.debug
cp inner stripped && strip stripped
named ./stripped "$bid" "$store"
says 'a stripped file' '- -:0' 'trouble: it has neither symbols nor debug information'
objcopy --add-gnu-debuglink=inner.debug stripped linked
mkdir .debug && mv inner.debug .debug/inner.debug
named ./linked "$bid" "$store"
says 'debug file by .gnu_debuglink' \
  'innermost inner.c:4' 'between inner.c:8' 'outermost inner.c:12'
DEBUGINFOD_URLS='http://127.0.0.1:9/' named ./linked "$bid" "$store"
has 'and without the network' '^innermost inner.c:4'
first=$(printf %.2s "$bid") rest=${bid#??}
mkdir -p "folder/.build-id/$first" && mv .debug/inner.debug "folder/.build-id/$first/$rest.debug"
export WRITEWATCH_DEBUG_PATH="$scratch/folder"
named ./stripped "$bid" "$store"
says 'debug file by build-id' \
  'innermost inner.c:4' 'between inner.c:8' 'outermost inner.c:12'
named ./absent "$bid" "$store"
says 'the file is gone, its debug file is not' \
  'innermost inner.c:4' 'between inner.c:8' 'outermost inner.c:12'
sed 's/x + 1/x + 2/' inner.c >other.c
$CC $flags -g -o other other.c && objcopy --only-keep-debug other "folder/.build-id/$first/$rest.debug"
named ./stripped "$bid" "$store"
says 'a debug file of another build is not taken' '- -:0' \
  'trouble: it has neither symbols nor debug information'
unset WRITEWATCH_DEBUG_PATH
strip -g -o symbols inner
named ./symbols "$bid" "$here"
says 'symbols and no debug information' 'outermost -:0' \
  'trouble: it has no debug information: no lines, no inlined functions'

# Where the compiler makes no table of addresses.
if command -v clang >/dev/null && clang -O1 -g -fPIE -pie -Wl,--build-id=sha1 -o byclang inner.c 2>err; then
  named ./byclang "$(id byclang)" "$(at byclang outermost)"
  has 'without .debug_aranges' '^outermost inner.c:1'
else
  skip 'without .debug_aranges' 'no clang'
fi

# Languages.
cat >languages.c <<'END'
void one(void) __asm__("_ZN5space5ClassIiE6methodERKi");
void two(void) __asm__("_RNvCs15kBYyAo9fc_7mycrate7example");
void three(void) __asm__("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE");
void four(void) __asm__("_RNvNtCs1234_7mycrate3foo3bar.llvm.123");
void five(void) __asm__("_Znonsense");
void one(void) { __asm__ volatile ("nop; nop"); }
void two(void) { __asm__ volatile ("nop; nop; nop"); }
void three(void) { __asm__ volatile ("nop; nop; nop; nop"); }
void four(void) { __asm__ volatile ("nop; nop; nop; nop; nop"); }
void five(void) { __asm__ volatile ("nop; nop; nop; nop; nop; nop"); }
END
$CC -shared -fPIC -O1 -Wl,--build-id=sha1 -o languages languages.c
set --
for symbol in _ZN5space5ClassIiE6methodERKi _RNvCs15kBYyAo9fc_7mycrate7example \
  _ZN4core3fmt5Write9write_fmt17h0123456789abcdefE _RNvNtCs1234_7mycrate3foo3bar.llvm.123 _Znonsense; do
  set -- "$@" "$(at languages $symbol)"
done
named ./languages "$(id languages)" "$@"
if grep -q 'define HAVE_LIBIBERTY 1' "$top_builddir/config.h"; then
  has 'C++' '^space::Class<int>::method(int const&) '
  has 'Rust, v0' '^mycrate::example '
  has 'Rust, legacy' '^core::fmt::Write::write_fmt '
  has 'Rust, with a suffix' '^mycrate::foo::bar'
else
  skip 'C++ and Rust' 'no libiberty'
fi
has 'what is no name of theirs stays' '^_Znonsense '

# What a JIT has made.
pid=$$
map=/tmp/perf-$pid.map
trap 'rm -rf "$map" "$scratch"' EXIT
rm -f "$map"
named --jit "$pid" 1000
has 'no map is left' 'no perf-PID.map is left'
printf '%s\n' '1000 10 LazyCompile:*first x.js:1' 'zz 10 bad' '1010 20 second' '1000 8 first again' '5 5' \
  >"$map"
named --jit "$pid" 1000 1009 100f 1030 102f
says 'a map, the later entry first' 'first again -:0' 'LazyCompile:*first x.js:1 -:0' \
  'LazyCompile:*first x.js:1 -:0' '- -:0' 'second -:0'
export SINCE=9000000000000000000
named --jit "$pid" 1000
has 'a map that is older than the process' 'older than'
unset SINCE
mv "$map" elsewhere && ln -s "$scratch/elsewhere" "$map"
named --jit "$pid" 1000
has 'a link is not followed' 'cannot be read'
plan
