#include "load/lateness.h"

#include "load/event_clock.h"
#include "load/reads.h"
#include "sse/parser.h"
#include "stats/set.h"

#include <stdio.h>

/* False where the event does not say when it was sent. */
static bool read_time(struct lateness *lateness, const struct lateness_rules *rules,
                      const struct sse_event *event, int64_t *sent_unix_ns)
{
    enum event_time_unit unit =
        lateness->unit != EVENT_TIME_GUESSED ? lateness->unit : rules->source.unit;
    size_t len;
    const char *text = event_time_find(&rules->source, event, &len);

    if (!text)
        return false;
    if (unit == EVENT_TIME_GUESSED)
        unit = event_time_guess(text, len);
    if (!event_time_read(text, len, unit, sent_unix_ns))
        return false;
    lateness->unit = unit;
    return true;
}

/* Without a common clock the differences hold all the same. */
static void record_above_fastest(struct lateness *lateness, struct stat_set *set,
                                 int64_t latency_ns)
{
    if (!lateness->has_fastest || latency_ns < lateness->fastest_ns)
        lateness->fastest_ns = latency_ns;
    lateness->has_fastest = true;
    stat_time(set, METRIC_SSE_EVENT_LATENCY, "above:fastest",
              (uint64_t)(latency_ns - lateness->fastest_ns));
}

static void record_live(const struct lateness_rules *rules, struct stat_set *set,
                        const char *server, int64_t latency_ns)
{
    if (latency_ns < 0) {
        stat_time(set, METRIC_SSE_EVENT_LATENCY_NEGATIVE, NULL, (uint64_t)-latency_ns);
        return;
    }
    stat_time(set, METRIC_SSE_EVENT_LATENCY, NULL, (uint64_t)latency_ns);
    if (server)
        stat_time(set, METRIC_SSE_EVENT_LATENCY, server, (uint64_t)latency_ns);
    if ((uint64_t)latency_ns > rules->stale_ns)
        stat_count(set, METRIC_SSE_STALE, NULL, 1);
}

/* Sent before its connection stood: what it waited for was a reader, or the answer to one. */
static void record_older(struct stat_set *set, const struct lateness_receipt *receipt,
                         int64_t sent_unix_ns, bool is_held, int64_t latency_ns)
{
    stat_time(set, METRIC_SSE_EVENT_LATENCY, is_held ? "delivery:held" : "delivery:replay",
              (uint64_t)latency_ns);
    if (is_held && receipt->reads)
        reads_sent(receipt->reads, sent_unix_ns);
}

void lateness_judge(struct lateness *lateness, const struct lateness_rules *rules,
                    struct stat_set *set, const struct sse_event *event,
                    const struct lateness_receipt *receipt)
{
    int64_t sent_unix_ns, base_ns, latency_ns;
    int64_t age_ns = (int64_t)(receipt->received_ns - receipt->opened_ns);
    bool is_common;

    if (!read_time(lateness, rules, event, &sent_unix_ns) ||
        !event_clock_use(rules->clock, receipt->is_same_host, &base_ns)) {
        lateness->untimed_count++;
        return;
    }
    lateness->timed_count++;
    latency_ns = (int64_t)receipt->received_ns + base_ns - sent_unix_ns;
    is_common = event_clock_is_common(rules->clock, receipt->is_same_host);
    if (latency_ns > age_ns) {
        record_older(set, receipt, sent_unix_ns,
                     is_common && latency_ns <= age_ns + (int64_t)receipt->wait_ns, latency_ns);
        return;
    }
    if (receipt->reads)
        reads_sent(receipt->reads, sent_unix_ns);
    if (!is_common)
        record_above_fastest(lateness, set, latency_ns);
    record_live(rules, set, receipt->server, latency_ns);
}

void lateness_flush(struct lateness *lateness, struct stat_set *set)
{
    char tag[STATS_TAG_BYTES];

    if (lateness->timed_count > 0) {
        (void)snprintf(tag, sizeof tag, "unit:%s", event_time_unit_name(lateness->unit));
        stat_count(set, METRIC_SSE_TIMED, NULL, lateness->timed_count);
        stat_count(set, METRIC_SSE_TIMED, tag, lateness->timed_count);
    }
    if (lateness->untimed_count > 0)
        stat_count(set, METRIC_SSE_UNTIMED, NULL, lateness->untimed_count);
    lateness->timed_count = lateness->untimed_count = 0;
}
