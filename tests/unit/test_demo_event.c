#include "demo/event.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct event_clock CLOCK = {.epoch_ns = 5000000, .epoch_unix_ms = 1700000000000.75};
static const uint64_t MILLISECOND_NS = 1000000;

static struct feed_key events(enum event_ids ids, uint64_t interval_ns)
{
    return (struct feed_key){.kind = FEED_EVENTS, .ids = ids, .interval_ns = interval_ns};
}

/* The id of event `seq` into `id`; false when the block has no such line. */
static bool id_of(const struct feed_key *key, uint64_t seq, char id[static EVENT_ID_LIMIT_BYTES])
{
    struct buf block = {0};
    const char *line;
    bool found;

    event_append(&block, key, seq, &CLOCK);
    line = strstr(buf_text(&block), "id: ");
    found = line && sscanf(line, "id: %39s", id) == 1;
    buf_fini(&block);
    return found;
}

static void an_id_of_count_or_redis_leads_back_to_its_event(void **state)
{
    static const uint64_t intervals_ns[] = {1000000, 1000001, 1499999, 7000000, 1000000000};
    static const enum event_ids kinds[] = {EVENT_IDS_COUNT, EVENT_IDS_REDIS};

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        struct feed_key key = events(kinds[i % 2], intervals_ns[i / 2]);
        char before[EVENT_ID_LIMIT_BYTES] = "";

        for (uint64_t seq = 1; seq <= 3000; seq++) {
            char id[EVENT_ID_LIMIT_BYTES];
            uint64_t found = 0;

            assert_true(id_of(&key, seq, id));
            assert_true(event_find_seq(&key, &CLOCK, id, strlen(id), &found));
            assert_int_equal(found, seq);
            assert_string_not_equal(id, before);
            (void)memcpy(before, id, sizeof id);
        }
    }
}

static void redis_ids_are_the_time_of_the_event(void **state)
{
    struct feed_key key = events(EVENT_IDS_REDIS, 10 * MILLISECOND_NS);
    char id[EVENT_ID_LIMIT_BYTES];

    (void)state;
    assert_true(id_of(&key, 3, id));
    assert_string_equal(id, "1700000000030-0");
}

static void random_ids_are_the_same_on_all_streams_and_never_twice(void **state)
{
    struct feed_key key = events(EVENT_IDS_RANDOM, MILLISECOND_NS);
    struct feed_key filtered = key;
    char id[EVENT_ID_LIMIT_BYTES], other[EVENT_ID_LIMIT_BYTES];
    uint64_t found;

    (void)state;
    filtered.filter = 3;
    assert_true(id_of(&key, 1, id));
    assert_int_equal(strlen(id), 36);
    assert_true(id_of(&filtered, 1, other));
    assert_string_equal(id, other);
    assert_true(id_of(&key, 2, other));
    assert_string_not_equal(id, other);
    assert_false(event_find_seq(&key, &CLOCK, id, strlen(id), &found));
}

static void no_ids_are_no_line(void **state)
{
    struct feed_key key = events(EVENT_IDS_NONE, MILLISECOND_NS);
    char id[EVENT_ID_LIMIT_BYTES];
    uint64_t found;

    (void)state;
    assert_false(id_of(&key, 1, id));
    assert_false(event_find_seq(&key, &CLOCK, "1", 1, &found));
}

static void an_id_that_no_event_has_is_not_found(void **state)
{
    static const char *const ids[] = {"",
                                      "-",
                                      "-0",
                                      "x-0",
                                      "1-0",
                                      "1700-00",
                                      "1700000000000",
                                      "1700000000000-1",
                                      "999999999999999999-0"};
    struct feed_key key = events(EVENT_IDS_REDIS, MILLISECOND_NS);
    uint64_t found;

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        assert_false(event_find_seq(&key, &CLOCK, ids[i], strlen(ids[i]), &found));
    key.ids = EVENT_IDS_COUNT;
    assert_false(event_find_seq(&key, &CLOCK, "", 0, &found));
    assert_false(event_find_seq(&key, &CLOCK, "-1", 2, &found));
    assert_false(event_find_seq(&key, &CLOCK, "1234567890123456789", 19, &found));
}

static void a_filter_lets_its_share_through(void **state)
{
    static const uint32_t filters[] = {2, 5, 100};
    struct feed_key key = events(EVENT_IDS_COUNT, MILLISECOND_NS);

    (void)state;
    assert_true(event_passes(&key, 1) && event_passes(&key, 2));
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        unsigned count = 0;

        key.filter = filters[i];
        for (uint64_t seq = 1; seq <= 100000; seq++)
            count += event_passes(&key, seq);
        assert_in_range(count, 90000 / filters[i], 110000 / filters[i]);
    }
}

static void ids_and_filters_do_not_change_what_events_say(void **state)
{
    struct feed_key plain = events(EVENT_IDS_NONE, MILLISECOND_NS), filtered = plain;
    struct buf left = {0}, right = {0};

    (void)state;
    filtered.filter = 7;
    assert_true(event_key_hash(&plain) != event_key_hash(&filtered));
    event_append(&left, &plain, 42, &CLOCK);
    event_append(&right, &filtered, 42, &CLOCK);
    assert_string_equal(buf_text(&left), buf_text(&right));
    buf_fini(&left);
    buf_fini(&right);
}

/* Three lines and an empty one: of the whole block, and of the damaged one. */
static void damage(enum feed_kind kind, enum event_damage how, struct buf *whole,
                   struct buf *damaged)
{
    struct feed_key key = {.kind = kind, .choice = 1, .interval_ns = MILLISECOND_NS};

    if (kind == FEED_ORDER)
        (void)snprintf(key.subject, sizeof key.subject, "ORD-1");
    event_append(whole, &key, 42, &CLOCK);
    event_append_damaged(damaged, &key, 42, &CLOCK, how);
}

static void damage_keeps_id_and_name_and_breaks_one_thing(void **state)
{
    (void)state;
    for (int kind = FEED_EVENTS; kind <= FEED_ANALYTICS; kind++) {
        struct buf whole = {0}, cut = {0}, odd = {0}, spoiled = {0};
        size_t head;

        damage((enum feed_kind)kind, EVENT_CUT_DATA, &whole, &cut);
        head = (size_t)(strstr(buf_text(&whole), "data: ") - buf_text(&whole));
        assert_int_equal(cut.len, whole.len - 1);
        assert_memory_equal(cut.bytes, whole.bytes, whole.len - 3);
        assert_memory_equal(cut.bytes + cut.len - 2, "\n\n", 2);
        assert_int_equal(whole.bytes[whole.len - 3], '}');
        buf_clear(&whole);
        damage((enum feed_kind)kind, EVENT_ODD_FIELD, &whole, &odd);
        assert_memory_equal(odd.bytes + odd.len - whole.len, whole.bytes, whole.len);
        assert_int_equal(odd.bytes[odd.len - whole.len - 1], '\n');
        buf_clear(&whole);
        damage((enum feed_kind)kind, EVENT_SPOILED_DATA, &whole, &spoiled);
        assert_int_equal(spoiled.len, whole.len);
        assert_memory_equal(spoiled.bytes, whole.bytes, head);
        assert_true(utf8_valid(whole.bytes, whole.len));
        assert_false(utf8_valid(spoiled.bytes, spoiled.len));
        buf_fini(&whole);
        buf_fini(&cut);
        buf_fini(&odd);
        buf_fini(&spoiled);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_of_count_or_redis_leads_back_to_its_event),
        cmocka_unit_test(redis_ids_are_the_time_of_the_event),
        cmocka_unit_test(random_ids_are_the_same_on_all_streams_and_never_twice),
        cmocka_unit_test(no_ids_are_no_line),
        cmocka_unit_test(an_id_that_no_event_has_is_not_found),
        cmocka_unit_test(a_filter_lets_its_share_through),
        cmocka_unit_test(ids_and_filters_do_not_change_what_events_say),
        cmocka_unit_test(damage_keeps_id_and_name_and_breaks_one_thing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
