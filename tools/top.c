/* top.c - `writewatch top': what a program writes, while it does. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "message.h"
#include "top.h"

static void
help(void)
{
  puts("Usage: writewatch top [OPTION...] FILE\n"
       "       writewatch top [OPTION...] --pid PID\n"
       "       writewatch top [OPTION...] -- COMMAND [ARGUMENT...]\n"
       "Shows, while it is recorded, what a program writes: how much a second, how many\n"
       "pages an epoch, in which regions, and who writes them first. FILE is a trace that\n"
       "`writewatch record' writes, PID a process that it records, COMMAND what is to be\n"
       "recorded now. Without a terminal it writes a line a refresh.\n\n"
       "  -p, --pid=PID      the process\n"
       "  -d, --delay=S      seconds between refreshes (default: 1)\n"
       "  -n, --count=N      end after N refreshes\n"
       "      --plain        lines, on a terminal, too\n"
       "  -o, --output=FILE  keep COMMAND's trace in FILE\n"
       "  -i, --interval=T, --stacks=N, --regions=LIST, --engine=E, --policy=P, --overhead=P\n"
       "                     for COMMAND, as in `writewatch record --help'\n"
       "      --help         this text\n\n"
       "Keys: q quit, p pause, space refresh. To quit ends a COMMAND (SIGTERM), and leaves\n"
       "a PID alone. What COMMAND says on this terminal is shown when the view ends.\n\n" STATUS_HELP);
}

static enum status
refuse(const char *option, const char *text, const char *expected)
{
  complain("--%s '%s': %s", option, text, expected);
  return STATUS_USAGE;
}

static enum status
parse_number(const char *option, const char *text, uint64_t most, uint64_t *value)
{
  char *end;

  errno = 0;
  *value = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end || errno || *value == 0 || *value > most)
    return refuse(option, text, "a whole number above 0");
  return STATUS_OK;
}

/* An option for the recorder, in one word. */
static enum status
pass(struct top_options *options, const char *name, const char *value)
{
  char *word;

  if (options->passed_count == sizeof options->passed / sizeof options->passed[0])
    return refuse(name, value, "too many options");
  if (asprintf(&word, "--%s=%s", name, value) < 0)
    return STATUS_MEMORY;
  options->passed[options->passed_count++] = word;
  return STATUS_OK;
}

enum { OPTION_PLAIN = 256, OPTION_HELP, OPTION_PASSED };

static const struct option known[] = {
  { "pid", required_argument, NULL, 'p' }, { "delay", required_argument, NULL, 'd' },
  { "count", required_argument, NULL, 'n' }, { "plain", no_argument, NULL, OPTION_PLAIN },
  { "output", required_argument, NULL, 'o' }, { "help", no_argument, NULL, OPTION_HELP },
  { "interval", required_argument, NULL, 'i' }, { "stacks", required_argument, NULL, OPTION_PASSED },
  { "regions", required_argument, NULL, OPTION_PASSED }, { "engine", required_argument, NULL, OPTION_PASSED },
  { "policy", required_argument, NULL, OPTION_PASSED },
  { "overhead", required_argument, NULL, OPTION_PASSED },
  { NULL, 0, NULL, 0 }
};

static enum status
take_option(struct top_options *options, int option, int index)
{
  uint64_t number = 0;
  enum status status;
  char *end;

  switch (option) {
    case 'p':
      status = parse_number("pid", optarg, INT_MAX, &number);
      options->pid = (pid_t)number;
      return status;
    case 'd':
      options->delay = strtod(optarg, &end);
      return end != optarg && !*end && options->delay >= 0.02 && options->delay <= 3600
        ? STATUS_OK : refuse("delay", optarg, "seconds, from 0.02 to 3600");
    case 'n':
      return parse_number("count", optarg, UINT64_MAX, &options->count);
    case 'o':
      options->output = optarg;
      return STATUS_OK;
    case 'i':
      return pass(options, "interval", optarg);
    case OPTION_PASSED:
      return pass(options, known[index].name, optarg);
    case OPTION_PLAIN:
      options->plain = true;
      return STATUS_OK;
    default:
      return STATUS_USAGE;   /* getopt has complained */
  }
}

static enum status
parse(struct top_options *options, int argc, char **argv, bool *done)
{
  int option, index = 0;
  enum status status = STATUS_OK;
  bool command;

  *done = false;
  *options = (struct top_options){ .delay = 1 };
  while (status == STATUS_OK && (option = getopt_long(argc, argv, "+p:d:n:o:i:", known, &index)) != -1) {
    if (option == OPTION_HELP) {
      help();
      *done = true;
      return STATUS_OK;
    }
    status = take_option(options, option, index);
  }
  if (status != STATUS_OK)
    return status;
  command = optind > 1 && strcmp(argv[optind - 1], "--") == 0;
  if (command && optind < argc)
    options->command = argv + optind;
  else if (optind < argc)
    options->file = argv[optind];
  if ((options->command != NULL) + (options->file != NULL) + (options->pid != 0) != 1
      || (!options->command && optind + 1 < argc)) {
    complain("top needs one of a trace, --pid PID and -- COMMAND: see `writewatch top --help`");
    return STATUS_USAGE;
  }
  if (!options->command && (options->output || options->passed_count)) {
    complain("--output and what is for the recorder go with -- COMMAND only");
    return STATUS_USAGE;
  }
  return STATUS_OK;
}

static void
forget(struct top_options *options)
{
  for (unsigned i = 0; i < options->passed_count; i++)
    free(options->passed[i]);
}

struct view {
  struct top_model     model;
  struct top_source    source;
  struct trace_reader *reader;
  const struct top_options *options;
  bool     drawn, paused;
  uint64_t refreshes;
};

static bool
has_ended(const struct view *view)
{
  return view->model.index.ended || view->source.ended;
}

static void
draw(struct view *view)
{
  unsigned rows, columns;

  top_terminal_size(&rows, &columns);
  top_screen_draw(&view->model, rows, columns,
                  has_ended(view) ? TOP_ENDED : view->paused ? TOP_PAUSED : TOP_RUNNING);
}

/* Read what there is. False: no more is to come, or there was an error. */
static enum status
follow(struct view *view, uint64_t deadline, bool *behind)
{
  const char *why = NULL;
  int error;

  *behind = false;
  top_source_look(&view->source);
  if (view->source.fd < 0)
    return STATUS_OK;
  if (!view->reader) {
    error = trace_reader_open(&view->reader, view->source.fd, 0, &why);
    if (error) {
      top_terminal_release();
      complain("cannot read %s: %s", view->source.path, why ? why : strerror(-error));
      return error == -ENOMEM ? STATUS_MEMORY : STATUS_INPUT;
    }
  }
  error = top_model_read(&view->model, view->reader, deadline);
  *behind = error > 0;
  if (error >= 0)
    return STATUS_OK;
  top_terminal_release();
  complain("cannot read %s: %s", view->source.path, strerror(-error));
  return error == -ENOMEM ? STATUS_MEMORY : STATUS_INPUT;
}

/* Until the next refresh is due; false: the user has enough. */
static bool
wait_and_listen(struct view *view, uint64_t due)
{
  for (;;) {
    int key = top_wait(due, view->drawn);

    if (top_signal() || key == 'q' || key == 'Q')
      return false;
    if (key == 'p' || key == 'P')
      view->paused = !view->paused;
    if (key == ' ')
      return true;
    if (key == 0)
      return true;
    if (view->drawn)
      draw(view);
  }
}

static enum status
watch(struct view *view)
{
  uint64_t step = (uint64_t)(view->options->delay * 1e9), due = top_now();
  enum status status = STATUS_OK;

  for (;;) {
    bool behind, more = true;
    uint64_t now = top_now();

    due = due + step > now ? due + step : now + step / 4;
    status = follow(view, now + step / 2, &behind);
    if (status != STATUS_OK)
      return status;
    if (!view->paused && !behind) {
      more = view->model.current.epochs > 0;
      if (top_model_refresh(&view->model))
        return STATUS_MEMORY;
      if (view->drawn)
        draw(view);
      else if (more)
        top_screen_line(&view->model);
      view->refreshes += more || view->drawn;
    }
    if (view->options->count && view->refreshes >= view->options->count)
      return STATUS_OK;
    /* Without a terminal nobody is there to say that it is enough. */
    if (!behind && has_ended(view) && !view->drawn && !view->model.current.epochs)
      return STATUS_OK;
    if (!wait_and_listen(view, behind ? top_now() : due))
      return STATUS_OK;
  }
}

static enum status
end(struct view *view, enum status status)
{
  int number = top_signal(), ended;

  top_terminal_release();
  trace_reader_close(view->reader);
  top_model_close(&view->model);
  top_source_close(&view->source);
  ended = view->source.status;
  if (number) {
    /* As we would have ended without a handler. */
    signal(number, SIG_DFL);
    raise(number);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
  }
  if (status == STATUS_OK && view->source.ended && WIFEXITED(ended) && WEXITSTATUS(ended) >= 125
      && WEXITSTATUS(ended) <= 127 && view->model.total.epochs == 0) {
    complain("nothing was recorded");
    return STATUS_TRACKING;
  }
  return status;
}

int
top_main(int argc, char **argv)
{
  static struct view view;
  struct top_options options;
  enum status status;
  bool done;

  status = parse(&options, argc, argv, &done);
  if (status != STATUS_OK || done) {
    forget(&options);
    return status;
  }
  view.options = &options;
  view.drawn = !options.plain && top_terminal_here();
  if (top_model_open(&view.model))
    return STATUS_MEMORY;
  top_signals_take();
  status = top_source_open(&view.source, &options, view.drawn);
  if (status == STATUS_OK) {
    if (view.drawn && !top_terminal_take())
      view.drawn = false;
    status = watch(&view);
  }
  status = end(&view, status);
  forget(&options);
  return status;
}
