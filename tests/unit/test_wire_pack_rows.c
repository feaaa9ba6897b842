#include "base/rng.h"
#include "wire/pack_stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double T0 = 1767225600000.0;

static struct stats *sample(void)
{
    struct stats *stats = stats_new();
    struct rows *rows = stats_rows(stats);

    rows_record(rows, "GET", "/a", 147.25, 120, NULL, T0);
    rows_record(rows, "GET", "/a", 150, 120, NULL, T0 + 900);
    rows_record(rows, "GET", "/a", 3, 120, "Bad('x')", T0 + 1900);
    rows_record(rows, "SSE", "time", (double)NAN, 19, NULL, T0);
    rows_record(rows, "SSE", "odd", -7.5, -1, NULL, T0 + 5000);
    rows_record_error(rows, "POST", "", "alone", T0);
    rows_record_exception(rows, "message", "Traceback\n  File a", 3);
    return stats;
}

static struct stats *read_back(const struct buf *bytes)
{
    struct unpack unpack;
    struct stats *stats;

    unpack_init(&unpack, bytes->bytes, bytes->len);
    stats = unpack_stats(&unpack);
    assert_true(!stats || unpack_finished(&unpack));
    return stats;
}

static void rows_come_back_whole(void **state)
{
    struct stats *stats = sample(), *came;
    struct buf out = {0}, again = {0};
    const struct row *row;

    (void)state;
    pack_stats(&out, stats);
    came = read_back(&out);
    assert_non_null(came);
    row = rows_find(stats_rows(came), "GET", "/a");
    assert_true(row->request_count == 3 && row->failure_count == 1 && row->total_ms == 300.25);
    assert_true(row->min_ms == 3 && row->max_ms == 150 && row->content_bytes == 360);
    assert_true(row->first_unix_ms == T0 && row->last_unix_ms == T0 + 1900);
    assert_int_equal(row->bin_count, 2);
    assert_true(row->bins[1].ms == 150 && row->bins[1].count == 2 && row->bins[1].is_real);
    assert_int_equal(row->second_count, 2);
    row = rows_find(stats_rows(came), "SSE", "odd");
    assert_true(row->bins[0].ms == -8 && row->content_bytes == -1);
    assert_true(isnan(rows_find(stats_rows(came), "SSE", "time")->min_ms));
    assert_int_equal(rows_error_count(stats_rows(came)), 2);
    assert_string_equal(rows_exception_at(stats_rows(came), 0)->traceback, "Traceback\n  File a");
    pack_stats(&again, came);
    assert_int_equal(again.len, out.len);
    assert_memory_equal(again.bytes, out.bytes, out.len);
    stats_free(stats);
    stats_free(came);
    buf_fini(&out);
    buf_fini(&again);
}

static void a_reset_comes_back(void **state)
{
    struct stats *stats = stats_new(), *came;
    struct buf out = {0};

    (void)state;
    rows_reset(stats_rows(stats), T0);
    pack_stats(&out, stats);
    came = read_back(&out);
    assert_non_null(came);
    assert_true(rows_was_reset(stats_rows(came)));
    assert_true(rows_start_unix_ms(stats_rows(came)) == T0);
    stats_free(stats);
    stats_free(came);
    buf_fini(&out);
}

static void without_rows_nothing_of_them_travels(void **state)
{
    struct stats *stats = sample(), *empty = stats_new();
    struct buf out = {0}, expected = {0};

    (void)state;
    stats_clear(stats);
    pack_stats(&out, stats);
    pack_stats(&expected, empty);
    assert_int_equal(out.len, expected.len);
    assert_memory_equal(out.bytes, expected.bytes, out.len);
    stats_free(stats);
    stats_free(empty);
    buf_fini(&out);
    buf_fini(&expected);
}

static void full_tables_come_back(void **state)
{
    struct stats *stats = stats_new(), *came;
    struct rows *rows = stats_rows(stats);
    struct buf out = {0};
    char text[32];

    (void)state;
    for (int i = 0; i < ROWS_LIMIT + 5; i++) {
        (void)snprintf(text, sizeof text, "/%d", i);
        rows_record(rows, "GET", text, i, 0, text, T0);
        rows_record_exception(rows, "message", text, 1);
    }
    pack_stats(&out, stats);
    came = read_back(&out);
    assert_non_null(came);
    assert_int_equal(rows_count(stats_rows(came)), ROWS_LIMIT + 1);
    assert_int_equal(rows_error_count(stats_rows(came)), ROWS_ERROR_LIMIT + 1);
    assert_int_equal(rows_exception_count(stats_rows(came)), ROWS_EXCEPTION_LIMIT + 1);
    stats_free(stats);
    stats_free(came);
    buf_fini(&out);
}

static void cut_or_changed_bytes_never_harm(void **state)
{
    struct stats *stats = sample();
    struct buf out = {0};
    struct rng rng;

    (void)state;
    rng_init(&rng, 5);
    pack_stats(&out, stats);
    for (size_t len = 0; len < out.len; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1); /* so that ASan sees a read past the end */
        struct unpack unpack;

        assert_non_null(exact);
        memcpy(exact, out.bytes, len);
        unpack_init(&unpack, exact, len);
        assert_null(unpack_stats(&unpack));
        free(exact);
    }
    for (int i = 0; i < 20000; i++) {
        uint8_t *at = out.bytes + rng_between(&rng, 0, out.len - 1), before = *at;
        struct unpack unpack;

        *at = (uint8_t)rng_next(&rng);
        unpack_init(&unpack, out.bytes, out.len);
        stats_free(unpack_stats(&unpack));
        *at = before;
    }
    stats_free(stats);
    buf_fini(&out);
}

/* What a broken sender might say of one row; the first one is sound. */
struct claim {
    const char *name; /* the row comes a second time with it */
    uint64_t requests, nones;
    double min, max;
    uint64_t first_bin, step, count;
    bool is_real, expected;
};

static void pack_claimed_row(struct buf *out, const char *name, const struct claim *claim)
{
    pack_array(out, 13);
    pack_text(out, "GET");
    pack_text(out, name);
    pack_uint(out, claim->requests);
    pack_uint(out, claim->nones);
    pack_uint(out, 0);
    pack_double(out, 10);
    if (isnan(claim->min))
        pack_text(out, NULL);
    else
        pack_double(out, claim->min);
    pack_double(out, claim->max);
    pack_double(out, 0);
    pack_double(out, T0);
    pack_double(out, T0);
    pack_array(out, 6);
    pack_uint(out, claim->first_bin);
    pack_uint(out, claim->count);
    pack_bool(out, false);
    pack_uint(out, claim->step);
    pack_uint(out, 1);
    pack_bool(out, claim->is_real);
    pack_array(out, 0);
}

static void unsound_rows_are_refused(void **state)
{
    static const struct claim claims[] = {
        {"/b", 2, 0, 5, 150, 10, 145, 1, true, true},
        {"/a", 2, 0, 5, 150, 10, 145, 1, true, false},   /* the same row twice */
        {"/b", 3, 0, 5, 150, 10, 145, 1, true, false},   /* more requests than times */
        {"/b", 2, 1, 5, 150, 10, 145, 1, true, false},   /* fewer */
        {"/b", 2, 0, NAN, 150, 10, 145, 1, true, false}, /* no smallest time */
        {"/b", 2, 0, 151, 150, 10, 145, 1, true, false}, /* ends crossed */
        {"/b", 2, 0, 5, INFINITY, 10, 145, 1, true, false},
        {"/b", 2, 0, 5, 150, 10, 0, 1, false, false},  /* a bin twice */
        {"/b", 1, 0, 5, 150, 10, 145, 0, true, false}, /* an empty bin */
        {"/b", 2, 0, 5, 9, 10, 4, 1, true, false},     /* a fraction below 100 ms */
        {"/b", 2, 0, 5, 150, 10, UINT64_MAX, 1, true, false},
        {"/b", UINT64_MAX, 0, 5, 150, 10, 145, UINT64_MAX - 1, true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        struct buf out = {0};
        struct stats *came;

        pack_array(&out, 7);
        for (int part = 0; part < 6; part++)
            pack_array(&out, 0);
        pack_array(&out, 4);
        pack_text(&out, NULL);
        pack_array(&out, 2);
        pack_claimed_row(&out, "/a", &claims[0]);
        pack_claimed_row(&out, claims[i].name, &claims[i]);
        pack_array(&out, 0);
        pack_array(&out, 0);
        came = read_back(&out);
        assert_int_equal(came != NULL, claims[i].expected);
        stats_free(came);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_whole),
        cmocka_unit_test(a_reset_comes_back),
        cmocka_unit_test(without_rows_nothing_of_them_travels),
        cmocka_unit_test(full_tables_come_back),
        cmocka_unit_test(cut_or_changed_bytes_never_harm),
        cmocka_unit_test(unsound_rows_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
