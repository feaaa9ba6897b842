#include "report_sample.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

static const double STARTED_UNIX_MS = 1767225600250.0; /* 2026-01-01T00:00:00.250Z */

struct run *sample_empty(void)
{
    struct run *run = run_new(2);

    run->info.id = x_strdup("20260101T000000-5f3a");
    run->info.target = x_strdup("http://127.0.0.1:8080/api/v1/events/stream");
    run->info.command = x_strdup("cicada run http://127.0.0.1:8080/api/v1/events/stream -u 40");
    run->info.started_unix_ms = STARTED_UNIX_MS;
    run->info.ended_unix_ms = STARTED_UNIX_MS + 12000;
    run->info.planned_ns = 20 * CLOCK_NS_PER_S;
    run->info.users_planned = 40;
    for (size_t i = 0; i < run->worker_count; i++)
        run->workers[i].pid = 4000 + (uint32_t)i;
    return run;
}

static void record_connect(struct stat_set *set, const char *phase, bool passed)
{
    stat_count(set, METRIC_SSE_ATTEMPTS, NULL, 1);
    stat_count(set, METRIC_SSE_ATTEMPTS, phase, 1);
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, NULL, passed);
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, phase, passed);
    if (!passed) {
        stat_count(set, METRIC_SSE_CONNECT_FAILS, NULL, 1);
        stat_count(set, METRIC_SSE_CONNECT_FAILS, "cause:status_5xx", 1);
    }
}

static void record_times(struct stat_set *set, const char *phase, uint64_t step)
{
    stat_time(set, METRIC_SSE_CONNECTING, NULL, 800 * CLOCK_NS_PER_US + step * 1000);
    stat_time(set, METRIC_SSE_CONNECTING, "part:connect", 90 * CLOCK_NS_PER_US + step * 100);
    stat_time(set, METRIC_SSE_CONNECTING, "part:wait", 700 * CLOCK_NS_PER_US + step * 900);
    stat_time(set, METRIC_SSE_FIRST_BYTE, NULL, CLOCK_NS_PER_MS + step * 1000);
    stat_time(set, METRIC_SSE_TTFE, NULL, 12 * CLOCK_NS_PER_MS + step * 50000);
    stat_time(set, METRIC_SSE_TTFE, phase, 12 * CLOCK_NS_PER_MS + step * 50000);
}

static void record_events(struct stat_set *set, uint64_t count)
{
    stat_count(set, METRIC_SSE_EVENTS, NULL, count);
    stat_count(set, METRIC_SSE_EVENTS, "event:tick", count);
    stat_count(set, METRIC_SSE_BYTES, NULL, count * 120);
    stat_count(set, METRIC_SSE_COMMENTS, NULL, count / 10);
    for (uint64_t i = 0; i < count; i++)
        stat_time(set, METRIC_SSE_EVENT_GAP, NULL, CLOCK_NS_PER_S + i * 10000);
}

/* One second of one worker. */
static void add_second(struct run *run, size_t worker, const struct stats *delta, double cpu_ratio)
{
    struct run_tick tick = {.interval_ns = CLOCK_NS_PER_S,
                            .users = 20,
                            .open = 20,
                            .cpu_ratio = cpu_ratio,
                            .rss_bytes = 12300000};

    run_add_tick(run, worker, &tick, delta);
}

static void add_seconds(struct run *run, const char *name, double cpu_ratio, uint64_t lag_ns)
{
    struct stats *delta = stats_new();
    struct stat_set *set = stats_endpoint_set(delta, stats_add_endpoint(delta, "GET", name));

    for (uint64_t second = 1; second <= 12; second++) {
        for (size_t worker = 0; worker < run->worker_count; worker++) {
            for (uint64_t i = 0; second == 1 && i < 20; i++) {
                record_connect(set, "phase:first", true);
                record_times(set, "phase:first", i);
            }
            record_events(set, 200);
            stat_time(stats_worker_set(delta), METRIC_WORKER_LAG, NULL, lag_ns);
            add_second(run, worker, delta, cpu_ratio);
            stats_clear(delta);
        }
        run_close_second(run, second * CLOCK_NS_PER_S);
    }
    stats_free(delta);
}

/* The end of the run: what happens once. */
static void add_end(struct run *run, const struct stats *delta)
{
    struct run_tick tick = {.interval_ns = CLOCK_NS_PER_S, .rss_bytes = 12300000};

    run_add_tick(run, 0, &tick, delta);
    run_finish(run, 12 * CLOCK_NS_PER_S + CLOCK_NS_PER_S / 10);
}

struct run *sample_pass(void)
{
    struct run *run = sample_empty();
    const char *name = "http://127.0.0.1:8080/api/v1/events/stream";
    struct stats *delta = stats_new();
    struct stat_set *set = stats_endpoint_set(delta, stats_add_endpoint(delta, "GET", name));

    add_seconds(run, name, 0.34, 200 * CLOCK_NS_PER_US);
    for (uint64_t i = 0; i < 40; i++) {
        stat_pass(set, METRIC_SSE_STREAM_SUCCESS, NULL, true);
        stat_time(set, METRIC_SSE_OPEN_AGE, NULL, 11900 * CLOCK_NS_PER_MS);
        stat_rate(set, METRIC_SSE_EVENTS_PER_STREAM_S, NULL, 9900 + 10 * i);
    }
    stat_count(set, METRIC_SSE_CLOSED_BY_US, NULL, 40);
    add_end(run, delta);
    stats_free(delta);
    return run;
}

static void record_delivery(struct stat_set *set)
{
    stat_count(set, METRIC_SSE_SEQUENCED, NULL, 4800);
    stat_count(set, METRIC_SSE_SEQUENCED, "order:dense", 4800);
    stat_count(set, METRIC_SSE_MISSED, NULL, 24);
    stat_count(set, METRIC_SSE_MISSED, "where:stream", 3);
    stat_count(set, METRIC_SSE_MISSED, "where:resume", 21);
    stat_passes(set, METRIC_SSE_LOSS, NULL, 24, 4794);
    stat_count(set, METRIC_SSE_DUPLICATES, NULL, 6);
    stat_count(set, METRIC_SSE_DUPLICATES, "where:resume", 6);
    stat_count(set, METRIC_SSE_REORDERED, NULL, 2);
    stat_count(set, METRIC_SSE_REORDERED, "where:stream", 2);
    stat_count(set, METRIC_SSE_RESUMES, NULL, 6);
    stat_count(set, METRIC_SSE_INCLUSIVE_REPLAYS, NULL, 6);
    stat_count(set, METRIC_SSE_SEQUENCE_RESETS, NULL, 1);
}

/* By a clock that was asked: 400 live events, 3 of them too early, 25 replays. */
static void record_lateness(struct stat_set *set)
{
    stat_count(set, METRIC_SSE_TIMED, NULL, 428);
    stat_count(set, METRIC_SSE_TIMED, "unit:ms", 428);
    stat_count(set, METRIC_SSE_UNTIMED, NULL, 11);
    stat_count(set, METRIC_SSE_STALE, NULL, 2);
    for (uint64_t i = 0; i < 397; i++)
        stat_time(set, METRIC_SSE_EVENT_LATENCY, NULL, (20 + i / 10) * CLOCK_NS_PER_MS);
    for (uint64_t i = 0; i < 3; i++)
        stat_time(set, METRIC_SSE_EVENT_LATENCY_NEGATIVE, NULL, (i + 1) * CLOCK_NS_PER_MS / 2);
    for (uint64_t i = 0; i < 25; i++)
        stat_time(set, METRIC_SSE_EVENT_LATENCY, "delivery:replay", (1 + i) * CLOCK_NS_PER_S);
}

static void record_trouble(struct stats *delta, size_t good, size_t bad)
{
    struct stat_set *set = stats_endpoint_set(delta, good);
    double now_unix_ms = STARTED_UNIX_MS + 4000;

    for (uint64_t i = 0; i < 7; i++) {
        const char *cause = i < 5 ? "cause:reset" : "cause:closed";

        stat_count(set, METRIC_SSE_DISCONNECTS, NULL, 1);
        stat_count(set, METRIC_SSE_DISCONNECTS, cause, 1);
        stat_time(set, METRIC_SSE_DURATION, NULL, (3 + i) * CLOCK_NS_PER_S);
        stat_count(set, METRIC_SSE_RECONNECTS, NULL, 1);
        stat_pass(set, METRIC_SSE_RECONNECT_SUCCESS, NULL, i > 0);
        record_connect(set, "phase:resume", i > 0);
        record_times(set, "phase:resume", i);
        stat_time(set, METRIC_SSE_RECOVERY, NULL, 3 * CLOCK_NS_PER_S + i * 100000);
        stats_add_error(delta, good, i < 5 ? CLASS_RESET : CLASS_CLOSED,
                        i < 5 ? "connection reset by peer" : "the server ended the response",
                        now_unix_ms + (double)i);
    }
    stat_count(set, METRIC_SSE_GAVE_UP, NULL, 1);
    record_delivery(set);
    record_lateness(set);
    set = stats_endpoint_set(delta, bad);
    for (uint64_t i = 0; i < 1200; i++) {
        record_connect(set, "phase:first", false);
        stat_pass(set, METRIC_SSE_STREAM_SUCCESS, NULL, false);
        stats_add_error(
            delta, bad, CLASS_STATUS_5XX,
            "status 503 \x1b[31mService\x07 Unavailable, please come back some other day",
            now_unix_ms);
    }
    stats_add_error(delta, bad, CLASS_HTTP_PROTOCOL, "what came is not UTF-8: \xff\xfe",
                    now_unix_ms);
}

static void record_example(struct stats *delta, size_t endpoint, enum malformed kind,
                           const char *text, uint64_t count)
{
    struct stat_set *set = stats_endpoint_set(delta, endpoint);
    struct example row = {.kind = kind, .endpoint = endpoint, .unix_ms = STARTED_UNIX_MS + 5000};

    excerpt_write(row.text, (const uint8_t *)text, strlen(text));
    examples_add(stats_examples(delta), &row);
    stat_count(set, METRIC_SSE_MALFORMED, NULL, count);
    stat_count(set, METRIC_SSE_MALFORMED, malformed_tag(kind), count);
}

static void record_malformed(struct stats *delta, size_t endpoint)
{
    record_example(delta, endpoint, MALFORMED_JSON, "{\"seq\":17,\"token\":\"hunter2\",", 2);
    record_example(
        delta, endpoint, MALFORMED_UNKNOWN_FIELD,
        "Data: a field's name is written in small letters, and a line that is as long as "
        "this one does not fit",
        1500);
    stat_count(stats_endpoint_set(delta, endpoint), METRIC_SSE_MISSED_HEARTBEATS, NULL, 3);
}

static void record_servers(struct stats *delta, size_t endpoint)
{
    static const struct {
        const char *tag;
        uint64_t attempts, events;
    } servers[] = {{"server:10.0.0.7", 30, 3600}, {"server:10.0.0.8", 10, 1200}};
    struct stat_set *set = stats_endpoint_set(delta, endpoint);

    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        stat_count(set, METRIC_SSE_ATTEMPTS, servers[i].tag, servers[i].attempts);
        stat_passes(set, METRIC_SSE_CONNECT_SUCCESS, servers[i].tag, servers[i].attempts - i, i);
        stat_count(set, METRIC_SSE_EVENTS, servers[i].tag, servers[i].events);
        stat_count(set, METRIC_SSE_DISCONNECTS, servers[i].tag, 7 * i);
    }
    stat_count(set, METRIC_SSE_RESUMED_ELSEWHERE, NULL, 4);
}

static void record_login(struct stats *delta, size_t login)
{
    struct stat_set *set = stats_endpoint_set(delta, login);

    for (uint64_t i = 0; i < 45; i++) {
        bool is_good = i < 43;
        const char *cause = i < 40 ? "cause:first" : "cause:expired";

        stat_pass(set, METRIC_LOGIN_SUCCESS, NULL, is_good);
        stat_pass(set, METRIC_LOGIN_SUCCESS, cause, is_good);
        stat_count(set, METRIC_HTTP_REQS, NULL, 1);
        stat_pass(set, METRIC_HTTP_REQ_FAILED, NULL, !is_good);
        stat_time(set, METRIC_HTTP_REQ_DURATION, NULL, (20 + i) * CLOCK_NS_PER_MS);
        stat_pass(set, METRIC_TLS_RESUMED, NULL, i >= 40);
        stat_pass(set, METRIC_TLS_RESUMED, i < 40 ? "phase:first" : "phase:resume", i >= 40);
    }
}

struct run *sample_trouble(void)
{
    struct run *run = sample_empty();
    const char *names[] = {"http://127.0.0.1:8080/good",
                           "http://127.0.0.1:8080/a/rather/long/path/that/will/not/fit/a/column"};
    struct stats *delta = stats_new();
    size_t good = stats_add_endpoint(delta, "GET", names[0]);
    size_t bad = stats_add_endpoint(delta, "POST", names[1]);
    size_t login = stats_add_endpoint(delta, "POST", "http://127.0.0.1:8080/login");

    add_seconds(run, names[0], 0.97, 180 * CLOCK_NS_PER_MS);
    record_trouble(delta, good, bad);
    record_login(delta, login);
    stat_time(stats_worker_set(delta), METRIC_WORKER_RECEIVE_DELAY, NULL, 7 * CLOCK_NS_PER_MS);
    stat_count(stats_worker_set(delta), METRIC_WORKER_RECEIVE_UNSTAMPED, NULL, 4);
    record_malformed(delta, good);
    record_servers(delta, good);
    run_lose_worker(run, 1);
    add_end(run, delta);
    run->info.clock_url = x_strdup("http://127.0.0.1:8080/time");
    run->workers[0].clock = (struct clock_state){.source = CLOCK_ASKED,
                                                 .offset_ns = -12345 * (int64_t)CLOCK_NS_PER_US,
                                                 .error_ns = 3 * CLOCK_NS_PER_MS};
    stats_free(delta);
    return run;
}
