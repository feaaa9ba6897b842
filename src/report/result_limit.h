/*
 * report/result_limit.h - the member "limit" of the result.
 */
#ifndef CICADA_REPORT_RESULT_LIMIT_H
#define CICADA_REPORT_RESULT_LIMIT_H

struct json;
struct outcome;

/* Writes the key and its object, null without a search. */
void result_limit_write(struct json *json, const struct outcome *outcome);

#endif
