#include "wire/frame.h"

#include "base/rng.h"
#include "wire/pack.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t MS = 1000000;

/* The first frame in `bytes`, whose length must say exactly what is there. */
static struct frame open_frame(const struct buf *bytes)
{
    struct frame frame;
    struct err err;
    size_t len = (size_t)bytes->bytes[0] << 24 | (size_t)bytes->bytes[1] << 16 |
                 (size_t)bytes->bytes[2] << 8 | bytes->bytes[3];

    assert_int_equal(len, bytes->len - FRAME_HEAD_BYTES);
    assert_int_equal(frame_open(bytes->bytes + FRAME_HEAD_BYTES, len, &frame, &err), 0);
    return frame;
}

static void values_come_back_in_order(void **state)
{
    static const uint64_t numbers[] = {0,     127,        128,        255,        256,       65535,
                                       65536, UINT32_MAX, 1ULL << 32, UINT64_MAX, 1ULL << 63};
    struct buf out = {0};
    struct unpack unpack;
    size_t len;
    char *text;

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        pack_uint(&out, numbers[i]);
    pack_double(&out, -0.25);
    pack_bool(&out, true);
    pack_bool(&out, false);
    pack_bytes(&out, "a\0b", 3);
    pack_text(&out, NULL);
    pack_text(&out, "");
    pack_text(&out, "a text that is longer than thirty-one bytes");
    unpack_init(&unpack, out.bytes, out.len);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_true(unpack_uint(&unpack) == numbers[i]);
    assert_true(unpack_double(&unpack) == -0.25);
    assert_true(unpack_bool(&unpack));
    assert_false(unpack_bool(&unpack));
    assert_memory_equal(unpack_bytes(&unpack, &len), "a\0b", 3);
    assert_int_equal(len, 3);
    assert_null(unpack_text(&unpack));
    assert_false(unpack.failed);
    text = unpack_text(&unpack);
    assert_string_equal(text, "");
    free(text);
    assert_false(unpack_finished(&unpack));
    text = unpack_text(&unpack);
    assert_string_equal(text, "a text that is longer than thirty-one bytes");
    free(text);
    assert_true(unpack_finished(&unpack));
    buf_fini(&out);
}

static void every_length_of_text_and_bytes_comes_back(void **state)
{
    static const size_t lengths[] = {0, 31, 32, 255, 256, 65535, 65536, 100000};
    char *text = calloc(1, 100001);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct buf out = {0};
        struct unpack unpack;
        const char *view;
        size_t len;

        memset(text, 'x', lengths[i]);
        pack_text(&out, text);
        pack_bytes(&out, text, lengths[i]);
        unpack_init(&unpack, out.bytes, out.len);
        view = unpack_text_view(&unpack, &len);
        assert_non_null(view);
        assert_int_equal(len, lengths[i]);
        assert_non_null(unpack_bytes(&unpack, &len));
        assert_int_equal(len, lengths[i]);
        assert_true(unpack_finished(&unpack));
        buf_fini(&out);
    }
    free(text);
}

static void a_wrong_kind_fails_for_good(void **state)
{
    struct buf out = {0};
    struct unpack unpack;
    size_t len = 1;

    (void)state;
    pack_text(&out, "x");
    pack_uint(&out, 7);
    unpack_init(&unpack, out.bytes, out.len);
    assert_int_equal(unpack_uint(&unpack), 0);
    assert_true(unpack.failed);
    assert_int_equal(unpack_uint(&unpack), 0);
    assert_null(unpack_bytes(&unpack, &len));
    assert_int_equal(len, 0);
    assert_null(unpack_text(&unpack));
    assert_false(unpack_finished(&unpack));
    buf_fini(&out);
}

static void announced_sizes_beyond_the_bytes_fail(void **state)
{
    static const uint8_t array[] = {0xdd, 0xff, 0xff, 0xff, 0xff, 1, 2};
    static const uint8_t bytes[] = {0xc6, 0xff, 0xff, 0xff, 0xff, 1, 2};
    static const uint8_t text[] = {0xa3, 'a', 0, 'b'};
    struct unpack unpack;
    size_t len;

    (void)state;
    unpack_init(&unpack, array, sizeof array);
    assert_int_equal(unpack_array(&unpack), 0);
    assert_true(unpack.failed);
    unpack_init(&unpack, bytes, sizeof bytes);
    assert_null(unpack_bytes(&unpack, &len));
    assert_true(unpack.failed);
    unpack_init(&unpack, text, sizeof text);
    assert_null(unpack_text(&unpack));
    assert_true(unpack.failed);
}

static void small_frames_come_back(void **state)
{
    struct buf out = {0};
    struct err err;
    struct frame frame;
    struct frame_users users = {0};
    struct frame_storm storm = {0};
    struct frame_ready ready = {0};
    struct frame_log log = {0};
    const uint8_t *plan;
    size_t plan_bytes;
    uint64_t timeout_ns = 0;

    (void)state;
    frame_put_users(
        &out, &(struct frame_users){.sequence = 9, .users = 500, .over_ms = 1000, .stage = 7});
    frame = open_frame(&out);
    assert_int_equal(frame.kind, FRAME_USERS);
    assert_int_equal(frame_get_users(&frame, &users, &err), 0);
    assert_true(users.sequence == 9 && users.users == 500 && users.over_ms == 1000 &&
                users.stage == 7);
    buf_clear(&out);
    frame_put_plan(&out, (const uint8_t *)"plan", 4);
    frame = open_frame(&out);
    assert_int_equal(frame_get_plan(&frame, &plan, &plan_bytes, &err), 0);
    assert_int_equal(plan_bytes, 4);
    assert_memory_equal(plan, "plan", 4);
    buf_clear(&out);
    frame_put_storm(&out, &(struct frame_storm){
                              .index = 2, .ratio = 0.5, .down_ns = 3000000000, .is_at_once = true});
    frame = open_frame(&out);
    assert_int_equal(frame_get_storm(&frame, &storm, &err), 0);
    assert_true(storm.index == 2 && storm.ratio == 0.5 && storm.down_ns == 3000000000 &&
                storm.is_at_once);
    buf_clear(&out);
    frame_put_storm(&out, &(struct frame_storm){.index = 2, .ratio = 1.5});
    frame = open_frame(&out);
    assert_int_equal(frame_get_storm(&frame, &storm, &err), -1);
    buf_clear(&out);
    frame_put_stop(&out, UINT64_MAX);
    frame = open_frame(&out);
    assert_int_equal(frame_get_stop(&frame, &timeout_ns, &err), 0);
    assert_true(timeout_ns == UINT64_MAX);
    buf_clear(&out);
    frame_put_ready(&out, &(struct frame_ready){.pid = 77, .file_limit = 20000});
    frame = open_frame(&out);
    assert_int_equal(frame_get_ready(&frame, &ready, &err), 0);
    assert_true(ready.pid == 77 && ready.file_limit == 20000);
    buf_clear(&out);
    frame_put_log(&out, LOG_WARNING, "a line");
    frame = open_frame(&out);
    assert_int_equal(frame_get_log(&frame, &log, &err), 0);
    assert_int_equal(log.level, LOG_WARNING);
    assert_int_equal(log.line_bytes, 6);
    assert_memory_equal(log.line, "a line", 6);
    buf_clear(&out);
    frame_put_ping(&out);
    assert_int_equal(open_frame(&out).kind, FRAME_PING);
    buf_clear(&out);
    frame_put_quit(&out);
    assert_int_equal(open_frame(&out).kind, FRAME_QUIT);
    buf_fini(&out);
}

/* A delta with something of every kind. */
static struct stats *sample(void)
{
    struct stats *stats = stats_new();
    size_t a = stats_add_endpoint(stats, "GET", "/a");
    size_t quiet = stats_add_endpoint(stats, "GET", "/quiet");
    size_t b = stats_add_endpoint(stats, "POST", "/b?x=1");
    struct stat_set *set = stats_endpoint_set(stats, a);

    (void)quiet;
    stat_count(set, METRIC_SSE_EVENTS, NULL, 12345678901);
    stat_count(set, METRIC_SSE_EVENTS, "event:price", 7);
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, "phase:first", true);
    stat_pass(set, METRIC_SSE_CONNECT_SUCCESS, "phase:first", false);
    for (uint64_t i = 0; i < 2000; i++)
        stat_time(set, METRIC_SSE_TTFE, NULL, i * i * i * 1000);
    stat_time(set, METRIC_SSE_TTFE, "phase:first", 7200 * 1000 * MS);
    stat_rate(set, METRIC_SSE_EVENTS_PER_STREAM_S, NULL, 1500);
    stat_gauge(set, METRIC_USERS, NULL, 3);
    stat_time(stats_worker_set(stats), METRIC_WORKER_LAG, NULL, 0);
    stats_add_error(stats, b, CLASS_RESET, "connection reset by peer", 1234.5);
    stats_add_error(stats, b, CLASS_RESET, "connection reset by peer", 1235.5);
    examples_add(stats_examples(stats),
                 &(struct example){
                     .kind = MALFORMED_JSON, .endpoint = b, .unix_ms = 1236.5, .text = "{\"a\":…"});
    for (uint32_t i = 1; i <= 40; i++)
        ends_add(stats_ends(stats), &(struct end_row){.at_unix_ms = 1237.5 + i,
                                                      .weight = i,
                                                      .endpoint = b,
                                                      .age_ms = 60000 + i,
                                                      .silence_ms = UINT32_MAX,
                                                      .event_count = 9,
                                                      .error_class = CLASS_CLOSED_EARLY});
    wave_lose(waves_find(stats_waves(stats), 7), CLASS_NONE, 1238.5);
    return stats;
}

static const struct frame_tick TICK = {
    .sequence = 3,
    .interval_ns = 1000000000,
    .users = 10,
    .open = 9,
    .connecting = 1,
    .cpu_ratio = 0.25,
    .rss_bytes = 1 << 20,
    .finished = 4,
    .clock = {.source = CLOCK_ASKED, .offset_ns = -5, .error_ns = 3, .step_count = 2},
    .stage = 6,
    .is_last = true,
};

static void a_tick_carries_everything_but_gauges(void **state)
{
    struct stats *delta = sample(), *came = stats_new();
    struct buf out = {0}, again = {0};
    struct frame frame;
    struct frame_tick tick = {0}, head = {0};
    struct err err;
    const struct stat_set *set;
    const struct hist *left, *right;
    const struct example *example;
    struct end_row end;

    (void)state;
    frame_put_tick(&out, &TICK, delta);
    frame = open_frame(&out);
    assert_int_equal(frame_get_tick_head(&frame, &head, &err), 0);
    assert_int_equal(frame_get_tick(&frame, &tick, came, &err), 0);
    assert_true(tick.sequence == 3 && tick.users == 10 && tick.open == 9 && tick.finished == 4 &&
                tick.stage == 6 && tick.is_last);
    assert_true(tick.clock.source == CLOCK_ASKED && tick.clock.offset_ns == -5 &&
                tick.clock.error_ns == 3 && tick.clock.step_count == 2);
    assert_true(head.sequence == 3 && head.cpu_ratio == 0.25 && head.rss_bytes == 1 << 20);
    assert_int_equal(stats_endpoint_count(came), 2); /* the quiet one stayed at home */
    set = stats_endpoint_set(came, 0);
    assert_true(stat_get_count(set, METRIC_SSE_EVENTS, NULL) == 12345678901);
    assert_int_equal(stat_get_count(set, METRIC_SSE_EVENTS, "event:price"), 7);
    assert_false(stat_get_gauge(set, METRIC_USERS, NULL, NULL, NULL, NULL));
    left = stat_get_trend(stats_endpoint_set(delta, 0), METRIC_SSE_TTFE, NULL);
    right = stat_get_trend(set, METRIC_SSE_TTFE, NULL);
    assert_int_equal(hist_count(left), hist_count(right));
    assert_int_equal(hist_max(left), hist_max(right));
    assert_true(hist_mean(left) == hist_mean(right));
    assert_int_equal(hist_overflow(stat_get_trend(set, METRIC_SSE_TTFE, "phase:first")), 1);
    assert_int_equal(hist_count(stat_get_trend(stats_worker_set(came), METRIC_WORKER_LAG, NULL)),
                     1);
    assert_int_equal(stats_error_count(came), 1);
    assert_int_equal(stats_error_at(came, 0)->count, 2);
    assert_true(stats_error_at(came, 0)->first_unix_ms == 1234.5);
    assert_string_equal(stats_endpoint_name(came, stats_error_at(came, 0)->endpoint), "/b?x=1");
    assert_int_equal(examples_count(stats_examples(came)), 1);
    example = examples_at(stats_examples(came), 0);
    assert_true(example->kind == MALFORMED_JSON && example->unix_ms == 1236.5);
    assert_string_equal(example->text, "{\"a\":…");
    assert_string_equal(stats_endpoint_name(came, example->endpoint), "/b?x=1");
    assert_int_equal(ends_count(stats_ends(came)), 40);
    end = ends_at(stats_ends(came), 39);
    assert_true(end.at_unix_ms == 1277.5 && end.weight == 40 && end.age_ms == 60040);
    assert_true(end.silence_ms == UINT32_MAX && end.event_count == 9);
    assert_true(end.error_class == CLASS_CLOSED_EARLY);
    assert_string_equal(stats_endpoint_name(came, end.endpoint), "/b?x=1");
    assert_int_equal(waves_count(stats_waves(came)), 1);
    assert_int_equal(waves_at(stats_waves(came), 0)->lost, 1);
    frame_put_tick(&again, &tick, came);
    assert_int_equal(again.len, out.len);
    assert_memory_equal(again.bytes, out.bytes, out.len);
    stats_free(delta);
    stats_free(came);
    buf_fini(&out);
    buf_fini(&again);
}

static void ticks_add_up(void **state)
{
    struct stats *delta = sample(), *sum = stats_new();
    struct buf out = {0};
    struct frame_tick tick;
    struct frame frame;
    struct err err;

    (void)state;
    frame_put_tick(&out, &TICK, delta);
    frame = open_frame(&out);
    for (int i = 0; i < 3; i++)
        assert_int_equal(frame_get_tick(&frame, &tick, sum, &err), 0);
    assert_int_equal(stat_get_count(stats_endpoint_set(sum, 0), METRIC_SSE_EVENTS, "event:price"),
                     21);
    assert_int_equal(stats_error_at(sum, 0)->count, 6);
    stats_free(delta);
    stats_free(sum);
    buf_fini(&out);
}

static void a_quiet_tick_is_small(void **state)
{
    struct stats *delta = stats_new();
    struct buf out = {0};

    (void)state;
    for (int i = 0; i < 400; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "/%d", i);
        (void)stats_add_endpoint(delta, "GET", name);
    }
    frame_put_tick(&out, &(struct frame_tick){.sequence = 1}, delta);
    assert_true(out.len < 64);
    stats_free(delta);
    buf_fini(&out);
}

static void a_full_table_of_errors_comes_back(void **state)
{
    struct stats *delta = stats_new(), *came = stats_new();
    size_t endpoint = stats_add_endpoint(delta, "GET", "/a");
    struct buf out = {0};
    struct frame_tick tick;
    struct frame frame;
    struct err err;
    char message[32];

    (void)state;
    for (int i = 0; i < STATS_ERROR_LIMIT + 10; i++) {
        (void)snprintf(message, sizeof message, "message %d", i);
        stats_add_error(delta, endpoint, CLASS_RESET, message, 1);
    }
    frame_put_tick(&out, &TICK, delta);
    frame = open_frame(&out);
    assert_int_equal(frame_get_tick(&frame, &tick, came, &err), 0);
    assert_int_equal(stats_error_count(came), STATS_ERROR_LIMIT + 1);
    assert_int_equal(stats_error_at(came, STATS_ERROR_LIMIT)->count, 10);
    stats_free(delta);
    stats_free(came);
    buf_fini(&out);
}

static void a_cut_tick_adds_nothing(void **state)
{
    struct stats *delta = sample(), *sum = stats_new();
    struct buf out = {0};
    struct err err;

    (void)state;
    frame_put_tick(&out, &TICK, delta);
    for (size_t len = 0; len + FRAME_HEAD_BYTES < out.len; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1); /* so that ASan sees a read past the end */
        struct frame_tick tick = {.sequence = 99};
        struct frame frame;

        assert_non_null(exact);
        memcpy(exact, out.bytes + FRAME_HEAD_BYTES, len);
        if (frame_open(exact, len, &frame, &err) == 0)
            assert_int_equal(frame_get_tick(&frame, &tick, sum, &err), -1);
        assert_int_equal(tick.sequence, 99);
        free(exact);
    }
    assert_int_equal(stats_endpoint_count(sum), 0);
    assert_int_equal(stats_error_count(sum), 0);
    stats_free(delta);
    stats_free(sum);
    buf_fini(&out);
}

static void changed_bytes_never_harm(void **state)
{
    struct stats *delta = sample();
    struct buf out = {0};
    struct rng rng;
    struct err err;

    (void)state;
    rng_init(&rng, 3);
    frame_put_tick(&out, &TICK, delta);
    for (int i = 0; i < 3000; i++) {
        struct stats *sum = stats_new();
        uint8_t *at = out.bytes + rng_between(&rng, FRAME_HEAD_BYTES, out.len - 1);
        uint8_t before = *at;
        struct frame_tick tick;
        struct frame frame;

        *at = (uint8_t)rng_next(&rng);
        if (frame_open(out.bytes + FRAME_HEAD_BYTES, out.len - FRAME_HEAD_BYTES, &frame, &err) ==
                0 &&
            frame.kind == FRAME_TICK)
            (void)frame_get_tick(&frame, &tick, sum, &err);
        *at = before;
        stats_free(sum);
    }
    stats_free(delta);
    buf_fini(&out);
}

static void what_is_no_frame_is_named(void **state)
{
    static const struct {
        uint8_t bytes[8];
        size_t len;
    } cases[] = {
        {{0}, 0},                      /* nothing */
        {{0x90}, 1},                   /* an array without a kind */
        {{0x91, 0x00}, 2},             /* the kind "none" */
        {{0x91, 0x0f}, 2},             /* a kind beyond the last */
        {{0x92, 0x04, 0x01}, 3},       /* a ping with a field */
        {{0x91, 0x04, 0x01}, 3},       /* a ping and more */
        {{0x81, 0x04, 0x01}, 3},       /* a map */
        {{0xc1, 0xff, 0xff, 0xff}, 4}, /* a byte that the format never uses */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct frame frame;
        struct err err = {0};

        assert_int_equal(frame_open(cases[i].bytes, cases[i].len, &frame, &err), -1);
        assert_non_null(strstr(err.text, "no frame"));
    }
}

/* A tick up to its statistics. */
static void put_tick_head(struct buf *out)
{
    pack_array(out, 16);
    pack_uint(out, FRAME_TICK);
    for (int i = 0; i < 5; i++)
        pack_uint(out, 1);
    pack_double(out, 0);
    pack_uint(out, 1);
    for (int i = 0; i < 6; i++)
        pack_uint(out, 0);
    pack_bool(out, false);
    pack_array(out, 6);
}

/* Is a tick taken whose one end is of this weight, endpoint and class? */
static bool is_end_taken(double weight, uint64_t endpoint, enum error_class error_class)
{
    struct stats *sum = stats_new();
    struct buf out = {0};
    struct frame frame;
    struct frame_tick tick;
    struct err err = {0};
    bool is_taken;

    put_tick_head(&out);
    pack_array(&out, 0);
    pack_array(&out, 1);
    pack_array(&out, 3);
    pack_text(&out, "GET");
    pack_text(&out, "/");
    pack_array(&out, 0);
    pack_array(&out, 0);
    pack_array(&out, 0);
    pack_array(&out, 1);
    pack_array(&out, 7);
    pack_double(&out, 1);
    pack_double(&out, weight);
    pack_uint(&out, endpoint);
    for (int i = 0; i < 3; i++)
        pack_uint(&out, 1);
    pack_uint(&out, (uint64_t)error_class);
    pack_array(&out, 0);
    assert_int_equal(frame_open(out.bytes, out.len, &frame, &err), 0);
    is_taken = frame_get_tick(&frame, &tick, sum, &err) == 0;
    assert_int_equal(ends_count(stats_ends(sum)), is_taken ? 1 : 0);
    stats_free(sum);
    buf_fini(&out);
    return is_taken;
}

static void unsound_ends_are_refused(void **state)
{
    (void)state;
    assert_true(is_end_taken(1, 0, CLASS_RESET));
    assert_false(is_end_taken(0.5, 0, CLASS_RESET)); /* stands for less than itself */
    assert_false(is_end_taken((double)INFINITY, 0, CLASS_RESET));
    assert_false(is_end_taken((double)NAN, 0, CLASS_RESET));
    assert_false(is_end_taken(1, 1, CLASS_RESET)); /* an endpoint that is not there */
    assert_false(is_end_taken(1, 0, CLASS_NONE));
    assert_false(is_end_taken(1, 0, CLASS_COUNT));
}

static void unsound_statistics_are_refused(void **state)
{
    struct buf out = {0};
    struct frame frame;
    struct frame_tick tick;
    struct stats *sum = stats_new();
    struct err err = {0};

    (void)state;
    /* A tick whose worker set claims a trend with its minimum above its maximum. */
    put_tick_head(&out);
    pack_array(&out, 1);
    pack_array(&out, 7);
    pack_uint(&out, METRIC_WORKER_LAG);
    pack_text(&out, NULL);
    pack_uint(&out, 0);
    pack_double(&out, 5);
    pack_uint(&out, 6);
    pack_uint(&out, 5);
    pack_array(&out, 2);
    pack_uint(&out, 5);
    pack_uint(&out, 1);
    for (int i = 0; i < 4; i++)
        pack_array(&out, 0);
    assert_int_equal(frame_open(out.bytes, out.len, &frame, &err), 0);
    assert_int_equal(frame_get_tick_head(&frame, &tick, &err), 0);
    assert_int_equal(frame_get_tick(&frame, &tick, sum, &err), -1);
    assert_non_null(strstr(err.text, "'tick'"));
    assert_null(stat_get_trend(stats_worker_set(sum), METRIC_WORKER_LAG, NULL));
    stats_free(sum);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_in_order),
        cmocka_unit_test(every_length_of_text_and_bytes_comes_back),
        cmocka_unit_test(a_wrong_kind_fails_for_good),
        cmocka_unit_test(announced_sizes_beyond_the_bytes_fail),
        cmocka_unit_test(small_frames_come_back),
        cmocka_unit_test(a_tick_carries_everything_but_gauges),
        cmocka_unit_test(ticks_add_up),
        cmocka_unit_test(a_quiet_tick_is_small),
        cmocka_unit_test(a_full_table_of_errors_comes_back),
        cmocka_unit_test(a_cut_tick_adds_nothing),
        cmocka_unit_test(changed_bytes_never_harm),
        cmocka_unit_test(what_is_no_frame_is_named),
        cmocka_unit_test(unsound_ends_are_refused),
        cmocka_unit_test(unsound_statistics_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
