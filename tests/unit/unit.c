/* unit.c - runs the unit tests: each room of the tracker by itself. */
#include "config.h"
#include "unit.h"

#include <stdlib.h>

int
main(void)
{
  SRunner *runner = srunner_create(suite_bitmap());
  srunner_add_suite(runner, suite_gate());
  srunner_add_suite(runner, suite_faultlog());
  srunner_add_suite(runner, suite_writers());
  srunner_add_suite(runner, suite_maps());
  srunner_add_suite(runner, suite_region());
  srunner_add_suite(runner, suite_api());
  srunner_add_suite(runner, suite_sigmask());
  srunner_add_suite(runner, suite_pin());
  srunner_add_suite(runner, suite_loan());
  srunner_set_tap(runner, "/dev/stdout");
  srunner_run_all(runner, CK_SILENT);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
