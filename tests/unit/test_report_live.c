#include "report/live.h"

#include "base/clock.h"
#include "report/figures.h"
#include "report/live_view.h"
#include "report_sample.h"
#include "rows_sample.h"
#include "verdict/threshold.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char *render(const struct run *run, size_t columns, bool has_colour)
{
    struct live_view view = {.columns = columns, .has_colour = has_colour};
    struct buf out = {0};
    char *result;

    live_view_render(&out, run, &view);
    result = strdup(buf_text(&out));
    buf_fini(&out);
    return result;
}

static void check_width(const char *text, size_t limit)
{
    size_t columns = 0;

    for (; *text; text++) {
        if (*text == '\n') {
            assert_in_range(columns, 0, limit);
            columns = 0;
        } else {
            columns += ((unsigned char)*text & 0xc0) != 0x80;
        }
    }
}

/* Six of ten seconds in the second of three stages. */
static struct run *sample_stages(void)
{
    struct run *run = sample_trouble();

    (void)run_begin_stage(run, 1000, 0);
    (void)run_begin_stage(run, 2500, 6 * CLOCK_NS_PER_S);
    run->info.stages_planned = 3;
    run->info.duration_ns = 12 * CLOCK_NS_PER_S;
    run->stages[1].planned_ns = 10 * CLOCK_NS_PER_S;
    return run;
}

static void the_stage_under_way_has_a_bar(void **state)
{
    struct run *run = sample_stages();
    struct buf line = {0};
    char *text = render(run, 80, false);

    (void)state;
    assert_non_null(
        strstr(text, "stage         2 of 3  [############--------]  to 2,500 users, 4s left\n"));
    free(text);
    for (size_t columns = 19; columns < 100; columns++) {
        text = render(run, columns, false);
        check_width(text, columns);
        free(text);
    }
    live_view_render_line(&line, run, &(struct live_view){0});
    assert_non_null(strstr(buf_text(&line), ", stage 2 of 3, "));
    buf_fini(&line);
    run->info.stages_planned = 0;
    run->stages[1].planned_ns = 0;
    text = render(run, 80, false);
    assert_non_null(strstr(text, "stage         2  to 2,500 users\n"));
    free(text);
    run_free(run);
}

static void a_warm_up_has_no_figures_yet(void **state)
{
    struct run *run = sample_pass();
    struct buf line = {0};
    char *text;

    (void)state;
    run->info.duration_ns = 3 * CLOCK_NS_PER_S;
    run->info.is_warming_up = true;
    text = render(run, 80, false);
    assert_non_null(strstr(text, "\nevents        not counted yet\n"));
    live_view_render_line(&line, run, &(struct live_view){0});
    assert_string_equal(buf_text(&line),
                        "3s (warming up): 20 of 40 users, 20 open, nothing is measured yet\n");
    free(text);
    buf_fini(&line);
    run_free(run);
}

static void arrivals_are_not_of_a_plan(void **state)
{
    struct run *run = sample_pass();
    struct buf line = {0};
    char *text;

    (void)state;
    run->info.arrivals_per_s = 20;
    text = render(run, 80, false);
    assert_non_null(strstr(text, "\nusers         20, 20.0 a second arrive, 40 at once allowed\n"));
    live_view_render_line(&line, run, &(struct live_view){0});
    assert_non_null(strstr(buf_text(&line), ": 20 users, 20 open, "));
    free(text);
    buf_fini(&line);
    run_free(run);
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    struct run *run = sample_trouble();

    (void)state;
    for (size_t columns = 19; columns < 200; columns++) {
        char *text = render(run, columns, false);

        check_width(text, columns);
        free(text);
    }
    run_free(run);
}

static void the_view_shows_the_key_figures(void **state)
{
    struct run *run = sample_pass();
    char *text;

    (void)state;
    run->info.duration_ns = 12 * CLOCK_NS_PER_S;
    run->workers[0].users = run->workers[0].open = 20;
    text = render(run, 80, false);
    assert_non_null(strstr(text, "cicada  http://127.0.0.1:8080/api/v1/events/stream\n"));
    assert_non_null(strstr(text, "[########################----------------] 12s of 20s, 8s left"));
    assert_non_null(strstr(text, "users         40 of 40\n"));
    assert_non_null(strstr(text, "open streams  40\n"));
    assert_non_null(strstr(text, "4,800 in all"));
    assert_non_null(strstr(text, "event gap     p50 1,00"));
    assert_non_null(strstr(text, "disconnects   0\n"));
    assert_non_null(strstr(text, "errors        0\n"));
    assert_null(strstr(text, "saturated"));
    assert_null(strstr(text, "\x1b"));
    free(text);
    run_free(run);
}

static void tokens_are_shown_where_there_are_any(void **state)
{
    struct run *run = sample_pass();
    char *text = render(run, 80, false);

    (void)state;
    assert_null(strstr(text, "token"));
    free(text);
    stat_time(run->total, METRIC_SSE_TTFT, NULL, 250 * CLOCK_NS_PER_MS);
    stat_rate(run->total, METRIC_SSE_TOKENS_PER_S, NULL, 50000);
    text = render(run, 80, false);
    assert_non_null(strstr(text, "first token   p50 250  p95 250 ms  (whole run)\n"));
    assert_non_null(
        strstr(text, "tokens/s      p50 50.0  slowest 50.0 of an answer  (whole run)\n"));
    free(text);
    run_free(run);
}

static void latencies_are_shown_where_events_say_their_time(void **state)
{
    struct run *run = sample_trouble();
    char *text = render(run, 120, false);

    (void)state;
    assert_non_null(strstr(text, "latency       p50 39.0  p95 57.0  p99 59.0 ms  (last 10"));
    assert_non_null(strstr(text, "event times   2 stale, 25 replayed, 11 without a time, clock "
                                 "http://127.0.0.1:8080/time\n"));
    free(text);
    run_free(run);
    run = sample_pass();
    text = render(run, 120, false);
    assert_null(strstr(text, "event times"));
    free(text);
    run_free(run);
}

static void trouble_is_named_with_causes_and_warnings(void **state)
{
    struct run *run = sample_trouble();
    char *text;

    (void)state;
    run->info.is_stopping = true;
    text = render(run, 100, false);
    assert_non_null(strstr(text, "(stopping)"));
    assert_non_null(strstr(text, "disconnects   7 (reset 5, closed 2)\n"));
    assert_non_null(strstr(text, "errors        1208 (status_5xx 1200, reset 5, closed 2)\n"));
    assert_non_null(strstr(text, "delivery      missed 24, duplicates 6, reordered 2\n"));
    assert_non_null(strstr(text, "! 2 of 2 workers saturated"));
    assert_non_null(strstr(text, "! 1 of 2 workers died"));
    free(text);
    run_free(run);
}

static void what_a_script_counts_is_shown(void **state)
{
    struct run *run = sample_rows(NULL, NULL);
    char *text = render(run, 100, false);
    struct buf line = {0};

    (void)state;
    assert_non_null(strstr(text, "requests      15.4/s, 236 in all, 32 failed\n"));
    assert_non_null(strstr(text, "  GET /api/v1/events/stream"));
    assert_non_null(strstr(text, "46       18 failed     3.00/s  p50 1800 p95 3400\n"));
    assert_null(strstr(text, "open streams"));
    assert_null(strstr(text, "first event"));
    free(text);
    for (size_t columns = 19; columns < 200; columns++) {
        text = render(run, columns, true);
        check_width(text, columns + strlen("\x1b[31m\x1b[0m"));
        free(text);
    }
    live_view_render_line(&line, run, &(struct live_view){0});
    assert_non_null(strstr(buf_text(&line), ", 236 requests, 32 failed, 15.4/s"));
    buf_fini(&line);
    run_free(run);
}

static void a_run_without_samples_and_end_can_be_shown(void **state)
{
    struct run *run = sample_empty();
    char *text;

    (void)state;
    run->info.planned_ns = CLOCK_NEVER_NS;
    text = render(run, 60, false);
    assert_non_null(strstr(text, "until stopped"));
    assert_non_null(strstr(text, "first event   none yet"));
    free(text);
    run_free(run);
}

static void colour_is_an_option(void **state)
{
    struct run *run = sample_trouble();
    char *text = render(run, 60, true);

    (void)state;
    assert_non_null(strstr(text, "\x1b[31m"));
    assert_non_null(strstr(text, "\x1b[0m\n"));
    free(text);
    run_free(run);
}

static void a_target_cannot_send_control_characters(void **state)
{
    struct run *run = sample_empty();
    char *text;

    (void)state;
    free(run->info.target);
    run->info.target = strdup("http://h/\x1b[2J\r\n\xc2\x9b\xff");
    text = render(run, 60, false);
    assert_non_null(strstr(text, "http://h/?[2J???\xef\xbf\xbd\n"));
    free(text);
    run_free(run);
}

/* What a live view writes to a pipe, from `draws` seconds of a run. */
static char *write_to_pipe(struct run *run, uint64_t draws)
{
    int ends[2];
    struct live *live;
    char *text = calloc(1, 65536);
    ssize_t len;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    live = live_new(ends[1], NULL);
    for (uint64_t second = 1; second <= draws; second++) {
        run->info.duration_ns = second * CLOCK_NS_PER_S - CLOCK_NS_PER_MS;
        live_draw(live, run);
    }
    live_print_line(live, "worker 1 died");
    live_free(live);
    live_free(NULL);
    (void)close(ends[1]);
    len = read(ends[0], text, 65535);
    assert_true(len > 0);
    (void)close(ends[0]);
    return text;
}

static void without_a_terminal_a_line_comes_every_five_seconds(void **state)
{
    struct run *run = sample_trouble();
    char *text = write_to_pipe(run, 12), *rest = NULL, *line;

    (void)state;
    line = strtok_r(text, "\n", &rest);
    assert_non_null(strstr(line, "4s: 0 of 40 users, 0 open, "));
    assert_non_null(strstr(line, "7 disconnects, 1208 errors (status_5xx 1200, "));
    assert_non_null(strstr(line, "saturated"));
    line = strtok_r(NULL, "\n", &rest);
    assert_non_null(strstr(line, "9s: "));
    assert_string_equal(strtok_r(NULL, "\n", &rest), "worker 1 died");
    assert_null(strtok_r(NULL, "\n", &rest));
    free(text);
    run_free(run);
}

/* What a terminal got arrives in pieces: reads until the last line of the second picture. */
static void read_pictures(int master, char *text, size_t cap)
{
    size_t len = 0;
    const char *first = NULL;

    while (!first || !strstr(first + 1, "\nworkers") || text[len - 1] != '\n') {
        struct pollfd ready = {.fd = master, .events = POLLIN};
        ssize_t got;

        assert_int_equal(poll(&ready, 1, 10000), 1);
        got = read(master, text + len, cap - len - 1);
        assert_true(got > 0);
        len += (size_t)got;
        text[len] = '\0';
        first = strstr(text, "\nworkers");
    }
}

/* A pseudo-terminal stands in for a real one. */
static void on_a_terminal_the_picture_is_drawn_over(void **state)
{
    struct run *run = sample_pass();
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
    struct live *live;
    char text[16384] = "";
    const char *again;

    (void)state;
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    assert_int_equal(setenv("TERM", "xterm", 1), 0);
    assert_int_equal(setenv("NO_COLOR", "1", 1), 0);
    live = live_new(slave, NULL);
    live_draw(live, run);
    live_print_line(live, "a message");
    live_free(live);
    read_pictures(master, text, sizeof text);
    assert_null(strstr(text, "\x1b[1m"));
    again = strstr(text, "\r\x1b[11A\x1b[Ja message\r\n");
    assert_non_null(again);
    assert_non_null(strstr(again, "cicada  http://"));
    (void)close(slave);
    (void)close(master);
    run_free(run);
}

static void numbers_keep_three_digits(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},        {0.0004, "0.000"}, {0.1234, "0.123"},
                {1.234, "1.23"}, {9.996, "10.0"},   {12.34, "12.3"},
                {99.96, "100"},  {1234.5, "1,235"}, {-1, "-"}};
    char text[UNITS_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(figures_number(rows[i].value, text), rows[i].text);
    assert_string_equal(figures_share(1000000, 1, text), "99.99%");
    assert_string_equal(figures_share(3, 0, text), "100%");
    assert_string_equal(figures_share(0, 3, text), "0.00%");
    assert_string_equal(figures_share(0, 0, text), "-");
}

static void wall_times_are_utc_with_milliseconds(void **state)
{
    char text[UNITS_TEXT_BYTES];

    (void)state;
    assert_string_equal(figures_utc(1767225600250.0, text), "2026-01-01T00:00:00.250Z");
    assert_string_equal(figures_utc(0, text), "1970-01-01T00:00:00.000Z");
}

/* Lights of a run that goes on: one holds, one is crossed, one has no sample yet. */
static void thresholds_are_lights_in_one_line(void **state)
{
    static const char *const texts[] = {"sse_events: count>0", "sse_ttfe: max<12",
                                        "sse_recovery: max<1s"};
    struct err err = {0};
    struct thresholds *thresholds = thresholds_new(texts, 3, &err);
    struct run *run = sample_pass();
    struct live_view view = {.columns = 80, .has_colour = true, .thresholds = thresholds};
    struct buf out = {0};

    (void)state;
    assert_non_null(thresholds);
    (void)thresholds_judge_second(thresholds, run);
    live_view_render(&out, run, &view);
    assert_non_null(
        strstr(buf_text(&out), "\x1b[31mthresholds    +x?  sse_ttfe: max<12 is 12.95 ms\x1b[0m\n"));
    buf_clear(&out);
    live_view_render_line(&out, run, &view);
    assert_non_null(strstr(buf_text(&out), ", thresholds +x?  sse_ttfe: max<12 is 12.95 ms\n"));
    buf_fini(&out);
    thresholds_free(thresholds);
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_warm_up_has_no_figures_yet),
        cmocka_unit_test(arrivals_are_not_of_a_plan),
        cmocka_unit_test(no_line_is_wider_than_the_terminal),
        cmocka_unit_test(the_stage_under_way_has_a_bar),
        cmocka_unit_test(the_view_shows_the_key_figures),
        cmocka_unit_test(tokens_are_shown_where_there_are_any),
        cmocka_unit_test(latencies_are_shown_where_events_say_their_time),
        cmocka_unit_test(trouble_is_named_with_causes_and_warnings),
        cmocka_unit_test(what_a_script_counts_is_shown),
        cmocka_unit_test(a_run_without_samples_and_end_can_be_shown),
        cmocka_unit_test(colour_is_an_option),
        cmocka_unit_test(a_target_cannot_send_control_characters),
        cmocka_unit_test(without_a_terminal_a_line_comes_every_five_seconds),
        cmocka_unit_test(on_a_terminal_the_picture_is_drawn_over),
        cmocka_unit_test(numbers_keep_three_digits),
        cmocka_unit_test(wall_times_are_utc_with_milliseconds),
        cmocka_unit_test(thresholds_are_lights_in_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
