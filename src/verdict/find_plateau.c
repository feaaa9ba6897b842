#include "verdict/find.h"

#include "base/mem.h"
#include "verdict/plateau.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- what stands behind a limit goes by how it turns attempts away --- */

static const char *advice_of_code(int code)
{
    if (code == 503)
        return "503 is what a proxy's cap answers, or the service's own: raise HAProxy's maxconn "
               "(of the server, and its timeout queue), nginx's limit_conn, Envoy's circuit "
               "breaker (max_connections, max_requests), or what the service itself allows";
    if (code == 502 || code == 504)
        return "A gateway found no way to its service: look at the connections that it may open "
               "(nginx's worker_connections counts two a stream), at its local ports, and at the "
               "backlog of the service behind it";
    return "The service breaks instead of refusing: look in its log for what ran out (open files, "
           "memory, threads, connections to its database; nginx's worker_connections gives 500)";
}

static const char *advice_of_class(enum error_class error_class)
{
    if (error_class == CLASS_CONNECT_REFUSED || error_class == CLASS_CONNECT_TIMEOUT)
        return "The listener takes no more connections: raise its backlog (the listen call, "
               "net.core.somaxconn, net.ipv4.tcp_max_syn_backlog) and the open files of the "
               "process that accepts (LimitNOFILE, ulimit -n)";
    if (error_class == CLASS_TIMEOUT_HEADERS)
        return "Connections are accepted and not served: every worker of the service holds a "
               "stream (threads of Tomcat, workers of gunicorn or PHP-FPM), or a proxy leaves "
               "connections in its queue (HAProxy's maxconn of frontend or process). From outside "
               "the two look the same: look at the proxy's statistics and the pool's size";
    return "Connections are closed as soon as they are made, as proxies do that have no place for "
           "them: raise nginx's worker_connections, Envoy's connection limit, the load balancer's "
           "quota, or the open files of the process that accepts";
}

static enum finding_confidence confidence_of(const struct plateau *plateau)
{
    if (!plateau->has_lasted)
        return CONFIDENCE_SUSPECTED;
    return plateau->let_in >= PLATEAU_FAILS_MIN ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY;
}

static void describe_turned_away(const struct plateau *plateau, struct finding *finding)
{
    char *what = plateau->code > 0 ? x_asprintf("status %d", plateau->code)
                                   : x_strdup(error_class_name(plateau->error_class));

    finding->confidence = confidence_of(plateau);
    finding->title = x_asprintf("New streams are turned away (%s) while %" PRIu32 " are open: a "
                                "limit on connections",
                                what, plateau->open);
    finding->evidence = x_asprintf("sse_open stood at %" PRIu32 " for %" PRIu32 " s: %" PRIu64
                                   " attempts failed at it, and "
                                   "%" PRIu64 " were let in as others left; below it %" PRIu64
                                   " were let in and %" PRIu64 " failed",
                                   plateau->open, plateau->span_s, plateau->turned_away,
                                   plateau->let_in, plateau->below, plateau->below_fails);
    finding->advice = x_asprintf(
        "%s%s",
        plateau->code > 0 ? advice_of_code(plateau->code) : advice_of_class(plateau->error_class),
        plateau->has_lasted ? ""
                            : ". All came at once, so it may be a limit on new requests "
                              "a second too. A run that would tell: a slower ramp (-r)");
    free(what);
}

static void describe_unanswered(const struct plateau *plateau, struct finding *finding)
{
    finding->confidence = CONFIDENCE_LIKELY;
    finding->title = x_asprintf("New streams get no answer while %" PRIu32 " are open: a limit on "
                                "connections",
                                plateau->open);
    finding->evidence = x_asprintf(
        "sse_open stood at %" PRIu32 " for %" PRIu32 " s, up to %" PRIu64
        " attempts waited for their headers meanwhile, and those before them had been answered",
        plateau->open, plateau->span_s, plateau->waiting);
    finding->advice = x_asprintf("%s. Where they are not even accepted, which shows as "
                                 "connect_timeout in a longer run, its backlog is full",
                                 advice_of_class(CLASS_TIMEOUT_HEADERS));
}

bool find_connection_limit(const struct run *run, struct finding *finding)
{
    struct plateau plateau;

    if (!plateau_find(run, &plateau))
        return false;
    /* A 429 says itself what it is about: see find_rate_limited. */
    if (plateau.kind == PLATEAU_TURNED_AWAY && plateau.code != 429)
        describe_turned_away(&plateau, finding);
    else if (plateau.kind == PLATEAU_UNANSWERED)
        describe_unanswered(&plateau, finding);
    else
        return false;
    return true;
}

bool find_worker_exhaustion(const struct run *run, struct finding *finding)
{
    const struct hist *wait = stat_get_trend(run->total, METRIC_SSE_CONNECTING, "part:wait");
    const struct hist *connect = stat_get_trend(run->total, METRIC_SSE_CONNECTING, "part:connect");
    struct plateau plateau;

    if (!plateau_find(run, &plateau) || plateau.kind != PLATEAU_QUEUED)
        return false;
    finding->confidence = plateau.is_full ? CONFIDENCE_LIKELY : CONFIDENCE_SUSPECTED;
    finding->title = x_asprintf("New streams wait until others end: about %" PRIu32 " are served "
                                "at once",
                                plateau.open);
    finding->evidence = x_asprintf(
        "sse_connecting{part:wait} %.0f ms at least, p95 %.0f ms, while a connection took %.1f ms "
        "(p95); up to %" PRIu64 " attempts waited at once; %" PRIu64 " got in as others left",
        (double)hist_min(wait) / 1000, (double)hist_percentile(wait, 95) / 1000,
        connect ? (double)hist_percentile(connect, 95) / 1000 : 0, plateau.waiting, plateau.let_in);
    finding->advice = x_asprintf(
        "Each stream holds a worker (thread, process, place in a pool) for all its life: serve "
        "streams from an event loop, or give the pool as many workers as there are streams; behind "
        "HAProxy raise maxconn of the server, beyond which it queues%s",
        plateau.is_full ? ""
                        : ". A service that is only slow may look like it. A run that would tell: "
                          "streams that stay, which stop at that number then");
    return true;
}
