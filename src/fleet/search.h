/*
 * fleet/search.h - drives a search for the limit: goes from step to step as verdict/limit says,
 * each a stage of the run, and has each judged by verdict/limit_judge.
 *
 * A step goes from users that are known to hold up to its number within about two seconds, and is
 * held until its figures settle. Before it the users of a step that failed leave, the newest first,
 * and what is left must stand as it did: where it does not, all leave, and the step begins with
 * none. What happens between two steps belongs to no stage.
 *
 * Runs on: the controller.
 */
#ifndef CICADA_FLEET_SEARCH_H
#define CICADA_FLEET_SEARCH_H

#include <stdint.h>

struct controller;
struct search;

/* The run begins: the first step. `config->limit` is there. */
void search_begin(struct controller *controller, uint64_t now_ns);
void search_free(struct search *search);

#endif
