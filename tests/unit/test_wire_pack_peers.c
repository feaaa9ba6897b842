#include "base/rng.h"
#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t NOW_NS = 5000000000000;

static const struct peer_row ROWS[] = {
    {.hash = UINT64_MAX,
     .number = PEER_NO_NUMBER,
     .first_ns = 1,
     .last_ns = 5000000000000,
     .got = 1},
    {.hash = 0,
     .number = 0,
     .first_ns = 4000000000000,
     .last_ns = 4000000000000,
     .is_replay = true},
    {.hash = 77,
     .number = UINT64_MAX - 1,
     .first_ns = 4000000000001,
     .last_ns = 4000000000007,
     .kind = 8,
     .got = 9,
     .missing = 10,
     .missing_resume = 11,
     .started = 12,
     .resumed = UINT32_MAX,
     .present = 13,
     .is_more = true,
     .is_repeated = true},
};
static const struct peer_hole HOLES[] = {{.number = 0, .steady = 1}, {3, 4, 5, UINT32_MAX, 7}};

static void fill(struct peer_report *report, uint64_t key)
{
    *report = (struct peer_report){.key = key,
                                   .method = "GET",
                                   .name = "/events",
                                   .since_ns = 17,
                                   .told_ns = NOW_NS,
                                   .stream_count = 3,
                                   .missed_count = 4,
                                   .is_gone = key == 2,
                                   .has_gap = key == 1};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        assert_true(peer_report_add_row(report, &ROWS[i]));
    for (size_t i = 0; i < sizeof HOLES / sizeof HOLES[0]; i++)
        assert_true(peer_report_add_hole(report, &HOLES[i]));
}

static void put(struct buf *out)
{
    struct peer_report first, second;
    struct peer_digest digest = {.now_ns = NOW_NS, .reports = {&first, &second}, .count = 2};

    fill(&first, 1);
    fill(&second, 2);
    frame_put_peers(out, 9, &digest);
    peer_report_fini(&first);
    peer_report_fini(&second);
}

static int get(const uint8_t *bytes, size_t len, uint64_t *sequence, struct peer_digest *digest)
{
    struct frame frame;
    struct err err;

    if (frame_open(bytes, len, &frame, &err) < 0 || frame.kind != FRAME_PEERS)
        return -1;
    return frame_get_peers(&frame, sequence, digest, &err);
}

static void reports_come_back_whole(void **state)
{
    struct buf out = {0}, again = {0};
    struct peer_digest digest;
    uint64_t sequence;

    (void)state;
    put(&out);
    assert_int_equal(
        get(out.bytes + FRAME_HEAD_BYTES, out.len - FRAME_HEAD_BYTES, &sequence, &digest), 0);
    assert_int_equal(sequence, 9);
    assert_int_equal(digest.now_ns, NOW_NS);
    assert_int_equal(digest.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct peer_report *report = digest.reports[i];

        assert_int_equal(report->key, i + 1);
        assert_string_equal(report->method, "GET");
        assert_string_equal(report->name, "/events");
        assert_int_equal(report->since_ns, 17);
        assert_int_equal(report->told_ns, NOW_NS);
        assert_int_equal(report->stream_count, 3);
        assert_int_equal(report->missed_count, 4);
        assert_true(report->is_gone == (i == 1) && report->has_gap == (i == 0));
        assert_int_equal(report->row_count, 3);
        assert_int_equal(report->hole_count, 2);
        assert_memory_equal(report->holes, HOLES, sizeof HOLES);
        assert_int_equal(report->rows[0].number, PEER_NO_NUMBER);
        assert_int_equal(report->rows[0].last_ns, ROWS[0].last_ns);
        assert_int_equal(report->rows[2].first_ns, ROWS[2].first_ns);
        assert_int_equal(report->rows[2].number, ROWS[2].number);
        assert_int_equal(report->rows[2].resumed, UINT32_MAX);
        assert_int_equal(report->rows[2].present, 13);
        assert_true(report->rows[2].is_more && !report->rows[0].is_more);
        assert_true(report->rows[1].is_replay && !report->rows[1].is_repeated);
        assert_true(report->rows[2].is_repeated && !report->rows[2].is_replay);
    }
    frame_put_peers(&again, 9, &digest);
    assert_int_equal(again.len, out.len);
    assert_memory_equal(again.bytes, out.bytes, out.len);
    peer_digest_fini(&digest);
    buf_fini(&out);
    buf_fini(&again);
}

static void a_cut_frame_is_refused(void **state)
{
    struct buf out = {0};
    struct peer_digest digest;
    uint64_t sequence;

    (void)state;
    put(&out);
    for (size_t len = 0; len < out.len - FRAME_HEAD_BYTES; len++)
        assert_int_equal(get(out.bytes + FRAME_HEAD_BYTES, len, &sequence, &digest), -1);
    buf_fini(&out);
}

static void any_byte_may_be_wrong(void **state)
{
    struct buf out = {0};
    struct rng rng;

    (void)state;
    rng_init(&rng, 5);
    put(&out);
    for (int i = 0; i < 20000; i++) {
        size_t at = (size_t)rng_between(&rng, FRAME_HEAD_BYTES, out.len - 1);
        uint8_t before = out.bytes[at];
        struct peer_digest digest;
        uint64_t sequence;

        out.bytes[at] = (uint8_t)rng_next(&rng);
        if (get(out.bytes + FRAME_HEAD_BYTES, out.len - FRAME_HEAD_BYTES, &sequence, &digest) ==
            0) {
            for (size_t r = 0; r < digest.count; r++) {
                for (size_t k = 0; k < digest.reports[r]->row_count; k++) {
                    const struct peer_row *row = &digest.reports[r]->rows[k];

                    assert_true(row->first_ns <= row->last_ns && row->last_ns <= digest.now_ns);
                }
            }
            peer_digest_fini(&digest);
        }
        out.bytes[at] = before;
    }
    buf_fini(&out);
}

static void a_report_that_waits_has_a_limit(void **state)
{
    struct peer_report report = {0};

    (void)state;
    for (size_t i = 0; i < PEER_ROW_LIMIT; i++) {
        assert_true(peer_report_add_row(&report, &ROWS[0]));
        assert_true(peer_report_add_hole(&report, &HOLES[0]));
    }
    assert_false(peer_report_add_row(&report, &ROWS[0]));
    assert_false(peer_report_add_hole(&report, &HOLES[0]));
    peer_report_fini(&report);
    assert_int_equal(report.row_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_come_back_whole),
        cmocka_unit_test(a_cut_frame_is_refused),
        cmocka_unit_test(any_byte_may_be_wrong),
        cmocka_unit_test(a_report_that_waits_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
