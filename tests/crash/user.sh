# user.sh - the library works for an ordinary user, in a namespace of its own, and
# says -ENOMEM where there is too little address space.
. "$top_srcdir/tests/crash/tap.sh"

# Copies, because an ordinary user may not be able to enter the build's directory.
# A program linked with a sanitizer needs no more than its own libraries.
chmod 755 "$scratch"
cp "$top_builddir/tests/crash/crash-live" "$scratch/" || exit 99
cp "$top_builddir"/src/.libs/libwritewatch.so* "$top_builddir"/.libs/libwritewatch.so* "$scratch/" 2>/dev/null
LD_LIBRARY_PATH=$scratch${LD_LIBRARY_PATH+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
cd "$scratch" || exit 99

./crash-live >log 2>&1
result $? "the program lives as the user that runs the tests" log

what="it lives as nobody"
if [ "$(id -u)" -ne 0 ]; then
  skip "$what" "only root can become somebody else"
elif ! command -v setpriv >/dev/null; then
  skip "$what" "there is no setpriv (util-linux)"
elif ! setpriv --reuid=65534 --regid=65534 --clear-groups true 2>log; then
  skip "$what" "$(head -n 1 log)"
else
  setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set=-all ./crash-live >log 2>&1
  result $? "$what" log
fi

what="it lives in a new user and process namespace"
if ! command -v unshare >/dev/null; then
  skip "$what" "there is no unshare (util-linux)"
elif ! unshare -Urp --fork true 2>log; then
  skip "$what" "$(head -n 1 log)"
else
  unshare -Urp --fork ./crash-live >log 2>&1
  result $? "$what, /proc of the old one" log
  if unshare -Urp --fork --mount-proc true 2>log; then
    unshare -Urp --fork --mount-proc ./crash-live >log 2>&1
    result $? "$what, /proc of its own" log
  else
    skip "$what, /proc of its own" "$(head -n 1 log)"
  fi
fi

what="with ever less address space it works or says -ENOMEM"
case ${SANITIZERS-} in
  *address*|*thread*) skip "$what" "the sanitizer's own needs terabytes of it" ;;
  *)
    ./crash-live narrow >log 2>&1
    result $? "$what" log
    sed 's/^/# /' log
    # From without too, where the limit also holds for what comes before main().
    worst=0
    for limit in 1000000 200000 100000 50000 30000 20000; do
      (ulimit -v $limit && exec ./crash-live small) >log 2>&1
      status=$?
      # 127: the dynamic linker itself had no room.
      case $status in
        0|3|127) ;;
        *) worst=$status; echo "# ulimit -v $limit: status $status"; sed 's/^/# /' log ;;
      esac
    done
    result $worst "ulimit -v gives no worse an end" ;;
esac
finish
