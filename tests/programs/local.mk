# tests/programs: other people's programs, recorded and not. `make programs' runs all of them, and installs
# what is missing; a few that any machine has run in `make check'.
TESTS += %D%/short.sh
EXTRA_DIST += %D%/short.sh %D%/programs.sh
.PHONY: programs
programs: writewatch$(EXEEXT) libwritewatch-record.la tests/record/dump$(EXEEXT)
	$(SHELL) $(srcdir)/%D%/programs.sh $(PROGRAMSFLAGS)
