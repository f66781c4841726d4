# `writewatch doctor`
writewatch_SOURCES += \
  %D%/delivery.c \
  %D%/delivery.h \
  %D%/doctor.c \
  %D%/doctor.h \
  %D%/doctor_advice.c \
  %D%/doctor_engines.c \
  %D%/doctor_kernel.c \
  %D%/doctor_machine.c \
  %D%/doctor_report.c \
  %D%/doctor_shield.c \
  %D%/doctor_tracking.c
writewatch_CPPFLAGS += $(JANSSON_CFLAGS)
writewatch_LDADD += $(JANSSON_LIBS)

check_PROGRAMS += tests/tool/doctor_json
tests_tool_doctor_json_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_tool_doctor_json_SOURCES = tests/tool/doctor_json.c
tests_tool_doctor_json_LDADD = $(JANSSON_LIBS)
TESTS += tests/tool/doctor.sh
EXTRA_DIST += tests/tool/doctor.sh
