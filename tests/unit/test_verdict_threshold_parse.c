#include "verdict/threshold_parse.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t S = 1000000000;

/* What a text means. */
struct good {
    const char *text, *name, *tag;
    enum threshold_aggregate aggregate;
    double percentile;
    enum threshold_comparison comparison;
    enum threshold_unit unit;
    double bound;
};

static const struct good good[] = {
    {"sse_ttfe: p(95)<500", "sse_ttfe", NULL, THRESHOLD_PERCENTILE, 95, THRESHOLD_LESS,
     THRESHOLD_UNIT_MS, 500},
    {"sse_ttfe:p(99.9)<=500ms", "sse_ttfe", NULL, THRESHOLD_PERCENTILE, 99.9, THRESHOLD_LESS_EQUAL,
     THRESHOLD_UNIT_MS, 500},
    {" sse_ttfe {phase:first} : p( 0 ) > 1.5 ", "sse_ttfe{phase:first}", "phase:first",
     THRESHOLD_PERCENTILE, 0, THRESHOLD_GREATER, THRESHOLD_UNIT_MS, 1.5},
    {"sse_ttfe: p(100)>=2s", "sse_ttfe", NULL, THRESHOLD_PERCENTILE, 100, THRESHOLD_GREATER_EQUAL,
     THRESHOLD_UNIT_MS, 2000},
    {"sse_ttfe: med<1m30s", "sse_ttfe", NULL, THRESHOLD_PERCENTILE, 50, THRESHOLD_LESS,
     THRESHOLD_UNIT_MS, 90000},
    {"sse_ttfe: avg<250us", "sse_ttfe", NULL, THRESHOLD_MEAN, 50, THRESHOLD_LESS, THRESHOLD_UNIT_MS,
     0.25},
    {"sse_ttfe: mean<1", "sse_ttfe", NULL, THRESHOLD_MEAN, 50, THRESHOLD_LESS, THRESHOLD_UNIT_MS,
     1},
    {"sse_ttfe: min>0", "sse_ttfe", NULL, THRESHOLD_MIN, 50, THRESHOLD_GREATER, THRESHOLD_UNIT_MS,
     0},
    {"sse_ttfe: max<2s", "sse_ttfe", NULL, THRESHOLD_MAX, 50, THRESHOLD_LESS, THRESHOLD_UNIT_MS,
     2000},
    {"sse_ttfe: count>=100", "sse_ttfe", NULL, THRESHOLD_COUNT, 50, THRESHOLD_GREATER_EQUAL,
     THRESHOLD_UNIT_COUNT, 100},
    {"sse_events_per_stream_s: p(5)>0.9", "sse_events_per_stream_s", NULL, THRESHOLD_PERCENTILE, 5,
     THRESHOLD_GREATER, THRESHOLD_UNIT_PER_S, 0.9},
    {"sse_connect_success: rate>0.99", "sse_connect_success", NULL, THRESHOLD_RATE, 50,
     THRESHOLD_GREATER, THRESHOLD_UNIT_SHARE, 0.99},
    {"sse_connect_success: rate>99%", "sse_connect_success", NULL, THRESHOLD_RATE, 50,
     THRESHOLD_GREATER, THRESHOLD_UNIT_SHARE, 0.99},
    {"sse_connect_success: rate===1", "sse_connect_success", NULL, THRESHOLD_RATE, 50,
     THRESHOLD_EQUAL, THRESHOLD_UNIT_SHARE, 1},
    {"sse_disconnects{cause:reset}: count==0", "sse_disconnects{cause:reset}", "cause:reset",
     THRESHOLD_COUNT, 50, THRESHOLD_EQUAL, THRESHOLD_UNIT_COUNT, 0},
    {"sse_events{event: a } b: }: count!=0", "sse_events{event:a } b:}",
     "event:a } b:", THRESHOLD_COUNT, 50, THRESHOLD_NOT_EQUAL, THRESHOLD_UNIT_COUNT, 0},
    {"sse_events: rate !== 1000", "sse_events", NULL, THRESHOLD_RATE, 50, THRESHOLD_NOT_EQUAL,
     THRESHOLD_UNIT_PER_S, 1000},
    {"sse_bytes: count<64k", "sse_bytes", NULL, THRESHOLD_COUNT, 50, THRESHOLD_LESS,
     THRESHOLD_UNIT_BYTES, 65536},
    {"sse_bytes: rate>1M", "sse_bytes", NULL, THRESHOLD_RATE, 50, THRESHOLD_GREATER,
     THRESHOLD_UNIT_BYTES_PER_S, 1048576},
    {"sse_open: value>=100", "sse_open", NULL, THRESHOLD_VALUE, 50, THRESHOLD_GREATER_EQUAL,
     THRESHOLD_UNIT_COUNT, 100},
    {"sse_open: max<100", "sse_open", NULL, THRESHOLD_MAX, 50, THRESHOLD_LESS, THRESHOLD_UNIT_COUNT,
     100},
    {"worker_cpu: min<.5", "worker_cpu", NULL, THRESHOLD_MIN, 50, THRESHOLD_LESS,
     THRESHOLD_UNIT_SHARE, 0.5},
    {"sse_disconnects_per_stream_hour: value<2", "sse_disconnects_per_stream_hour", NULL,
     THRESHOLD_VALUE, 50, THRESHOLD_LESS, THRESHOLD_UNIT_PER_HOUR, 2},
};

static void a_stage_is_a_number(void **state)
{
    struct threshold_spec spec;
    struct err err = {0};

    (void)state;
    assert_int_equal(threshold_parse("sse_ttfe {stage: 12}: med<5 abort", &spec, &err), 0);
    assert_int_equal(spec.stage, 12);
    assert_int_equal(spec.stage_column, 10);
    assert_null(spec.tag);
    assert_string_equal(spec.name, "sse_ttfe{stage:12}");
    threshold_spec_fini(&spec);
}

static void good_texts_mean_what_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const struct good *expected = &good[i];
        struct threshold_spec spec;
        struct err err = {0};

        if (threshold_parse(expected->text, &spec, &err) < 0)
            fail_msg("%s: %s", expected->text, err.text);
        assert_string_equal(spec.name, expected->name);
        assert_string_equal(metric_info(spec.metric)->name,
                            metric_info(metric_find(strtok(spec.name, "{")))->name);
        if (expected->tag)
            assert_string_equal(spec.tag, expected->tag);
        else
            assert_null(spec.tag);
        assert_null(spec.endpoint);
        assert_int_equal(spec.aggregate, expected->aggregate);
        if (spec.aggregate == THRESHOLD_PERCENTILE)
            assert_float_equal(spec.percentile, expected->percentile, 1e-9);
        assert_int_equal(spec.comparison, expected->comparison);
        assert_int_equal(spec.unit, expected->unit);
        assert_float_equal(spec.bound, expected->bound, 1e-9);
        assert_false(spec.aborts);
        assert_int_equal(spec.over_s, 0);
        assert_int_equal(spec.after_ns, 0);
        threshold_spec_fini(&spec);
    }
}

struct clauses {
    const char *text, *expression;
    uint32_t over_s;
    bool aborts;
    uint64_t after_ns;
};

static void clauses_stand_in_any_order(void **state)
{
    const struct clauses cases[] = {
        {"sse_ttfe: max<1 abort", "max<1 abort", 0, true, 0},
        {"sse_ttfe: max<1 over 10s", "max<1 over 10s", 10, false, 0},
        {"sse_ttfe: max < 1 over 1m30s abort after 500ms ", "max < 1 over 1m30s abort after 500ms",
         90, true, S / 2},
        {"sse_ttfe: max<1 after 30s\tover 10m", "max<1 after 30s\tover 10m", 600, false, 30 * S},
        {"sse_ttfe: max<1 after 2 abort", "max<1 after 2 abort", 0, true, 2 * S},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct threshold_spec spec;
        struct err err = {0};

        if (threshold_parse(cases[i].text, &spec, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_string_equal(spec.expression, cases[i].expression);
        assert_int_equal(spec.over_s, cases[i].over_s);
        assert_int_equal(spec.aborts, cases[i].aborts);
        assert_int_equal(spec.after_ns, cases[i].after_ns);
        threshold_spec_fini(&spec);
    }
}

static void the_tag_of_an_endpoint_may_hold_braces_and_colons(void **state)
{
    static const char *const texts[] = {
        "sse_ttfe{endpoint:http://h:8080/{{tenant}}}: max<1",
        "sse_ttfe{name: http://h:8080/{{tenant}} }: max<1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct threshold_spec spec;
        struct err err = {0};

        assert_int_equal(threshold_parse(texts[i], &spec, &err), 0);
        assert_string_equal(spec.endpoint, "http://h:8080/{{tenant}}");
        assert_string_equal(spec.name, "sse_ttfe{endpoint:http://h:8080/{{tenant}}}");
        assert_null(spec.tag);
        threshold_spec_fini(&spec);
    }
}

struct bad {
    const char *text;
    int column;
    const char *says;
};

static const struct bad bad[] = {
    {"", 1, "the name of a metric belongs here"},
    {"  ", 3, "the name of a metric belongs here"},
    {": p(95)<5", 1, "the name of a metric belongs here"},
    {"sse_event_gaps: p(95)<500", 1, "no metric 'sse_event_gaps'; did you mean 'sse_event_gap'?"},
    {"nothing_like_it: max<1", 1, "there is no metric 'nothing_like_it'"},
    {"p(95)<500", 1,
     "a threshold begins with a metric and a ':', as in 'sse_connecting: p(95)<500'"},
    {"rate>0.99", 1, "a threshold begins with a metric"},
    {"pending<5", 1, "there is no metric 'pending<5'"},
    {"sse_ttfe", 9, "a ':' belongs here"},
    {"sse_ttfe p(95)<500", 10, "a ':' belongs here"},
    {"sse_ttfe{phase:first} p(95)<5", 23, "a ':' belongs here"},
    {"sse_ttfe{phase:first: p(95)<5", 9, "this '{' is never closed"},
    {"sse_ttfe{stage:0}: p(95)<5", 9, "stages are counted from 1: {stage:2} is the second"},
    {"sse_ttfe{stage:1001}: p(95)<5", 9, "stages are counted from 1: {stage:2} is the second"},
    {"sse_ttfe{stage:hold}: p(95)<5", 9, "stages are counted from 1: {stage:2} is the second"},
    {"sse_ttfe{stage:1}: p(95)<5 over 2s", 28, "a stage is judged as a whole: it has no windows"},
    {"sse_ttfe{phase}: max<5", 9, "{key:value}"},
    {"sse_ttfe{:first}: max<5", 9, "{key:value}"},
    {"sse_ttfe{phase:}: max<5", 9, "{key:value}"},
    {"sse_ttfe{}: max<5", 9, "{key:value}"},
    {"sse_ttfe{a,b:c}: max<5", 9, "{key:value}"},
    {"sse_ttfe:", 10, "sse_ttfe is a trend: here belongs avg, min, max, med, p(N) and count"},
    {"sse_ttfe: <5", 11, "here belongs avg"},
    {"sse_ttfe: p95<500", 11, "but no 'p95'"},
    {"sse_ttfe: rate>1", 11, "but no 'rate'"},
    {"sse_ttfe: maximum<1", 11, "but no 'maximum'"},
    {"sse_events: avg<1", 13, "sse_events is a counter, which has count and rate, but no 'avg'"},
    {"sse_open: count<1", 11, "sse_open is a gauge, which has value, min and max, but no 'count'"},
    {"sse_stream_success: p(95)<1", 21, "is a rate, which has rate, but no 'p(95)'"},
    {"sse_ttfe: p()<5", 13, "a percentile is a number from 0 to 100"},
    {"sse_ttfe: p(101)<5", 13, "a percentile is a number from 0 to 100"},
    {"sse_ttfe: p(-1)<5", 13, "a percentile is a number from 0 to 100"},
    {"sse_ttfe: p(9.5.1)<5", 13, "a percentile is a number from 0 to 100"},
    {"sse_ttfe: p(95<5", 15, "a ')' belongs here"},
    {"sse_ttfe: max", 14, "one of < <= > >= == != belongs here"},
    {"sse_ttfe: max=5", 14, "one of < <= > >= == != belongs here"},
    {"sse_ttfe: max=<5", 14, "one of < <= > >= == != belongs here"},
    {"sse_ttfe: max<<5", 14, "one of < <= > >= == != belongs here"},
    {"sse_ttfe: max ====5", 15, "one of < <= > >= == != belongs here"},
    {"sse_ttfe: max<", 15, "a number of 0 or more belongs here: the bound is in ms"},
    {"sse_ttfe: max< ", 16, "a number of 0 or more belongs here"},
    {"sse_ttfe: max<-5", 15, "a number of 0 or more belongs here"},
    {"sse_ttfe: max<1.2.3", 15, "a number of 0 or more belongs here"},
    {"sse_ttfe: max<5kb", 16, "'kb' is no unit here: the bound is in ms"},
    {"sse_ttfe: max<50%", 17, "'%' is no unit here"},
    {"sse_ttfe: max<1e3", 16, "'e3' is no unit here"},
    {"sse_ttfe: count<5s", 18, "'s' is no unit here: the bound is a number, without a unit"},
    {"sse_events: count==10k", 22, "'k' is no unit here"},
    {"sse_events: rate>10s", 20, "the bound is a number a second, without a unit"},
    {"sse_bytes: count<5s", 19, "the bound is in bytes, or has one of k M G T"},
    {"sse_bytes: rate<5s", 18, "the bound is in bytes a second"},
    {"sse_disconnects_per_stream_hour: value<2s", 41, "a number an hour"},
    {"sse_connect_success: rate>99", 27, "'99' is too much"},
    {"sse_connect_success: rate>101%", 27, "'101%' is too much"},
    {"sse_connect_success: rate>0.5s", 30, "'s' is no unit here"},
    {"sse_ttfe: max<5 && min>1", 17, "one expression: give --threshold again"},
    {"sse_ttfe: max<5,min>1", 16, "one expression: give --threshold again"},
    {"sse_ttfe: max<5 or min>1", 17, "'or' is none of over, abort and after"},
    {"sse_ttfe: max<5 abrot", 17, "did you mean 'abort'?"},
    {"sse_ttfe: max<5 over", 21, "a time belongs behind 'over', such as 10s"},
    {"sse_ttfe: max<5 over abort", 22, "a time belongs behind 'over', such as 10s"},
    {"sse_ttfe: max<5 over 0s", 22, "whole seconds, from 1s to 10m"},
    {"sse_ttfe: max<5 over 1.5s", 22, "whole seconds, from 1s to 10m"},
    {"sse_ttfe: max<5 over 601s", 22, "whole seconds, from 1s to 10m"},
    {"sse_ttfe: max<5 over none", 22, "a time belongs behind 'over'"},
    {"sse_ttfe: max<5 abort after none", 29, "a time belongs behind 'after'"},
    {"sse_ttfe: max<5 after 5s", 17, "'after' needs 'abort' or 'over' beside it"},
    {"sse_ttfe: max<5 abort abort", 23, "'abort' stands here for the second time"},
    {"sse_ttfe: max<5 over 1s over 2s", 25, "'over' stands here for the second time"},
    /* A column is a character, whatever its bytes. */
    {"sse_events{event:\xc3\xa9\xc3\xa9}: count=1", 28, "one of < <= > >= == !="},
};

static void bad_texts_are_refused_at_their_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct threshold_spec spec;
        struct err err = {0};
        int column = 0;

        if (threshold_parse(bad[i].text, &spec, &err) == 0)
            fail_msg("'%s' was taken", bad[i].text);
        if (sscanf(err.text, "column %d of '", &column) != 1 || column != bad[i].column ||
            !strstr(err.text, bad[i].says))
            fail_msg("'%s': expected column %d and \"%s\", got: %s", bad[i].text, bad[i].column,
                     bad[i].says, err.text);
        assert_null(spec.name); /* nothing is left to free */
    }
}

static void a_tag_that_no_set_can_hold_is_refused(void **state)
{
    char *text = x_asprintf("sse_events{event:%0200d}: count>0", 0);
    struct threshold_spec spec;
    struct err err = {0};

    (void)state;
    assert_int_equal(threshold_parse(text, &spec, &err), -1);
    assert_non_null(strstr(err.text, "column 11 of "));
    assert_non_null(strstr(err.text, "more than 127 characters"));
    free(text);
}

/* So that nobody adds a metric whose thresholds have no unit. */
static void every_metric_can_have_a_threshold(void **state)
{
    static const char *const expressions[] = {"", "count", "value", "rate", "max"};

    (void)state;
    for (int metric = METRIC_NONE + 1; metric < METRIC_COUNT; metric++) {
        const struct metric_info *info = metric_info((enum metric)metric);
        char *text = x_asprintf("%s: %s<1", info->name, expressions[info->kind]);
        struct threshold_spec spec;
        struct err err = {0};

        if (threshold_parse(text, &spec, &err) < 0)
            fail_msg("%s", err.text);
        assert_string_not_equal(threshold_unit_name(spec.unit), "");
        assert_string_equal(threshold_comparison_name(spec.comparison), "<");
        threshold_spec_fini(&spec);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_mean_what_they_say),
        cmocka_unit_test(a_stage_is_a_number),
        cmocka_unit_test(clauses_stand_in_any_order),
        cmocka_unit_test(the_tag_of_an_endpoint_may_hold_braces_and_colons),
        cmocka_unit_test(bad_texts_are_refused_at_their_column),
        cmocka_unit_test(a_tag_that_no_set_can_hold_is_refused),
        cmocka_unit_test(every_metric_can_have_a_threshold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
