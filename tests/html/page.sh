#!/bin/sh
# The HTML report in a browser: drawn, used, in both themes, and safe from what names hold.
. "$top_srcdir/tests/tool/tap.sh"
here=$top_srcdir/tests/html there=$top_builddir/tests
cd "$scratch" || exit 99

# (A trace that is cut is said so by status 1: the page is there all the same.)
page() { "$tool" report --format html --output "$1.html" "$1.wwt"; test -s "$1.html"; }
"$there/trace/make_trace" --epochs 300 --pages 20000 --dirty 2000 --regions 9 --adaptive --real usual.wwt
"$there/trace/make_trace" --epochs 1 --pages 64 --regions 1 one.wwt
"$there/html/hostile_trace" hostile.wwt
"$there/trace/make_trace" --epochs 0 none.wwt
"$there/trace/make_trace" --epochs 40 --pages 900000 --dirty 300 --regions 2 sparse.wwt
size=$(wc -c <usual.wwt)
head -c $((size * 2 / 3)) usual.wwt >cut.wwt

for name in usual one sparse hostile none cut; do
  verdict "$name: a page is made" page "$name"
done

# Whatever the names are, only our own tags end a script, and nothing is named that could be fetched.
tags() { test "$(grep -o '<[/]*script' "$1.html" | wc -l)" -eq 6; }
verdict 'hostile: no more scripts than ours' tags hostile
fetches() { ! grep -o 'https*://[^"]*' "$1.html" | grep -v '^http://www.w3.org/2000/svg$' | grep -q .; }
verdict 'nothing is fetched' fetches usual
verdict 'the page is UTF-8' sh -c 'iconv -f UTF-8 -t UTF-8 hostile.html >/dev/null'

browser=''
for name in chromium-headless-shell chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null 2>&1 && { browser=$name; break; }
done
# It wants a home to write to. Its sandbox needs what containers and root do not have; the page is ours.
look() {
  HOME=$scratch XDG_CONFIG_HOME=$scratch XDG_CACHE_HOME=$scratch timeout 120 "$browser" --headless \
    --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --user-data-dir="$scratch/profile" \
    --window-size=1280,1000 "$@" 2>browser.log
}
if [ -z "$browser" ]; then
  skip 'the page in a browser' 'no chromium'
  plan
  exit 0
elif ! look --dump-dom about:blank | grep -q '<html'; then
  skip 'the page in a browser' "$browser does not start here"
  plan
  exit 0
fi

# probe NAME EMPTY EXPECT OPTION...: what the probe says becomes ours.
probe() {
  name=$1 empty=$2 expected=$3
  shift 3
  {
    sed -n '1,/<head>/p' "$name.html"
    printf '<script>\n'; cat "$here/before.js"; printf '</script>\n'
    sed '1,/<head>/d' "$name.html"
    printf '<script>\nconst EMPTY = %s, EXPECT = "%s";\n' "$empty" "$expected"
    cat "$here/probe.js"
    printf '</script>\n'
  } >probed.html
  look "$@" --dump-dom "file://$scratch/probed.html" >dom
  sed -n '/^SAID$/,/^SAID$/p' dom | grep -v '^SAID$' >said
  if ! [ -s said ]; then
    not_ok "$name: the page can be probed"
    tail -n 5 browser.log | sed 's/^/# /'
  fi
  while read -r verdict what; do
    case $verdict in pass) ok "$name: $what" ;; *) not_ok "$name: $what" ;; esac
  done <said
}
probe usual false 'DECLARED'
probe one false ''
probe sparse false ''
probe hostile false '\\u202e'
probe none true 'There is nothing to draw'
probe cut false 'ends in the midst of a block'

# A system that is dark has a dark page at once.
look --blink-settings=preferredColorScheme=0 --dump-dom "file://$scratch/usual.html" >dom
verdict 'dark where the system is' grep -q '<html[^>]*data-theme="dark"' dom
look --blink-settings=preferredColorScheme=1 --dump-dom "file://$scratch/usual.html" >dom
verdict 'light where the system is' grep -q '<html[^>]*data-theme="light"' dom
plan
