#include "verdict/find.h"

#include "base/buf.h"
#include "base/mem.h"
#include "verdict/login_rows.h"
#include "verdict/plateau.h"
#include "verdict/wave.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TAG_BYTES = 48,
    SHARE_PCT = 1,
    CLIENT_ERROR_MIN = 400,
    SERVER_ERROR_MIN = 500,
    STATUS_MAX = 599
};

/* Attempts at a stream that ended one way or the other, and those that some statuses turned away.
 */
struct refusals {
    uint64_t all, passes;
    uint64_t count;
    struct buf text;        /* "status 502 12 times, 504 3 times" */
    struct wave_list waves; /* of the service, which have a finding of their own */
};

/* The status by which a limit on connections turns streams away, which is a finding of its own. */
static int claimed_code(const struct run *run)
{
    struct plateau plateau;

    return plateau_find(run, &plateau) && plateau.kind == PLATEAU_TURNED_AWAY && plateau.code != 429
               ? plateau.code
               : 0;
}

static void refusals_init(struct refusals *refusals, const struct run *run)
{
    uint64_t fails;

    *refusals = (struct refusals){.waves = wave_list_of(run)};
    stat_get_rate(run->total, METRIC_SSE_CONNECT_SUCCESS, NULL, &refusals->passes, &fails);
    refusals->all = refusals->passes + fails;
}

/* Most of its streams came back, or none did as each gave up at once, which is said of a restart.
 */
static bool is_explained(const struct run *run, const struct wave *wave)
{
    return wave_back_count(wave) * 2 >= wave->lost ||
           (wave->gave_up * 2 > wave->lost && find_is_restart_at(run, wave->first_unix_ms));
}

/*
 * Answers of this status to streams that a wave of the service had ended, and that have nothing
 * else to explain them: a service that restarts is away for a while.
 */
static uint64_t count_in_waves(const struct run *run, const struct wave_list *waves, int code)
{
    uint64_t count = 0;

    for (size_t i = 0; i < waves->count; i++) {
        const struct wave *wave = &waves->items[i].sum;

        if (waves->items[i].storm || !is_explained(run, wave))
            continue;
        for (size_t k = 0; k < wave->status_count; k++) {
            if (wave->statuses[k].code == (uint32_t)code)
                count += wave->statuses[k].count;
        }
    }
    return count;
}

static void refusals_add(struct refusals *refusals, const struct run *run, int code)
{
    uint64_t count, in_waves = count_in_waves(run, &refusals->waves, code);
    char tag[TAG_BYTES];

    (void)snprintf(tag, sizeof tag, "code:%d", code);
    count = stat_get_count(run->total, METRIC_SSE_CONNECT_FAILS, tag);
    if (count <= in_waves)
        return;
    count -= in_waves;
    (void)buf_appendf(&refusals->text, "%s %d %" PRIu64 " time%s",
                      refusals->text.len > 0 ? "," : "status", code, count, count == 1 ? "" : "s");
    refusals->count += count;
}

static void refusals_fini(struct refusals *refusals)
{
    buf_fini(&refusals->text);
    wave_list_fini(&refusals->waves);
}

static bool is_share(uint64_t count, uint64_t all)
{
    return count > 0 && count * 100 > all * SHARE_PCT;
}

/* "status 502 12 times: 3.1% of the attempts at a stream". */
static char *describe(struct refusals *refusals)
{
    return x_asprintf("%s: %.1f%% of %" PRIu64 " attempts at a stream", buf_text(&refusals->text),
                      (double)refusals->count * 100.0 / (double)refusals->all, refusals->all);
}

/* --- a gateway, and what stands behind it --- */

/* `named` is how often by a status that only gateways have. */
static const char *gateway_title(bool is_all, uint64_t named)
{
    if (is_all)
        return named > 0 ? "No stream could be opened: a gateway is up, and the service behind it "
                           "is not"
                         : "No stream could be opened: the service is unavailable, as it says "
                           "itself or a gateway in front of it";
    return named > 0 ? "A gateway did not reach its service for some streams"
                     : "Some streams were refused as unavailable, by the service or a gateway";
}

static const char *gateway_advice(bool is_all, uint64_t named, uint64_t unavailable)
{
    if (is_all && named == 0)
        return "503 is what a proxy answers for a service that is down or out of health checks, "
               "and a service for itself in maintenance or overload: ask the service directly, "
               "without the proxy, and look at the proxy's log";
    if (is_all)
        return "Start the service, or correct its address and port in the proxy (nginx's "
               "proxy_pass, HAProxy's server, the target group's health checks)";
    if (unavailable > named)
        return "503 is what a proxy answers while it knows no healthy server, and a service that "
               "sheds load: look at health checks and restarts in the proxy's log. A limit on open "
               "streams looks otherwise: they would stand at one number";
    return "Some of the servers behind the gateway fail, or do not answer in its time (504: "
           "nginx's proxy_read_timeout, HAProxy's timeout server): look at the proxy's log for "
           "which";
}

/* So few 503s may be of a limit on streams as well, which shows only where more are turned away. */
static bool is_doubtful(bool is_all, uint64_t count, uint64_t named)
{
    return !is_all && named == 0 && count < PLATEAU_FAILS_MIN;
}

bool find_gateway_errors(const struct run *run, struct finding *finding)
{
    static const int codes[] = {502, 504, 503};
    int claimed = claimed_code(run);
    struct refusals refusals;
    uint64_t named = 0; /* by a status that only gateways have */
    bool is_found, is_all, is_few;

    refusals_init(&refusals, run);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i] != claimed)
            refusals_add(&refusals, run, codes[i]);
        if (codes[i] != 503)
            named = refusals.count;
    }
    is_found = is_share(refusals.count, refusals.all);
    is_all = refusals.count == refusals.all;
    is_few = is_doubtful(is_all, refusals.count, named);
    if (is_found) {
        finding->confidence = named * 2 >= refusals.count ? CONFIDENCE_CERTAIN
                              : is_few                    ? CONFIDENCE_SUSPECTED
                                                          : CONFIDENCE_LIKELY;
        finding->title = x_strdup(gateway_title(is_all, named));
        finding->evidence = describe(&refusals);
        finding->advice =
            x_asprintf("%s%s", gateway_advice(is_all, named, refusals.count - named),
                       is_few ? ". A run that would tell: the same with more users (-u)" : "");
    }
    refusals_fini(&refusals);
    return is_found;
}

bool find_server_errors(const struct run *run, struct finding *finding)
{
    int claimed = claimed_code(run);
    struct refusals refusals;
    bool is_found;

    refusals_init(&refusals, run);
    for (int code = SERVER_ERROR_MIN; code <= STATUS_MAX; code++) {
        if (code != claimed && (code < 502 || code > 504))
            refusals_add(&refusals, run, code);
    }
    is_found = is_share(refusals.count, refusals.all);
    if (is_found) {
        finding->confidence = CONFIDENCE_CERTAIN;
        finding->title = x_strdup("The service failed over requests for streams");
        finding->evidence = describe(&refusals);
        finding->advice = x_strdup("Look in the service's log for what it says at these times; the "
                                   "first and last of them stand in the result's errors");
    }
    refusals_fini(&refusals);
    return is_found;
}

/* --- a limit on requests --- */

/* The first second with failures, and the most streams that any second let open. */
static char *describe_rate(const struct run_series *series)
{
    uint64_t most = 0;
    size_t first = 0;

    while (first < series->count && series->connect_fails[first] == 0)
        first++;
    for (size_t i = 0; i < series->count; i++) {
        if (series->connects[i] > most)
            most = series->connects[i];
    }
    if (first == series->count)
        return x_strdup("");
    return x_asprintf("; first after %.0f s, with %" PRIu64 " attempts in that second; at most "
                      "%" PRIu64 " streams opened in one second",
                      series->t_s[first], series->attempts[first], most);
}

/* Of streams: which share, since when, and whether answers said when to come again; what logins
 * were told is not known. The caller frees it. */
static char *describe_limited(const struct run *run, struct refusals *refusals)
{
    uint64_t hints = stat_get_count(run->total, METRIC_SSE_CONNECT_FAILS, "retry:given");
    char *share = describe(refusals), *rate = describe_rate(&run->series);
    char *hint = hints > 0 ? x_asprintf("%" PRIu64 " refusals", hints) : x_strdup("none");
    char *text = x_asprintf("%s%s; %s said how long to wait (Retry-After)", share, rate, hint);

    free(share);
    free(rate);
    free(hint);
    return text;
}

bool find_rate_limited(const struct run *run, struct finding *finding)
{
    struct login_rows logins = login_rows_read(run);
    struct refusals refusals;
    struct plateau plateau;
    bool is_stream, is_found;

    refusals_init(&refusals, run);
    refusals_add(&refusals, run, 429);
    is_stream = is_share(refusals.count, refusals.all);
    is_found = is_stream || is_share(logins.limited, logins.answered);
    if (is_found) {
        bool is_still = plateau_find(run, &plateau) && plateau.code == 429;

        finding->confidence = CONFIDENCE_CERTAIN;
        finding->title = x_strdup(is_stream ? "The service limits how many streams may be asked for"
                                            : "The service limits logins");
        finding->evidence = is_stream
                                ? describe_limited(run, &refusals)
                                : x_asprintf("status 429 for %" PRIu64 " of %" PRIu64 " logins",
                                             logins.limited, logins.answered);
        finding->advice =
            is_still ? x_asprintf("%" PRIu32 " streams were open then and no more: the limit may "
                                  "be one of open streams a client instead of new ones a second. "
                                  "A run that would tell: --stream-time 5 with the same users",
                                  plateau.open)
                     : x_strdup("Ramp more slowly (-r), or raise the limit for this client, who "
                                "comes from one address. Clients in a browser do not come back "
                                "after a 429 by themselves");
    }
    refusals_fini(&refusals);
    return is_found;
}

/* --- who may --- */

bool find_auth_rejections(const struct run *run, struct finding *finding)
{
    struct login_rows logins = login_rows_read(run);
    bool is_login = is_share(logins.rejected, logins.answered), is_stream;
    struct refusals refusals;

    refusals_init(&refusals, run);
    refusals_add(&refusals, run, 401);
    refusals_add(&refusals, run, 403);
    is_stream = is_share(refusals.count, refusals.all);
    if (is_login) {
        finding->title = x_strdup("Logins were rejected");
        finding->evidence = x_asprintf("status 401 or 403 for %" PRIu64 " of %" PRIu64 " logins",
                                       logins.rejected, logins.answered);
        finding->advice = x_strdup("Check the credentials, of each user where they come from "
                                   "--feed; look whether the service locks accounts that log in "
                                   "often");
    } else if (is_stream) {
        finding->title = x_strdup(refusals.count == refusals.all
                                      ? "No stream could be opened: the service rejects who asks"
                                      : "The service rejected some requests for streams");
        finding->evidence = describe(&refusals);
        finding->advice =
            x_strdup(refusals.passes == 0
                         ? "Give what the service asks for (--login and --token, --header "
                           "'Authorization: …'); a 403 knows who asks and does not allow it"
                         : "Others got in, so look at what differs: single users of --feed, tokens "
                           "that run out during the run, servers that do not share their keys or "
                           "sessions (--server-id tells them apart)");
    }
    if (is_login || is_stream)
        finding->confidence = CONFIDENCE_CERTAIN;
    refusals_fini(&refusals);
    return is_login || is_stream;
}

/* --- a request that the service does not take --- */

/* One endpoint's attempts, and those that were answered 4xx and have no finding by their status. */
struct mistakes {
    size_t endpoint;
    uint64_t all, passes, count;
    uint64_t most; /* by `code`, the commonest */
    int code;
};

static bool is_mistake(int code)
{
    return code != 401 && code != 403 && code != 408 && code != 429;
}

/* A gateway may know no route while its service restarts: that is not the request's fault. */
static struct mistakes read_mistakes(const struct run *run, const struct wave_list *waves,
                                     size_t endpoint)
{
    const struct stat_set *set = stats_endpoint_set(run->stats, endpoint);
    struct mistakes mistakes = {.endpoint = endpoint};
    uint64_t fails;
    char tag[TAG_BYTES];

    stat_get_rate(set, METRIC_SSE_CONNECT_SUCCESS, NULL, &mistakes.passes, &fails);
    mistakes.all = mistakes.passes + fails;
    for (int code = CLIENT_ERROR_MIN; code < SERVER_ERROR_MIN; code++) {
        uint64_t count, in_waves;

        (void)snprintf(tag, sizeof tag, "code:%d", code);
        count = stat_get_count(set, METRIC_SSE_CONNECT_FAILS, tag);
        in_waves = count > 0 ? count_in_waves(run, waves, code) : 0;
        if (!is_mistake(code) || count <= in_waves)
            continue;
        mistakes.count += count - in_waves;
        if (count - in_waves > mistakes.most) {
            mistakes.most = count - in_waves;
            mistakes.code = code;
        }
    }
    return mistakes;
}

/* The endpoint with the most of them, where they are most of its attempts; false: none. */
static bool find_mistakes(const struct run *run, struct mistakes *worst)
{
    struct wave_list waves = wave_list_of(run);

    *worst = (struct mistakes){0};
    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++) {
        struct mistakes mistakes = read_mistakes(run, &waves, i);

        if (mistakes.count * 2 > mistakes.all && mistakes.count > worst->count)
            *worst = mistakes;
    }
    wave_list_fini(&waves);
    return worst->count > 0;
}

static const char *mistake_advice(int code)
{
    if (code == 404 || code == 410)
        return "The path is wrong, or names something that is not there: check the URL with "
               "`cicada tap`, the prefix that a proxy adds or takes off too";
    if (code == 405)
        return "The path is right and the method is not: streams are asked for by GET unless "
               "--method or --data says otherwise";
    return "The service does not take the request as it is: check its query, headers and body "
           "(--header, --data) with `cicada tap`, which shows what the answer says";
}

static const char *mistake_title(const struct run *run, const struct mistakes *mistakes)
{
    bool is_alone = run_count_connected(run) == mistakes->passes;

    if (mistakes->passes > 0)
        return is_alone ? "Few streams" : "Few streams of one endpoint";
    return is_alone ? "No stream" : "No stream of one endpoint";
}

bool find_client_errors(const struct run *run, struct finding *finding)
{
    const char *method, *name;
    struct mistakes mistakes;

    if (!find_mistakes(run, &mistakes))
        return false;
    method = stats_endpoint_method(run->stats, mistakes.endpoint);
    name = stats_endpoint_name(run->stats, mistakes.endpoint);
    finding->confidence = CONFIDENCE_CERTAIN;
    finding->title = x_asprintf("%s could be opened: the service answers status %d to the request",
                                mistake_title(run, &mistakes), mistakes.code);
    finding->evidence = x_asprintf(
        "%s %s: %" PRIu64 " of %" PRIu64 " attempts were answered 4xx, status %d %" PRIu64 " times",
        method, name, mistakes.count, mistakes.all, mistakes.code, mistakes.most);
    finding->advice = x_strdup(mistake_advice(mistakes.code));
    return true;
}

/* --- the wrong kind of answer --- */

/* The commonest message about it, "content type 'text/html'"; NULL: none is left. */
static const char *common_message(const struct run *run)
{
    const struct stats_error *most = NULL;

    for (size_t i = 0; i < stats_error_count(run->stats); i++) {
        const struct stats_error *error = stats_error_at(run->stats, i);

        if (error->error_class == CLASS_CONTENT_TYPE && (!most || error->count > most->count))
            most = error;
    }
    return most ? most->message : NULL;
}

bool find_wrong_content_type(const struct run *run, struct finding *finding)
{
    uint64_t count = stat_get_count(run->total, METRIC_SSE_CONNECT_FAILS, "cause:content_type");
    const char *message = common_message(run);
    struct refusals refusals;
    bool is_found;

    refusals_init(&refusals, run);
    is_found = is_share(count, refusals.all);
    if (is_found) {
        finding->confidence = CONFIDENCE_CERTAIN;
        finding->title = x_strdup("The answer to a request for a stream is no event stream");
        finding->evidence = x_asprintf("%" PRIu64 " of %" PRIu64 " attempts got status 200 with %s",
                                       count, refusals.all, message ? message : "another type");
        finding->advice =
            x_strdup("An event stream says `Content-Type: text/event-stream`, or no browser takes "
                     "it. text/html is mostly a login page or the front page of an application "
                     "that answers for every path: check the URL with `cicada tap`");
    }
    refusals_fini(&refusals);
    return is_found;
}
