#include "verdict/findings.h"

#include "base/mem.h"
#include "verdict/find.h"
#include "verdict/find_clock.h"

#include <assert.h>
#include <stdlib.h>

struct rule {
    const char *code;
    enum finding_severity severity; /* where the rule does not set one by the figures */
    /* Fills title, evidence and advice when the run shows it; false otherwise. */
    bool (*find)(const struct run *run, struct finding *finding);
};

static const struct rule rules[] = {
    {"generator-saturated", FINDING_WARNING, find_generator_saturated},
    {"no-events", FINDING_CRITICAL, find_no_events},
    {"silent-streams", FINDING_CRITICAL, find_unanswered},
    {"silent-streams", FINDING_WARNING, find_silent_streams},
    {"dead-streams", FINDING_CRITICAL, find_dead_streams},
    {"no-heartbeat", FINDING_WARNING, find_no_heartbeat},
    {"idle-timeout", FINDING_WARNING, find_idle_timeout},
    {"max-age", FINDING_WARNING, find_max_age},
    {"server-restart", FINDING_WARNING, find_server_restart},
    {"thundering-herd", FINDING_WARNING, find_thundering_herd},
    {"abrupt-disconnects", FINDING_WARNING, find_abrupt_disconnects},
    {"event-loss", FINDING_WARNING, find_event_loss},
    {"event-duplicates", FINDING_WARNING, find_event_duplicates},
    {"event-reordered", FINDING_WARNING, find_event_reordered},
    {"malformed-events", FINDING_WARNING, find_malformed_events},
    {"replay-missing", FINDING_CRITICAL, find_replay_missing},
    {"replay-duplicates", FINDING_WARNING, find_replay_duplicates},
    {"proxy-buffering", FINDING_WARNING, find_proxy_buffering},
    {"buffered-compression", FINDING_WARNING, find_buffered_compression},
    {"connection-limit", FINDING_CRITICAL, find_connection_limit},
    {"worker-exhaustion", FINDING_CRITICAL, find_worker_exhaustion},
    {"gateway-errors", FINDING_CRITICAL, find_gateway_errors},
    {"server-errors", FINDING_CRITICAL, find_server_errors},
    {"rate-limited", FINDING_WARNING, find_rate_limited},
    {"auth-rejections", FINDING_CRITICAL, find_auth_rejections},
    {"client-errors", FINDING_CRITICAL, find_client_errors},
    {"slow-auth", FINDING_WARNING, find_slow_auth},
    {"wrong-content-type", FINDING_CRITICAL, find_wrong_content_type},
    {"stale-events", FINDING_WARNING, find_stale_events},
    {"slow-fanout", FINDING_WARNING, find_slow_fanout},
    {"starved-streams", FINDING_WARNING, find_starved_streams},
    {"latency-trend", FINDING_WARNING, find_latency_trend},
    {"latency-knee", FINDING_WARNING, find_latency_knee},
    {"clock-uncertain", FINDING_WARNING, find_clock_uncertain},
    {"too-short-run", FINDING_INFO, find_too_short_run},
};

struct finding *findings_collect(const struct run *run, size_t *result_count)
{
    size_t rule_count = sizeof rules / sizeof rules[0], count = 0;
    struct finding *findings = x_calloc(rule_count, sizeof *findings);

    for (size_t i = 0; i < rule_count; i++) {
        struct finding *finding = &findings[count];

        if (!rules[i].find(run, finding))
            continue;
        finding->code = rules[i].code;
        assert(finding->confidence != CONFIDENCE_NONE);
        if (finding->severity == FINDING_NONE)
            finding->severity = rules[i].severity;
        count++;
    }
    if (count == 0) {
        free(findings);
        findings = NULL;
    }
    *result_count = count;
    return findings;
}

void findings_free(struct finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(findings[i].title);
        free(findings[i].evidence);
        free(findings[i].advice);
    }
    free(findings);
}
