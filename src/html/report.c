/* report.c - one page: the style, the body, the data, the script. */
#include "config.h"
#include "html.h"
#include "assets.h"
#include "cells.h"
#include "page.h"

#include <errno.h>

/* Nothing is fetched, and should a name have found a way past the escapes, nothing could be. */
static const char head[] =
  "<!DOCTYPE html>\n"
  "<html lang=\"en\">\n"
  "<head>\n"
  "<meta charset=\"utf-8\">\n"
  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
  "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
  "<meta name=\"color-scheme\" content=\"light dark\">\n"
  "<link rel=\"icon\" href=\"data:,\">\n"
  "<title>writewatch report</title>\n";

static void
put_pieces(const char *const *pieces, FILE *out)
{
  for (; *pieces; pieces++)
    fputs(*pieces, out);
}

static void
put_data(struct json *json, const struct trace_summary *summary, const struct fold *fold)
{
  json_begin(json, '{');
  page_run(json, summary);
  page_totals(json, summary);
  page_growth(json, summary);
  page_map(json, summary, fold);
  page_regions(json, summary);
  page_coverage(json, summary);
  page_writers(json, summary);
  page_remarks(json, summary);
  json_key(json, "strings");
  json_texts(json);
  json_end(json, '}');
}

int
report_html(struct trace_summary *summary, FILE *out)
{
  struct json json = { .out = out };
  struct fold fold = { 0 };

  if (summary->heat.cells && fold_make(&fold, &summary->heat))
    return -ENOMEM;
  fputs(head, out);
  fputs("<style>\n", out);
  put_pieces(html_style, out);
  fputs("</style>\n</head>\n<body>\n", out);
  put_pieces(html_body, out);
  fputs("<script type=\"application/json\" id=\"data\">", out);
  put_data(&json, summary, &fold);
  fputs("</script>\n<script type=\"text/plain\" id=\"cells\">", out);
  if (summary->heat.cells)
    cells_write(&summary->heat, &fold, out);
  fputs("</script>\n<script>\n", out);
  put_pieces(html_script, out);
  fputs("</script>\n</body>\n</html>\n", out);
  json_free(&json);
  fold_free(&fold);
  if (json.error)
    return json.error;
  return ferror(out) ? -(errno ? errno : EIO) : 0;
}
