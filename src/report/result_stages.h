/*
 * report/result_stages.h - the members "stages" and "onset" of the result.
 */
#ifndef CICADA_REPORT_RESULT_STAGES_H
#define CICADA_REPORT_RESULT_STAGES_H

struct json;
struct run;

/* Writes the key and its array, empty for a run without stages. */
void result_stages_write(struct json *json, const struct run *run);
/* Writes the key and an object, null where nothing began to fail. */
void result_onset_write(struct json *json, const struct run *run);

#endif
