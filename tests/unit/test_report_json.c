#include "report/result_json.h"

#include "report_sample.h"
#include "rows_sample.h"
#include "verdict/threshold.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Takes the run; the result as a tree, read by another library. */
static json_t *judged_result_of(struct run *run, const struct thresholds *thresholds)
{
    struct outcome *outcome = outcome_judge(run, EXIT_FAILURES);
    struct buf text = {0};
    json_error_t error;
    json_t *result;

    outcome_add_thresholds(outcome, run, thresholds, EXIT_FAILURES);
    result_json_write(&text, run, outcome);
    result = json_loadb((const char *)text.bytes, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!result)
        fail_msg("line %d: %s", error.line, error.text);
    buf_fini(&text);
    outcome_free(outcome);
    run_free(run);
    return result;
}

static json_t *result_of(struct run *run)
{
    return judged_result_of(run, NULL);
}

static json_t *metric_of(json_t *result, const char *name)
{
    json_t *metric = json_object_get(json_object_get(result, "metrics"), name);

    if (!metric)
        fail_msg("no metric %s", name);
    return metric;
}

static double number_of(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_number(value))
        fail_msg("%s is no number", key);
    return json_number_value(value);
}

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (!text)
        fail_msg("%s is no text", key);
    return text;
}

static void the_run_says_what_was_run(void **state)
{
    json_t *result = result_of(sample_pass()), *run = json_object_get(result, "run");

    (void)state;
    assert_string_equal(text_of(result, "cicada"), CICADA_VERSION);
    assert_true(number_of(result, "format") == 1);
    assert_string_equal(text_of(run, "id"), "20260101T000000-5f3a");
    assert_string_equal(text_of(run, "started"), "2026-01-01T00:00:00.250Z");
    assert_string_equal(text_of(run, "ended"), "2026-01-01T00:00:12.250Z");
    assert_string_equal(text_of(run, "verdict"), "pass");
    assert_true(number_of(run, "duration_s") == 12.1);
    assert_true(number_of(run, "users_max") == 40);
    json_decref(result);
}

static void each_kind_of_metric_has_its_values(void **state)
{
    json_t *result = result_of(sample_pass()), *metric = metric_of(result, "sse_events");

    (void)state;
    assert_string_equal(text_of(metric, "kind"), "counter");
    assert_true(number_of(metric, "count") == 4800);
    assert_true(number_of(metric, "rate") == 396.694);
    metric = metric_of(result, "sse_connect_success");
    assert_string_equal(text_of(metric, "kind"), "rate");
    assert_true(number_of(metric, "rate") == 1);
    assert_true(number_of(metric, "passes") == 40);
    assert_true(number_of(metric, "fails") == 0);
    metric = metric_of(result, "sse_open");
    assert_string_equal(text_of(metric, "kind"), "gauge");
    assert_true(number_of(metric, "max") == 40);
    metric = metric_of(result, "sse_ttfe");
    assert_string_equal(text_of(metric, "kind"), "trend");
    assert_string_equal(text_of(metric, "unit"), "ms");
    assert_true(number_of(metric, "count") == 40);
    assert_true(number_of(metric, "min") == 12);
    assert_true(number_of(metric, "max") == 12.95);
    assert_true(number_of(metric, "mean") == 12.475);
    assert_memory_equal(text_of(metric, "hdr"), "HISTFAAA", 8);
    metric = metric_of(result, "sse_events_per_stream_s");
    assert_string_equal(text_of(metric, "unit"), "1/s");
    assert_true(number_of(metric, "min") == 9.9);
    json_decref(result);
}

static void counters_of_zero_are_there_and_trends_without_samples_are_not(void **state)
{
    json_t *result = result_of(sample_empty()), *metrics = json_object_get(result, "metrics");

    (void)state;
    assert_true(number_of(metric_of(result, "sse_disconnects"), "count") == 0);
    assert_null(json_object_get(metrics, "sse_ttfe"));
    assert_null(json_object_get(metrics, "sse_connect_success"));
    assert_int_equal(json_array_size(json_object_get(result, "errors")), 0);
    json_decref(result);
}

static void tagged_metrics_stand_beside_their_whole(void **state)
{
    json_t *result = result_of(sample_trouble());

    (void)state;
    assert_true(number_of(metric_of(result, "sse_disconnects"), "count") == 7);
    assert_true(number_of(metric_of(result, "sse_disconnects{cause:reset}"), "count") == 5);
    assert_true(number_of(metric_of(result, "sse_ttfe{phase:resume}"), "count") == 7);
    assert_true(number_of(metric_of(result, "sse_lost"), "count") == 20);
    json_decref(result);
}

static void endpoints_errors_and_findings_are_listed(void **state)
{
    json_t *result = result_of(sample_trouble());
    json_t *endpoints = json_object_get(result, "endpoints"), *endpoint;
    json_t *errors = json_object_get(result, "errors"), *error = json_array_get(errors, 2);
    json_t *finding = json_array_get(json_object_get(result, "findings"), 0);

    (void)state;
    assert_int_equal(json_array_size(endpoints), 3);
    endpoint = json_array_get(endpoints, 1);
    assert_string_equal(text_of(endpoint, "method"), "POST");
    assert_true(number_of(json_object_get(json_object_get(endpoint, "metrics"), "sse_attempts"),
                          "count") == 1200);
    assert_int_equal(json_array_size(errors), 4);
    assert_string_equal(text_of(error, "class"), "status_5xx");
    assert_true(number_of(error, "count") == 1200);
    assert_string_equal(text_of(error, "first"), "2026-01-01T00:00:04.250Z");
    assert_non_null(strstr(text_of(json_array_get(errors, 3), "message"), "\xef\xbf\xbd"));
    assert_string_equal(text_of(finding, "code"), "generator-saturated");
    assert_string_equal(text_of(finding, "severity"), "warning");
    json_decref(result);
}

static void the_clock_is_null_until_it_is_used(void **state)
{
    json_t *result = result_of(sample_pass()), *clock = json_object_get(result, "clock");

    (void)state;
    assert_true(json_is_null(json_object_get(clock, "offset_ms")));
    assert_true(json_is_null(json_object_get(clock, "error_ms")));
    assert_true(json_is_null(json_object_get(clock, "source")));
    json_decref(result);
    result = result_of(sample_trouble());
    clock = json_object_get(result, "clock");
    assert_true(number_of(clock, "offset_ms") == -12.345);
    assert_true(number_of(clock, "error_ms") == 3);
    assert_string_equal(text_of(clock, "source"), "http://127.0.0.1:8080/time");
    json_decref(result);
}

static void series_and_workers_are_whole(void **state)
{
    json_t *result = result_of(sample_trouble()), *series = json_object_get(result, "series");
    json_t *worker = json_array_get(json_object_get(result, "workers"), 1), *value;
    const char *key;

    (void)state;
    assert_int_equal(json_array_size(json_object_get(series, "t")), 12);
    json_object_foreach(series, key, value)
    {
        if (strcmp(key, "interval_s") != 0)
            assert_int_equal(json_array_size(value), 12);
    }
    assert_true(json_is_true(json_object_get(worker, "lost")));
    assert_true(json_is_null(json_object_get(worker, "region")));
    assert_true(number_of(worker, "pid") == 4001);
    assert_true(number_of(worker, "cpu") == 0.97);
    assert_true(number_of(worker, "lag") == 180);
    json_decref(result);
}

/* For the check of docs/result.schema.json that runs after this program. */
static struct run *sample_script(void)
{
    return sample_rows(NULL, NULL);
}

static void what_a_script_counted_stands_apart(void **state)
{
    json_t *result = result_of(sample_script()), *requests, *row, *failure, *exception;

    (void)state;
    requests = json_object_get(result, "requests");
    assert_int_equal(json_array_size(requests), 4);
    row = json_array_get(requests, 2);
    assert_string_equal(text_of(row, "type"), "POST");
    assert_string_equal(text_of(row, "name"), "/login, \"x\"");
    assert_true(number_of(row, "num_requests") == 46 && number_of(row, "num_failures") == 18);
    assert_true(number_of(row, "avg_content_size") == 120 && number_of(row, "rps") > 2.8);
    assert_true(number_of(json_object_get(row, "percentiles"), "50%") == 1800);
    row = json_array_get(requests, 3);
    assert_true(number_of(row, "num_none_requests") == 37 && number_of(row, "med") == 0);
    assert_true(json_is_null(json_object_get(row, "min")));
    failure = json_array_get(json_object_get(result, "failures"), 0);
    assert_string_equal(text_of(failure, "error"), "CatchResponseError('Login failed: 503')");
    assert_true(number_of(failure, "occurrences") == 18);
    exception = json_array_get(json_object_get(result, "exceptions"), 0);
    assert_true(number_of(exception, "count") == 3);
    assert_int_equal(json_array_size(json_object_get(result, "errors")), 0);
    json_decref(result);
}

static void each_threshold_has_value_bound_and_verdict(void **state)
{
    static const char *const texts[] = {"sse_ttfe{phase:first}: p(50) < 13ms",
                                        "sse_bytes: rate>1G abort", "sse_recovery: max<1"};
    struct err err = {0};
    struct thresholds *thresholds = thresholds_new(texts, 3, &err);
    struct run *run = sample_pass();
    json_t *result, *list, *each;

    (void)state;
    assert_non_null(thresholds);
    assert_true(thresholds_judge_second(thresholds, run));
    thresholds_finish(thresholds, run);
    result = judged_result_of(run, thresholds);
    assert_string_equal(text_of(json_object_get(result, "run"), "verdict"), "fail");
    list = json_object_get(result, "thresholds");
    assert_int_equal(json_array_size(list), 3);
    each = json_array_get(list, 0);
    assert_string_equal(text_of(each, "metric"), "sse_ttfe{phase:first}");
    assert_string_equal(text_of(each, "expr"), "p(50) < 13ms");
    assert_true(number_of(each, "bound") == 13);
    assert_true(number_of(each, "value") > 12 && number_of(each, "value") < 13);
    assert_string_equal(text_of(each, "unit"), "ms");
    assert_true(json_is_true(json_object_get(each, "held")));
    assert_true(json_is_null(json_object_get(each, "crossed_s")));
    each = json_array_get(list, 1);
    assert_string_equal(text_of(each, "unit"), "bytes/s");
    assert_true(json_is_false(json_object_get(each, "held")));
    assert_true(json_is_true(json_object_get(each, "ended_run")));
    assert_true(number_of(each, "crossed_s") == 12.1);
    each = json_array_get(list, 2);
    assert_true(json_is_null(json_object_get(each, "value")));
    assert_true(json_is_false(json_object_get(each, "held")));
    json_decref(result);
    thresholds_free(thresholds);
}

static void samples_are_written_for_the_schema(void **state)
{
    static struct run *(*const samples[])(void) = {sample_pass, sample_trouble, sample_empty,
                                                   sample_script};
    const char *prefix = getenv("CICADA_SAMPLE_RESULT");

    (void)state;
    if (!prefix)
        skip();
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct run *run = samples[i]();
        struct outcome *outcome = outcome_judge(run, EXIT_FAILURES);
        struct err err = {0};
        char path[512];

        (void)snprintf(path, sizeof path, "%s-%zu.json", prefix, i);
        if (result_json_save(path, run, outcome, &err) < 0)
            fail_msg("%s", err.text);
        outcome_free(outcome);
        run_free(run);
    }
}

struct place {
    char folder[64], path[128];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    (void)snprintf(place->folder, sizeof place->folder, "/tmp/cicada-unit-XXXXXX");
    if (!mkdtemp(place->folder))
        return -1;
    (void)snprintf(place->path, sizeof place->path, "%s/result.json", place->folder);
    *state = place;
    return 0;
}

/* Fails when anything but the result was left behind. */
static int drop_place(void **state)
{
    struct place *place = *state;
    int status;

    (void)unlink(place->path);
    status = rmdir(place->folder);
    free(place);
    return status;
}

static int save(const char *path, struct err *err)
{
    struct run *run = sample_empty();
    struct outcome *outcome = outcome_judge(run, EXIT_FAILURES);
    int result = result_json_save(path, run, outcome, err);

    outcome_free(outcome);
    run_free(run);
    return result;
}

static void a_checked_path_is_left_as_it_was(void **state)
{
    struct place *place = *state;
    struct err err = {0};

    assert_int_equal(result_json_check_path(place->path, &err), 0);
    assert_int_equal(access(place->path, F_OK), -1);
    assert_int_equal(save(place->path, &err), 0);
    assert_int_equal(result_json_check_path(place->path, &err), 0);
    assert_int_equal(access(place->path, F_OK), 0);
}

static void a_file_is_replaced_whole(void **state)
{
    struct place *place = *state;
    struct err err = {0};
    FILE *file = fopen(place->path, "we");
    json_t *result;

    assert_non_null(file);
    for (int i = 0; i < 100000; i++)
        (void)fputs("old ", file);
    (void)fclose(file);
    assert_int_equal(save(place->path, &err), 0);
    result = json_load_file(place->path, 0, NULL);
    assert_non_null(result);
    json_decref(result);
}

static void a_missing_folder_is_named(void **state)
{
    struct place *place = *state;
    struct err err = {0};
    char path[256];

    (void)snprintf(path, sizeof path, "%s/none/result.json", place->folder);
    assert_int_equal(result_json_check_path(path, &err), -1);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "No such file or directory"));
    assert_int_equal(save(path, &err), -1);
}

static void a_folder_or_nothing_is_no_file(void **state)
{
    struct place *place = *state;
    struct err err = {0};

    assert_int_equal(result_json_check_path(place->folder, &err), -1);
    assert_non_null(strstr(err.text, "Is a directory"));
    assert_int_equal(result_json_check_path("", &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
}

static void a_link_keeps_pointing_where_it_did(void **state)
{
    struct place *place = *state;
    struct err err = {0};
    char link[256];
    struct stat status;

    (void)snprintf(link, sizeof link, "%s/link", place->folder);
    assert_int_equal(save(place->path, &err), 0);
    assert_int_equal(symlink(place->path, link), 0);
    assert_int_equal(save(link, &err), 0);
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(unlink(link), 0);
}

static void a_device_is_written_in_place(void **state)
{
    struct err err = {0};
    struct stat status;

    (void)state;
    assert_int_equal(result_json_check_path("/dev/null", &err), 0);
    assert_int_equal(save("/dev/null", &err), 0);
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_run_says_what_was_run),
        cmocka_unit_test(each_kind_of_metric_has_its_values),
        cmocka_unit_test(counters_of_zero_are_there_and_trends_without_samples_are_not),
        cmocka_unit_test(tagged_metrics_stand_beside_their_whole),
        cmocka_unit_test(endpoints_errors_and_findings_are_listed),
        cmocka_unit_test(the_clock_is_null_until_it_is_used),
        cmocka_unit_test(series_and_workers_are_whole),
        cmocka_unit_test(what_a_script_counted_stands_apart),
        cmocka_unit_test(each_threshold_has_value_bound_and_verdict),
        cmocka_unit_test(samples_are_written_for_the_schema),
        cmocka_unit_test_setup_teardown(a_checked_path_is_left_as_it_was, make_place, drop_place),
        cmocka_unit_test_setup_teardown(a_file_is_replaced_whole, make_place, drop_place),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_named, make_place, drop_place),
        cmocka_unit_test_setup_teardown(a_folder_or_nothing_is_no_file, make_place, drop_place),
        cmocka_unit_test_setup_teardown(a_link_keeps_pointing_where_it_did, make_place, drop_place),
        cmocka_unit_test(a_device_is_written_in_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
