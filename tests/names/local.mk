# Names of recorded frames: files made by the compilers of this machine, and files that nobody made.
check_PROGRAMS += %D%/name %D%/cache %D%/hostile
%C%_name_SOURCES = %D%/name.c
%C%_name_LDADD = libnames.la libreport.la
%C%_cache_SOURCES = %D%/cache.c
%C%_cache_LDADD = libnames.la libreport.la
%C%_cache_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fork
%C%_hostile_SOURCES = %D%/hostile.c
%C%_hostile_LDADD = libnames.la libreport.la
names_tests = %D%/files.sh
TESTS += $(names_tests) %D%/cache %D%/hostile
EXTRA_DIST += $(names_tests)
# Read by itself: it needs what there is to be read, and nothing that would tell it from its like.
%C%_hostile_CFLAGS = $(AM_CFLAGS) -g
%C%_hostile_LDFLAGS = $(AM_LDFLAGS) -Wl,--build-id=none
