# The checkpoint chain: a convenience library, so that its tests can stand in for the disk, and the
# shared library that exports ww_* alone. It knows the tracker by its public face; the hash of a page is
# shared as an object, not as a call.
noinst_LTLIBRARIES += libchain.la
lib_LTLIBRARIES += libwritewatch-checkpoint.la

libchain_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden $(LIBZSTD_CFLAGS)
libchain_la_SOURCES = \
  %D%/async.c \
  %D%/chain.h \
  %D%/compact.c \
  %D%/content.c %D%/content.h \
  %D%/decoder.c \
  %D%/disk.c %D%/disk.h \
  %D%/format.h \
  %D%/hook.c \
  %D%/image.c %D%/image.h \
  %D%/inventory.c \
  %D%/open.c %D%/open.h \
  %D%/packer.c %D%/packer.h \
  %D%/patch.c %D%/patch.h \
  %D%/problem.c \
  %D%/readable.c %D%/readable.h \
  %D%/restore.c \
  %D%/save.c \
  %D%/shelf.c %D%/shelf.h \
  %D%/slot.c %D%/slot.h \
  %D%/stripe.c %D%/stripe.h \
  %D%/tend.c \
  %D%/writer.c %D%/writer.h
libchain_la_LIBADD = libpagehash.la libwritewatch.la $(LIBZSTD_LIBS)

libwritewatch_checkpoint_la_SOURCES =
libwritewatch_checkpoint_la_LIBADD = libchain.la libwritewatch.la
libwritewatch_checkpoint_la_LDFLAGS = $(AM_LDFLAGS) $(HARDEN_LDFLAGS) -version-info $(WW_ABI) \
  -Wl,--version-script=$(srcdir)/src/writewatch.map -Wl,-z,defs
EXTRA_libwritewatch_checkpoint_la_DEPENDENCIES = src/writewatch.map
