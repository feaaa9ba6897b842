#include "verdict/find.h"

#include "base/mem.h"
#include "verdict/end_groups.h"
#include "verdict/findings.h"
#include "verdict/wave.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SURE_ROWS_MIN = 20, /* ends from which a cause without a single survivor is certain */
    ABRUPT_MIN = 3,
    ABRUPT_PCT = 1, /* of the streams that were open */
    WAVE_PCT = 10   /* of the streams open at once: so many at one moment are a restart's */
};

/* A default that many services run behind. */
struct known_limit {
    double seconds;
    const char *whose;
};

/*
 * As their documentation has them: nginx ngx_http_proxy_module; Apache core, Timeout; AWS Elastic
 * Load Balancing, "Application Load Balancer attributes" and "Update the TCP idle timeout for your
 * Network Load Balancer"; Debian's haproxy.cfg; Heroku "HTTP Routing"; Cloudflare "Error 524";
 * Azure "Configure load balancer TCP reset and idle timeout"; Envoy "How do I configure timeouts?".
 */
static const struct known_limit idle_limits[] = {
    {50, "`timeout client` and `timeout server` of HAProxy as Debian configures it"},
    {55, "the limit of Heroku's router"},
    {60, "the default of nginx (proxy_read_timeout), of Apache (Timeout) and of AWS's Application "
         "Load Balancer (idle timeout)"},
    {100, "the default of Cloudflare (Proxy Read Timeout)"},
    {240, "the default of Azure Load Balancer"},
    {300, "the default of Envoy (stream_idle_timeout)"},
    {350, "the default of AWS's Network Load Balancer"},
};

/* Envoy as above; Google Cloud "External Application Load Balancer overview", backend service
 * timeout. */
static const struct known_limit age_limits[] = {
    {15, "the default of Envoy (timeout of a route)"},
    {30, "the default of Google Cloud's load balancers (backend service timeout)"},
};

/* The default that these seconds are, as a clause behind the advice; "" for none. */
static char *name_limit(const struct known_limit *limits, size_t count, double seconds)
{
    for (size_t i = 0; i < count; i++) {
        if (fabs(limits[i].seconds - seconds) <= 0.3 + limits[i].seconds * 0.01)
            return x_asprintf(". %g s is %s", limits[i].seconds, limits[i].whose);
    }
    return x_strdup("");
}

static double s_of(double ms)
{
    return ms / 1000.0;
}

/*
 * The limit that most of these met. nginx moves a timer only where that matters by 300 ms (its
 * NGX_TIMER_LAZY_DELAY), so silences end up to so much too early, and the longest are nearest;
 * limits are whole seconds mostly.
 */
static double limit_s(const struct end_spread *ms)
{
    double longest = s_of(ms->p90), whole = round(longest);

    return whole >= s_of(ms->p10) * 0.99 && whole <= longest * 1.01 + 0.05 ? whole : longest;
}

/* "GET /events", or that there are several. The caller frees it. */
static char *name_endpoint(const struct run *run, const struct end_group *group)
{
    if (group->endpoint == STATS_NO_ENDPOINT)
        return x_strdup("several endpoints");
    return x_asprintf("%s %s", stats_endpoint_method(run->stats, group->endpoint),
                      stats_endpoint_name(run->stats, group->endpoint));
}

struct end_group *find_end_groups(const struct run *run, size_t *result_count)
{
    struct wave_list waves = wave_list_of(run);
    struct end_span *spans = x_calloc(waves.count + 1, sizeof *spans);
    struct end_spans left_out = {.items = spans};
    struct end_group *groups;

    for (size_t i = 0; i < waves.count; i++) {
        const struct wave *wave = &waves.items[i].sum;

        if (!waves.items[i].storm && find_is_restart_at(run, wave->first_unix_ms))
            spans[left_out.count++] = (struct end_span){.from_unix_ms = wave->first_unix_ms,
                                                        .to_unix_ms = wave->last_unix_ms};
    }
    groups = end_groups_new(run, &left_out, result_count);
    free(spans);
    wave_list_fini(&waves);
    return groups;
}

/* The largest group of this cause; false when there is none. */
static bool find_largest(const struct run *run, enum end_cause cause, struct end_group *largest)
{
    size_t count, at = 0;
    struct end_group *groups = find_end_groups(run, &count);

    while (at < count && groups[at].cause != cause)
        at++;
    if (at < count)
        *largest = groups[at];
    free(groups);
    return at < count;
}

static enum finding_confidence confidence_in(const struct end_group *group, uint64_t survivors)
{
    return group->row_count >= SURE_ROWS_MIN && survivors == 0 ? CONFIDENCE_CERTAIN
                                                               : CONFIDENCE_LIKELY;
}

/* What all findings about ends say of them. */
static char *describe(const struct run *run, const struct end_group *group)
{
    char *endpoint = name_endpoint(run, group);
    char *text = x_asprintf(
        "%.0f streams of %s ended (%s) at an age of %.2f to %.2f s (p10 to p90), after %.2f to "
        "%.2f s without a byte",
        group->count, endpoint, error_class_name(group->error_class), s_of(group->age_ms.p10),
        s_of(group->age_ms.p90), s_of(group->silence_ms.p10), s_of(group->silence_ms.p90));

    free(endpoint);
    return text;
}

static void fill_either(const struct run *run, const struct end_group *group,
                        struct finding *finding)
{
    double silence = limit_s(&group->silence_ms), age = limit_s(&group->age_ms);

    finding->confidence = CONFIDENCE_SUSPECTED;
    finding->title =
        x_asprintf("Streams end after %.3g s, and by then %.3g s without a byte: an idle timeout "
                   "or a maximum age",
                   age, silence);
    finding->evidence = describe(run, group);
    finding->advice = x_asprintf(
        "A run that would tell: one in which events or heartbeats come at least every %.2g s. "
        "Streams that still end after %.3g s have a maximum age; those that live on met an idle "
        "timeout",
        silence / 2, age);
}

static void fill_once(const struct run *run, const struct end_group *group, struct finding *finding)
{
    double seconds = limit_s(&group->silence_ms);
    char *limit = name_limit(idle_limits, sizeof idle_limits / sizeof idle_limits[0], seconds);

    finding->confidence = CONFIDENCE_SUSPECTED;
    finding->title = x_asprintf("Streams of many ages ended at one moment, after %.3g s without a "
                                "byte: an idle timeout, or a restart in the silence",
                                seconds);
    finding->evidence = describe(run, group);
    finding->advice = x_asprintf("A run that would tell: one in which events stop more than once. "
                                 "Streams that end after %.3g s each time met an idle timeout%s",
                                 seconds, limit);
    free(limit);
}

static void fill_idle(const struct run *run, const struct end_group *group, struct finding *finding)
{
    double seconds = limit_s(&group->silence_ms);
    char *figures = describe(run, group);
    char *limit = name_limit(idle_limits, sizeof idle_limits / sizeof idle_limits[0], seconds);

    finding->confidence = confidence_in(group, group->quieter_count);
    finding->title =
        x_asprintf("Streams are cut after %.3g s without a byte: an idle timeout", seconds);
    finding->evidence =
        x_asprintf("%s; %" PRIu64 " longer silences were survived", figures, group->quieter_count);
    finding->advice = x_asprintf("Send a comment line as heartbeat at least every %.2g s, or raise "
                                 "the timeout of what stands before the service, or its own%s",
                                 seconds / 2, limit);
    free(figures);
    free(limit);
}

bool find_idle_timeout(const struct run *run, struct finding *finding)
{
    struct end_group group;

    if (find_largest(run, END_CAUSE_IDLE, &group))
        fill_idle(run, &group, finding);
    else if (find_largest(run, END_CAUSE_EITHER, &group))
        fill_either(run, &group, finding);
    else if (find_largest(run, END_CAUSE_ONCE, &group))
        fill_once(run, &group, finding);
    else
        return false;
    return true;
}

bool find_max_age(const struct run *run, struct finding *finding)
{
    struct end_group group;
    double seconds;
    char *figures, *limit;

    if (!find_largest(run, END_CAUSE_AGE, &group))
        return false;
    seconds = limit_s(&group.age_ms);
    figures = describe(run, &group);
    limit = name_limit(age_limits, sizeof age_limits / sizeof age_limits[0], seconds);
    finding->confidence = confidence_in(&group, group.older_count);
    finding->title = x_asprintf("Streams are cut at an age of %.3g s, busy or not", seconds);
    finding->evidence =
        x_asprintf("%s; %" PRIu64 " streams lived longer", figures, group.older_count);
    finding->advice =
        x_asprintf("Look for a limit on the length of a request or response in the service and in "
                   "what stands before it, and lift it for streams; where it is meant, see that "
                   "resumes bring what was missed%s",
                   limit);
    free(figures);
    free(limit);
    return true;
}

static double open_max(const struct run *run)
{
    double max = 0;

    (void)stat_get_gauge(run->total, METRIC_SSE_OPEN, NULL, NULL, NULL, &max);
    return max;
}

/* As in a restart, though there is too little to call it so. */
static bool is_wave(const struct run *run, const struct end_group *group)
{
    return end_group_is_one_moment(group) && group->row_count >= END_GROUP_ROWS_MIN &&
           group->count * 100 >= open_max(run) * WAVE_PCT;
}

static bool is_abrupt(const struct run *run, const struct end_group *group)
{
    return group->cause == END_CAUSE_NONE && group->error_class != CLASS_CLOSED &&
           !is_wave(run, group);
}

/* Ends without their end mark have a figure of their own. */
static double incomplete_count(const struct run *run)
{
    return (double)stat_get_count(run->total, METRIC_SSE_INCOMPLETE, NULL);
}

static void fill_abrupt(const struct run *run, const struct end_group *largest, double count,
                        uint64_t connected, struct finding *finding)
{
    char *figures = describe(run, largest);

    finding->confidence = CONFIDENCE_LIKELY;
    finding->title = x_asprintf("%.0f streams of %" PRIu64 " were broken off (%.1f %%)", count,
                                connected, count * 100 / (double)connected);
    finding->evidence =
        x_asprintf("%s; %" PRIu64 " streams lived longer", figures, largest->older_count);
    finding->advice =
        largest->error_class == CLASS_RESET
            ? x_strdup("A reset comes from a process that died or gave up, or from a proxy or "
                       "firewall that dropped the connection: look at their logs at these times")
            : x_strdup("The response broke off in the middle: look at the logs of the service and "
                       "of what stands before it for crashes, limits and full buffers");
    free(figures);
}

bool find_abrupt_disconnects(const struct run *run, struct finding *finding)
{
    uint64_t connected = run_count_connected(run);
    size_t group_count;
    struct end_group *groups = find_end_groups(run, &group_count);
    const struct end_group *largest = NULL;
    double count = -incomplete_count(run);

    for (size_t i = 0; i < group_count; i++) {
        if (!is_abrupt(run, &groups[i]))
            continue;
        count += groups[i].count;
        largest = largest ? largest : &groups[i];
    }
    if (largest && count >= ABRUPT_MIN && count * 100 > (double)connected * ABRUPT_PCT)
        fill_abrupt(run, largest, count, connected, finding);
    free(groups);
    return finding->title != NULL;
}
