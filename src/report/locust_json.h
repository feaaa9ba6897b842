/*
 * report/locust_json.h - what Locust's own --json prints at the end: an array of its rows.
 */
#ifndef CICADA_REPORT_LOCUST_JSON_H
#define CICADA_REPORT_LOCUST_JSON_H

#include "base/buf.h"
#include "stats/run.h"

/* Appends the document and a line end. Rows stand in order of first sight, without their sum. */
void locust_json_write(struct buf *out, const struct run *run);

#endif
