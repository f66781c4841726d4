# `writewatch top'.
writewatch_SOURCES += \
  %D%/top.c %D%/top.h \
  %D%/top_model.c \
  %D%/top_screen.c \
  %D%/top_source.c \
  %D%/top_terminal.c
