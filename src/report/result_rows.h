/*
 * report/result_rows.h - what a script counted, as it stands in the result: the members `requests`,
 * `failures` and `exceptions`.
 */
#ifndef CICADA_REPORT_RESULT_ROWS_H
#define CICADA_REPORT_RESULT_ROWS_H

#include "base/json.h"
#include "stats/run.h"

/* Writes the three members of the object that is open in `json`. */
void result_rows_write(struct json *json, const struct run *run);

#endif
