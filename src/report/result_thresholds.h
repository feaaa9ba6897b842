/*
 * report/result_thresholds.h - the member "thresholds" of the result.
 */
#ifndef CICADA_REPORT_RESULT_THRESHOLDS_H
#define CICADA_REPORT_RESULT_THRESHOLDS_H

struct json;
struct thresholds;

/* Writes the key and its array, empty for NULL. */
void result_thresholds_write(struct json *json, const struct thresholds *thresholds);

#endif
