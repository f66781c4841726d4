/* doctor_json.c - is standard input what `writewatch doctor --format json` promises:
 * all the members, and numbers that are possible? Names what is not. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int wrong;

static void
require(bool good, const char *what)
{
  if (!good) {
    printf("%s\n", what);
    wrong = 1;
  }
}

static void
require_members(const json_t *object, const char *where, const char *const *names)
{
  for (; *names; names++)
    if (!json_object_get(object, *names)) {
      printf("%s%s is missing\n", where, *names);
      wrong = 1;
    }
}

/* A fault has a signal in it, and neither takes no time nor a second. */
static bool
is_possible(const json_t *nanoseconds)
{
  double value = json_number_value(nanoseconds);
  return json_is_number(nanoseconds) && value > 0 && value < 1e9;
}

int
main(void)
{
  static const char *const top[] = {
    "format", "version", "writewatch", "machine", "tracking", "shield", "kernel", "advice", NULL
  };
  static const char *const of_machine[] = {
    "kernel", "architecture", "processors", "page_size", "hugetlb_pools", "transparent_huge_pages",
    "max_map_count", "mappings", "mappings_left", "overcommit", "address_space", "seccomp",
    "no_new_privileges", "container", NULL
  };
  static const char *const of_tracking[] = {
    "works", "reason", "engine", "stacks", "pages", "mappings_budget", "nanoseconds", NULL
  };
  static const char *const of_shield[] = {
    "works", "reason", "libseccomp", "seccomp_trap", "sets_no_new_privileges", NULL
  };
  static const char *const of_kernel[] = {
    "userfaultfd", "pagemap_scan", "pagemap_scan_tracking", "soft_dirty", NULL
  };
  static const char *const of_engines[] = { "mprotect", "userfaultfd", "pagemap", "auto", NULL };
  json_error_t error;
  json_t *root = json_loadf(stdin, JSON_REJECT_DUPLICATES, &error);
  if (!root) {
    printf("not JSON: line %d: %s\n", error.line, error.text);
    return 1;
  }
  const json_t *machine = json_object_get(root, "machine"), *tracking = json_object_get(root, "tracking");
  const json_t *cost = json_object_get(tracking, "nanoseconds"), *signal = json_object_get(cost, "signal");
  const char *format = json_string_value(json_object_get(root, "format"));
  bool stacks = json_is_true(json_object_get(tracking, "stacks"));
  json_int_t mappings = json_integer_value(json_object_get(machine, "mappings"));
  json_int_t left = json_integer_value(json_object_get(machine, "mappings_left"));
  json_int_t limit = json_integer_value(json_object_get(machine, "max_map_count"));
  require_members(root, "", top);
  require_members(machine, "machine.", of_machine);
  require_members(tracking, "tracking.", of_tracking);
  require_members(json_object_get(root, "kernel"), "kernel.", of_kernel);
  require_members(json_object_get(root, "engines"), "engines.", of_engines);
  const json_t *shield = json_object_get(root, "shield");
  bool shielded = json_is_true(json_object_get(shield, "works"));
  require_members(shield, "shield.", of_shield);
  require(shielded == json_is_null(json_object_get(shield, "reason")),
          "shield.reason does not go with works");
  require(!shielded || json_is_true(json_object_get(shield, "libseccomp")), "a shield without libseccomp");
  require(format && !strcmp(format, "writewatch-doctor"), "format is not writewatch-doctor");
  require(json_is_true(json_object_get(tracking, "works")), "tracking.works is not true");
  require(json_is_null(json_object_get(tracking, "reason")), "tracking.reason is not null");
  require(json_array_size(json_object_get(root, "advice")) > 0, "no advice");
  require(is_possible(json_object_get(cost, "fault_ascending")), "fault_ascending is impossible");
  require(is_possible(json_object_get(cost, "fault_scattered")), "fault_scattered is impossible");
  require(json_is_null(signal) || is_possible(signal), "signal is impossible");
  require(stacks == !json_is_null(json_object_get(cost, "fault_with_stacks")),
          "fault_with_stacks does not go with stacks");
  require(mappings > 5 && left == limit - mappings, "mappings do not add up");
  json_decref(root);
  return wrong;
}
