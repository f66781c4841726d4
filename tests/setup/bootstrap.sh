#!/bin/sh
# Does ./bootstrap install exactly what is missing, do no work twice, and count
# the tests rightly? A play: a copy of it stands in a tiny source tree, on a
# PATH that holds stand-ins, which write down that they were called.

set -u
work=$(mktemp -d "${TMPDIR:-/tmp}/ww-bootstrap.XXXXXX") || {
  echo "Bail out! no temporary directory"
  exit 1
}
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

number=0
# it WHAT: the tests before it on the same line decide.
it() {
  verdict=$?
  number=$((number + 1))
  if [ "$verdict" = 0 ]; then echo "ok $number - $*"; return; fi
  echo "not ok $number - $*"
  echo "# exit status $status; calls, stdout, stderr:"
  sed 's/^/#   /' "$work/calls" "$work/out" "$work/err"
}

calls()   { grep -q "^$1" "$work/calls"; }
no_call() { ! calls "$1"; }
said()    { grep -q -e "$1" "$work/err"; }

# ---------------------------------------------------------------- the stage

stage() { # a fresh source tree, and a machine with nothing of what is needed
  rm -rf "$work/src" "$work/bin" "$work/have"
  mkdir -p "$work/src/m4" "$work/src/tests" "$work/bin" "$work/have"
  cp "$top_srcdir/bootstrap" "$top_srcdir/configure.ac" "$work/src/"
  : >"$work/src/Makefile.am"; : >"$work/src/m4/a.m4"; : >"$work/src/tests/local.mk"
  for tool in sh dirname cat sed grep find mkdir tail tr awk getconf tee rm cp touch basename ls chmod \
    mktemp env; do
    at=$(command -v "$tool") && ln -s "$at" "$work/bin/$tool"
  done
  stand_in sleep ':'
  stand_in id 'echo "$FAKE_UID"'
  stand_in cmp ':'
  FAKE_UID=1000 REFUSE='' MAKE_FAILS='' TRS=''
}

stand_in() {
  printf '#!/bin/sh\necho "%s $*" >>"%s"\n%s\n' "$1" "$work/calls" "$2" >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}

# What a package brings. Each is one of the stand-ins for a tool, or a module.
bring() {
  case $1 in
    make) cat >"$work/make" <<'END'
case "$*" in
  *print-test-results*) echo $TRS; exit ;;
  *check) : >"$PLAY/src/build/test-suite.log"
    for file in $TRS; do
      mkdir -p "$PLAY/src/build/tests"
      if [ -e "$PLAY/trs/$file" ]; then cp "$PLAY/trs/$file" "$PLAY/src/build/$file"; fi
    done ;;
  *) [ -z "$MAKE_FAILS" ] || { echo "the compiler weeps"; exit 2; }
    printf '#!/bin/sh\necho "demo in $(pwd): $*"; exit 7\n' >"$PLAY/src/build/writewatch"
    chmod +x "$PLAY/src/build/writewatch" ;;
esac
END
      stand_in make "$(cat "$work/make")" ;;
    gcc) stand_in gcc 'read include; name=${include#*<}; [ -e "$PLAY/have/${name%%>*}" ]' ;;
    autoconf) stand_in autoreconf 'cd "$PLAY/src" && mkdir -p build-aux
for file in Makefile.in config.h.in aclocal.m4 build-aux/install-sh build-aux/tap-driver.sh configure; do
  [ -e $file ] || : >$file
done
printf "#!/bin/sh\necho configure \$* >>$PLAY/calls; : >Makefile; : >config.status\n" >configure.new
[ -s configure ] || cat configure.new >configure
rm configure.new; chmod +x configure' ;;
    libtool) stand_in libtoolize ':' ;;
    pkg-config) stand_in pkg-config '[ -e "$PLAY/have/$2" ]' ;;
    automake|spin|mandoc|g++|chromium-headless-shell) stand_in "$1" ':' ;;
    libopenmpi-dev) stand_in mpicc ':' ;;
    openmpi-bin) stand_in mpirun ':' ;;
    libc6-dev) : >"$work/have/stdio.h" ;;
    linux-libc-dev) mkdir -p "$work/have/linux"; : >"$work/have/linux/limits.h" ;;
    libxxhash-dev) : >"$work/have/xxhash.h" ;;
    libdw-dev) : >"$work/have/libdw" ;;
    libjansson-dev) : >"$work/have/jansson" ;;
    libsqlite3-dev) : >"$work/have/sqlite3" ;;
    libzstd-dev) : >"$work/have/libzstd" ;;
    check) : >"$work/have/check" ;;
    libunwind-dev) : >"$work/have/libunwind" ;;
    libseccomp-dev) : >"$work/have/libseccomp" ;;
    libgc-dev) : >"$work/have/bdw-gc" ;;
    libsigsegv-dev) : >"$work/have/sigsegv.h" ;;
    libiberty-dev) mkdir -p "$work/have/libiberty"; : >"$work/have/libiberty/demangle.h" ;;
  esac
}
everything='make gcc g++ libc6-dev linux-libc-dev pkg-config autoconf automake libtool libdw-dev
  libjansson-dev libsqlite3-dev check libxxhash-dev libzstd-dev libunwind-dev libseccomp-dev libgc-dev
  libsigsegv-dev libiberty-dev libopenmpi-dev openmpi-bin spin mandoc chromium-headless-shell'
bring_all_but() {
  for package in $everything; do
    case " $* " in *" $package "*) ;; *) bring "$package" ;; esac
  done
}

apt_here() { # an apt-get that installs, but not what is in $REFUSE
  cat >"$work/apt" <<'END'
case "$*" in *update*) exit 0 ;; esac
for word in "$@"; do
  case " $REFUSE " in *" $word "*) echo "E: Unable to locate package $word"; exit 100 ;; esac
done
for word in "$@"; do
  if [ -e "$PLAY/bin.later/$word" ]; then cp "$PLAY/bin.later/$word" "$PLAY/bin/"; fi
  case $word in lib*-dev|check) touch "$PLAY/have/$(sed -n "s/^$word //p" "$PLAY/modules")" ;; esac
done
END
  stand_in apt-get "$(cat "$work/apt")"
  printf '%s\n' 'libdw-dev libdw' 'libjansson-dev jansson' 'libunwind-dev libunwind' \
    'libseccomp-dev libseccomp' 'libgc-dev bdw-gc' 'check check' 'libsigsegv-dev sigsegv.h' \
    'libiberty-dev libiberty/demangle.h' >"$work/modules"
  rm -rf "$work/bin.later"; mkdir "$work/bin.later"
  printf '#!/bin/sh\n' >"$work/bin.later/spin"; chmod +x "$work/bin.later/spin"
}

play() { # ARGS: run the copy, from a directory that is not the source's
  : >"$work/calls"
  (cd "$work" && exec env -i PATH="$work/bin" PLAY="$work" FAKE_UID="$FAKE_UID" REFUSE="$REFUSE" \
    MAKE_FAILS="$MAKE_FAILS" TRS="$TRS" "$work/src/bootstrap" "$@" >"$work/out" 2>"$work/err" </dev/null)
  status=$?
}

result() { # FILE WORD...: a test's results
  mkdir -p "$work/trs/tests"
  file=$1; shift
  for word in "$@"; do echo ":test-result: $word a case"; done >"$work/trs/$file"
}

# ------------------------------------------------------------------ the play

stage
play --help
[ $status = 0 ] && grep -q '^  check ' "$work/out" && grep -q '^Exit status:' "$work/out" &&
  [ ! -s "$work/err" ]
it "--help explains commands and exit statuses on stdout"
play --version
version=$(sed -n 's/^AC_INIT(\[\(.*\)\],\[\(.*\)\])/\1 \2/p' "$top_srcdir/configure.ac")
[ $status = 0 ] && [ -n "$version" ] && [ "$(cat "$work/out")" = "$version" ]
it "--version is that of configure.ac"
play chekc
[ $status = 2 ] && said "unknown command .chekc'" && [ ! -s "$work/calls" ]
it "an unknown command is named, status 2"
play --frobnicate
[ $status = 2 ] && said "unknown option .--frobnicate'"
it "an unknown option is named, status 2"
play check all
[ $status = 2 ] && said "takes no arguments"
it "an argument too many is an error, status 2"

stage; bring_all_but libdw-dev libxxhash-dev spin; apt_here
play check
[ $status = 3 ] && said 'install -y --no-install-recommends libdw-dev libxxhash-dev spin$' &&
  said 'missing: libdw (module), xxhash.h (header)$' && no_call apt-get && no_call autoreconf && no_call make
it "not root: exactly the missing packages and the command, status 3, nothing done"
FAKE_UID=0
play --no-install check
[ $status = 3 ] && said 'libdw-dev libxxhash-dev spin$' && no_call apt-get
it "root with --no-install: the same"
FAKE_UID=1000

for row in 'dnf elfutils-devel xxhash-devel' 'pacman libelf xxhash' 'apk elfutils-dev xxhash-dev' \
  'zypper libdw-devel xxhash-devel'; do
  set -- $row
  stage; bring_all_but libdw-dev libxxhash-dev spin; stand_in "$1" ':'
  play
  [ $status = 3 ] && said "^bootstrap:   $1 .* $2 $3\$" && no_call "$1"
  it "not root, $1: its own package names"
done

stage; bring_all_but libdw-dev
play
[ $status = 3 ] && said 'not one that I know' && said "libdw-dev\$"
it "unknown package manager: says what is missing by Debian's names, status 3"

stage; bring_all_but gcc pkg-config
play
[ $status = 3 ] && said 'C (compiler)' && said 'pkg-config (command)'
it "no compiler and no pkg-config: both are named"

stage; bring_all_but libunwind-dev spin; apt_here
play
[ $status = 0 ] && said 'going on without: libunwind spin$' && said 'as root: .*libunwind-dev spin$' &&
  calls make
it "not root, only what is optional is missing: says so and goes on"

stage; bring_all_but libjansson-dev check spin; apt_here; FAKE_UID=0
play
[ $status = 0 ] && calls 'apt-get .*install .* libjansson-dev check spin$' && calls configure &&
  calls autoreconf && calls make
it "root: installs exactly what is missing, then makes configure, configures, builds"
play
[ $status = 0 ] && no_call apt-get && no_call autoreconf && no_call configure && calls make
it "a second run installs nothing, makes no configure, does not configure"
play --disable-shared
[ $status = 0 ] && calls 'configure --disable-shared$' && no_call autoreconf && no_call apt-get
it "other options configure anew, and nothing else"
play
calls 'configure$' && play && no_call configure
it "no options: configures as at first, once"
sleep 1; touch "$work/src/tests/local.mk"
play
calls autoreconf && play && no_call autoreconf && no_call configure
it "a changed fragment makes configure anew, once"
touch "$work/src/configure"
play
calls configure && no_call autoreconf && play && no_call configure
it "a newer configure configures anew, once"

stage; bring_all_but autoconf automake libtool; : >"$work/src/Makefile.in"
mkdir "$work/src/build-aux"
for file in config.h.in aclocal.m4 build-aux/install-sh build-aux/tap-driver.sh; do : >"$work/src/$file"; done
printf '#!/bin/sh\n: >Makefile; : >config.status\n' >"$work/src/configure"; chmod +x "$work/src/configure"
play
[ $status = 0 ] && calls make
it "a release, which has its configure, is built without autotools"

stage; bring_all_but libdw-dev; apt_here; FAKE_UID=0 REFUSE=libdw-dev
play
[ $status = 3 ] && said 'could not install: libdw-dev' && said 'Unable to locate' && no_call make
it "the package manager fails: its words are shown, status 3"
stage; bring_all_but check spin mandoc; apt_here; FAKE_UID=0 REFUSE='spin mandoc'
play
[ $status = 0 ] && said 'could not install spin' && calls make
it "an optional package that is not to be had does not keep away what is needed"
play
[ $status = 0 ] && no_call apt-get
it "... and is not asked for again at each run"

stage; bring_all_but chromium-headless-shell; apt_here; FAKE_UID=0
play
[ $status = 0 ] && no_call apt-get && calls make
it "what only check wants is not installed for a build"
play check
calls 'apt-get .*install .* chromium-headless-shell$'
it "... but for check it is"

stage; bring_all_but; MAKE_FAILS=yes
play check
[ $status = 4 ] && said 'the compiler weeps' && said 'make failed'
it "a failed build: status 4, the end of the log is shown"

stage; bring_all_but
play demo --list 'two words'
[ $status = 7 ] && [ "$(cat "$work/out")" = "demo in $work: demo --list two words" ]
it "demo: arguments, directory and exit status are handed through"

stage; bring_all_but
TRS='tests/a.trs tests/b.trs'
result tests/a.trs PASS PASS XFAIL; result tests/b.trs PASS
play check
[ $status = 0 ] && [ "$(tail -n 1 "$work/out")" = '4 passed, 0 failed' ]
it "check: all passed, status 0"
result tests/b.trs PASS SKIP
play check
[ $status = 0 ] && [ "$(tail -n 1 "$work/out")" = '4 passed, 0 failed, 1 skipped' ]
it "check: skipped tests are counted"
for word in FAIL XPASS ERROR; do
  result tests/b.trs PASS $word
  play check
  [ $status = 1 ] && [ "$(tail -n 1 "$work/out")" = '4 passed, 1 failed' ] && said 'tests/b.log:$'
  it "check: $word fails, status 1"
done
rm "$work/trs/tests/b.trs" "$work/src/build/tests/b.trs"
play check
[ $status = 1 ] && [ "$(tail -n 1 "$work/out")" = '3 passed, 1 failed' ]
it "check: a test without a result fails"
TRS=''
play check
[ $status = 1 ] && [ "$(tail -n 1 "$work/out")" = '0 passed, 0 failed' ]
it "check: no test at all is no success"

echo "1..$number"
