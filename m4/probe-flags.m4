# WW_PROBE_FLAGS(VARIABLE, FLAGS)
# Append to VARIABLE each of FLAGS that the C compiler takes, and substitute it.
AC_DEFUN([WW_PROBE_FLAGS],
[AC_LANG_ASSERT([C])
for ww_flag in m4_normalize([$2]); do
  AS_VAR_PUSHDEF([ww_cache],[AS_TR_SH([ww_cv_cflag_$ww_flag])])
  AC_CACHE_CHECK([whether $CC takes $ww_flag],[ww_cache],
    [ww_saved_CFLAGS=$CFLAGS
     CFLAGS="$CFLAGS -Werror $ww_flag"
     AC_COMPILE_IFELSE([AC_LANG_PROGRAM([],[])],[AS_VAR_SET([ww_cache],[yes])],[AS_VAR_SET([ww_cache],[no])])
     CFLAGS=$ww_saved_CFLAGS])
  AS_VAR_IF([ww_cache],[yes],[$1="$$1 $ww_flag"])
  AS_VAR_POPDEF([ww_cache])
done
AC_SUBST([$1])])
