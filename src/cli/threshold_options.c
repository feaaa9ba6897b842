#include "cli/threshold_options.h"

#include "verdict/threshold.h"

int threshold_option_parse(const struct option *option, const char *text, void *field,
                           struct err *err)
{
    struct threshold_spec spec;

    if (threshold_parse(text, &spec, err) < 0)
        return -1;
    threshold_spec_fini(&spec);
    return option_parse_list(option, text, field, err);
}

struct thresholds *threshold_options_make(const struct text_list *list, uint64_t warm_up_ns,
                                          uint64_t run_time_ns, uint32_t stage_count,
                                          struct err *err)
{
    struct thresholds *thresholds =
        thresholds_new((const char *const *)list->items, list->count, err);

    if (thresholds && thresholds_check_time(thresholds, warm_up_ns, run_time_ns, err) == 0 &&
        thresholds_check_stages(thresholds, stage_count, err) == 0)
        return thresholds;
    thresholds_free(thresholds);
    err_prefix(err, "option '--threshold'");
    return NULL;
}

const struct threshold *threshold_find_opening(const struct thresholds *thresholds)
{
    static const enum metric metrics[] = {METRIC_SSE_CONNECT_SUCCESS, METRIC_SSE_CONNECTING,
                                          METRIC_SSE_FIRST_BYTE, METRIC_SSE_TTFE};

    for (size_t i = 0; i < thresholds_count(thresholds); i++) {
        const struct threshold *threshold = thresholds_at(thresholds, i);

        for (size_t k = 0; k < sizeof metrics / sizeof metrics[0]; k++) {
            if (threshold->spec.metric == metrics[k])
                return threshold;
        }
    }
    return NULL;
}
