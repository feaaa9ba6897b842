#include "stats/metric.h"

#include <string.h>

const struct metric_info METRIC_INFOS[METRIC_COUNT] = {
    [METRIC_USERS] = {"users", METRIC_GAUGE, METRIC_UNIT_COUNT, "virtual users running"},
    [METRIC_SSE_OPEN] = {"sse_open", METRIC_GAUGE, METRIC_UNIT_COUNT, "streams open now"},
    [METRIC_SSE_ATTEMPTS] = {"sse_attempts", METRIC_COUNTER, METRIC_UNIT_COUNT,
                             "streams asked for"},
    [METRIC_SSE_CONNECT_SUCCESS] = {"sse_connect_success", METRIC_RATE, METRIC_UNIT_RATIO,
                                    "share of attempts that got status 200 and an event stream"},
    [METRIC_SSE_STREAM_SUCCESS] = {"sse_stream_success", METRIC_RATE, METRIC_UNIT_RATIO,
                                   "share of finished attempts that got what they were opened for"},
    [METRIC_SSE_PENDING] = {"sse_pending", METRIC_COUNTER, METRIC_UNIT_COUNT,
                            "attempts still unanswered at the end, not yet too late"},
    [METRIC_SSE_CONNECTING] = {"sse_connecting", METRIC_TREND, METRIC_UNIT_NS,
                               "request start to response headers"},
    [METRIC_SSE_FIRST_BYTE] = {"sse_first_byte", METRIC_TREND, METRIC_UNIT_NS,
                               "request start to the first body byte"},
    [METRIC_SSE_TTFE] = {"sse_ttfe", METRIC_TREND, METRIC_UNIT_NS,
                         "request start to the first event"},
    [METRIC_SSE_EVENTS] = {"sse_events", METRIC_COUNTER, METRIC_UNIT_COUNT, "events received"},
    [METRIC_SSE_BYTES] = {"sse_bytes", METRIC_COUNTER, METRIC_UNIT_BYTES, "body bytes received"},
    [METRIC_SSE_COMMENTS] = {"sse_comments", METRIC_COUNTER, METRIC_UNIT_COUNT,
                             "comment lines received"},
    [METRIC_SSE_EVENTS_PER_STREAM_S] = {"sse_events_per_stream_s", METRIC_TREND, METRIC_UNIT_PER_S,
                                        "events a second of each stream"},
    [METRIC_SSE_EVENT_GAP] = {"sse_event_gap", METRIC_TREND, METRIC_UNIT_NS,
                              "time between two events on one stream"},
    [METRIC_SSE_DURATION] = {"sse_duration", METRIC_TREND, METRIC_UNIT_NS,
                             "life of ended streams, from headers to end"},
    [METRIC_SSE_OPEN_AGE] = {"sse_open_age", METRIC_TREND, METRIC_UNIT_NS,
                             "age of the streams still open at the end"},
    [METRIC_SSE_DISCONNECTS] = {"sse_disconnects", METRIC_COUNTER, METRIC_UNIT_COUNT,
                                "stream ends nobody asked for"},
    [METRIC_SSE_DISCONNECTS_PER_STREAM_HOUR] = {"sse_disconnects_per_stream_hour", METRIC_GAUGE,
                                                METRIC_UNIT_PER_HOUR,
                                                "disconnects for each hour a stream was open"},
    [METRIC_SSE_CLOSED_BY_US] = {"sse_closed_by_us", METRIC_COUNTER, METRIC_UNIT_COUNT,
                                 "stream ends we chose"},
    [METRIC_SSE_COMPLETED] = {"sse_completed", METRIC_COUNTER, METRIC_UNIT_COUNT,
                              "streams that reached their end mark"},
    [METRIC_SSE_GAVE_UP] = {"sse_gave_up", METRIC_COUNTER, METRIC_UNIT_COUNT,
                            "users that stopped reconnecting"},
    [METRIC_SSE_LOST] = {"sse_lost", METRIC_COUNTER, METRIC_UNIT_COUNT,
                         "streams that were open on a worker when it died"},
    [METRIC_SSE_RECONNECTS] = {"sse_reconnects", METRIC_COUNTER, METRIC_UNIT_COUNT,
                               "attempts after an end"},
    [METRIC_SSE_RECONNECT_SUCCESS] = {"sse_reconnect_success", METRIC_RATE, METRIC_UNIT_RATIO,
                                      "share of reconnects that reached an event"},
    [METRIC_SSE_RECOVERY] = {"sse_recovery", METRIC_TREND, METRIC_UNIT_NS,
                             "a stream's end to its next event"},
    [METRIC_HTTP_REQS] = {"http_reqs", METRIC_COUNTER, METRIC_UNIT_COUNT, "HTTP exchanges"},
    [METRIC_HTTP_REQ_FAILED] = {"http_req_failed", METRIC_RATE, METRIC_UNIT_RATIO,
                                "share of HTTP exchanges that failed"},
    [METRIC_HTTP_REQ_DURATION] = {"http_req_duration", METRIC_TREND, METRIC_UNIT_NS,
                                  "time of an HTTP exchange; of a stream, to its headers"},
    [METRIC_HTTP_STATUS] = {"http_status", METRIC_COUNTER, METRIC_UNIT_COUNT,
                            "responses, by status code"},
    [METRIC_TLS_RESUMED] = {"tls_resumed", METRIC_RATE, METRIC_UNIT_RATIO,
                            "share of TLS handshakes that took up an earlier session"},
    [METRIC_LOGIN_SUCCESS] = {"login_success", METRIC_RATE, METRIC_UNIT_RATIO,
                              "share of logins that ended as they should"},
    [METRIC_WORKER_LAG] = {"worker_lag", METRIC_TREND, METRIC_UNIT_NS,
                           "how long a worker kept ready events and due timers waiting"},
    [METRIC_WORKER_CPU] = {"worker_cpu", METRIC_GAUGE, METRIC_UNIT_RATIO,
                           "share of one core a worker uses"},
    [METRIC_WORKER_RSS] = {"worker_rss", METRIC_GAUGE, METRIC_UNIT_BYTES,
                           "resident memory of the workers"},
};

enum metric metric_find(const char *name)
{
    for (int metric = METRIC_NONE + 1; metric < METRIC_COUNT; metric++) {
        if (strcmp(METRIC_INFOS[metric].name, name) == 0)
            return (enum metric)metric;
    }
    return METRIC_NONE;
}
