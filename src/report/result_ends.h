/*
 * report/result_ends.h - the member "ends" of the result: how streams ended that nobody asked to,
 * other than in restarts.
 */
#ifndef CICADA_REPORT_RESULT_ENDS_H
#define CICADA_REPORT_RESULT_ENDS_H

struct json;
struct run;

/* Writes the key and its array, one entry a group of verdict/end_groups.h. */
void result_ends_write(struct json *json, const struct run *run);

#endif
