#include "report/live_storms.h"
#include "report/result_storms.h"
#include "report/summary_storms.h"

#include "base/clock.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SECOND = 1800000000 };

static struct run *run;

static int make_run(void **state)
{
    (void)state;
    run = run_new(1);
    run->info.started_unix_ms = SECOND * 1000.0;
    return 0;
}

static int free_run(void **state)
{
    (void)state;
    run_free(run);
    return 0;
}

/* Half of 2,000 streams are cut; all but one are back, some after a while. */
static void order_storm(void)
{
    struct run_storm storm = {
        .at_ns = 3 * CLOCK_NS_PER_S, .ratio = 0.5, .down_ns = CLOCK_NS_PER_S, .is_at_once = true};
    struct wave *wave = waves_find(stats_waves(run->stats), 1);

    stat_count(run->total, METRIC_SSE_SEQUENCED, NULL, 5);
    stat_count(run->total, METRIC_SSE_SEQUENCED, "order:dense", 5);
    run_add_storm(run, &storm);
    wave->open = 2000;
    for (uint64_t i = 0; i < 1000; i++) {
        wave_lose(wave, CLASS_NONE, (SECOND + 3) * 1000.0);
        wave_attempt(wave, (SECOND + 4) * 1000.0 + (double)(i / 4));
        wave_answer(wave, i < 10 ? 503 : 200);
        if (i > 0)
            wave_come_back(wave, i * CLOCK_NS_PER_MS);
    }
    wave->failures[CLASS_STATUS_5XX] = 10;
    wave->retry_after_seen = 10;
    wave->retry_after_honoured = 9;
    wave->gave_up = 1;
    wave->missed = 1234;
}

static void add_wave(void)
{
    struct wave *wave = waves_find(stats_waves(run->stats), SECOND + 8);

    wave->open = 1999;
    for (int i = 0; i < 1500; i++) {
        wave_lose(wave, CLASS_RESET, (SECOND + 8) * 1000.0 + 500);
        wave_attempt(wave, (SECOND + 11) * 1000.0);
        wave_answer(wave, 200);
        wave_come_back(wave, 3500 * CLOCK_NS_PER_MS);
    }
}

static void check_text(const struct buf *text, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!strstr((const char *)text->bytes, parts[i]))
            fail_msg("no '%s' in '%s'", parts[i], (const char *)text->bytes);
    }
}

#define CHECK_TEXT(text, ...)                                                                      \
    check_text(text, (const char *const[]){__VA_ARGS__},                                           \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void write_json(struct buf *out)
{
    struct json json;

    json_init(&json, out, 0);
    json_begin_object(&json);
    result_storms_write(&json, run);
    json_end_object(&json);
    (void)buf_text(out);
}

static void nothing_is_said_of_a_calm_run(void **state)
{
    struct buf out = {0};
    bool is_over;

    (void)state;
    summary_storms(&out, run, false);
    assert_false(live_storms_append(&out, run, &is_over));
    assert_int_equal(out.len, 0);
    write_json(&out);
    assert_string_equal(buf_text(&out), "{\"storms\":[]}");
    buf_fini(&out);
}

static void the_result_has_each_with_its_figures(void **state)
{
    struct buf out = {0};

    (void)state;
    order_storm();
    add_wave();
    write_json(&out);
    CHECK_TEXT(&out,
               "{\"kind\":\"ordered\",\"at_s\":3,\"ratio\":0.5,\"down_s\":1,\"return\":\"at-once\","
               "\"open\":2000,\"cut\":1000,\"causes\":{},\"back\":999,\"left\":0,\"never_back\":1,"
               "\"gave_up\":1,\"back_s\":{\"p50\":0.5,\"p95\":0.95,\"p99\":0.99,\"p100\":null},"
               "\"attempts\":1000,\"peak_per_s\":1000,\"statuses\":{\"503\":10,\"200\":990},"
               "\"failures\":{\"status_5xx\":10},\"retry_after\":{\"seen\":10,\"honoured\":9},"
               "\"missed\":1234,\"duplicates\":0}",
               "{\"kind\":\"service\",\"at_s\":8.5,\"ratio\":null,\"down_s\":null,\"return\":null,"
               "\"open\":1999,\"cut\":1500,\"causes\":{\"reset\":1500},\"back\":1500,",
               "\"p100\":2.998}");
    buf_fini(&out);
}

static void the_summary_has_a_row_each_and_what_was_unusual(void **state)
{
    struct buf out = {0};

    (void)state;
    order_storm();
    add_wave();
    summary_storms(&out, run, false);
    (void)buf_text(&out);
    CHECK_TEXT(
        &out, "\nStorms, and the time in s until streams were back with an event\n",
        "  storm at 3.0 s              1,000    0.500    0.950    0.990        -    1,000"
        "     1,234        0\n",
        "    on the way back: not back 1, gave up 1, status_5xx 10, told to wait (Retry-After) 10, "
        "waited 9\n",
        "  by the service at 8.5 s     1,500     3.00     3.00     3.00     3.00    1,500"
        "         0        0\n    ended as reset 1,500\n");
    for (const char *line = (const char *)out.bytes, *end; (end = strchr(line, '\n'));
         line = end + 1)
        assert_true(end - line <= 100);
    buf_fini(&out);
}

/* No event had an id. */
static void what_nothing_shows_is_not_none(void **state)
{
    struct buf out = {0};

    (void)state;
    add_wave();
    write_json(&out);
    CHECK_TEXT(&out, "\"missed\":null,\"duplicates\":null}");
    buf_clear(&out);
    summary_storms(&out, run, false);
    (void)buf_text(&out);
    CHECK_TEXT(&out, "    1,500         -        -\n");
    buf_clear(&out);
    stat_count(run->total, METRIC_SSE_SEQUENCED, NULL, 5); /* sparse: repeats show, misses do not */
    write_json(&out);
    CHECK_TEXT(&out, "\"missed\":null,\"duplicates\":0}");
    buf_fini(&out);
}

/* Its users open new streams, which look like any others. */
static void who_of_a_script_is_back_is_not_known(void **state)
{
    struct buf out = {0};

    (void)state;
    order_storm();
    run->info.is_script = true;
    write_json(&out);
    CHECK_TEXT(&out, "\"back\":999,\"left\":0,\"never_back\":null,");
    buf_clear(&out);
    summary_storms(&out, run, false);
    (void)buf_text(&out);
    CHECK_TEXT(&out, "    on the way back: not known, as not resumed 1, gave up 1");
    buf_fini(&out);
}

static void the_live_view_follows_the_latest(void **state)
{
    struct buf out = {0};
    bool is_over;

    (void)state;
    run_add_storm(run, &(struct run_storm){.at_ns = CLOCK_NS_PER_S, .ratio = 1});
    assert_true(live_storms_append(&out, run, &is_over)); /* no worker has told of it yet */
    assert_string_equal(buf_text(&out), "at 1.0 s was ordered");
    assert_false(is_over);
    run->storm_count = 0;
    buf_clear(&out);
    order_storm();
    assert_true(live_storms_append(&out, run, &is_over));
    assert_string_equal(buf_text(&out),
                        "at 3.0 s cut 1,000 streams, 99.90% back, 1,234 events missed");
    assert_false(is_over);
    buf_clear(&out);
    add_wave();
    assert_true(live_storms_append(&out, run, &is_over));
    assert_string_equal(buf_text(&out), "at 8.5 s the service lost 1,500 streams, 100% back");
    assert_true(is_over);
    buf_fini(&out);
}

#define WITH_RUN(test) cmocka_unit_test_setup_teardown(test, make_run, free_run)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RUN(nothing_is_said_of_a_calm_run),
        WITH_RUN(the_result_has_each_with_its_figures),
        WITH_RUN(the_summary_has_a_row_each_and_what_was_unusual),
        WITH_RUN(what_nothing_shows_is_not_none),
        WITH_RUN(who_of_a_script_is_back_is_not_known),
        WITH_RUN(the_live_view_follows_the_latest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
