# `writewatch checkpoint'
writewatch_SOURCES += \
  %D%/checkpoint.c %D%/checkpoint.h \
  %D%/checkpoint_image.c \
  %D%/checkpoint_list.c \
  %D%/checkpoint_work.c
EXTRA_DIST += tests/tool/checkpoint.sh
TESTS += tests/tool/checkpoint.sh
