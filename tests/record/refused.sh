# What cannot be recorded is refused at once, and said so.
. "${top_srcdir:?run by make check}/tests/record/record.sh" || exit 99

expect 127 'was not found' 'no such program' record -- no-such-program
expect 127 'was not found' 'no such path' record -- ./no-such-program
echo text >plain; expect 126 'not a program that may be executed' 'a file without rights' record -- ./plain
chmod +x plain; expect 126 'neither an ELF program nor a script' 'a text' record -- ./plain
expect 126 'not a program' 'a folder' record -- ./
printf '#!/no/such/interpreter\n' >script; chmod +x script
expect 127 'interpreter /no/such/interpreter' 'a script without its interpreter' record -- ./script
printf 'int main(void) { return 0; }\n' >empty.c
if $CC -static -o static empty.c 2>/dev/null; then
  expect 126 'statically linked' 'a static program' record -- ./static
  printf '#!%s/static\n' "$scratch" >script
  expect 126 'statically linked' 'a script for a static program' record -- ./script
else
  skip 'a static program' 'no static C library'
fi
printf '\177ELF\001\001\001\000\000\000\000\000\000\000\000\000\002\000\003\000' >old; chmod +x old
head -c 200 /dev/zero >>old
expect 126 '32-bit' 'a 32-bit program' record -- ./old
if test "$(id -u)" -eq 0 && cp "$(command -v cat)" setuid && chown 65534 setuid && chmod u+s setuid; then
  expect 126 'setuid' 'a setuid program' record -- ./setuid
else
  skip 'a setuid program' 'not root'
fi
expect 125 'needs a command' 'no command' record
expect 125 'not a whole number' 'a wrong number' record --stacks=many -- true
expect 125 'a list of heap' 'a wrong region' record --regions=stack -- true
expect 125 'a time' 'a wrong interval' record -i soon -- true
expect 125 'cannot write' 'a trace that cannot be written' record -o /no/such/place -- true
verdict 'nothing is left of what was refused' test ! -e writewatch.wwt
plan
