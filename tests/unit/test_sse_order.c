/*
 * Which order is found for ids of known make, and that injected faults are counted exactly and
 * nothing else is, against a model that remembers every number.
 */
#include "audit_probe.h"
#include "base/hash.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct probe probe;

/* --- orders --- */

static void put_number(char *id, size_t cap, uint64_t number)
{
    (void)snprintf(id, cap, "%" PRIu64, number);
}

static void feed_filtered(unsigned parts, uint64_t seed, uint64_t count)
{
    char id[64];

    for (uint64_t number = 1; number <= count; number++) {
        if (hash_bytes(&number, sizeof number, seed) % parts != 0)
            continue;
        put_number(id, sizeof id, number);
        probe_id(&probe, id);
    }
}

static void a_filtered_sequence_is_sparse(void **state)
{
    static const unsigned parts[] = {2, 3, 4, 10};

    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        for (uint64_t seed = 0; seed < 500; seed++) {
            probe_init(&probe, ORDER_UNKNOWN);
            feed_filtered(parts[i], seed, 4000);
            assert_int_equal(probe.order.kind, ORDER_SPARSE);
        }
    }
}

/* However short the run, a filter is never taken for a loss. */
static void a_short_filtered_sequence_is_never_dense(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20000; seed++) {
        probe_init(&probe, ORDER_UNKNOWN);
        feed_filtered(2, seed, 4 + seed % 100);
        (void)probe_end(&probe);
        order_conclude(&probe.order);
        /* By chance all may have passed; then there is nothing to miss. */
        assert_true(!order_is_dense(probe.order.kind) || probe.tally.missed[AUDIT_STREAM] == 0);
    }
}

/* A thousand subscribers of one filtered feed prove no more than one of them. */
static void many_copies_of_few_events_prove_nothing(void **state)
{
    struct probe *copies = calloc(1000, sizeof *copies);

    (void)state;
    assert_non_null(copies);
    probe_init(&probe, ORDER_UNKNOWN);
    for (size_t i = 0; i < 1000; i++) {
        copies[i] = (struct probe){.sink = probe.sink};
        probe_numbers(&copies[i], "#", 1, 7);
        probe_numbers(&copies[i], "#", 9, 14);
    }
    assert_int_equal(probe.order.kind, ORDER_UNKNOWN);
    free(copies);
}

/* Each sees another half of one sequence: together all of it, which proves nothing. */
static void halves_of_a_sequence_do_not_make_a_whole(void **state)
{
    enum { STREAMS = 50 };
    static struct probe streams[STREAMS];
    char id[64];

    (void)state;
    probe_init(&probe, ORDER_UNKNOWN);
    for (size_t i = 0; i < STREAMS; i++)
        streams[i] = (struct probe){.sink = probe.sink};
    for (uint64_t number = 1; number < 2000; number++) {
        for (uint64_t i = 0; i < STREAMS; i++) {
            if (hash_bytes(&number, sizeof number, i) % 2 == 0)
                continue;
            put_number(id, sizeof id, number);
            probe_id(&streams[i], id);
        }
    }
    assert_int_equal(probe.order.kind, ORDER_SPARSE);
}

static void short_streams_of_a_feed_that_goes_on_are_dense_together(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_UNKNOWN);
    for (uint64_t start = 1; start < 100; start += 5) {
        struct probe stream = {.sink = probe.sink};

        probe_numbers(&stream, "#", start, start + 9);
    }
    assert_int_equal(probe.order.kind, ORDER_DENSE);
}

static void short_streams_with_losses_are_dense_at_the_end(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_UNKNOWN);
    for (uint64_t i = 0; i < 100; i++) {
        struct probe stream = {.sink = probe.sink};

        probe_numbers(&stream, "#", 1, i % 10 == 0 ? 4 : 10);
        if (i % 10 == 0)
            probe_numbers(&stream, "#", 6, 10);
        (void)audit_end(&stream.audit, &stream.sink);
    }
    assert_int_equal(probe.order.kind, ORDER_UNKNOWN);
    order_conclude(&probe.order);
    assert_int_equal(probe.order.kind, ORDER_DENSE);
    assert_string_equal(probe_findings(&probe), "missed 10+0");
}

static void redis_ids_are_sparse(void **state)
{
    struct rng rng;
    uint64_t ms = 1700000000000, seq = 0;
    char id[64];

    (void)state;
    for (uint64_t burst = 1; burst < 200; burst += 33) {
        rng_init(&rng, burst);
        probe_init(&probe, ORDER_UNKNOWN);
        for (int i = 0; i < 3000; i++) {
            (void)snprintf(id, sizeof id, "%" PRIu64 "-%" PRIu64, ms, seq++);
            if (rng_between(&rng, 1, burst) == 1) {
                ms += rng_between(&rng, 1, 40);
                seq = 0;
            }
            probe_id(&probe, id);
        }
        assert_int_equal(probe.order.kind, ORDER_SPARSE);
        assert_string_equal(probe_end(&probe), "-");
    }
}

static void nchan_ids_are_sparse(void **state)
{
    char id[64];

    (void)state;
    probe_init(&probe, ORDER_UNKNOWN);
    for (uint64_t i = 0; i < 500; i++) {
        (void)snprintf(id, sizeof id, "%" PRIu64 ":%" PRIu64, 1700000000 + i / 4, i % 4);
        probe_id(&probe, id);
    }
    assert_int_equal(probe.order.kind, ORDER_SPARSE);
    assert_string_equal(probe_end(&probe), "-");

    probe_init(&probe, ORDER_UNKNOWN);
    probe_numbers(&probe, "1700000000:#", 0, 3);
    order_conclude(&probe.order); /* not dense, though each is behind the one before */
    assert_int_equal(probe.order.kind, ORDER_SPARSE);
}

/* Of a clock that shows each second, but for some. */
static void seconds_are_sparse(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_UNKNOWN);
    probe_numbers(&probe, "#", 1700000000, 1700000100);
    probe_numbers(&probe, "#", 1700000102, 1700000200);
    assert_int_equal(probe.order.kind, ORDER_SPARSE);
    assert_string_equal(probe_end(&probe), "-");
}

/* Each has numbers of its own, and most events are of one. */
static void ids_of_partitions_have_no_order(void **state)
{
    uint64_t numbers[2] = {0};
    struct rng rng;
    char id[64];

    (void)state;
    rng_init(&rng, 1);
    probe_init(&probe, ORDER_UNKNOWN);
    for (int i = 0; i < 500; i++) {
        size_t partition = rng_between(&rng, 1, 6) == 1;

        (void)snprintf(id, sizeof id, "%zu-%" PRIu64, partition, ++numbers[partition]);
        probe_id(&probe, id);
    }
    assert_int_equal(probe.order.kind, ORDER_NONE);
}

static void snowflakes_are_sparse(void **state)
{
    struct rng rng;
    char id[64];
    uint64_t ms = 0;

    (void)state;
    rng_init(&rng, 1);
    probe_init(&probe, ORDER_UNKNOWN);
    for (int i = 0; i < 500; i++) {
        ms += rng_between(&rng, 0, 30);
        put_number(id, sizeof id,
                   ((1700000000000 + ms) << 22) + ((uint64_t)17 << 12) + (uint64_t)(i % 4096));
        probe_id(&probe, id);
    }
    assert_int_equal(probe.order.kind, ORDER_SPARSE);
    assert_true(probe.tally.duplicates[AUDIT_STREAM] == 0);
    assert_true(probe.tally.reordered[AUDIT_STREAM] == 0);
}

static void random_ids_have_no_order(void **state)
{
    struct rng rng;
    char id[64];

    (void)state;
    rng_init(&rng, 1);
    probe_init(&probe, ORDER_UNKNOWN);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(id, sizeof id, "%08" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
                       rng_next(&rng) >> 32, rng_next(&rng) >> 48, rng_next(&rng) >> 16);
        probe_id(&probe, id);
    }
    assert_int_equal(probe.order.kind, ORDER_NONE);
    assert_string_equal(probe_end(&probe), "-");

    probe_init(&probe, ORDER_UNKNOWN);
    for (int i = 0; i < 500; i++) {
        put_number(id, sizeof id, rng_between(&rng, 1, 1000000000));
        probe_id(&probe, id);
    }
    assert_int_equal(probe.order.kind, ORDER_NONE);
}

/* Topics on one stream, each with its own numbers. */
static void mixed_prefixes_have_no_order(void **state)
{
    char id[64];

    (void)state;
    probe_init(&probe, ORDER_UNKNOWN);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(id, sizeof id, "topic%c-%d", 'a' + i % 3, i / 3);
        probe_id(&probe, id);
    }
    assert_int_equal(probe.order.kind, ORDER_NONE);
}

static void few_events_are_not_enough(void **state)
{
    (void)state;
    probe_init(&probe, ORDER_UNKNOWN);
    probe_numbers(&probe, "#", 1, 4);
    probe_numbers(&probe, "#", 6, 9);
    order_conclude(&probe.order);
    assert_int_equal(probe.order.kind, ORDER_UNKNOWN);

    probe_init(&probe, ORDER_UNKNOWN);
    probe_numbers(&probe, "#", 1, 4);
    order_conclude(&probe.order);
    assert_int_equal(probe.order.kind, ORDER_DENSE);
}

/* --- faults of known number --- */

enum { SENT = 100000, REACH = 40 };

struct faults {
    uint32_t numbers[2 * SENT]; /* in order of arrival */
    size_t count;
    uint64_t lost, repeated, delayed;
};

/* Each number has at most one fault; first and last are spared. A delayed one lands behind the
 * next that is neither lost nor delayed, up to REACH further on. */
static void inject(struct faults *faults, struct rng *rng, double share)
{
    struct {
        uint32_t number;
        size_t left;
    } held[REACH + 1];
    size_t held_count = 0;

    *faults = (struct faults){0};
    for (uint32_t number = 1; number <= SENT; number++) {
        double draw = number == 1 || number == SENT ? 1 : rng_unit(rng);

        if (draw < share) {
            faults->lost++;
            continue;
        }
        if (draw < 2 * share && held_count < REACH && number < SENT - 2 * REACH) {
            held[held_count].number = number;
            held[held_count++].left = rng_between(rng, 1, REACH / 2);
            faults->delayed++;
            continue;
        }
        faults->numbers[faults->count++] = number;
        if (draw < 3 * share && draw >= 2 * share) {
            faults->numbers[faults->count++] = number;
            faults->repeated++;
        }
        for (size_t i = 0; i < held_count;) {
            if (--held[i].left > 0) {
                i++;
                continue;
            }
            faults->numbers[faults->count++] = held[i].number;
            held[i] = held[--held_count];
        }
    }
    assert_int_equal(held_count, 0);
}

static void injected_faults_are_counted_exactly(void **state)
{
    static const double shares[] = {0, 0.001, 0.01, 0.1};
    static struct faults faults;
    struct rng rng;
    char id[64];

    (void)state;
    rng_init(&rng, 11);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        inject(&faults, &rng, shares[i]);
        probe_init(&probe, ORDER_UNKNOWN);
        for (size_t k = 0; k < faults.count; k++) {
            (void)snprintf(id, sizeof id, "feed-%u", (unsigned)faults.numbers[k]);
            probe_id(&probe, id);
        }
        (void)probe_end(&probe);
        assert_int_equal(probe.order.kind, ORDER_DENSE);
        assert_true(probe.tally.missed[AUDIT_STREAM] == faults.lost);
        assert_true(probe.tally.duplicates[AUDIT_STREAM] == faults.repeated);
        assert_true(probe.tally.reordered[AUDIT_STREAM] == faults.delayed);
        assert_true(probe.tally.received == faults.count);
        assert_true(probe.tally.resets == 0 && probe.tally.missed[AUDIT_RESUME] == 0);
        assert_true(shares[i] == 0 || faults.lost > 50);
    }
}

/* The same, cut into connections that are resumed: some lose events between, some repeat. */
static void faults_around_resumes_are_counted_there(void **state)
{
    uint64_t lost = 0, repeated = 0, resumes = 0, number = 1;
    struct rng rng;

    (void)state;
    rng_init(&rng, 12);
    probe_init(&probe, ORDER_UNKNOWN);
    probe_numbers(&probe, "#", 1, 100);
    for (number = 100; resumes < 2000; resumes++) {
        uint64_t gap = rng_between(&rng, 0, 3) == 0 ? rng_between(&rng, 1, 200) : 0;
        uint64_t back = gap == 0 && rng_between(&rng, 0, 3) == 0 ? rng_between(&rng, 1, 90) : 0;
        uint64_t next = number + 1 + gap - back;

        lost += gap;
        repeated += back;
        probe_reconnect(&probe, true);
        number += gap + rng_between(&rng, 1, 120);
        probe_numbers(&probe, "#", next, number);
    }
    (void)probe_end(&probe);
    assert_true(probe.tally.missed[AUDIT_RESUME] == lost && lost > 10000);
    assert_true(probe.tally.duplicates[AUDIT_RESUME] == repeated && repeated > 5000);
    assert_true(probe.tally.resumes == resumes);
    assert_true(probe.tally.missed[AUDIT_STREAM] == 0 && probe.tally.resets == 0);
    assert_true(probe.tally.duplicates[AUDIT_STREAM] == 0);
    assert_true(probe.tally.reordered[AUDIT_STREAM] + probe.tally.reordered[AUDIT_RESUME] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filtered_sequence_is_sparse),
        cmocka_unit_test(a_short_filtered_sequence_is_never_dense),
        cmocka_unit_test(many_copies_of_few_events_prove_nothing),
        cmocka_unit_test(halves_of_a_sequence_do_not_make_a_whole),
        cmocka_unit_test(short_streams_of_a_feed_that_goes_on_are_dense_together),
        cmocka_unit_test(short_streams_with_losses_are_dense_at_the_end),
        cmocka_unit_test(redis_ids_are_sparse),
        cmocka_unit_test(nchan_ids_are_sparse),
        cmocka_unit_test(snowflakes_are_sparse),
        cmocka_unit_test(seconds_are_sparse),
        cmocka_unit_test(ids_of_partitions_have_no_order),
        cmocka_unit_test(random_ids_have_no_order),
        cmocka_unit_test(mixed_prefixes_have_no_order),
        cmocka_unit_test(few_events_are_not_enough),
        cmocka_unit_test(injected_faults_are_counted_exactly),
        cmocka_unit_test(faults_around_resumes_are_counted_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
