/*
 * report/result_metrics.h - the member "metrics" of the result, of an endpoint or of a stage.
 */
#ifndef CICADA_REPORT_RESULT_METRICS_H
#define CICADA_REPORT_RESULT_METRICS_H

#include <stdbool.h>

struct json;
struct stat_set;

/*
 * Writes the key and its object: what has samples, each tag beside its whole. Rates are over
 * `seconds`; with `has_all_counters` those that are 0 stand there too.
 */
void result_metrics_write(struct json *json, const struct stat_set *set, double seconds,
                          bool has_all_counters);

#endif
