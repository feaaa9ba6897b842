#include "base/mem.h"
#include "report/csv.h"
#include "report/csv_lines.h"
#include "report/locust_json.h"
#include "report/locust_tables.h"
#include "report/python_text.h"
#include "rows_sample.h"

#include <jansson.h>
#include <math.h>
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

static void read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    char piece[4096];
    size_t len;

    if (!file)
        fail_msg("cannot open %s", path);
    while ((len = fread(piece, 1, sizeof piece, file)) > 0)
        (void)buf_append(out, piece, len);
    (void)fclose(file);
}

/* The copies in the tree have no carriage returns; Python's lines do. */
static void drop_carriage_returns(struct buf *text)
{
    size_t kept = 0;

    for (size_t i = 0; i < text->len; i++) {
        if (text->bytes[i] != '\r')
            text->bytes[kept++] = text->bytes[i];
    }
    text->len = kept;
}

/* Leaves what came beside the tree, to be compared by hand. */
static void fail_with_copy(const char *name, const struct buf *text)
{
    char *path = x_asprintf("build/%s.got", name);
    FILE *file = fopen(path, "we");

    if (file) {
        (void)fwrite(text->bytes, 1, text->len, file);
        (void)fclose(file);
    }
    fail_msg("not as in tests/golden/locust/%s: see %s", name, path);
}

/* What real Locust wrote: made by hand with it, so never written anew by `make golden`. */
static void check_against_locust(const char *name, struct buf *text)
{
    char *path = x_asprintf("tests/golden/locust/%s", name);
    struct buf expected = {0};

    read_file(path, &expected);
    drop_carriage_returns(text);
    if (strcmp(buf_text(text), buf_text(&expected)) != 0)
        fail_with_copy(name, text);
    buf_fini(&expected);
    buf_fini(text);
    free(path);
}

static void numbers_are_pythons(void **state)
{
    static const struct {
        double value;
        bool is_float;
        const char *text;
    } cases[] = {
        {0, false, "0"},
        {0, true, "0.0"},
        {-0.0, true, "-0.0"},
        {5, false, "5"},
        {5, true, "5.0"},
        {100000, true, "100000.0"},
        {0.1, true, "0.1"},
        {0.1 + 0.2, true, "0.30000000000000004"},
        {169.91226800018921, false, "169.91226800018921"},
        {-2.5, true, "-2.5"},
        {1e16, true, "1e+16"},
        {1e16, false, "10000000000000000"},
        {1234567890123456.0, true, "1234567890123456.0"},
        {0.0001, true, "0.0001"},
        {0.00001, true, "1e-05"},
        {1.5e-7, true, "1.5e-07"},
        {1e22, true, "1e+22"},
        {1.7976931348623157e308, true, "1.7976931348623157e+308"},
        {5e-324, true, "5e-324"},
        {(double)INFINITY, true, "inf"},
        {(double)NAN, true, "nan"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out = {0};

        python_append_number(&out, cases[i].value, cases[i].is_float);
        assert_string_equal(buf_text(&out), cases[i].text);
        buf_fini(&out);
    }
}

static void fields_are_quoted_where_they_must(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"plain text", "plain text"},
        {"a,b", "\"a,b\""},
        {"a\"b", "\"a\"\"b\""},
        {"a\nb", "\"a\nb\""},
        {"a\rb", "\"a\rb\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out = {0};

        python_append_field(&out, cases[i][0]);
        assert_string_equal(buf_text(&out), cases[i][1]);
        buf_fini(&out);
    }
}

static void tables_are_as_locust_prints_them(void **state)
{
    struct run *run = sample_rows(NULL, NULL);
    struct buf out = {0};

    (void)state;
    locust_tables_live(&out, run, locust_tables_width(0));
    locust_tables_final(&out, run, locust_tables_width(0));
    check_against_locust("tables.txt", &out);
    locust_tables_live(&out, run, locust_tables_width(120));
    locust_tables_percentiles(&out, run, locust_tables_width(120));
    check_against_locust("tables_120.txt", &out);
    run_free(run);
}

static void widths_follow_the_terminal(void **state)
{
    struct run *run = sample_rows(NULL, NULL), *empty = run_new(1);
    struct buf out = {0};

    (void)state;
    assert_int_equal(locust_tables_width(0), 80);
    assert_int_equal(locust_tables_width(300), 80);
    assert_int_equal(locust_tables_width(120), 40);
    assert_int_equal(locust_tables_width(60), 0);
    assert_int_equal(locust_tables_fit(empty), 14);
    assert_int_equal(locust_tables_fit(run), 64);
    locust_tables_final(&out, run, 0);
    locust_tables_final(&out, empty, 0);
    buf_fini(&out);
    run_free(run);
    run_free(empty);
}

static void exceptions_name_the_place(void **state)
{
    struct run *run = sample_rows(NULL, NULL);
    struct buf out = {0};

    (void)state;
    rows_record_exception(stats_rows(run->stats), "no\x1b[31m place", "nothing", 1);
    locust_tables_exceptions(&out, run);
    assert_non_null(
        strstr(buf_text(&out), "3                  oh, \"no\", File \"x.py\", line 14, in a\n"));
    assert_non_null(strstr(buf_text(&out), "1                  no?[31m place\n"));
    buf_fini(&out);
    run_free(run);
}

static void files_are_as_locust_writes_them(void **state)
{
    struct run *run = sample_rows(NULL, NULL);
    struct buf out = {0};

    (void)state;
    csv_lines_stats(&out, run);
    assert_non_null(strstr(buf_text(&out), "100%\r\n"));
    check_against_locust("stats.csv", &out);
    csv_lines_failures(&out, run);
    check_against_locust("failures.csv", &out);
    csv_lines_exceptions(&out, run);
    check_against_locust("exceptions.csv", &out);
    run_free(run);
}

static void add_plain_history(void *ctx, const struct run *run, double unix_ms)
{
    csv_lines_history(ctx, run, false, unix_ms);
}

static void the_history_is_as_locust_writes_it(void **state)
{
    struct buf out = {0};

    (void)state;
    csv_lines_history_head(&out);
    run_free(sample_rows(add_plain_history, &out));
    check_against_locust("history.csv", &out);
}

static void add_full_history(void *ctx, const struct run *run, double unix_ms)
{
    csv_lines_history(ctx, run, true, unix_ms);
}

enum { PERCENTILES_FROM = 6, PERCENTILES_END = 17 }; /* columns of the history */

/* Puts "-" for each percentile that is a number. */
static void blank_percentiles(const struct buf *lines, struct buf *out)
{
    bool is_quoted = false;
    int column = 0;

    for (size_t i = 0; i < lines->len; i++) {
        uint8_t byte = lines->bytes[i];
        bool is_percentile = column >= PERCENTILES_FROM && column < PERCENTILES_END;

        is_quoted ^= byte == '"';
        if (byte == '\n' || (byte == ',' && !is_quoted)) {
            if (is_percentile && out->bytes[out->len - 1] == ',')
                (void)buf_append_byte(out, '-');
            column = byte == '\n' ? 0 : column + 1;
        } else if (is_percentile && byte >= '0' && byte <= '9') {
            continue;
        }
        (void)buf_append_byte(out, byte);
    }
}

/*
 * Which requests "the last 10 s" are is approximate in Locust, where the window moves with the
 * requests: those percentiles are left out of the comparison.
 */
static void the_full_history_has_a_line_for_each_row(void **state)
{
    struct buf lines = {0}, out = {0};

    (void)state;
    csv_lines_history_head(&out);
    run_free(sample_rows(add_full_history, &lines));
    blank_percentiles(&lines, &out);
    buf_fini(&lines);
    check_against_locust("history_full.csv", &out);
}

static void the_json_is_as_locust_prints_it(void **state)
{
    struct run *run = sample_rows(NULL, NULL);
    struct buf out = {0};
    json_t *got, *expected = json_load_file("tests/golden/locust/stats.json", 0, NULL);

    (void)state;
    locust_json_write(&out, run);
    got = json_loadb((const char *)out.bytes, out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(got);
    assert_non_null(expected);
    if (!json_equal(got, expected))
        fail_with_copy("stats.json", &out);
    json_decref(got);
    json_decref(expected);
    buf_fini(&out);
    run_free(run);
}

struct csv_watch {
    struct csv *csv;
    const char *prefix;
    int seconds;
};

static size_t line_count(const char *prefix, const char *suffix)
{
    char *path = x_asprintf("%s%s", prefix, suffix);
    struct buf text = {0};
    size_t count = 0;

    read_file(path, &text);
    for (size_t i = 0; i < text.len; i++)
        count += text.bytes[i] == '\n';
    assert_true(text.len > 0 && text.bytes[text.len - 1] == '\n');
    buf_fini(&text);
    free(path);
    return count;
}

/* The history is whole after each second, the table after ten. */
static void watch_second(void *ctx, const struct run *run, double unix_ms)
{
    struct csv_watch *watch = ctx;

    csv_second(watch->csv, run, unix_ms);
    watch->seconds++;
    assert_int_equal(line_count(watch->prefix, "_stats_history.csv"), 1 + watch->seconds);
    assert_int_equal(line_count(watch->prefix, "_stats.csv"), watch->seconds > 10 ? 6 : 2);
}

static void files_are_whole_whenever_they_are_read(void **state)
{
    char folder[] = "/tmp/cicada-csv-XXXXXX";
    char *prefix;
    struct csv_watch watch = {0};
    struct run *run;
    struct err err = {0};
    static const char *const suffixes[] = {"_stats.csv", "_stats_history.csv", "_failures.csv",
                                           "_exceptions.csv"};

    (void)state;
    assert_non_null(mkdtemp(folder));
    prefix = x_asprintf("%s/out", folder);
    assert_int_equal(csv_check(prefix, &err), 0);
    watch.csv = csv_open(prefix, false, &err);
    watch.prefix = prefix;
    assert_non_null(watch.csv);
    assert_int_equal(line_count(prefix, "_failures.csv"), 1);
    run = sample_rows(watch_second, &watch);
    assert_int_equal(csv_close(watch.csv, run, &err), 0);
    assert_int_equal(line_count(prefix, "_stats.csv"), 6);
    assert_int_equal(line_count(prefix, "_failures.csv"), 3);
    assert_int_equal(line_count(prefix, "_exceptions.csv"), 4);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char *path = x_asprintf("%s%s", prefix, suffixes[i]);

        assert_int_equal(unlink(path), 0);
        free(path);
    }
    assert_int_equal(rmdir(folder), 0); /* nothing else was left there */
    run_free(run);
    free(prefix);
}

static void a_place_without_a_folder_is_named(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(csv_check("/nowhere/at/all/out", &err), -1);
    assert_non_null(strstr(err.text, "/nowhere/at/all/out_stats.csv"));
    assert_null(csv_open("/nowhere/at/all/out", false, &err));
    assert_non_null(strstr(err.text, "/nowhere/at/all/out_stats_history.csv"));
    assert_int_equal(csv_close(NULL, NULL, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_pythons),
        cmocka_unit_test(fields_are_quoted_where_they_must),
        cmocka_unit_test(tables_are_as_locust_prints_them),
        cmocka_unit_test(widths_follow_the_terminal),
        cmocka_unit_test(exceptions_name_the_place),
        cmocka_unit_test(files_are_as_locust_writes_them),
        cmocka_unit_test(the_history_is_as_locust_writes_it),
        cmocka_unit_test(the_full_history_has_a_line_for_each_row),
        cmocka_unit_test(the_json_is_as_locust_prints_it),
        cmocka_unit_test(files_are_whole_whenever_they_are_read),
        cmocka_unit_test(a_place_without_a_folder_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
