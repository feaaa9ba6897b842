#include "verdict/threshold_basis.h"

#include <string.h>

enum { BASIS_MAX = 2 };

/* Each needs one of its metrics. */
static const struct {
    enum metric metric, basis[BASIS_MAX];
} bases[] = {
    {METRIC_SSE_MISSED, {METRIC_SSE_LOSS}},
    {METRIC_SSE_DUPLICATES, {METRIC_SSE_SEQUENCED}},
    {METRIC_SSE_REORDERED, {METRIC_SSE_SEQUENCED}},
    {METRIC_SSE_PEER_MISSED, {METRIC_SSE_PEER_COMPLETENESS}},
    {METRIC_SSE_PUBLISHED, {METRIC_SSE_PUBLISHED, METRIC_SSE_PUBLISH_FAILED}},
    {METRIC_SSE_PUBLISH_FAILED, {METRIC_SSE_PUBLISHED, METRIC_SSE_PUBLISH_FAILED}},
    {METRIC_SSE_PUBLISH_MISSED, {METRIC_SSE_PUBLISHED, METRIC_SSE_PUBLISH_FAILED}},
    {METRIC_SSE_PUBLISH_DUPLICATES, {METRIC_SSE_PUBLISHED, METRIC_SSE_PUBLISH_FAILED}},
};

/* Counted whether a stream opens or not. */
static const enum metric of_attempts[] = {METRIC_SSE_ATTEMPTS, METRIC_SSE_CONNECT_FAILS,
                                          METRIC_SSE_PENDING, METRIC_SSE_GAVE_UP,
                                          METRIC_SSE_RECONNECTS};

static bool has_samples(enum metric metric, const struct stat_set *set)
{
    uint64_t passes, fails;
    double max;

    switch (metric_info(metric)->kind) {
    case METRIC_KIND_NONE:
        break;
    case METRIC_COUNTER:
        return stat_get_count(set, metric, NULL) > 0;
    case METRIC_GAUGE:
        return stat_get_gauge(set, metric, NULL, NULL, NULL, &max) && max > 0;
    case METRIC_RATE:
        stat_get_rate(set, metric, NULL, &passes, &fails);
        return passes > 0 || fails > 0;
    case METRIC_TREND:
        return stat_get_trend(set, metric, NULL) != NULL;
    }
    return false;
}

/* Of a stream that opened before `set` began there is no success to connect. */
static bool has_opened(const struct stat_set *set)
{
    static const enum metric signs[] = {METRIC_SSE_OPEN, METRIC_SSE_BYTES, METRIC_SSE_OPEN_AGE,
                                        METRIC_SSE_DURATION};
    uint64_t passes, fails;

    stat_get_rate(set, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (has_samples(signs[i], set))
            return true;
    }
    return passes > 0;
}

static bool is_of_attempts(enum metric metric)
{
    for (size_t i = 0; i < sizeof of_attempts / sizeof of_attempts[0]; i++) {
        if (of_attempts[i] == metric)
            return true;
    }
    return false;
}

bool threshold_basis_is_there(enum metric metric, const struct stat_set *set)
{
    static const char prefix[] = "sse_";

    if (metric_info(metric)->kind != METRIC_COUNTER || has_samples(metric, set))
        return true;
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        if (bases[i].metric == metric)
            return has_samples(bases[i].basis[0], set) ||
                   (bases[i].basis[1] != METRIC_NONE && has_samples(bases[i].basis[1], set));
    }
    return strncmp(metric_info(metric)->name, prefix, strlen(prefix)) != 0 ||
           is_of_attempts(metric) || has_opened(set);
}
