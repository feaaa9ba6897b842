#include "cli/publish_options.h"

#include "base/clock.h"
#include "base/mem.h"
#include "cli/request_options.h"
#include "load/feed.h"
#include "load/plan.h"
#include "load/publisher.h"

#include <stdlib.h>
#include <sys/random.h>

static char default_data[] = "{\"cicada\":\"{{mark}}\"}";

static int check_alone(const struct publish_settings *settings, struct err *err)
{
    const char *option = settings->rate_per_s > 0      ? "publish-rate"
                         : settings->data              ? "publish-data"
                         : settings->headers.count > 0 ? "publish-header"
                                                       : NULL;

    if (!option)
        return 0;
    err_set(err, ERR_USAGE, "option '--%s' needs --publish beside it", option);
    return -1;
}

static int fill_rate(const struct publish_settings *settings, struct plan_publish *publish,
                     struct err *err)
{
    publish->rate_per_s = settings->rate_per_s > 0 ? settings->rate_per_s : 1;
    if (publish->rate_per_s * PLAN_PUBLISH_INTERVAL_MAX_S >= 1 &&
        publish->rate_per_s <= PLAN_PUBLISH_RATE_MAX)
        return 0;
    err_set(err, ERR_USAGE,
            "option '--publish-rate': at most %d a second, at the least one in %d s",
            PLAN_PUBLISH_RATE_MAX, PLAN_PUBLISH_INTERVAL_MAX_S);
    return -1;
}

static int fill_message(const struct publish_settings *settings, const char *method,
                        struct plan_publish *publish, struct err *err)
{
    struct request_settings request = {.headers = settings->headers,
                                       .data = settings->data ? settings->data : default_data,
                                       .data_may_be_json = true,
                                       .body_option = "publish-data"};
    struct feed *feed = publisher_feed();
    int result;

    request.method = x_strdup(method);
    result = request_settings_apply(&request, feed, &publish->message, err);
    free(request.method);
    feed_free(feed);
    return result;
}

int publish_settings_apply(const struct publish_settings *settings, struct plan_publish *publish,
                           struct err *err)
{
    char *method;
    const char *url;
    int result = -1;

    if (!settings->target)
        return check_alone(settings, err);
    method = request_split(settings->target, &url);
    publish->url = x_strdup(url);
    if (getrandom(&publish->run, sizeof publish->run, 0) != (ssize_t)sizeof publish->run)
        publish->run = clock_now_ns();
    publish->run |= 1; /* 0 is the mark that is to be written over */
    if (fill_rate(settings, publish, err) == 0 &&
        fill_message(settings, method, publish, err) == 0) {
        result = publisher_check(publish, err);
        if (result < 0)
            err_prefix(err, "option '--publish'");
    }
    free(method);
    return result;
}
