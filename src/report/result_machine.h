/*
 * report/result_machine.h - the result's member `machine`.
 */
#ifndef CICADA_REPORT_RESULT_MACHINE_H
#define CICADA_REPORT_RESULT_MACHINE_H

struct json;
struct run;

void result_machine_write(struct json *json, const struct run *run);

#endif
