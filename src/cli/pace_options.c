#include "cli/pace_options.h"

#include "base/units.h"
#include "cli/run.h"
#include "load/stages.h"

static int check_alone(const struct options *options, struct err *err)
{
    static const char *const names[] = {"users", "spawn-rate", "run-time"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!options_given(options, names[i]))
            continue;
        err_set(err, ERR_USAGE,
                "option '--stages' says how many users there are and for how long: leave out --%s",
                names[i]);
        return -1;
    }
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
    if (!settings->pace.stages)
        return pace_options_check_warm_up(settings->pace.warm_up_ns, settings->run_time_ns, err);
    if (check_alone(options, err) < 0)
        return -1;
    if (stages_parse(settings->pace.stages, stages, err) < 0) {
        err_prefix(err, "option '--stages'");
        return -1;
    }
    settings->users = stages_users_max(stages);
    settings->run_time_ns = stages_length_ns(stages);
    if (pace_options_check_warm_up(settings->pace.warm_up_ns, settings->run_time_ns, err) == 0)
        return 0;
    stages_fini(stages);
    return -1;
}
