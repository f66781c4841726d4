# The HTML report, looked at by a browser.
check_PROGRAMS += %D%/page_of
%C%_page_of_SOURCES = %D%/page_of.c
%C%_page_of_LDADD = libhtml.la libtrace.la libnames.la libreport.la -lm
