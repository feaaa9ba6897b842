#include "cli/quality_options.h"

#include "base/clock.h"
#include "base/mem.h"
#include "load/expect.h"
#include "load/plan.h"
#include "load/servers.h"

#include <string.h>

static void copy_list(const struct text_list *from, struct plan_list *to)
{
    for (size_t i = 0; i < from->count; i++)
        plan_list_add(to, from->items[i]);
}

static int take_server(const struct quality_settings *settings, struct plan_checks *checks,
                       struct err *err)
{
    const char *header;

    if (!settings->server_id)
        return 0;
    header = servers_parse(settings->server_id, err);
    if (!header) {
        err_prefix(err, "option '--server-id'");
        return -1;
    }
    checks->server_header = x_strdup(header);
    return 0;
}

int quality_settings_apply(const struct quality_settings *settings, const struct feed *feed,
                           struct plan_checks *checks, struct err *err)
{
    struct expect *expect;

    copy_list(&settings->expect_events, &checks->expect_events);
    copy_list(&settings->expect_data, &checks->expect_data);
    checks->expects_json = settings->expects_json;
    checks->heartbeat_ns = settings->heartbeat_ns == CLOCK_NEVER_NS ? 0 : settings->heartbeat_ns;
    if (take_server(settings, checks, err) < 0)
        return -1;
    expect = expect_new(checks, feed, err); /* what is wrong with it must show before the start */
    expect_free(expect);
    return expect ? 0 : -1;
}

int quality_settings_apply_script(const struct quality_settings *settings,
                                  struct plan_checks *checks, struct err *err)
{
    for (size_t i = 0; i < settings->expect_data.count; i++) {
        if (!strstr(settings->expect_data.items[i], "{{"))
            continue;
        err_set(err, ERR_USAGE,
                "option '--expect-data': '%.100s' has a {{column}}, and a Locust file has no feed",
                settings->expect_data.items[i]);
        return -1;
    }
    return quality_settings_apply(settings, NULL, checks, err);
}
