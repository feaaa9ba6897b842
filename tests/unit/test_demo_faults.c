#include "demo/faults.h"

#include "base/buf.h"
#include "base/json.h"
#include "demo/fault_board.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint64_t SECOND_NS = 1000000000;

static struct faults read_good(const char *text)
{
    struct faults faults = {0};
    struct err err = {0};

    if (faults_set(&faults, text, &err) < 0)
        fail_msg("%s", err.text);
    return faults;
}

/* The value of one fault as GET /control shows it, the braces and the name cut off. */
static void show(const struct faults *faults, struct buf *out)
{
    struct json json;

    json_init(&json, out, 0);
    faults_append_json(&json, faults);
}

static void assert_shows(const char *text, const char *expected)
{
    struct faults faults = read_good(text);
    struct buf shown = {0};

    show(&faults, &shown);
    if (!strstr(buf_text(&shown), expected))
        fail_msg("%s is shown as %s", text, buf_text(&shown));
    buf_fini(&shown);
}

static void assert_refused(const char *text, const char *sentence)
{
    struct faults faults = {.lose_ratio = 0.25};
    struct err err = {0};

    assert_int_equal(faults_set(&faults, text, &err), -1);
    assert_string_equal(err.text, sentence);
    assert_true(faults.lose_ratio > 0.2); /* as it was */
    assert_true(faults.duplicate_ratio < 0.1);
}

static void each_fault_is_read_and_shown(void **state)
{
    (void)state;
    assert_shows("lose=0.5", "\"lose\":0.5,");
    assert_shows("duplicate=1%", "\"duplicate\":0.01,");
    assert_shows("reorder=0.001", "\"reorder\":0.001,");
    assert_shows("malform=100%", "\"malform\":1,");
    assert_shows("drop=10%@1m30s", "\"drop\":\"0.1@90s\"");
    assert_shows("clump=250ms", "\"clump\":\"250ms\"");
    assert_shows("stall=1.5", "\"stall\":\"1500ms\"");
    assert_shows("status=429:0.25", "\"status\":\"429:0.25\"");
    assert_shows("status=204:1", "\"status\":\"204:1\"");
    assert_shows("max-streams=7", "\"max-streams\":7,");
    assert_shows("load-delay=2ms", "\"load-delay\":\"2ms\"");
    assert_shows("idle-cut=1ms", "\"idle-cut\":\"1ms\"");
    assert_shows("age-cut=7d", "\"age-cut\":\"604800s\"");
    assert_shows("no-replay", "\"no-replay\":true,");
    assert_shows("no-replay=yes", "\"no-replay\":true,");
    assert_shows("slow-login=1001us", "\"slow-login\":\"1001us\"");
}

static void a_list_is_read_from_left_to_right(void **state)
{
    struct faults faults = read_good("lose=0.1,duplicate=0.2,lose=0.3,no-replay,clump=1s");

    (void)state;
    assert_true(fabs(faults.lose_ratio - 0.3) < 1e-9);
    assert_true(fabs(faults.duplicate_ratio - 0.2) < 1e-9);
    assert_true(faults.no_replay);
    assert_true(faults.clump_ns == SECOND_NS);
}

static void off_and_zero_turn_each_fault_off(void **state)
{
    static const char *const names[] = {
        "lose",   "duplicate",   "reorder",    "malform",  "drop",    "clump",     "stall",
        "status", "max-streams", "load-delay", "idle-cut", "age-cut", "no-replay", "slow-login"};
    struct faults faults =
        read_good("lose=0.1,duplicate=0.1,reorder=0.1,malform=0.1,drop=1@1s,"
                  "clump=1s,stall=1s,status=503:1,max-streams=1,load-delay=1s,idle-cut=1s,"
                  "age-cut=1s,no-replay,slow-login=1s");
    struct faults zero =
        read_good("lose=0,duplicate=0%,reorder=0,malform=0,drop=0@1s,clump=0,"
                  "stall=0s,status=500:0,max-streams=0,load-delay=0,idle-cut=0,age-cut=0,"
                  "no-replay=0,slow-login=0");
    const struct faults none = {0};
    struct err err = {0};

    (void)state;
    assert_memory_equal(&zero, &none, sizeof none);
    assert_true(faults_touch_streams(&faults));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[32];

        (void)snprintf(text, sizeof text, "%s=%s", names[i], i % 2 ? "off" : "OFF");
        assert_int_equal(faults_set(&faults, text, &err), 0);
    }
    assert_memory_equal(&faults, &none, sizeof none);
    assert_false(faults_touch_streams(&faults));
}

#define FAULT_NAMES                                                                                \
    "there are lose, duplicate, reorder, malform, drop, clump, stall, status, max-streams, "       \
    "load-delay, idle-cut, age-cut, no-replay, slow-login"

static void what_is_no_fault_is_refused_with_a_sentence(void **state)
{
    (void)state;
    assert_refused("lsoe=1", "there is no fault 'lsoe'; did you mean 'lose'?");
    assert_refused("flood=1", "there is no fault 'flood'; " FAULT_NAMES);
    assert_refused("", "there is no fault ''; " FAULT_NAMES);
    assert_refused("duplicate=0.5,", "there is no fault ''; " FAULT_NAMES);
    assert_refused("lose", "fault 'lose' needs a value: lose=VALUE or lose=off");
    assert_refused("lose=", "fault 'lose': '' is not a ratio (0.5 or 50%)");
    assert_refused("lose=2", "fault 'lose': '2' is not a ratio between 0 and 1 (0% and 100%)");
    assert_refused("lose=-1", "fault 'lose': '-1' is not a ratio (0.5 or 50%)");
    assert_refused("drop=0.5", "fault 'drop': '0.5' is not RATIO@AGE, such as 0.1@5s");
    assert_refused("drop=0.5@0", "fault 'drop': the age of '0.5@0' is out of range: 1ms to 7d");
    assert_refused("drop=@5s", "fault 'drop': '' is not a ratio (0.5 or 50%)");
    assert_refused("clump=none", "fault 'clump': 'none' is out of range: 1ms to 7d");
    assert_refused("stall=1us", "fault 'stall': '1us' is out of range: 1ms to 7d");
    assert_refused("age-cut=8d", "fault 'age-cut': '8d' is out of range: 1ms to 7d");
    assert_refused("status=503", "fault 'status': '503' is not CODE:RATIO, such as 503:10%");
    assert_refused("status=302:1",
                   "fault 'status': the code of '302:1' is neither 204 nor 400 to 599");
    assert_refused("status=600:1",
                   "fault 'status': the code of '600:1' is neither 204 nor 400 to 599");
    assert_refused("max-streams=-1", "fault 'max-streams': '-1' is not a whole number");
    assert_refused("no-replay=maybe", "fault 'no-replay': 'maybe' is neither on nor off");
    assert_refused("lose=0.6,reorder=0.6",
                   "lose, duplicate, reorder and malform add up to more than 1, and an event has "
                   "one of them at most");
    assert_refused("clump=1234567890123456789012345678901234567890123456789012345678901234s",
                   "fault 'clump': the value is longer than 63 bytes");
}

static void assert_json(const char *text, const char *sentence)
{
    struct faults faults = {.lose_ratio = 0.25};
    struct err err = {0};
    int result = faults_set_json(&faults, text, strlen(text), &err);

    if (sentence && result == 0)
        fail_msg("%s was taken", text);
    assert_string_equal(err.text, sentence ? sentence : "");
    if (sentence)
        assert_true(faults.lose_ratio > 0.2); /* as it was */
}

static void json_sets_what_it_names_and_leaves_the_rest(void **state)
{
    static const char text[] = "{\"fault\":{\"duplicate\":0.01,\"drop\":\"0.1@5s\",\"stall\":2,"
                               "\"clump\":0.25,\"no-replay\":true,\"reorder\":null,"
                               "\"malform\":false,\"max-streams\":\"9\"}}";
    struct faults faults = read_good("lose=0.5,reorder=0.1,malform=0.2");
    struct err err = {0};

    (void)state;
    assert_int_equal(faults_set_json(&faults, text, strlen(text), &err), 0);
    assert_true(fabs(faults.lose_ratio - 0.5) < 1e-9);
    assert_true(fabs(faults.duplicate_ratio - 0.01) < 1e-9);
    assert_true(fabs(faults.reorder_ratio) + fabs(faults.malform_ratio) < 1e-9);
    assert_true(faults.drop_age_ns == 5 * SECOND_NS);
    assert_true(faults.stall_ns == 2 * SECOND_NS);
    assert_true(faults.clump_ns == SECOND_NS / 4);
    assert_true(faults.no_replay && faults.max_streams == 9);
}

static void json_of_another_kind_is_refused(void **state)
{
    (void)state;
    assert_json("{}", NULL);
    assert_json("{\"fault\":{}}", NULL);
    assert_json("[1]", "the settings are not an object such as {\"fault\":{\"lose\":0.01}}");
    assert_json("{\"fault\":[]}", "'fault' is not an object such as {\"lose\":0.01}");
    assert_json("{\"faults\":{}}", "there is no setting 'faults', only 'fault'");
    assert_json("{\"fault\":{\"lose\":[]}}",
                "fault 'lose': the value is no number, text or boolean");
    assert_json("{\"fault\":{\"lose\":true}}", "fault 'lose': 'on' is not a ratio (0.5 or 50%)");
    assert_json("{\"fault\":{\"lose\":\"0\\u00001\"}}",
                "fault 'lose': the value is no number, text or boolean");
    assert_json("{\"fault\":{\"duplicate\":0.1,\"drpo\":1}}",
                "there is no fault 'drpo'; did you mean 'drop'?");
    assert_json("{\"fault\":{\"lose\":1e300}}", "fault 'lose': the value is longer than 63 bytes");
    assert_json("{\"fault\":", "not JSON: unexpected token near end of file in line 1, column "
                               "9");
}

static void what_is_shown_sets_the_same(void **state)
{
    const struct faults faults =
        read_good("lose=0.1,duplicate=0.2,reorder=0.3,malform=0.4,"
                  "drop=33%@1001us,clump=1s,stall=1ms,status=404:0.5,"
                  "max-streams=1,load-delay=5s,idle-cut=2s,age-cut=3s,no-replay,"
                  "slow-login=4s");
    struct faults again = {0};
    struct buf text = {0};
    struct err err = {0};

    (void)state;
    (void)buf_append_text(&text, "{\"fault\":");
    show(&faults, &text);
    (void)buf_append_text(&text, "}");
    assert_int_equal(faults_set_json(&again, text.bytes, text.len, &err), 0);
    assert_memory_equal(&again, &faults, sizeof faults);
    buf_fini(&text);
}

enum { EVENT_COUNT = 200000, FATE_COUNT = FATE_SPOILED_TEXT + 1 };

/* Within five standard deviations of a fair coin of this ratio. */
static void assert_share(uint64_t count, double ratio, double total)
{
    double deviation = sqrt(total * ratio * (1 - ratio));

    if (fabs((double)count - total * ratio) > 5 * deviation + 1)
        fail_msg("%llu of %.0f at a ratio of %g", (unsigned long long)count, total, ratio);
}

static void events_have_their_fates_in_proportion(void **state)
{
    static const double ratios[] = {0.001, 0.01, 0.1, 0.25};

    (void)state;
    for (size_t i = 0; i < sizeof ratios / sizeof ratios[0]; i++) {
        double ratio = ratios[i];
        const struct faults faults = {.lose_ratio = ratio,
                                      .duplicate_ratio = ratio,
                                      .reorder_ratio = ratio,
                                      .malform_ratio = ratio};
        uint64_t counts[FATE_COUNT] = {0};

        for (uint64_t event = 1; event <= EVENT_COUNT; event++)
            counts[faults_decide(&faults, 1, event % 10, event / 10)]++;
        assert_share(counts[FATE_LOST], ratio, EVENT_COUNT);
        assert_share(counts[FATE_DUPLICATED], ratio, EVENT_COUNT);
        assert_share(counts[FATE_HELD_BACK], ratio, EVENT_COUNT);
        assert_share(counts[FATE_CUT], ratio / 3, EVENT_COUNT);
        assert_share(counts[FATE_ODD_FIELD], ratio / 3, EVENT_COUNT);
        assert_share(counts[FATE_SPOILED_TEXT], ratio / 3, EVENT_COUNT);
    }
}

static void without_faults_every_event_is_sent(void **state)
{
    const struct faults none = {0}, all = {.lose_ratio = 1};

    (void)state;
    for (uint64_t event = 1; event <= 1000; event++) {
        assert_int_equal(faults_decide(&none, 1, 1, event), FATE_SENT);
        assert_int_equal(faults_decide(&all, 1, 1, event), FATE_LOST);
        assert_false(faults_drop_hits(&none, 1, event));
        assert_false(faults_status_hits(&none, 1, event));
    }
}

/* How many of a thousand fates differ. */
static int count_differences(uint64_t left_seed, uint64_t left_stream, uint64_t right_seed,
                             uint64_t right_stream)
{
    const struct faults faults = {.lose_ratio = 0.5};
    int count = 0;

    for (uint64_t event = 1; event <= 1000; event++)
        count += faults_decide(&faults, left_seed, left_stream, event) !=
                 faults_decide(&faults, right_seed, right_stream, event);
    return count;
}

static void fates_hang_on_seed_and_stream_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(count_differences(1, 1, 1, 1), 0);
    assert_in_range(count_differences(1, 1, 2, 1), 400, 600);
    assert_in_range(count_differences(1, 1, 1, 2), 400, 600);
}

static void streams_are_hit_in_proportion_and_apart(void **state)
{
    const struct faults faults = {.drop_ratio = 0.5, .status_ratio = 0.5, .status_code = 503};
    uint64_t drops = 0, statuses = 0, both = 0;

    (void)state;
    for (uint64_t stream = 1; stream <= 10000; stream++) {
        bool drop = faults_drop_hits(&faults, 7, stream);
        bool status = faults_status_hits(&faults, 7, stream);

        drops += drop;
        statuses += status;
        both += drop && status;
    }
    assert_share(drops, 0.5, 10000);
    assert_share(statuses, 0.5, 10000);
    assert_share(both, 0.25, 10000);
}

static void the_board_tells_of_a_change_by_its_version(void **state)
{
    static const char good[] = "{\"fault\":{\"lose\":0.5}}", bad[] = "{\"fault\":{\"lose\":5}}";
    struct faults faults = {.reorder_ratio = 0.25};
    struct err err = {0};
    struct fault_board *board = fault_board_map(&faults, &err);
    uint64_t first = fault_board_version(board);

    (void)state;
    assert_true(fault_board_read(board, &faults) == first);
    assert_int_equal(fault_board_change(board, bad, strlen(bad), &err), -1);
    assert_true(fault_board_version(board) == first);
    assert_int_equal(fault_board_change(board, good, strlen(good), &err), 0);
    assert_true(fault_board_version(board) != first);
    assert_true(fault_board_read(board, &faults) == fault_board_version(board));
    assert_true(fabs(faults.lose_ratio - 0.5) + fabs(faults.reorder_ratio - 0.25) < 1e-9);
    fault_board_unmap(board);
}

static void the_board_holds_a_limit_of_streams_exactly(void **state)
{
    const struct faults faults = {0};
    struct err err = {0};
    struct fault_board *board = fault_board_map(&faults, &err);

    (void)state;
    assert_true(fault_board_enter(board, 0));
    assert_true(fault_board_enter(board, 2));
    assert_false(fault_board_enter(board, 2));
    fault_board_leave(board);
    assert_true(fault_board_enter(board, 2));
    assert_true(fault_board_enter(board, 0));
    fault_board_unmap(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_read_and_shown),
        cmocka_unit_test(a_list_is_read_from_left_to_right),
        cmocka_unit_test(off_and_zero_turn_each_fault_off),
        cmocka_unit_test(what_is_no_fault_is_refused_with_a_sentence),
        cmocka_unit_test(json_sets_what_it_names_and_leaves_the_rest),
        cmocka_unit_test(json_of_another_kind_is_refused),
        cmocka_unit_test(what_is_shown_sets_the_same),
        cmocka_unit_test(events_have_their_fates_in_proportion),
        cmocka_unit_test(without_faults_every_event_is_sent),
        cmocka_unit_test(fates_hang_on_seed_and_stream_and_nothing_else),
        cmocka_unit_test(streams_are_hit_in_proportion_and_apart),
        cmocka_unit_test(the_board_tells_of_a_change_by_its_version),
        cmocka_unit_test(the_board_holds_a_limit_of_streams_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
