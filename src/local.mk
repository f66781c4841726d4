# The tracker: one convenience library, so that unit tests reach inside, and the
# shared library that exports ww_* alone.
noinst_LTLIBRARIES += libtracker.la libreport.la
lib_LTLIBRARIES += libwritewatch.la

libtracker_la_CFLAGS = $(AM_CFLAGS) $(TLS_FLAGS) -fvisibility=hidden $(LIBUNWIND_CFLAGS)
libtracker_la_SOURCES = \
  %D%/api.c
libtracker_la_LIBADD = $(LIBUNWIND_LIBS)

# Reports use the public face only, so that the tool can link them beside the
# shared library.
libreport_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden $(LIBDW_CFLAGS) $(JANSSON_CFLAGS)
libreport_la_SOURCES = \
  %D%/report.c
libreport_la_LIBADD = $(LIBDW_LIBS) $(JANSSON_LIBS)

libwritewatch_la_SOURCES =
libwritewatch_la_LIBADD = libtracker.la libreport.la
libwritewatch_la_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LDFLAGS) -version-info $(WW_ABI) \
  -Wl,--version-script=$(srcdir)/%D%/writewatch.map -Wl,-z,nodelete -Wl,-z,defs
EXTRA_libwritewatch_la_DEPENDENCIES = %D%/writewatch.map
EXTRA_DIST += %D%/writewatch.map
