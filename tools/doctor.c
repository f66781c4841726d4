/* doctor.c - `writewatch doctor`: what this machine offers for tracking, what a
 * fault costs here, and what to do about it. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "doctor.h"
#include "message.h"
#include "status.h"

static void
print_help(void)
{
  fputs("Usage: writewatch doctor [--format text|json]\n"
        "Says what this machine offers for tracking, measures what a fault costs here\n"
        "(in less than two seconds), and gives advice.\n\n"
        "  -f, --format text|json  for a person (default), or one JSON object\n"
        "  -h, --help              this text\n\n"
        "Exit status:\n"
        "  0  tracking works here\n"
        "  2  usage: an unknown option or format\n"
        "  4  the output could not be written whole\n"
        "  5  tracking does not work here; the output says why\n"
        "  6  out of memory\n", stdout);
}

int
doctor_main(int argc, char **argv)
{
  static const struct option options[] = {
    { "format", required_argument, NULL, 'f' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 }
  };
  enum status status = STATUS_OK;
  struct doctor doctor;
  int option, json = 0;

  while ((option = getopt_long(argc, argv, "f:h", options, NULL)) != -1)
    switch (option) {
      case 'f':
        json = strcmp(optarg, "json") == 0;
        if (!json && strcmp(optarg, "text") != 0) {
          complain("doctor: unknown format '%s': text or json", optarg);
          return STATUS_USAGE;
        }
        break;
      case 'h':
        print_help();
        return STATUS_OK;
      default:
        fprintf(stderr, "`writewatch doctor --help` lists the options.\n");
        return STATUS_USAGE;
    }
  if (optind < argc) {
    complain("doctor: takes no operand: '%s'", argv[optind]);
    return STATUS_USAGE;
  }
  doctor_machine_probe(&doctor.machine);
  doctor_kernel_probe(&doctor.kernel);
  doctor_tracking_probe(&doctor.tracking);
  doctor_shield_probe(&doctor.shield);
  doctor_engines_judge(&doctor);
  if (json)
    status = doctor_json(stdout, &doctor);
  else
    doctor_text(stdout, &doctor);
  if (status == STATUS_MEMORY)
    complain("doctor: out of memory");
  /* What could not be written main() says, with the reason. */
  if (status != STATUS_OK)
    return status;
  return doctor.tracking.works ? STATUS_OK : STATUS_TRACKING;
}
