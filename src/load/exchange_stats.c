#include "load/exchange_stats.h"

static void count_handshake(struct stat_set *set, const struct http_exchange *exchange,
                            const char *phase)
{
    if (!exchange->is_tls)
        return;
    stat_pass(set, METRIC_TLS_RESUMED, NULL, exchange->is_resumed);
    if (phase)
        stat_pass(set, METRIC_TLS_RESUMED, phase, exchange->is_resumed);
}

void exchange_stats_answer(struct stat_set *set, const struct http_exchange *exchange, int status,
                           bool is_hop, const char *phase)
{
    char tag[] = "code:000"; /* filled by hand: once a connect, a formatter shows in the profile */

    tag[5] = (char)('0' + status / 100 % 10);
    tag[6] = (char)('0' + status / 10 % 10);
    tag[7] = (char)('0' + status % 10);
    stat_count(set, METRIC_HTTP_REQS, NULL, 1);
    stat_pass(set, METRIC_HTTP_REQ_FAILED, NULL, status >= 400 && !is_hop);
    stat_count(set, METRIC_HTTP_STATUS, NULL, 1);
    stat_count(set, METRIC_HTTP_STATUS, tag, 1);
    if (phase)
        stat_count(set, METRIC_HTTP_STATUS, phase, 1);
    count_handshake(set, exchange, phase);
}

void exchange_stats_time(struct stat_set *set, const struct http_exchange *exchange,
                         uint64_t now_ns)
{
    stat_time(set, METRIC_HTTP_REQ_DURATION, NULL, now_ns - exchange->started_ns);
}

void exchange_stats_unanswered(struct stat_set *set)
{
    stat_count(set, METRIC_HTTP_REQS, NULL, 1);
    stat_pass(set, METRIC_HTTP_REQ_FAILED, NULL, true);
}
