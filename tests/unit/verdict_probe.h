/*
 * verdict_probe.h - a run made by hand for the rules behind findings, and what one of them says.
 */
#ifndef CICADA_TESTS_VERDICT_PROBE_H
#define CICADA_TESTS_VERDICT_PROBE_H

#include "verdict/find.h"

#include <stdbool.h>
#include <stdint.h>

/* One worker, whose one tick ends after `seconds`. Fill `set` of "GET /x", or `delta`. */
struct probe {
    struct run *run;
    struct stats *delta;
    struct stat_set *set;
    size_t endpoint;
    struct run_tick tick;
};

void probe_init(struct probe *probe);
/* The figures are complete: nothing is filled any more. */
void probe_close(struct probe *probe, uint64_t seconds);
void probe_fini(struct probe *probe);

void probe_times(struct probe *probe, enum metric metric, uint64_t count, uint64_t ms);
void probe_connected(struct probe *probe, uint64_t count);

typedef bool (*probe_rule)(const struct run *run, struct finding *finding);
/* Is it raised? With `part` in its title, evidence or advice, as sure as `confidence`. */
void probe_expect(const struct probe *probe, probe_rule rule, enum finding_confidence confidence,
                  const char *part);
void probe_expect_none(const struct probe *probe, probe_rule rule);

#endif
