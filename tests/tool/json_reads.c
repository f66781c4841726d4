/* json_reads.c - is standard input one JSON object? Names the members that it
 * has, one a line. */
#include <jansson.h>
#include <stdio.h>

int
main(void)
{
  json_error_t error;
  json_t *root = json_loadf(stdin, JSON_REJECT_DUPLICATES, &error), *value;
  const char *key;

  if (root == NULL || !json_is_object(root)) {
    fprintf(stderr, "not a JSON object: line %d: %s\n", error.line, error.text);
    json_decref(root);
    return 1;
  }
  json_object_foreach(root, key, value)
    puts(key);
  json_decref(root);
  return 0;
}
