#include "cli/limit_options.h"

#include "base/clock.h"
#include "cli/run.h"
#include "verdict/limit.h"
#include "verdict/limit_judge.h"

/* A second; more at once is a test of another kind. */
static const double LIMIT_RATE_PER_S = 2000;

static int check_others(const struct options *options, struct err *err)
{
    static const char *const names[] = {"stages", "arrival-rate", "warm-up", "storm", "iterations"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!options_given(options, names[i]))
            continue;
        err_set(err, ERR_USAGE,
                "option '--find-limit' says itself how many users there are and when: leave out "
                "--%s",
                names[i]);
        return -1;
    }
    return 0;
}

int limit_options_apply(const struct options *options, struct run_settings *settings,
                        struct err *err)
{
    if (!settings->finds_limit)
        return 0;
    if (check_others(options, err) < 0)
        return -1;
    if (!options_given(options, "users"))
        settings->users = LIMIT_CEILING_USERS;
    if (!options_given(options, "run-time"))
        settings->run_time_ns = LIMIT_RUN_TIME_S * CLOCK_NS_PER_S;
    return 0;
}

double limit_options_rate(const struct run_settings *settings)
{
    return settings->spawn_rate_per_s > 0 ? settings->spawn_rate_per_s : LIMIT_RATE_PER_S;
}

struct limit_rules *limit_options_make(const struct run_settings *settings, struct err *err)
{
    const struct text_list *list = &settings->thresholds;
    struct limit_rules *rules = limit_rules_new((const char *const *)list->items, list->count, err);

    if (!rules)
        err_prefix(err, "option '--threshold'");
    return rules;
}
