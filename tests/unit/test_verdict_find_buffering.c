#include "base/clock.h"
#include "base/mem.h"
#include "stats/run.h"
#include "verdict/find.h"
#include "verdict/findings.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS CLOCK_NS_PER_MS

/* Of one endpoint with 10 streams. */
struct figures {
    uint64_t events; /* in all */
    uint64_t live;   /* of them with a time of sending */
    uint64_t apart_bursts, apart_events, span_ms;
    uint64_t cut_bursts, cut_events, cut_bytes, cut_bytes_step;
    uint64_t held, replayed; /* beside the live ones, 20 s late */
    uint64_t compressed;
    uint64_t lag_ms;
};

/* nginx that buffers 100 events a second of 205 bytes on each of 10 streams. */
static const struct figures by_size = {.events = 10000,
                                       .live = 10000,
                                       .apart_bursts = 490,
                                       .apart_events = 20,
                                       .span_ms = 190,
                                       .cut_bursts = 480,
                                       .cut_events = 20,
                                       .cut_bytes = 4096};

static void add_endpoint(struct stats *stats, const char *name, const struct figures *figures)
{
    struct stat_set *set = stats_endpoint_set(stats, stats_add_endpoint(stats, "GET", name));

    stat_passes(set, METRIC_SSE_CONNECT_SUCCESS, NULL, 10, 0);
    if (figures->compressed > 0)
        stat_count(set, METRIC_SSE_COMPRESSED, NULL, figures->compressed);
    stat_count(set, METRIC_SSE_EVENTS, NULL, figures->events);
    for (uint64_t i = 0; i < figures->live; i++)
        stat_time(set, METRIC_SSE_EVENT_LATENCY, NULL, 20 * MS);
    for (uint64_t i = 0; i < figures->held; i++)
        stat_time(set, METRIC_SSE_EVENT_LATENCY, "delivery:held", 20000 * MS);
    for (uint64_t i = 0; i < figures->replayed; i++)
        stat_time(set, METRIC_SSE_EVENT_LATENCY, "delivery:replay", 20000 * MS);
    for (uint64_t i = 0; i < figures->apart_bursts; i++) {
        stat_size(set, METRIC_SSE_BURST_EVENTS, "sent:apart", figures->apart_events);
        stat_time(set, METRIC_SSE_BURST_SPAN, NULL, figures->span_ms * MS);
    }
    for (uint64_t i = 0; i < figures->cut_bursts; i++) {
        stat_size(set, METRIC_SSE_BURST_EVENTS, "end:inside", figures->cut_events);
        stat_size(set, METRIC_SSE_BURST_BYTES, NULL,
                  figures->cut_bytes + i * figures->cut_bytes_step);
    }
}

static struct run *finish(struct stats *delta, uint64_t lag_ms)
{
    struct run *run = run_new(1);
    struct run_tick tick = {.interval_ns = 1000 * MS};

    stat_time(stats_worker_set(delta), METRIC_WORKER_LAG, NULL, lag_ms * MS);
    run_add_tick(run, 0, &tick, delta);
    run_finish(run, 1000 * MS);
    stats_free(delta);
    return run;
}

static struct run *run_of(const struct figures *figures)
{
    struct stats *delta = stats_new();

    add_endpoint(delta, "/x", figures);
    return finish(delta, figures->lag_ms);
}

/* "" for none of the two; the caller ends `finding`. */
static const char *find(const struct figures *figures, struct finding *finding)
{
    struct run *run = run_of(figures);
    const char *code = "";

    *finding = (struct finding){0};
    if (find_proxy_buffering(run, finding))
        code = "proxy-buffering";
    else if (find_buffered_compression(run, finding))
        code = "buffered-compression";
    assert_true(find_is_held_back(run) == (code[0] != '\0'));
    run_free(run);
    return code;
}

static void end(struct finding *finding)
{
    free(finding->title);
    free(finding->evidence);
    free(finding->advice);
}

static void check(const struct figures *figures, const char *code,
                  enum finding_confidence confidence)
{
    struct finding found;

    assert_string_equal(find(figures, &found), code);
    assert_int_equal(found.confidence, confidence);
    end(&found);
}

static void check_none(const struct figures *figures)
{
    struct finding found;

    assert_string_equal(find(figures, &found), "");
}

static void a_buffer_of_fixed_size_is_certain(void **state)
{
    struct finding found;

    (void)state;
    assert_string_equal(find(&by_size, &found), "proxy-buffering");
    assert_int_equal(found.confidence, CONFIDENCE_CERTAIN);
    assert_string_equal(found.title, "Events arrive in bursts of 20 that were sent over 190ms: a "
                                     "buffer of fixed size gathers them");
    assert_string_equal(found.evidence,
                        "GET /x: 9800 of 10000 live events came in 490 bursts, in the median 20 "
                        "that were sent over 190ms; 480 bursts ended inside an event, after 4,096 "
                        "bytes");
    assert_non_null(strstr(found.advice, "a buffer of 4,096 bytes"));
    end(&found);
}

static void what_is_gathered_by_time_is_likely(void **state)
{
    struct figures figures = by_size;

    (void)state;
    figures.cut_bursts = 0;
    check(&figures, "proxy-buffering", CONFIDENCE_LIKELY);
    figures.cut_bursts = 300; /* some are cut, as chance has it */
    check(&figures, "proxy-buffering", CONFIDENCE_LIKELY);
}

static void half_of_the_live_events_is_the_bound(void **state)
{
    struct figures figures = by_size;

    (void)state;
    figures.apart_bursts = 250;
    check(&figures, "proxy-buffering", CONFIDENCE_CERTAIN);
    figures.apart_bursts = 249; /* a service that stalls now and then */
    check_none(&figures);
}

static void short_bursts_may_be_jitter_but_not_over_long_gaps(void **state)
{
    struct figures figures = {
        .events = 1000, .live = 1000, .apart_bursts = 300, .apart_events = 3, .span_ms = 249};

    (void)state;
    check_none(&figures);
    figures.apart_events = 4;
    check(&figures, "proxy-buffering", CONFIDENCE_LIKELY);
    figures.apart_events = 3;
    figures.span_ms = 250;
    check(&figures, "proxy-buffering", CONFIDENCE_LIKELY);
    figures.apart_bursts = 9;
    figures.live = figures.events = 27;
    check_none(&figures); /* too few to be a habit */
}

static void a_second_of_delay_is_critical(void **state)
{
    static const struct {
        uint64_t span_ms, compressed;
        bool is_timed;
        enum finding_severity severity;
    } rows[] = {{990, 0, true, FINDING_WARNING},
                {1010, 0, true, FINDING_CRITICAL},
                {990, 10, true, FINDING_WARNING},
                {1010, 10, true, FINDING_CRITICAL},
                {1010, 0, false, FINDING_WARNING}}; /* nobody knows how long */

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct figures figures = by_size;
        struct run *run;
        struct finding *findings;
        size_t count;

        figures.span_ms = rows[i].span_ms;
        figures.compressed = rows[i].compressed;
        if (!rows[i].is_timed)
            figures.live = figures.apart_bursts = 0;
        run = run_of(&figures);
        findings = findings_collect(run, &count);
        assert_int_equal(count, 1);
        assert_int_equal(findings[0].severity, rows[i].severity);
        findings_free(findings, count);
        run_free(run);
    }
}

/* All that ten streams were sent in 20 s came with their headers. */
static void a_response_that_is_held_back_is_found(void **state)
{
    struct figures figures = {.events = 10000,
                              .held = 10000,
                              .apart_bursts = 10,
                              .apart_events = 1000,
                              .span_ms = 19900,
                              .compressed = 10};
    struct finding found;

    (void)state;
    assert_string_equal(find(&figures, &found), "buffered-compression");
    assert_int_equal(found.severity, FINDING_CRITICAL);
    assert_int_equal(found.confidence, CONFIDENCE_LIKELY);
    assert_non_null(strstr(found.title, "bursts of 1000 that were sent over 19.9s: "));
    assert_non_null(strstr(found.evidence, "10000 of 10000 live or held events came in 10 bursts"));
    assert_non_null(strstr(found.evidence, "; 10000 were held back with the headers of their "
                                           "response, for up to 20s"));
    end(&found);
    figures.compressed = 0;
    check(&figures, "proxy-buffering", CONFIDENCE_LIKELY);
    figures.replayed = 10000; /* a history beside them says nothing */
    check(&figures, "proxy-buffering", CONFIDENCE_LIKELY);
}

/* The first buffers of ten streams, which held their headers, and more behind them. */
static void what_held_the_headers_may_be_a_buffer_of_fixed_size(void **state)
{
    struct figures figures = by_size;

    (void)state;
    figures.apart_bursts = 50;
    figures.cut_bursts = 32; /* of 40 behind a pause */
    figures.live = 800;
    figures.held = 200;
    check(&figures, "proxy-buffering", CONFIDENCE_CERTAIN);
    figures.cut_bursts = 31;
    check(&figures, "proxy-buffering", CONFIDENCE_LIKELY);
    figures.apart_bursts = 10; /* the first ones are all there are */
    figures.cut_bursts = 0;
    figures.live = 0;
    check(&figures, "proxy-buffering", CONFIDENCE_LIKELY);
}

/* Headers that took a moment, and then events as they are sent. */
static void a_slow_answer_in_front_of_live_events_is_none(void **state)
{
    (void)state;
    check_none(&(struct figures){.events = 10000,
                                 .live = 9000,
                                 .held = 1000,
                                 .apart_bursts = 10,
                                 .apart_events = 100,
                                 .span_ms = 2000});
    check_none(&(struct figures){.events = 10000, .replayed = 10000}); /* a history */
}

static void a_late_reader_raises_nothing_about_the_service(void **state)
{
    struct figures figures = by_size;

    (void)state;
    figures.lag_ms = RUN_LAG_LIMIT_MS;
    check(&figures, "proxy-buffering", CONFIDENCE_CERTAIN);
    figures.lag_ms++;
    check_none(&figures);
}

static void without_times_a_buffer_of_one_size_is_suspected(void **state)
{
    struct figures figures = by_size;

    (void)state;
    figures.live = figures.apart_bursts = 0;
    check(&figures, "proxy-buffering", CONFIDENCE_SUSPECTED);
    figures.cut_bursts = 250;
    check(&figures, "proxy-buffering", CONFIDENCE_SUSPECTED);
    figures.cut_bursts = 249;
    check_none(&figures);
}

/* The network's own pieces, of which none is as long as another. */
static void without_times_bursts_of_many_sizes_are_no_buffer(void **state)
{
    struct figures figures = by_size;

    (void)state;
    figures.live = figures.apart_bursts = 0;
    figures.cut_bytes_step = 1;
    check_none(&figures);
}

/* It says of each event when it was sent, and none was sent apart. */
static void with_times_what_ends_inside_an_event_is_not_looked_at(void **state)
{
    struct figures figures = by_size;

    (void)state;
    figures.apart_bursts = 0;
    check_none(&figures);
}

static void a_source_that_bursts_itself_raises_nothing(void **state)
{
    (void)state;
    check_none(&(struct figures){.events = 1000, .live = 1000});
    check_none(&(struct figures){.events = 1000});
    check_none(&(struct figures){0});
}

static void of_compressed_streams_the_compressor_is_named(void **state)
{
    struct figures figures = by_size;

    (void)state;
    figures.compressed = 10;
    check(&figures, "buffered-compression", CONFIDENCE_LIKELY);
    figures.live = figures.apart_bursts = 0;
    figures.cut_bytes_step = 100; /* what was compressed has any size */
    check(&figures, "buffered-compression", CONFIDENCE_SUSPECTED);
    figures.compressed = 4; /* of 10 */
    check_none(&figures);
    figures.cut_bytes_step = 0;
    check(&figures, "proxy-buffering", CONFIDENCE_SUSPECTED);
}

static void of_several_endpoints_the_worst_is_named(void **state)
{
    struct stats *delta = stats_new();
    struct figures less = by_size, none = {.events = 100000, .live = 10000};
    struct run *run;
    struct finding finding = {0};

    (void)state;
    less.apart_bursts--;
    add_endpoint(delta, "/none", &none);
    add_endpoint(delta, "/less", &less);
    add_endpoint(delta, "/worst", &by_size);
    run = finish(delta, 1);
    assert_true(find_proxy_buffering(run, &finding));
    assert_non_null(strstr(finding.evidence, "GET /worst: "));
    assert_non_null(strstr(finding.evidence, "; so did those of 1 more endpoint"));
    end(&finding);
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_of_fixed_size_is_certain),
        cmocka_unit_test(what_is_gathered_by_time_is_likely),
        cmocka_unit_test(half_of_the_live_events_is_the_bound),
        cmocka_unit_test(short_bursts_may_be_jitter_but_not_over_long_gaps),
        cmocka_unit_test(a_second_of_delay_is_critical),
        cmocka_unit_test(a_response_that_is_held_back_is_found),
        cmocka_unit_test(what_held_the_headers_may_be_a_buffer_of_fixed_size),
        cmocka_unit_test(a_slow_answer_in_front_of_live_events_is_none),
        cmocka_unit_test(a_late_reader_raises_nothing_about_the_service),
        cmocka_unit_test(without_times_a_buffer_of_one_size_is_suspected),
        cmocka_unit_test(without_times_bursts_of_many_sizes_are_no_buffer),
        cmocka_unit_test(with_times_what_ends_inside_an_event_is_not_looked_at),
        cmocka_unit_test(a_source_that_bursts_itself_raises_nothing),
        cmocka_unit_test(of_compressed_streams_the_compressor_is_named),
        cmocka_unit_test(of_several_endpoints_the_worst_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
