#include "cli/pace_options.h"

#include "base/clock.h"
#include "base/units.h"
#include "cli/run.h"
#include "load/stages.h"

#include <math.h>

enum { PACE_CONNECT_S = 10, PACE_USERS_MAX = 10000000, PACE_ARRIVALS_MAX_PER_S = 100000 };

/* -1 when one of the options was given, which ends with NULL. */
static int check_alone(const struct options *options, const char *const *names, const char *what,
                       struct err *err)
{
    for (; *names; names++) {
        if (!options_given(options, *names))
            continue;
        err_set(err, ERR_USAGE, "option '--%s: leave out --%s", what, *names);
        return -1;
    }
    return 0;
}

static int check_arrivals(const struct options *options, const struct run_settings *settings,
                          struct err *err)
{
    static const char *const others[] = {"stages", "spawn-rate", "iterations", "wait", NULL};

    if (!(settings->pace.arrivals_per_s > 0))
        return 0;
    if (settings->pace.arrivals_per_s > PACE_ARRIVALS_MAX_PER_S) {
        err_set(err, ERR_USAGE, "option '--arrival-rate': more than %d a second",
                PACE_ARRIVALS_MAX_PER_S);
        return -1;
    }
    return check_alone(options, others, "arrival-rate' says when users come, each for one stream",
                       err);
}

static int fill_stages(const struct options *options, struct run_settings *settings,
                       struct stages *stages, struct err *err)
{
    static const char *const others[] = {"users", "spawn-rate", "run-time", NULL};

    if (!settings->pace.stages)
        return 0;
    if (check_alone(options, others, "stages' says how many users there are and for how long",
                    err) < 0)
        return -1;
    if (stages_parse(settings->pace.stages, stages, err) < 0) {
        err_prefix(err, "option '--stages'");
        return -1;
    }
    settings->users = stages_users_max(stages);
    settings->run_time_ns = stages_length_ns(stages);
    return 0;
}

int pace_options_check_warm_up(uint64_t warm_up_ns, uint64_t run_time_ns, struct err *err)
{
    char warm_up[UNITS_TEXT_BYTES], run_time[UNITS_TEXT_BYTES];

    if (warm_up_ns < run_time_ns)
        return 0;
    err_set(err, ERR_USAGE, "option '--warm-up': %s is not shorter than the run of %s",
            units_format_duration(warm_up_ns, warm_up),
            units_format_duration(run_time_ns, run_time));
    return -1;
}

int pace_options_apply(const struct options *options, struct run_settings *settings,
                       struct stages *stages, struct err *err)
{
    if (check_arrivals(options, settings, err) < 0 ||
        fill_stages(options, settings, stages, err) < 0)
        return -1;
    if (pace_options_check_warm_up(settings->pace.warm_up_ns, settings->run_time_ns, err) == 0)
        return 0;
    stages_fini(stages);
    return -1;
}

void pace_options_limit(const struct options *options, struct run_settings *settings,
                        const struct run_reach *reach)
{
    /* A stream lasts for its time from its opening on. */
    uint64_t life_ns = clock_add_ns(settings->stream_time_ns, PACE_CONNECT_S * CLOCK_NS_PER_S);
    double users;

    if (!(settings->pace.arrivals_per_s > 0) || options_given(options, "users"))
        return;
    if (life_ns > settings->run_time_ns)
        life_ns = settings->run_time_ns;
    users = ceil(settings->pace.arrivals_per_s * (double)life_ns / (double)CLOCK_NS_PER_S) + 1;
    users = fmin(users, (double)run_limits_most_users(settings, reach));
    settings->users = (uint64_t)fmin(users, PACE_USERS_MAX);
}
