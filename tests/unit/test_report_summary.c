#include "report/summary.h"
#include "report/summary_stages.h"

#include "base/clock.h"
#include "report/summary_tables.h"
#include "report/threshold_view.h"
#include "report_sample.h"
#include "rows_sample.h"
#include "verdict/threshold.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    char piece[4096];
    size_t len;

    if (!file)
        fail_msg("cannot open %s: run from the top of the tree, or make golden", path);
    while ((len = fread(piece, 1, sizeof piece, file)) > 0)
        (void)buf_append(out, piece, len);
    (void)fclose(file);
}

/* With CICADA_GOLDEN set the file is written anew instead. */
static void check_golden(const char *path, struct buf *text)
{
    struct buf expected = {0};

    if (getenv("CICADA_GOLDEN")) {
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_int_equal(fwrite(text->bytes, 1, text->len, file), text->len);
        assert_int_equal(fclose(file), 0);
        return;
    }
    read_file(path, &expected);
    assert_string_equal(buf_text(text), buf_text(&expected));
    buf_fini(&expected);
}

/* Columns of UTF-8 text; escape sequences take none. */
static void check_shape(struct buf *text)
{
    size_t columns = 0;

    for (const char *at = buf_text(text); *at; at++) {
        if (*at == '\n') {
            assert_in_range(columns, 0, SUMMARY_COLUMNS);
            columns = 0;
            continue;
        }
        assert_true((unsigned char)*at >= ' ');
        columns += ((unsigned char)*at & 0xc0) != 0x80;
    }
    assert_int_equal(columns, 0);
    assert_null(strstr(buf_text(text), " \n"));
}

/* Takes the run. */
static void check_summary(const char *path, struct run *run)
{
    struct outcome *outcome = outcome_judge(run, EXIT_FAILURES);
    struct buf text = {0};

    summary_write(&text, run, outcome, NULL, false);
    check_shape(&text);
    check_golden(path, &text);
    buf_fini(&text);
    outcome_free(outcome);
    run_free(run);
}

static void a_good_run_reads_as_expected(void **state)
{
    (void)state;
    check_summary("tests/golden/summary_pass.txt", sample_pass());
}

static void a_run_in_trouble_reads_as_expected(void **state)
{
    (void)state;
    check_summary("tests/golden/summary_trouble.txt", sample_trouble());
}

struct judged {
    const char *name, *tag;
    uint64_t count, missed, duplicates, reordered, resumes, inclusive;
};

static void record_judged(struct run *run, const struct judged *judged)
{
    struct stats *delta = stats_new();
    struct stat_set *set =
        stats_endpoint_set(delta, stats_add_endpoint(delta, "GET", judged->name));

    stat_count(set, METRIC_SSE_SEQUENCED, NULL, judged->count);
    stat_count(set, METRIC_SSE_SEQUENCED, judged->tag, judged->count);
    stat_count(set, METRIC_SSE_MISSED, NULL, judged->missed);
    stat_count(set, METRIC_SSE_DUPLICATES, NULL, judged->duplicates);
    stat_count(set, METRIC_SSE_REORDERED, NULL, judged->reordered);
    stat_count(set, METRIC_SSE_RESUMES, NULL, judged->resumes);
    stat_count(set, METRIC_SSE_INCLUSIVE_REPLAYS, NULL, judged->inclusive);
    if (strcmp(judged->tag, "order:dense") == 0)
        stat_passes(set, METRIC_SSE_LOSS, NULL, judged->missed, judged->count - judged->duplicates);
    run_add_tick(run, 0, &(struct run_tick){.interval_ns = CLOCK_NS_PER_S}, delta);
    stats_free(delta);
}

static void put_delivery(struct buf *text, const struct judged *judged, size_t count)
{
    struct run *run = sample_empty();

    for (size_t i = 0; i < count; i++)
        record_judged(run, &judged[i]);
    run_finish(run, CLOCK_NS_PER_S);
    summary_delivery(text, run, false);
    run_free(run);
}

static void deliveries_are_told_by_endpoint_and_order(void **state)
{
    static const struct judged judged[] = {
        {"/orders", "order:dense", 123456, 78, 9, 10, 40, 3},
        {"/redis", "order:sparse", 5000, 0, 2, 1, 0, 0},
        {"/uuids", "order:none", 70, 0, 0, 0, 0, 0},
        {"/rare", "order:unknown", 7, 0, 0, 0, 0, 0},
    };
    struct buf text = {0};

    (void)state;
    put_delivery(&text, judged, sizeof judged / sizeof judged[0]);
    check_shape(&text);
    check_golden("tests/golden/summary_delivery.txt", &text);
    buf_fini(&text);
}

static void ids_that_prove_no_loss_have_none(void **state)
{
    static const struct judged sparse = {"/a", "order:sparse", 9, 0, 0, 0, 2, 2};
    static const struct judged few = {"/a", "order:unknown", 9, 0, 0, 0, 0, 0};
    struct buf text = {0};

    (void)state;
    put_delivery(&text, &sparse, 1);
    assert_non_null(strstr(buf_text(&text), "may leave out numbers: a gap proves nothing"));
    assert_non_null(strstr(buf_text(&text), "inclusive replay"));
    assert_null(strstr(buf_text(&text), "Delivery by endpoint"));
    buf_clear(&text);
    put_delivery(&text, &few, 1);
    assert_non_null(strstr(buf_text(&text), "too few events to tell"));
    buf_clear(&text);
    put_delivery(&text, NULL, 0);
    assert_int_equal(text.len, 0);
    buf_fini(&text);
}

static void a_run_without_figures_reads_as_expected(void **state)
{
    struct run *run = sample_empty();

    (void)state;
    run->info.interrupted_by = SIGINT;
    check_summary("tests/golden/summary_empty.txt", run);
}

/* The script's table is as wide as its names: its shape is Locust's. */
static void a_script_reads_as_locust_would_put_it(void **state)
{
    struct run *run = sample_rows(NULL, NULL);
    struct outcome *outcome = outcome_judge(run, EXIT_FAILURES);
    struct buf text = {0}, table = {0};

    (void)state;
    summary_rows(&table, run, false);
    check_golden("tests/golden/summary_script.txt", &table);
    summary_write(&text, run, outcome, NULL, false);
    assert_non_null(strstr(buf_text(&text), buf_text(&table)));
    assert_null(strstr(buf_text(&text), "Streams"));
    buf_fini(&text);
    buf_fini(&table);
    outcome_free(outcome);
    run_free(run);
}

/* Of each look one: held, missed by little, not measured, never counted, long, hostile. */
static void thresholds_read_as_expected(void **state)
{
    static const char *const texts[] = {
        "sse_ttfe: p(95)<500",
        "sse_connect_success: rate>3.801%",
        "sse_event_gap: p(99)<1s over 10s",
        "sse_events: rate>1000 over 5s",
        "sse_bytes: count>64M",
        "sse_bytes: rate>1k",
        "sse_events: rate<1 abort after 5s",
        "sse_disconnects{cause:rest}: count==0",
        "sse_ttfe{endpoint:http://127.0.0.1:8080/a/rather/long/path/that/will/not/fit}: max<1",
        "sse_events{event:\x1b[31m\xff}: count==12345678901",
        "sse_disconnects_per_stream_hour: value<=0.5",
    };
    struct err err = {0};
    struct thresholds *thresholds = thresholds_new(texts, sizeof texts / sizeof texts[0], &err);
    struct run *run = sample_trouble();
    struct outcome *outcome = outcome_judge(run, EXIT_FAILURES);
    struct buf table = {0}, text = {0};

    (void)state;
    assert_non_null(thresholds);
    (void)thresholds_judge_second(thresholds, run);
    thresholds_finish(thresholds, run);
    outcome_add_thresholds(outcome, run, thresholds, EXIT_FAILURES);
    summary_thresholds(&table, outcome, false);
    check_golden("tests/golden/summary_thresholds.txt", &table);
    summary_write(&text, run, outcome, NULL, false);
    check_shape(&text);
    assert_non_null(strstr(buf_text(&text), buf_text(&table)));
    buf_clear(&text);
    summary_thresholds(&text, outcome, true);
    assert_non_null(strstr(buf_text(&text), "\x1b[32mheld   \x1b[0m sse_ttfe: p(95)<500"));
    assert_non_null(strstr(buf_text(&text), "\x1b[31mmissing\x1b[0m sse_ttfe{endpoint:"));
    buf_fini(&text);
    buf_fini(&table);
    outcome_free(outcome);
    thresholds_free(thresholds);
    run_free(run);
}

static void stages_have_a_table_of_their_own(void **state)
{
    static const char rows[] =
        "      1       6s      1,000         15         20     75.00%        20.0           -      "
        "     2\n"
        "      2  at once          0          0          0          -           -           -      "
        "     0\n"
        "      3     4.2s          7          0          0          -           -           -      "
        "     0\n";
    struct run *run = run_new(1);
    struct stats *delta = stats_new();
    struct stat_set *set = stats_endpoint_set(delta, stats_add_endpoint(delta, "GET", "http://h/"));
    const struct run_tick tick = {.interval_ns = 1, .users = 20, .open = 15, .stage = 1};
    struct buf text = {0};

    (void)state;
    summary_stages(&text, run, false);
    assert_int_equal(text.len, 0);
    stat_count(set, METRIC_SSE_ATTEMPTS, NULL, 20);
    stat_count(set, METRIC_SSE_DISCONNECTS, NULL, 2);
    stat_time(set, METRIC_SSE_TTFE, NULL, 20000000);
    stat_passes(set, METRIC_SSE_CONNECT_SUCCESS, NULL, 15, 5);
    (void)run_begin_stage(run, 1000, 0);
    run_add_tick(run, 0, &tick, delta);
    (void)run_begin_stage(run, 0, 6 * CLOCK_NS_PER_S);
    (void)run_begin_stage(run, 7, 6 * CLOCK_NS_PER_S);
    run->info.duration_ns = 10210 * CLOCK_NS_PER_MS;
    summary_stages(&text, run, false);
    assert_non_null(strstr(buf_text(&text), "event gap disconnects\n"));
    assert_non_null(strstr(buf_text(&text), rows));
    buf_fini(&text);
    stats_free(delta);
    run_free(run);
}

static void many_errors_are_cut_and_sorted(void **state)
{
    struct run *run = sample_empty();
    struct outcome *outcome;
    struct buf text = {0};
    const char *frequent, *rare;

    (void)state;
    for (int i = 0; i < 25; i++) {
        char message[32];

        (void)snprintf(message, sizeof message, "message %d", i);
        stats_add_error(run->stats, stats_add_endpoint(run->stats, "GET", "/x"), CLASS_TLS, message,
                        1000);
        if (i == 24)
            stats_add_error(run->stats, 0, CLASS_TLS, message, 1000);
    }
    outcome = outcome_judge(run, 1);
    summary_write(&text, run, outcome, NULL, false);
    frequent = strstr(buf_text(&text), "message 24");
    rare = strstr(buf_text(&text), "message 0");
    assert_true(frequent && rare && frequent < rare);
    assert_non_null(strstr(buf_text(&text), "and 5 more"));
    outcome_free(outcome);
    buf_fini(&text);
    run_free(run);
}

static void colour_only_adds_escape_sequences(void **state)
{
    struct run *run = sample_pass();
    struct outcome *outcome = outcome_judge(run, 1);
    struct buf plain = {0}, coloured = {0}, stripped = {0};

    (void)state;
    summary_write(&plain, run, outcome, "r.json", false);
    summary_write(&coloured, run, outcome, "r.json", true);
    for (const char *at = buf_text(&coloured); *at; at++) {
        if (*at == '\x1b')
            at = strchr(at, 'm');
        else
            (void)buf_append_byte(&stripped, (uint8_t)*at);
    }
    assert_true(coloured.len > plain.len);
    assert_string_equal(buf_text(&stripped), buf_text(&plain));
    buf_fini(&plain);
    buf_fini(&coloured);
    buf_fini(&stripped);
    outcome_free(outcome);
    run_free(run);
}

static void the_last_line_says_where_the_result_is(void **state)
{
    struct run *run = sample_pass();
    struct outcome *outcome = outcome_judge(run, 1);
    char long_path[200];
    struct buf text = {0};

    (void)state;
    summary_write(&text, run, outcome, "out/result.json", false);
    assert_non_null(strstr(buf_text(&text), "as JSON: out/result.json\n"));
    assert_null(strstr(buf_text(&text), "--json FILE"));
    buf_clear(&text);
    memset(long_path, 'a', sizeof long_path - 1);
    memcpy(long_path + sizeof long_path - 8, "/r.json", 8);
    summary_write(&text, run, outcome, long_path, false);
    check_shape(&text);
    assert_non_null(strstr(buf_text(&text), "aaa/r.json\n"));
    buf_fini(&text);
    outcome_free(outcome);
    run_free(run);
}

static void long_addresses_of_one_host_stay_apart(void **state)
{
    static const char *const urls[] = {"http://a.service.example.com:8080/api/v1/events/one?x=1",
                                       "http://a.service.example.com:8080/api/v1/events/two?x=1"};
    struct run *run = sample_empty();
    struct outcome *outcome;
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < 2; i++)
        stats_add_error(run->stats, stats_add_endpoint(run->stats, "GET", urls[i]), CLASS_RESET,
                        "reset", 1000);
    outcome = outcome_judge(run, 1);
    summary_write(&text, run, outcome, NULL, false);
    check_shape(&text);
    assert_non_null(strstr(buf_text(&text), "GET ...mple.com:8080/api/v1/events/one?x=1 "));
    assert_non_null(strstr(buf_text(&text),
                           "\n                             at "
                           "http://a.service.example.com:8080/api/v1/events/two?x=1\n"));
    outcome_free(outcome);
    buf_fini(&text);
    run_free(run);
}

/* Of one endpoint the head says it already. */
static void a_long_error_is_wrapped_and_not_cut(void **state)
{
    struct run *run = sample_empty();
    char long_word[151];
    struct buf text = {0};

    (void)state;
    memset(long_word, 'a', sizeof long_word - 1);
    long_word[sizeof long_word - 2] = 'b';
    long_word[sizeof long_word - 1] = '\0';
    stats_add_error(run->stats, stats_add_endpoint(run->stats, "GET", "http://a/x"), CLASS_TLS,
                    "the certificate is not accepted: self-signed certificate in the chain; "
                    "--cacert names another authority",
                    1000);
    stats_add_error(run->stats, 0, CLASS_RESET, long_word, 2000);
    summary_errors(&text, run, false);
    check_shape(&text);
    assert_non_null(strstr(buf_text(&text), "self-signed certificate in the chain;\n"));
    assert_non_null(strstr(buf_text(&text),
                           "\n                             --cacert names another authority\n"));
    assert_non_null(strstr(buf_text(&text), "aaab\n"));
    assert_null(strstr(buf_text(&text), "..."));
    assert_null(strstr(buf_text(&text), "http://a/x"));
    buf_fini(&text);
    run_free(run);
}

static void a_run_without_users_left_says_so(void **state)
{
    struct run *run = sample_pass();
    struct outcome *outcome = outcome_judge(run, 1);
    struct buf text = {0};

    (void)state;
    run->info.has_run_out = true;
    summary_write(&text, run, outcome, NULL, false);
    assert_non_null(
        strstr(buf_text(&text), "  duration  12.1s of 20s, as no user was left, started 2026-"));
    run->info.planned_ns = CLOCK_NEVER_NS;
    buf_clear(&text);
    summary_write(&text, run, outcome, NULL, false);
    assert_non_null(strstr(buf_text(&text), "  duration  12.1s, started 2026-"));
    buf_fini(&text);
    outcome_free(outcome);
    run_free(run);
}

/* The gravest first, each of its kind in the order of the findings below. */
static void the_head_names_the_findings(void **state)
{
    struct run *run = sample_pass();
    char t[] = "a sentence";
    struct finding findings[] = {
        {.code = "idle-timeout",
         .severity = FINDING_WARNING,
         .title = t,
         .evidence = t,
         .advice = t},
        {.code = "replay-missing",
         .severity = FINDING_CRITICAL,
         .title = t,
         .evidence = t,
         .advice = t},
        {.code = "server-restart",
         .severity = FINDING_WARNING,
         .title = t,
         .evidence = t,
         .advice = t},
    };
    struct outcome outcome = {.verdict = VERDICT_PASS, .findings = findings, .finding_count = 3};
    struct buf text = {0};

    (void)state;
    summary_write(&text, run, &outcome, NULL, false);
    assert_non_null(strstr(buf_text(&text),
                           "  verdict   pass\n  findings  critical: replay-missing; "
                           "warning: idle-timeout, server-restart\n  target "));
    buf_fini(&text);
    run_free(run);
}

static void tokens_have_a_table_of_their_own(void **state)
{
    struct run *run = sample_pass();
    struct outcome *outcome = outcome_judge(run, 1);
    struct buf text = {0};

    (void)state;
    stat_time(run->total, METRIC_SSE_TTFT, NULL, 250 * CLOCK_NS_PER_MS);
    stat_time(run->total, METRIC_SSE_INTER_TOKEN, NULL, 20 * CLOCK_NS_PER_MS);
    stat_rate(run->total, METRIC_SSE_TOKENS_PER_S, NULL, 50000);
    stat_count(run->total, METRIC_SSE_TOKENS, NULL, 1300);
    stat_count(run->total, METRIC_SSE_TOKENS, "counted:usage", 1200);
    stat_count(run->total, METRIC_SSE_TOKENS, "counted:chunks", 100);
    summary_write(&text, run, outcome, NULL, false);
    check_shape(&text);
    assert_non_null(strstr(buf_text(&text), "\nTokens, times in ms "));
    assert_non_null(strstr(buf_text(&text), "\n  first token                         1 "));
    assert_non_null(strstr(buf_text(&text), "\n  between tokens                      1 "));
    assert_non_null(strstr(buf_text(&text), "\n  tokens/s of an answer               1 "));
    assert_non_null(strstr(buf_text(&text),
                           "  tokens                          1,300   1,200 by usage, "
                           "100 by chunks\n"));
    outcome_free(outcome);
    buf_fini(&text);
    run_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_run_reads_as_expected),
        cmocka_unit_test(a_run_in_trouble_reads_as_expected),
        cmocka_unit_test(deliveries_are_told_by_endpoint_and_order),
        cmocka_unit_test(ids_that_prove_no_loss_have_none),
        cmocka_unit_test(a_run_without_figures_reads_as_expected),
        cmocka_unit_test(a_script_reads_as_locust_would_put_it),
        cmocka_unit_test(thresholds_read_as_expected),
        cmocka_unit_test(stages_have_a_table_of_their_own),
        cmocka_unit_test(many_errors_are_cut_and_sorted),
        cmocka_unit_test(colour_only_adds_escape_sequences),
        cmocka_unit_test(the_last_line_says_where_the_result_is),
        cmocka_unit_test(long_addresses_of_one_host_stay_apart),
        cmocka_unit_test(a_long_error_is_wrapped_and_not_cut),
        cmocka_unit_test(a_run_without_users_left_says_so),
        cmocka_unit_test(the_head_names_the_findings),
        cmocka_unit_test(tokens_have_a_table_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
