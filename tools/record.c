/* record.c - `writewatch record': any program, and what it writes. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "message.h"
#include "record.h"
#include "trace.h"
#include "writewatch.h"

enum {
  OPTION_STACKS = 256, OPTION_REGIONS, OPTION_ENGINE, OPTION_POLICY, OPTION_FOLLOW, OPTION_DURATION,
  OPTION_SIZE, OPTION_SIGNAL, OPTION_OVERHEAD, OPTION_UNSHIELDED, OPTION_AUDIT, OPTION_HELP
};

enum { STACKS_DEFAULT = 16, OVERHEAD_DEFAULT = 30 };
#define INTERVAL_DEFAULT ((uint64_t)100000000)
#define KINDS_DEFAULT (1u << TRACE_HEAP | 1u << TRACE_ANONYMOUS | 1u << TRACE_DATA | 1u << TRACE_BSS)

void
record_options_help(void)
{
  puts("Usage: writewatch record [OPTION...] [--] COMMAND [ARGUMENT...]\n"
       "Runs COMMAND, unmodified, and writes into a trace which of its memory pages it\n"
       "wrote in each epoch, and who wrote them first. `writewatch report' reads it.\n\n"
       "  -o, --output=FILE    the trace (default: writewatch.wwt)\n"
       "  -i, --interval=TIME  how long an epoch is: 10ms, 500us, 2s; a bare number is\n"
       "                       milliseconds (default: 100ms; 0: only markers and --signal)\n"
       "      --stacks=N       frames kept of who wrote, at most 64 (default: 16; 0: none)\n"
       "      --regions=LIST   what is watched: heap, anon, data, bss, file, shared, all\n"
       "                       (default: heap,anon,data,bss)\n"
       "      --engine=E       auto or mprotect\n"
       "      --policy=P       auto, trap or adaptive; see writewatch(3)\n"
       "      --overhead=P     where tracking takes more than P % of the program's time, verify\n"
       "                       instead of trapping (--policy=auto) and stretch the interval\n"
       "                       (default: 30; 0: never)\n"
       "      --follow-fork    record children too, each into FILE.PID\n"
       "      --duration=S     stop recording after S seconds; the program goes on\n"
       "      --max-size=BYTES end the recording before the trace is larger (K, M, G)\n"
       "      --signal=NAME    this signal, sent to `writewatch record', closes an epoch\n"
       "      --unshielded     go on where there is no shield: system calls that write to\n"
       "                       watched memory then fail, and most programs with them\n"
       "      --audit          hash all of it in each epoch, and note pages that changed and\n"
       "                       nobody had noticed\n"
       "      --help           this text\n\n"
       "What it execs is recorded into FILE as well; what FILE held until then is moved to\n"
       "FILE.PID, FILE.PID.2 and so on. The program keeps its standard streams, its\n"
       "status and its signals.\n\n"
       "Exit status: that of the program (if a signal ended it, the same one ends this), or\n"
       "  125  Writewatch failed: usage, the trace, no shield\n"
       "  126  the program cannot be run, or not be recorded: static, setuid, ...\n"
       "  127  it was not found");
}

static int
refuse_value(const char *option, const char *text, const char *expected)
{
  complain("--%s '%s': %s", option, text, expected);
  return RECORD_FAILED;
}

/* Digits, and one of these suffixes, each with what it multiplies by. */
struct suffix { const char *name; uint64_t factor; };

static bool
parse_scaled(const char *text, const struct suffix *suffixes, uint64_t *value)
{
  char *end;
  unsigned long long number;

  if (*text < '0' || *text > '9')
    return false;
  errno = 0;
  number = strtoull(text, &end, 10);
  for (; suffixes->name != NULL; suffixes++)
    if (strcmp(end, suffixes->name) == 0)
      break;
  return suffixes->name != NULL && errno == 0
    && !__builtin_mul_overflow((uint64_t)number, suffixes->factor, value);
}

static const struct suffix times[] = { { "", 1000000 }, { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 },
                                       { "s", 1000000000 }, { NULL, 0 } };
static const struct suffix seconds[] = { { "", 1000000000 }, { "s", 1000000000 }, { "ms", 1000000 },
                                         { NULL, 0 } };
static const struct suffix sizes[] = { { "", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 },
                                       { NULL, 0 } };
static const struct suffix plain[] = { { "", 1 }, { "%", 1 }, { NULL, 0 } };

static int
parse_number(const char *option, const char *text, uint64_t most, unsigned *value)
{
  uint64_t number;

  if (!parse_scaled(text, plain, &number) || number > most) {
    complain("--%s '%s' is not a whole number from 0 to %llu", option, text, (unsigned long long)most);
    return RECORD_FAILED;
  }
  *value = (unsigned)number;
  return 0;
}

static int
parse_regions(const char *text, unsigned *kinds)
{
  static const struct { const char *name; unsigned kinds; } names[] = {
    { "heap", 1u << TRACE_HEAP }, { "anon", 1u << TRACE_ANONYMOUS }, { "data", 1u << TRACE_DATA },
    { "bss", 1u << TRACE_BSS }, { "file", 1u << TRACE_FILE }, { "shared", 1u << TRACE_SHARED },
    { "all", KINDS_DEFAULT | 1u << TRACE_FILE | 1u << TRACE_SHARED }
  };

  *kinds = 0;
  for (const char *at = text; *at != '\0';) {
    size_t length = strcspn(at, ","), i = 0;
    while (i < sizeof names / sizeof *names
           && (strlen(names[i].name) != length || strncmp(names[i].name, at, length) != 0))
      i++;
    if (i == sizeof names / sizeof *names)
      return refuse_value("regions", text, "a list of heap, anon, data, bss, file and shared, or all");
    *kinds |= names[i].kinds;
    at += length + (at[length] == ',');
  }
  return *kinds != 0 ? 0 : refuse_value("regions", text, "nothing would be watched");
}

static int
parse_signal(const char *text, int *number)
{
  const char *name = strncmp(text, "SIG", 3) == 0 ? text + 3 : text;

  for (*number = 1; *number < NSIG; ++*number) {
    const char *known = sigabbrev_np(*number);
    if (known != NULL && strcmp(known, name) == 0 && *number != SIGKILL && *number != SIGSTOP
        && *number != SIGCHLD && *number != SIGSEGV)
      return 0;
  }
  return refuse_value("signal", text, "a signal's name, as USR2; not KILL, STOP, CHLD or SEGV");
}

static int
parse_engine(const char *text, unsigned *engine)
{
  *engine = WW_ENGINE_MPROTECT;
  if (strcmp(text, "auto") == 0 || strcmp(text, "mprotect") == 0)
    return 0;
  return refuse_value("engine", text, "auto or mprotect: the others have no shield");
}

static int
parse_policy(const char *text, unsigned *policy)
{
  static const char *const names[] = { "auto", "trap", "adaptive" };

  for (*policy = 0; *policy < 3; ++*policy)
    if (strcmp(text, names[*policy]) == 0)
      return 0;
  return refuse_value("policy", text, "auto, trap or adaptive");
}

static int
parse_option(struct record_options *options, int option)
{
  struct settings *settings = &options->settings;

  switch (option) {
    case 'o':
      options->output = optarg;
      return 0;
    case 'i':
      return parse_scaled(optarg, times, &settings->interval) ? 0
        : refuse_value("interval", optarg, "a time, as 100ms, 500us or 2s");
    case OPTION_STACKS: return parse_number("stacks", optarg, WW_STACK_MAX, &settings->stacks);
    case OPTION_REGIONS: return parse_regions(optarg, &settings->kinds);
    case OPTION_ENGINE: return parse_engine(optarg, &settings->engine);
    case OPTION_POLICY: return parse_policy(optarg, &settings->policy);
    case OPTION_OVERHEAD: return parse_number("overhead", optarg, 10000, &settings->overhead);
    case OPTION_FOLLOW:
      settings->follow = true;
      return 0;
    case OPTION_AUDIT:
      settings->audit = true;
      return 0;
    case OPTION_UNSHIELDED:
      settings->unshielded = true;
      return 0;
    case OPTION_DURATION:
      return parse_scaled(optarg, seconds, &settings->duration) && settings->duration != 0 ? 0
        : refuse_value("duration", optarg, "a number of seconds");
    case OPTION_SIZE:
      return parse_scaled(optarg, sizes, &settings->limit) && settings->limit >= 65536 ? 0
        : refuse_value("max-size", optarg, "a number of bytes, 64K or more");
    case OPTION_SIGNAL: return parse_signal(optarg, &options->signal);
    case OPTION_HELP:
      options->help = true;
      return 0;
    default:
      return RECORD_FAILED;     /* getopt has complained */
  }
}

int
record_options_parse(struct record_options *options, int argc, char **argv)
{
  static const struct option known[] = {
    { "output", required_argument, NULL, 'o' }, { "interval", required_argument, NULL, 'i' },
    { "stacks", required_argument, NULL, OPTION_STACKS },
    { "regions", required_argument, NULL, OPTION_REGIONS },
    { "engine", required_argument, NULL, OPTION_ENGINE },
    { "policy", required_argument, NULL, OPTION_POLICY },
    { "overhead", required_argument, NULL, OPTION_OVERHEAD },
    { "follow-fork", no_argument, NULL, OPTION_FOLLOW },
    { "duration", required_argument, NULL, OPTION_DURATION },
    { "max-size", required_argument, NULL, OPTION_SIZE },
    { "signal", required_argument, NULL, OPTION_SIGNAL },
    { "unshielded", no_argument, NULL, OPTION_UNSHIELDED }, { "audit", no_argument, NULL, OPTION_AUDIT },
    { "help", no_argument, NULL, OPTION_HELP }, { NULL, 0, NULL, 0 }
  };
  int option, status = 0;

  memset(options, 0, sizeof *options);
  options->output = "writewatch.wwt";
  options->settings = (struct settings){
    .interval = INTERVAL_DEFAULT, .stacks = ww_has_stacks() ? STACKS_DEFAULT : 0, .kinds = KINDS_DEFAULT,
    .engine = WW_ENGINE_MPROTECT, .overhead = OVERHEAD_DEFAULT, .trace = -1, .control = -1
  };
  /* `+': what follows the command is the command's. */
  while (status == 0 && (option = getopt_long(argc, argv, "+o:i:", known, NULL)) != -1)
    status = parse_option(options, option);
  if (status != 0 || options->help)
    return status;
  options->command = argv + optind;
  if (*options->command == NULL) {
    complain("record needs a command: `writewatch record -- COMMAND'; see `writewatch record --help'");
    return RECORD_FAILED;
  }
  return 0;
}

int
record_main(int argc, char **argv)
{
  static struct record_options options;
  int status = record_options_parse(&options, argc, argv);

  if (status != 0)
    return status;
  if (options.help) {
    record_options_help();
    return 0;
  }
  status = record_inspect(*options.command);
  return status != 0 ? status : record_run(&options);
}
