/* unit.h - the suites of the unit tests. */
#ifndef WW_UNIT_H
#define WW_UNIT_H

#include <check.h>

Suite *suite_bitmap(void);
Suite *suite_gate(void);
Suite *suite_faultlog(void);
Suite *suite_writers(void);
Suite *suite_maps(void);
Suite *suite_region(void);
Suite *suite_api(void);
Suite *suite_sigmask(void);
Suite *suite_pin(void);
Suite *suite_loan(void);

#endif
