#include "verdict/find.h"

#include "base/mem.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    CRITICAL_PER_MILLE =
        10, /* of what was sent, or received: from here on it is no rare accident */
    IDS_REPEATED_MAX_PCT =
        50 /* above it an id without a number is a name of a kind, not of an event */
};

static const char STREAM[] = "where:stream", RESUME[] = "where:resume";
static const char SERVER[] = "server:", SLOW[] = " (slow readers)";

static uint64_t count_of(const struct stat_set *set, enum metric metric, const char *tag)
{
    return stat_get_count(set, metric, tag);
}

static bool has_order(const struct stat_set *set, const char *order)
{
    return count_of(set, METRIC_SSE_SEQUENCED, order) > 0;
}

static bool has_dense(const struct stat_set *set)
{
    return has_order(set, "order:dense") || has_order(set, "order:declared");
}

/* --- sentences --- */

/* "12,345 of 50,000,000 (0.0247%)" */
static void put_share(struct buf *out, uint64_t count, uint64_t of)
{
    char first[UNITS_TEXT_BYTES], second[UNITS_TEXT_BYTES];

    (void)buf_appendf(out, "%s of %s (%.3g%%)", units_format_count(count, first),
                      units_format_count(of, second), (double)count * 100.0 / (double)of);
}

static void put_count(struct buf *out, const char *before, uint64_t count, const char *behind)
{
    char text[UNITS_TEXT_BYTES];

    (void)buf_appendf(out, "%s%s%s%s", out->len > 0 ? "; " : "", before,
                      units_format_count(count, text), behind);
}

static char *take_text(struct buf *text)
{
    char *result = x_strdup(buf_text(text));

    buf_fini(text);
    return result;
}

struct worst {
    enum metric metric;
    const char *tag; /* borrowed; NULL: none */
    uint64_t count;
};

static void note_server(void *ctx, const struct stat_set *set, enum metric metric, const char *tag)
{
    struct worst *worst = ctx;
    uint64_t count;

    if (metric != worst->metric || !tag || strncmp(tag, SERVER, sizeof SERVER - 1) != 0)
        return;
    count = count_of(set, metric, tag);
    if (count > worst->count) {
        worst->count = count;
        worst->tag = tag;
    }
}

/* Where --server-id tells servers apart: which had the most of it. */
static void put_server(struct buf *out, const struct run *run, enum metric metric)
{
    struct worst worst = {.metric = metric};

    stat_each(run->total, note_server, &worst);
    if (worst.tag)
        (void)buf_appendf(out, "; most on server %s: %" PRIu64, worst.tag + sizeof SERVER - 1,
                          worst.count);
}

/* Of several endpoints that had some: where most were. */
static void put_endpoint(struct buf *out, const struct run *run, size_t endpoint, uint64_t count,
                         uint64_t all)
{
    if (count < all)
        (void)buf_appendf(out, "; most on %s %s: %" PRIu64,
                          stats_endpoint_method(run->stats, endpoint),
                          stats_endpoint_name(run->stats, endpoint), count);
}

static enum finding_severity severity_of(uint64_t count, uint64_t of)
{
    return count * 1000 >= of * CRITICAL_PER_MILLE ? FINDING_CRITICAL : FINDING_WARNING;
}

/* --- events that did not arrive --- */

/* With one tag of where it was. */
struct losses {
    uint64_t by_number, numbered;  /* missed, and of how many: those of dense sequences */
    uint64_t by_peers, compared;   /* where no sequence shows it */
    uint64_t by_publish, expected; /* messages of our own, and how many streams should get */
    uint64_t slow;                 /* of by_number: by streams that --read-rate slows */
    uint64_t worst_count;
    size_t worst; /* the endpoint with the most */
    bool is_declared, is_compared, is_unshared;
};

static bool is_slow(const struct run *run, size_t endpoint)
{
    const char *name = stats_endpoint_name(run->stats, endpoint);
    size_t len = strlen(name);

    return len >= sizeof SLOW - 1 && strcmp(name + len - (sizeof SLOW - 1), SLOW) == 0;
}

/* Streams got as many events that no other got as they missed: data that came in two forms. */
static bool is_unshared(const struct stat_set *set, uint64_t missed)
{
    return missed > 0 && count_of(set, METRIC_SSE_UNSHARED, NULL) >= missed;
}

/*
 * To peers an event whose data came spoiled is another one, so that its stream missed the right
 * one: these are told as malformed. Without --expect-json not each of them is known to be spoiled.
 */
static uint64_t missed_by_peers(const struct stat_set *set, const char *where)
{
    uint64_t missed = count_of(set, METRIC_SSE_PEER_MISSED, where);
    uint64_t spoiled = count_of(set, METRIC_SSE_MALFORMED, malformed_tag(MALFORMED_JSON)) +
                       count_of(set, METRIC_SSE_MALFORMED, malformed_tag(MALFORMED_INVALID_UTF8)) +
                       count_of(set, METRIC_SSE_MALFORMED, malformed_tag(MALFORMED_TOO_LARGE));

    missed = missed > spoiled ? missed - spoiled : 0;
    return spoiled > 0 && is_unshared(set, missed) ? 0 : missed;
}

static void add_endpoint(struct losses *losses, const struct run *run, size_t endpoint,
                         const char *where)
{
    const struct stat_set *set = stats_endpoint_set(run->stats, endpoint);
    uint64_t missed, received, complete, incomplete;

    stat_get_rate(set, METRIC_SSE_LOSS, where, &missed, &received);
    stat_get_rate(set, METRIC_SSE_PEER_COMPLETENESS, NULL, &complete, &incomplete);
    losses->by_publish += count_of(set, METRIC_SSE_PUBLISH_MISSED, where);
    if (has_dense(set)) {
        losses->by_number += missed;
        losses->numbered += missed + received;
        losses->slow += is_slow(run, endpoint) ? missed : 0;
        if (missed > 0) {
            losses->is_declared |= has_order(set, "order:declared");
            losses->is_compared |= complete + incomplete > 0;
        }
    } else {
        missed = missed_by_peers(set, where);
        losses->by_peers += missed;
        losses->compared += complete + incomplete;
        losses->is_unshared |= is_unshared(set, missed);
    }
    if (missed > losses->worst_count) {
        losses->worst_count = missed;
        losses->worst = endpoint;
    }
}

static struct losses read_losses(const struct run *run, const char *where)
{
    struct losses losses = {0};
    const struct hist *latency = stat_get_trend(run->total, METRIC_SSE_PUBLISH_LATENCY, NULL);

    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++)
        add_endpoint(&losses, run, i, where);
    losses.expected = losses.by_publish + (latency ? hist_count(latency) : 0);
    return losses;
}

static uint64_t lost_in_all(const struct losses *losses)
{
    return losses->by_number + losses->by_peers + losses->by_publish;
}

/*
 * What one stream got and another did not is lost to that one, whatever the ids are; so is what we
 * published. Numbers of a stream alone may be left out by a filter that lets most of them pass, and
 * data made for each stream is no loss to the others.
 */
static enum finding_confidence confidence_of(const struct losses *losses)
{
    if (losses->by_publish > 0 || losses->is_declared || losses->is_compared ||
        (losses->by_peers > 0 && !losses->is_unshared))
        return CONFIDENCE_CERTAIN;
    return losses->by_number > 0 ? CONFIDENCE_LIKELY : CONFIDENCE_SUSPECTED;
}

static enum finding_severity loss_severity(const struct losses *losses)
{
    enum finding_severity severity = FINDING_WARNING;
    const uint64_t parts[][2] = {{losses->by_number, losses->numbered},
                                 {losses->by_peers, losses->compared},
                                 {losses->by_publish, losses->expected}};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i][0] > 0 && severity_of(parts[i][0], parts[i][1]) > severity)
            severity = FINDING_CRITICAL;
    }
    return severity;
}

static void put_losses(struct buf *out, const struct run *run, const struct losses *losses)
{
    if (losses->by_number > 0) {
        put_share(out, losses->by_number, losses->numbered);
        (void)buf_append_text(out, " events, by their numbers");
    }
    if (losses->by_peers > 0) {
        if (losses->by_number > 0)
            (void)buf_append_text(out, "; ");
        put_share(out, losses->by_peers, losses->compared);
        (void)buf_append_text(out, " receipts, by streams with the same request that got them");
    }
    if (losses->by_publish > 0)
        put_count(out, "", losses->by_publish, " receipts of messages that cicada published");
    if (losses->slow > 0)
        put_count(out, "", losses->slow, " of them by slow readers (--read-rate)");
    put_endpoint(out, run, losses->worst, losses->worst_count,
                 losses->by_number + losses->by_peers);
    put_server(out, run, METRIC_SSE_MISSED);
}

/* For what a sequence or peers alone say. */
static const char *doubt_of(const struct losses *losses)
{
    switch (confidence_of(losses)) {
    case CONFIDENCE_LIKELY:
        return "A filter that lets most events pass looks the same on one stream: if there is one, "
               "--event-seq none. ";
    case CONFIDENCE_SUSPECTED:
        return "Streams also got events that were theirs alone, so data may be made, or altered, "
               "for each. A run that would tell: with --expect-json, --event-seq or --publish. ";
    case CONFIDENCE_NONE:
    case CONFIDENCE_CERTAIN:
        break;
    }
    return "";
}

bool find_event_loss(const struct run *run, struct finding *finding)
{
    struct losses losses = read_losses(run, STREAM);
    struct buf text = {0};

    if (lost_in_all(&losses) == 0)
        return false;
    finding->severity = loss_severity(&losses);
    finding->confidence = confidence_of(&losses);
    finding->title = x_strdup("Events were lost on streams that stayed open");
    put_losses(&text, run, &losses);
    finding->evidence = take_text(&text);
    finding->advice = x_asprintf(
        "%sLook for a queue that drops what a client cannot take at once, for publish and "
        "subscribe that keeps nothing (Redis Pub/Sub), for several writers without a common order",
        doubt_of(&losses));
    return true;
}

/* Ids that began anew in a restart leave gaps of any size, and nobody can replay what was before.
 * Takes out what is known to be such; true: what is left may be it. */
static bool take_out_restarts(struct losses *losses, const struct run *run)
{
    struct find_restarts restarts = find_restarts(run);
    uint64_t explained = restarts.missed < losses->by_number ? restarts.missed : losses->by_number;

    if (restarts.began_anew) {
        losses->by_number -= explained;
        return false;
    }
    return 2 * explained > losses->by_number && losses->by_peers + losses->by_publish == 0;
}

bool find_replay_missing(const struct run *run, struct finding *finding)
{
    struct losses losses = read_losses(run, RESUME);
    bool may_be_anew = take_out_restarts(&losses, run);
    struct buf text = {0};

    if (lost_in_all(&losses) == 0)
        return false;
    finding->severity = may_be_anew ? FINDING_WARNING : FINDING_CRITICAL;
    finding->confidence = may_be_anew ? CONFIDENCE_SUSPECTED : confidence_of(&losses);
    finding->title = x_strdup("Streams that came back with Last-Event-ID did not get all that they "
                              "had missed");
    put_losses(&text, run, &losses);
    put_count(&text, "", count_of(run->total, METRIC_SSE_RESUMES, NULL), " resumes got new events");
    finding->evidence = take_text(&text);
    finding->advice = x_asprintf(
        "%s%sRead Last-Event-ID and send what came behind it; keep events for longer than clients "
        "are away (their wait and --storm's included); subscribe first and read the history "
        "then, so that nothing falls between",
        may_be_anew ? "A server was restarted, and where its ids began anew there the gaps say "
                      "nothing. A run that would tell: with --publish. "
                    : "",
        doubt_of(&losses));
    return true;
}

/* --- events that came again --- */

struct repeats {
    uint64_t count, received;
    uint64_t published; /* messages of our own */
    uint64_t worst_count;
    size_t worst;
    bool is_numbered; /* numbers, or ids that rise, not names that may be given twice */
};

static void add_repeats(struct repeats *repeats, size_t endpoint, const struct stat_set *set,
                        uint64_t count)
{
    uint64_t received = count_of(set, METRIC_SSE_SEQUENCED, NULL);
    bool is_numbered = has_dense(set) || has_order(set, "order:sparse");

    if (!is_numbered && count * 100 > received * IDS_REPEATED_MAX_PCT)
        return;
    repeats->count += count;
    repeats->received += received;
    repeats->is_numbered |= is_numbered && count > 0;
    if (count > repeats->worst_count) {
        repeats->worst_count = count;
        repeats->worst = endpoint;
    }
}

static void put_repeats(struct buf *out, const struct run *run, const struct repeats *repeats)
{
    if (repeats->count > 0) {
        put_share(out, repeats->count, repeats->received);
        (void)buf_append_text(out, " events had come before, by their ids");
    }
    if (repeats->published > 0)
        put_count(out, "", repeats->published,
                  " receipts of messages that cicada published were repeats");
    put_endpoint(out, run, repeats->worst, repeats->worst_count, repeats->count);
}

static enum finding_confidence repeats_confidence(const struct repeats *repeats)
{
    return repeats->is_numbered || repeats->published > 0 ? CONFIDENCE_CERTAIN
                                                          : CONFIDENCE_SUSPECTED;
}

static const char *repeats_doubt(const struct repeats *repeats)
{
    return repeats_confidence(repeats) == CONFIDENCE_CERTAIN
               ? ""
               : "These ids are no numbers, and one that stands for a kind of event comes again "
                 "rightly. A run that would tell: with --event-seq or --publish. ";
}

bool find_event_duplicates(const struct run *run, struct finding *finding)
{
    struct repeats repeats = {.published =
                                  count_of(run->total, METRIC_SSE_PUBLISH_DUPLICATES, STREAM)};
    struct buf text = {0};

    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++) {
        const struct stat_set *set = stats_endpoint_set(run->stats, i);

        add_repeats(&repeats, i, set, count_of(set, METRIC_SSE_DUPLICATES, STREAM));
    }
    if (repeats.count + repeats.published == 0)
        return false;
    finding->confidence = repeats_confidence(&repeats);
    finding->title = x_strdup("Events came more than once on streams that stayed open");
    put_repeats(&text, run, &repeats);
    put_server(&text, run, METRIC_SSE_DUPLICATES);
    finding->evidence = take_text(&text);
    finding->advice =
        x_asprintf("%sLook for a queue that delivers at least once, a retry that sends anew, two "
                   "subscriptions of one stream; or let clients drop ids that they have had",
                   repeats_doubt(&repeats));
    return true;
}

/* The event of Last-Event-ID itself, sent again by an inclusive replay, is apart: gives how many of
 * these there were. What restarts explain is left out. */
static uint64_t add_replays(struct repeats *repeats, const struct run *run)
{
    uint64_t explained = find_restarts(run).repeats, all_inclusive = 0;

    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++) {
        const struct stat_set *set = stats_endpoint_set(run->stats, i);
        uint64_t repeated = count_of(set, METRIC_SSE_DUPLICATES, RESUME);
        uint64_t inclusive = count_of(set, METRIC_SSE_INCLUSIVE_REPLAYS, NULL);
        uint64_t left_out = explained < repeated ? explained : repeated;

        explained -= left_out;
        repeated -= left_out;
        inclusive = inclusive < repeated ? inclusive : repeated;
        all_inclusive += inclusive;
        add_repeats(repeats, i, set, repeated - inclusive);
    }
    return all_inclusive;
}

bool find_replay_duplicates(const struct run *run, struct finding *finding)
{
    struct repeats repeats = {.published =
                                  count_of(run->total, METRIC_SSE_PUBLISH_DUPLICATES, RESUME)};
    uint64_t inclusive = add_replays(&repeats, run);
    uint64_t resumes = count_of(run->total, METRIC_SSE_RESUMES, NULL);
    struct buf text = {0};

    /* To publishing the event of Last-Event-ID is a repeat as any other. */
    if (repeats.count == 0 && repeats.published <= inclusive)
        repeats.published = 0;
    if (repeats.count + repeats.published + inclusive == 0)
        return false;
    put_repeats(&text, run, &repeats);
    if (inclusive > 0) {
        (void)buf_append_text(&text, text.len > 0 ? "; " : "");
        put_share(&text, inclusive, resumes > inclusive ? resumes : inclusive);
        (void)buf_append_text(&text, " resumes began with the event of Last-Event-ID itself");
    }
    finding->evidence = take_text(&text);
    if (repeats.count + repeats.published == 0) {
        finding->severity = FINDING_INFO;
        finding->confidence = CONFIDENCE_CERTAIN;
        finding->title = x_strdup("Replays repeat the event of Last-Event-ID");
        finding->advice = x_strdup("Begin a replay with the event behind Last-Event-ID, as clients "
                                   "have that one; or let them drop it");
        return true;
    }
    finding->confidence = repeats_confidence(&repeats);
    finding->title = x_strdup("Streams that came back got events again that they had had");
    finding->advice =
        x_asprintf("%sBegin a replay behind Last-Event-ID; where a subscription and the history "
                   "overlap, leave out of the live events what the history had",
                   repeats_doubt(&repeats));
    return true;
}

/* --- order --- */

/* What came behind later events, and of it what did so across reconnects. Where numbers may have
 * begun anew behind one, they are lower than before until that shows. */
static uint64_t count_reordered(const struct stat_set *set, bool has_restarted, uint64_t *resumed)
{
    uint64_t all = count_of(set, METRIC_SSE_REORDERED, NULL);

    *resumed = count_of(set, METRIC_SSE_REORDERED, RESUME);
    if (!has_restarted && count_of(set, METRIC_SSE_SEQUENCE_RESETS, NULL) == 0)
        return all;
    all -= *resumed < all ? *resumed : all;
    *resumed = 0;
    return all;
}

bool find_event_reordered(const struct run *run, struct finding *finding)
{
    uint64_t count = 0, received = 0, worst_count = 0, all_resumed = 0;
    bool is_dense = false, has_restarted = find_restarts(run).count > 0;
    size_t worst = 0;
    struct buf text = {0};

    for (size_t i = 0; i < stats_endpoint_count(run->stats); i++) {
        const struct stat_set *set = stats_endpoint_set(run->stats, i);
        uint64_t resumed, reordered = count_reordered(set, has_restarted, &resumed);

        all_resumed += resumed;
        count += reordered;
        received += count_of(set, METRIC_SSE_SEQUENCED, NULL);
        is_dense |= reordered > 0 && has_dense(set);
        if (reordered > worst_count) {
            worst_count = reordered;
            worst = i;
        }
    }
    if (count == 0)
        return false;
    finding->confidence = is_dense ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY;
    finding->title = x_strdup("Events arrived behind later ones");
    put_share(&text, count, received);
    (void)buf_append_text(&text, " events came behind one with a later id");
    if (all_resumed > 0)
        put_count(&text, "", all_resumed, " of them across reconnects");
    put_endpoint(&text, run, worst, worst_count, count);
    finding->evidence = take_text(&text);
    finding->advice = x_strdup("Write to a stream from one queue in the order of ids; give ids "
                               "where events are put into it, not where they are made (servers "
                               "with clocks of their own); do not send live events before a replay "
                               "is through");
    return true;
}

/* --- what is in them --- */

/* The first one that spoils data; a line that is no field does not. */
static void put_example(struct buf *out, const struct run *run, uint64_t missing)
{
    const struct examples *examples = stats_examples(run->stats);
    const struct example *chosen = NULL;

    for (size_t i = 0; i < examples_count(examples); i++) {
        const struct example *example = examples_at(examples, i);

        if (example->kind == MALFORMED_MISSING_EVENT && missing == 0)
            continue;
        if (!chosen || chosen->kind == MALFORMED_UNKNOWN_FIELD)
            chosen = example;
    }
    if (chosen)
        (void)buf_appendf(out, "; for one (%s): %s", malformed_name(chosen->kind), chosen->text);
}

bool find_malformed_events(const struct run *run, struct finding *finding)
{
    uint64_t all = 0, mild = 0, missing = 0;
    struct buf text = {0};
    uint64_t disconnects = count_of(run->total, METRIC_SSE_DISCONNECTS, NULL);

    for (int i = MALFORMED_NONE + 1; i < MALFORMED_COUNT; i++) {
        enum malformed kind = (enum malformed)i;
        uint64_t count = count_of(run->total, METRIC_SSE_MALFORMED, malformed_tag(kind));

        /* A stream that was cut could not bring what it was to bring. */
        if (kind == MALFORMED_MISSING_EVENT)
            count = missing = count > disconnects ? count - disconnects : 0;
        if (count == 0)
            continue;
        all += count;
        mild += kind == MALFORMED_UNKNOWN_FIELD ? count : 0;
        (void)buf_appendf(&text, "%s%s %" PRIu64, text.len > 0 ? ", " : "", malformed_name(kind),
                          count);
    }
    if (all == 0)
        return false;
    finding->severity = mild == all ? FINDING_INFO : FINDING_WARNING;
    finding->confidence = CONFIDENCE_CERTAIN;
    finding->title = x_strdup("Events are not what they should be");
    put_count(&text, "of ", count_of(run->total, METRIC_SSE_EVENTS, NULL), " events");
    put_example(&text, run, missing);
    finding->evidence = take_text(&text);
    finding->advice = x_strdup(
        mild == all ? "A line is neither a field of an event stream nor a comment: text with line "
                      "ends needs `data: ` in front of each of its lines"
                    : "Look where the service writes events: text cut at a limit, line ends inside "
                      "data, another encoding than UTF-8, several writers on one connection");
    return true;
}
