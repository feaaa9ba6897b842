/*
 * report/result_json.h - the one full result as JSON; docs/result.schema.json describes it.
 */
#ifndef CICADA_REPORT_RESULT_JSON_H
#define CICADA_REPORT_RESULT_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "stats/run.h"
#include "verdict/outcome.h"

/* Appends the document. */
void result_json_write(struct buf *out, const struct run *run, const struct outcome *outcome);
/* Before a run: is there a place to write `path` later? 0 or -1. Leaves no file behind. */
int result_json_check_path(const char *path, struct err *err);
/* Writes beside `path`, then renames: the file is whole or absent. 0 or -1. */
int result_json_save(const char *path, const struct run *run, const struct outcome *outcome,
                     struct err *err);

#endif
