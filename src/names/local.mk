# Names of a recorded process's frames: for the tool only, as it forks.
noinst_LTLIBRARIES += libnames.la
libnames_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden $(LIBDW_CFLAGS)
libnames_la_SOURCES = \
  %D%/demangle.c %D%/demangle.h \
  %D%/jitmap.c %D%/jitmap.h \
  %D%/module.c %D%/module.h \
  %D%/namer.c %D%/namer.h \
  %D%/names.c %D%/names.h \
  %D%/symtab.c %D%/symtab.h \
  %D%/unit.c %D%/unit.h
libnames_la_LIBADD = $(LIBDW_LIBS) $(LIBIBERTY_LIBS)
