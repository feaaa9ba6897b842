#include "verdict_probe.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void probe_init(struct probe *probe)
{
    *probe = (struct probe){.run = run_new(1),
                            .delta = stats_new(),
                            .tick = {.interval_ns = CLOCK_NS_PER_S, .users = 100, .open = 100}};
    probe->endpoint = stats_add_endpoint(probe->delta, "GET", "/x");
    probe->set = stats_endpoint_set(probe->delta, probe->endpoint);
}

void probe_close(struct probe *probe, uint64_t seconds)
{
    run_add_tick(probe->run, 0, &probe->tick, probe->delta);
    run_close_second(probe->run, seconds * CLOCK_NS_PER_S);
    run_finish(probe->run, seconds * CLOCK_NS_PER_S);
}

void probe_fini(struct probe *probe)
{
    run_free(probe->run);
    stats_free(probe->delta);
}

void probe_times(struct probe *probe, enum metric metric, uint64_t count, uint64_t ms)
{
    for (uint64_t i = 0; i < count; i++)
        stat_time(probe->set, metric, NULL, ms * CLOCK_NS_PER_MS);
}

void probe_connected(struct probe *probe, uint64_t count)
{
    stat_passes(probe->set, METRIC_SSE_CONNECT_SUCCESS, NULL, count, 0);
}

static void fini_finding(struct finding *finding)
{
    free(finding->title);
    free(finding->evidence);
    free(finding->advice);
}

static bool says(const struct finding *finding, const char *part)
{
    return strstr(finding->title, part) || strstr(finding->evidence, part) ||
           strstr(finding->advice, part);
}

void probe_expect(const struct probe *probe, probe_rule rule, enum finding_confidence confidence,
                  const char *part)
{
    struct finding finding = {0};

    if (!rule(probe->run, &finding))
        fail_msg("nothing is found; wanted: %s", part);
    if (!says(&finding, part))
        fail_msg("no '%s' in: %s | %s | %s", part, finding.title, finding.evidence, finding.advice);
    assert_int_equal(finding.confidence, confidence);
    fini_finding(&finding);
}

void probe_expect_none(const struct probe *probe, probe_rule rule)
{
    struct finding finding = {0};

    if (rule(probe->run, &finding))
        fail_msg("found: %s | %s", finding.title, finding.evidence);
    assert_null(finding.title);
    assert_null(finding.evidence);
    assert_null(finding.advice);
}
