#include "base/mem.h"
#include "verdict/find.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS 1000000ull

/* What one endpoint counted; zeros are left out. */
struct figures {
    const char *name;  /* NULL: "/x" */
    const char *order; /* "order:dense" */
    const char *where; /* of all that was missed, repeated, reordered; NULL: where:stream */
    uint64_t received, missed, duplicates, reordered, peer_missed, compared, unshared;
    uint64_t publish_missed, publish_duplicates, resumes, resets, inclusive, disconnects;
    uint64_t malformed[MALFORMED_COUNT];
    const char *server; /* "server:web-1": had all that was missed and repeated */
};

static void count(struct stat_set *set, enum metric metric, const char *tag, uint64_t number)
{
    if (number == 0)
        return;
    stat_count(set, metric, NULL, number);
    if (tag)
        stat_count(set, metric, tag, number);
}

static void put_malformed(struct stats *stats, size_t endpoint, const struct figures *figures)
{
    struct stat_set *set = stats_endpoint_set(stats, endpoint);

    for (int i = MALFORMED_NONE + 1; i < MALFORMED_COUNT; i++) {
        enum malformed kind = (enum malformed)i;
        struct example example = {.kind = kind, .endpoint = endpoint, .text = "spoiled"};

        count(set, METRIC_SSE_MALFORMED, malformed_tag(kind), figures->malformed[i]);
        if (figures->malformed[i] > 0)
            examples_add(stats_examples(stats), &example);
    }
}

static void put(struct stats *stats, const struct figures *figures)
{
    const char *where = figures->where ? figures->where : "where:stream";
    size_t endpoint = stats_add_endpoint(stats, "GET", figures->name ? figures->name : "/x");
    struct stat_set *set = stats_endpoint_set(stats, endpoint);

    count(set, METRIC_SSE_EVENTS, NULL, figures->received);
    count(set, METRIC_SSE_SEQUENCED, figures->order, figures->received);
    count(set, METRIC_SSE_MISSED, where, figures->missed);
    if (strcmp(figures->order, "order:dense") == 0 || strcmp(figures->order, "order:declared") == 0)
        stat_passes(set, METRIC_SSE_LOSS, where, figures->missed, figures->received);
    count(set, METRIC_SSE_DUPLICATES, where, figures->duplicates);
    count(set, METRIC_SSE_REORDERED, where, figures->reordered);
    count(set, METRIC_SSE_PEER_MISSED, where, figures->peer_missed);
    if (figures->compared > 0)
        stat_passes(set, METRIC_SSE_PEER_COMPLETENESS, NULL,
                    figures->compared - figures->peer_missed, figures->peer_missed);
    count(set, METRIC_SSE_UNSHARED, NULL, figures->unshared);
    count(set, METRIC_SSE_PUBLISH_MISSED, where, figures->publish_missed);
    count(set, METRIC_SSE_PUBLISH_DUPLICATES, where, figures->publish_duplicates);
    count(set, METRIC_SSE_RESUMES, NULL, figures->resumes);
    count(set, METRIC_SSE_SEQUENCE_RESETS, NULL, figures->resets);
    count(set, METRIC_SSE_INCLUSIVE_REPLAYS, NULL, figures->inclusive);
    count(set, METRIC_SSE_DISCONNECTS, NULL, figures->disconnects);
    put_malformed(stats, endpoint, figures);
    if (figures->server) {
        stat_count(set, METRIC_SSE_MISSED, figures->server, figures->missed);
        stat_count(set, METRIC_SSE_DUPLICATES, figures->server, figures->duplicates);
    }
}

static struct run *run_of(const struct figures *first, const struct figures *second)
{
    struct run *run = run_new(1);
    struct stats *delta = stats_new();
    struct run_tick tick = {.interval_ns = 1000 * MS};

    put(delta, first);
    if (second)
        put(delta, second);
    run_add_tick(run, 0, &tick, delta);
    run_finish(run, 1000 * MS);
    stats_free(delta);
    return run;
}

typedef bool (*rule_fn)(const struct run *run, struct finding *finding);

/* What a finding must be. */
struct wanted {
    enum finding_severity severity; /* FINDING_NONE: that of the table */
    enum finding_confidence confidence;
    const char *evidence; /* a part of it */
    const char *advice;   /* the same; NULL: whatever it says */
};

static void assert_holds(const char *text, const char *part)
{
    assert_non_null(text);
    if (!strstr(text, part))
        fail_msg("no '%s' in '%s'", part, text);
}

static void assert_raised(rule_fn rule, const struct figures *first, const struct figures *second,
                          const struct wanted *wanted)
{
    struct run *run = run_of(first, second);
    struct finding finding = {0};

    assert_true(rule(run, &finding));
    assert_non_null(finding.title);
    assert_int_equal(finding.severity, wanted->severity);
    assert_int_equal(finding.confidence, wanted->confidence);
    assert_holds(finding.evidence, wanted->evidence);
    assert_holds(finding.advice, wanted->advice ? wanted->advice : "");
    free(finding.title);
    free(finding.evidence);
    free(finding.advice);
    run_free(run);
}

static void assert_silent(rule_fn rule, const struct figures *figures)
{
    struct run *run = run_of(figures, NULL);
    struct finding finding = {0};

    assert_false(rule(run, &finding));
    assert_null(finding.title);
    run_free(run);
}

/* Every rule of the file but those named. */
static void assert_only(const struct figures *figures, rule_fn rule, rule_fn other)
{
    static const rule_fn rules[] = {find_event_loss,      find_event_duplicates,
                                    find_event_reordered, find_malformed_events,
                                    find_replay_missing,  find_replay_duplicates};

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i] != rule && rules[i] != other)
            assert_silent(rules[i], figures);
    }
}

static void all_that_was_sent_raises_nothing(void **state)
{
    (void)state;
    assert_only(&(struct figures){.order = "order:dense",
                                  .received = 5000,
                                  .compared = 5000,
                                  .unshared = 40,
                                  .resumes = 30,
                                  .disconnects = 30},
                NULL, NULL);
    assert_only(&(struct figures){.order = "order:unknown"}, NULL, NULL);
}

static void one_lost_event_is_told(void **state)
{
    struct figures figures = {.order = "order:dense", .received = 4999, .missed = 1};

    (void)state;
    assert_raised(find_event_loss, &figures, NULL,
                  &(struct wanted){FINDING_WARNING, CONFIDENCE_LIKELY,
                                   "1 of 5,000 (0.02%) events, by their numbers",
                                   "A filter that lets most events pass"});
    assert_only(&figures, find_event_loss, NULL);
    /* Others got the number that was missed: it was published. */
    figures.compared = 5000;
    assert_raised(find_event_loss, &figures, NULL,
                  &(struct wanted){FINDING_WARNING, CONFIDENCE_CERTAIN, "1 of 5,000", "queue"});
}

static void one_in_a_hundred_lost_is_critical(void **state)
{
    (void)state;
    assert_raised(
        find_event_loss,
        &(struct figures){.order = "order:declared", .received = 9901, .missed = 99}, NULL,
        &(struct wanted){FINDING_WARNING, CONFIDENCE_CERTAIN, "99 of 10,000 (0.99%)", NULL});
    assert_raised(
        find_event_loss,
        &(struct figures){.order = "order:declared", .received = 9900, .missed = 100}, NULL,
        &(struct wanted){FINDING_CRITICAL, CONFIDENCE_CERTAIN, "100 of 10,000 (1%)", NULL});
}

static void the_worst_endpoint_and_server_are_named(void **state)
{
    struct figures first = {.order = "order:dense", .received = 990, .missed = 10};
    struct figures second = {.name = "/y",
                             .order = "order:dense",
                             .received = 960,
                             .missed = 40,
                             .server = "server:web-2"};

    (void)state;
    assert_raised(find_event_loss, &first, &second,
                  &(struct wanted){FINDING_CRITICAL, CONFIDENCE_LIKELY,
                                   "most on GET /y: 40; most on server web-2: 40", NULL});
    second.duplicates = 40;
    assert_raised(find_event_duplicates, &first, &second,
                  &(struct wanted){FINDING_NONE, CONFIDENCE_CERTAIN, "server web-2: 40", NULL});
}

static void slow_readers_are_told_apart(void **state)
{
    struct figures first = {.order = "order:dense", .received = 990, .missed = 10};
    struct figures second = {
        .name = "/x (slow readers)", .order = "order:dense", .received = 970, .missed = 30};

    (void)state;
    assert_raised(
        find_event_loss, &first, &second,
        &(struct wanted){FINDING_CRITICAL, CONFIDENCE_LIKELY, "30 of them by slow readers", NULL});
}

static void ids_that_leave_out_numbers_prove_losses_by_peers_alone(void **state)
{
    struct figures figures = {
        .order = "order:sparse", .received = 900, .compared = 1000, .peer_missed = 4};

    (void)state;
    assert_raised(find_event_loss, &figures, NULL,
                  &(struct wanted){FINDING_WARNING, CONFIDENCE_CERTAIN,
                                   "4 of 1,000 (0.4%) receipts, by streams", NULL});
    figures.unshared = 3;
    assert_raised(find_event_loss, &figures, NULL,
                  &(struct wanted){FINDING_WARNING, CONFIDENCE_CERTAIN, "4 of 1,000", NULL});
    figures.unshared = 4;
    assert_raised(find_event_loss, &figures, NULL,
                  &(struct wanted){FINDING_WARNING, CONFIDENCE_SUSPECTED, "4 of 1,000",
                                   "A run that would tell"});
}

static void spoiled_data_is_malformed_and_not_lost(void **state)
{
    struct figures figures = {.order = "order:dense",
                              .received = 1000,
                              .compared = 1000,
                              .peer_missed = 9,
                              .malformed = {[MALFORMED_JSON] = 6, [MALFORMED_INVALID_UTF8] = 3}};

    (void)state;
    assert_only(&figures, find_malformed_events, NULL);
    figures.order = "order:none";
    assert_only(&figures, find_malformed_events, NULL);
    figures.peer_missed = 10;
    assert_raised(find_event_loss, &figures, NULL,
                  &(struct wanted){FINDING_WARNING, CONFIDENCE_CERTAIN, "1 of 1,000", NULL});
    /* What is no JSON is not known to be spoiled, but each came in a form of its own. */
    figures.malformed[MALFORMED_JSON] = 0;
    figures.unshared = 7;
    assert_only(&figures, find_malformed_events, NULL);
    figures.unshared = 6;
    assert_raised(find_event_loss, &figures, NULL,
                  &(struct wanted){FINDING_WARNING, CONFIDENCE_CERTAIN, "7 of 1,000", NULL});
}

static void what_we_published_is_lost_for_certain(void **state)
{
    struct figures figures = {.order = "order:none", .received = 50, .publish_missed = 2};

    (void)state;
    assert_raised(find_event_loss, &figures, NULL,
                  &(struct wanted){FINDING_CRITICAL, CONFIDENCE_CERTAIN,
                                   "2 receipts of messages that cicada published", NULL});
    figures = (struct figures){.order = "order:none", .received = 50, .publish_duplicates = 2};
    assert_raised(
        find_event_duplicates, &figures, NULL,
        &(struct wanted){FINDING_NONE, CONFIDENCE_CERTAIN, "published were repeats", NULL});
    assert_only(&figures, find_event_duplicates, NULL);
}

static void repeats_of_numbers_are_certain(void **state)
{
    struct figures figures = {.order = "order:dense", .received = 1000, .duplicates = 1};

    (void)state;
    assert_raised(find_event_duplicates, &figures, NULL,
                  &(struct wanted){FINDING_NONE, CONFIDENCE_CERTAIN,
                                   "1 of 1,000 (0.1%) events had come before", "at least once"});
    assert_only(&figures, find_event_duplicates, NULL);
}

static void names_of_kinds_may_come_again(void **state)
{
    struct figures figures = {.order = "order:none", .received = 1000, .duplicates = 500};

    (void)state;
    assert_raised(find_event_duplicates, &figures, NULL,
                  &(struct wanted){FINDING_NONE, CONFIDENCE_SUSPECTED, "500 of 1,000",
                                   "A run that would tell"});
    figures.duplicates = 501;
    assert_only(&figures, NULL, NULL);
}

static void order_is_told_with_where_it_broke(void **state)
{
    struct figures figures = {.order = "order:dense", .received = 1000, .reordered = 3};

    (void)state;
    assert_raised(find_event_reordered, &figures, NULL,
                  &(struct wanted){FINDING_NONE, CONFIDENCE_CERTAIN, "3 of 1,000 (0.3%)", NULL});
    assert_only(&figures, find_event_reordered, NULL);
    figures.where = "where:resume";
    figures.order = "order:sparse";
    assert_raised(
        find_event_reordered, &figures, NULL,
        &(struct wanted){FINDING_NONE, CONFIDENCE_LIKELY, "3 of them across reconnects", NULL});
}

static void numbers_that_begin_anew_are_in_order(void **state)
{
    struct figures figures = {.order = "order:dense",
                              .where = "where:resume",
                              .received = 1000,
                              .reordered = 3,
                              .resets = 1};

    (void)state;
    assert_only(&figures, NULL, NULL);
    figures.where = "where:stream";
    assert_only(&figures, find_event_reordered, NULL);
}

static void what_a_resume_misses_is_a_matter_of_replay(void **state)
{
    struct figures figures = {.order = "order:dense",
                              .where = "where:resume",
                              .received = 900,
                              .missed = 100,
                              .compared = 1000,
                              .resumes = 12};

    (void)state;
    assert_raised(
        find_replay_missing, &figures, NULL,
        &(struct wanted){FINDING_CRITICAL, CONFIDENCE_CERTAIN, "12 resumes got", "Last-Event-ID"});
    assert_only(&figures, find_replay_missing, NULL);
}

static void an_inclusive_replay_is_mild(void **state)
{
    struct figures figures = {.order = "order:dense",
                              .where = "where:resume",
                              .received = 1000,
                              .duplicates = 12,
                              .resumes = 12,
                              .inclusive = 12};

    (void)state;
    assert_raised(find_replay_duplicates, &figures, NULL,
                  &(struct wanted){FINDING_INFO, CONFIDENCE_CERTAIN,
                                   "12 of 12 (100%) resumes began with", NULL});
    assert_only(&figures, find_replay_duplicates, NULL);
    figures.publish_duplicates = 12; /* the same ones */
    assert_raised(find_replay_duplicates, &figures, NULL,
                  &(struct wanted){FINDING_INFO, CONFIDENCE_CERTAIN, "12 of 12", NULL});
    figures.duplicates = 13;
    assert_raised(
        find_replay_duplicates, &figures, NULL,
        &(struct wanted){FINDING_NONE, CONFIDENCE_CERTAIN, "1 of 1,000 (0.1%)", "overlap"});
}

static void malformed_events_are_told_by_kind(void **state)
{
    struct figures figures = {.order = "order:dense",
                              .received = 1000,
                              .malformed = {[MALFORMED_UNKNOWN_FIELD] = 2, [MALFORMED_JSON] = 1}};

    (void)state;
    assert_raised(find_malformed_events, &figures, NULL,
                  &(struct wanted){FINDING_WARNING, CONFIDENCE_CERTAIN,
                                   "unknown_field 2, json 1; of 1,000 events; for one (json): "
                                   "spoiled",
                                   "UTF-8"});
    figures.malformed[MALFORMED_JSON] = 0;
    assert_raised(find_malformed_events, &figures, NULL,
                  &(struct wanted){FINDING_INFO, CONFIDENCE_CERTAIN,
                                   "unknown_field 2; of 1,000 events; for one (unknown_field)",
                                   "neither a field"});
}

static void a_stream_that_was_cut_owes_no_event(void **state)
{
    struct figures figures = {.order = "order:dense",
                              .received = 1000,
                              .disconnects = 3,
                              .malformed = {[MALFORMED_MISSING_EVENT] = 3}};

    (void)state;
    assert_only(&figures, NULL, NULL);
    figures.malformed[MALFORMED_MISSING_EVENT] = 4;
    assert_raised(find_malformed_events, &figures, NULL,
                  &(struct wanted){FINDING_WARNING, CONFIDENCE_CERTAIN, "missing_event 1", NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_was_sent_raises_nothing),
        cmocka_unit_test(one_lost_event_is_told),
        cmocka_unit_test(one_in_a_hundred_lost_is_critical),
        cmocka_unit_test(the_worst_endpoint_and_server_are_named),
        cmocka_unit_test(slow_readers_are_told_apart),
        cmocka_unit_test(ids_that_leave_out_numbers_prove_losses_by_peers_alone),
        cmocka_unit_test(spoiled_data_is_malformed_and_not_lost),
        cmocka_unit_test(what_we_published_is_lost_for_certain),
        cmocka_unit_test(repeats_of_numbers_are_certain),
        cmocka_unit_test(names_of_kinds_may_come_again),
        cmocka_unit_test(order_is_told_with_where_it_broke),
        cmocka_unit_test(numbers_that_begin_anew_are_in_order),
        cmocka_unit_test(what_a_resume_misses_is_a_matter_of_replay),
        cmocka_unit_test(an_inclusive_replay_is_mild),
        cmocka_unit_test(malformed_events_are_told_by_kind),
        cmocka_unit_test(a_stream_that_was_cut_owes_no_event),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
