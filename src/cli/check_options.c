#include "cli/check_options.h"

#include "base/clock.h"
#include "base/json_read.h"
#include "base/mem.h"
#include "http/url.h"
#include "load/clock_probe.h"
#include "load/event_time.h"
#include "load/plan.h"

#include <stdlib.h>
#include <string.h>

static int check_event_seq(const char *text, struct err *err)
{
    if (!text || strcmp(text, "id") == 0 || strcmp(text, "none") == 0 ||
        json_check_pointer(text, err) == 0)
        return 0;
    err_prefix(err, "option '--event-seq'");
    return -1;
}

static uint64_t stale_ns_of(const struct check_settings *settings)
{
    return settings->stale_ns > 0 ? settings->stale_ns : CLOCK_NEVER_NS;
}

static int check_event_time(const struct check_settings *settings, struct err *err)
{
    struct event_time_source source;

    if (!settings->event_time) {
        if (!settings->clock_url && stale_ns_of(settings) == CLOCK_NEVER_NS)
            return 0;
        err_set(err, ERR_USAGE, "option '--%s' needs --event-time beside it",
                settings->clock_url ? "clock" : "stale");
        return -1;
    }
    if (event_time_parse(settings->event_time, &source, err) == 0) {
        event_time_source_fini(&source);
        return 0;
    }
    err_prefix(err, "option '--event-time'");
    return -1;
}

static char *copy(const char *text)
{
    return text ? x_strdup(text) : NULL;
}

int check_settings_apply(const struct check_settings *settings, struct plan_checks *checks,
                         struct err *err)
{
    if (check_event_seq(settings->event_seq, err) < 0 || check_event_time(settings, err) < 0)
        return -1;
    checks->event_seq = copy(settings->event_seq);
    checks->event_time = copy(settings->event_time);
    checks->clock_url = copy(settings->clock_url);
    checks->stale_ns = stale_ns_of(settings);
    return 0;
}

int check_clock_answers(const struct plan *plan, struct err *err)
{
    const char *url = plan->checks.clock_url;
    char *name;

    if (!url || clock_probe_try(url, &plan->network, err) == 0)
        return 0;
    name = url_hide_userinfo(url, strlen(url));
    err_prefix(err, "option '--clock': no time from '%.200s'", name);
    free(name);
    return -1;
}
