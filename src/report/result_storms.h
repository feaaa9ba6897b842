/*
 * report/result_storms.h - the member "storms" of the result.
 */
#ifndef CICADA_REPORT_RESULT_STORMS_H
#define CICADA_REPORT_RESULT_STORMS_H

struct json;
struct run;

/* Inside an object: the key and an array, empty without storms and waves. */
void result_storms_write(struct json *json, const struct run *run);

#endif
