# The HTML report. The page is written by hand, in files that a script of sed turns into C.
noinst_LTLIBRARIES += libhtml.la
libhtml_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
libhtml_la_SOURCES = \
  %D%/assets.h \
  %D%/cells.c %D%/cells.h \
  %D%/fold.c %D%/fold.h \
  %D%/html.h \
  %D%/json.c %D%/json.h \
  %D%/page.c %D%/page.h \
  %D%/remarks.c \
  %D%/report.c \
  %D%/writers.c
nodist_libhtml_la_SOURCES = %D%/assets.c
libhtml_la_LIBADD = -lm
html_assets = %D%/page.css %D%/page.html \
  %D%/show.js %D%/heat.js %D%/places.js %D%/hand.js %D%/map.js %D%/growth.js %D%/table.js %D%/writers.js %D%/start.js
EXTRA_DIST += %D%/assets.sh $(html_assets)
%D%/assets.c: %D%/assets.sh $(html_assets)
	$(AM_V_GEN)$(MKDIR_P) %D% && $(SHELL) $(srcdir)/%D%/assets.sh $(srcdir)/%D% >$@.new && mv $@.new $@
CLEANFILES += %D%/assets.c
