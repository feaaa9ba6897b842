#include "fleet/peer_merge.h"

#include "base/mem.h"
#include "fleet/peer_asked.h"
#include "sse/peers.h"
#include "stats/stats.h"

#include <stdlib.h>
#include <string.h>

enum { SPREAD_LIMIT = PEER_MERGE_KIND_MIN };

/* Events that look alike. */
struct kind {
    uint32_t kind;
    uint64_t distinct;
    uint64_t count, odd; /* events; of a kind with ids, receipts */
    uint64_t last_hash;
    /* Not counted yet: whether the kind can be judged is not known. */
    uint64_t got, missing, missing_resume;
    uint64_t spreads_ns[SPREAD_LIMIT];
    size_t spread_count;
};

/* A worker's part in a key. */
struct member {
    struct peer_seat seat;
    uint64_t since_ns, told_ns;
    uint32_t stream_count;
    uint64_t common_at;    /* the latest position of an event for all that it told of */
    uint64_t digest_count; /* of the worker's digests, the last with this key */
    bool is_present;
};

/* A worker's part in an event. */
struct peer_share {
    bool has_told, has_missed;      /* for good */
    bool has_jumped;                /* it told of a later event, and not of this one */
    uint32_t steady, away, present; /* its streams then: open, away, all */
    uint64_t passed_ns; /* it has told all until then, and an event for all behind this */
};

struct merge_key {
    struct peer_merge *merge;
    uint64_t key;
    struct stat_set *set; /* of its endpoint */
    struct peer_log *log;
    struct member *members;
    struct kind kinds[PEER_MERGE_KIND_LIMIT];
    size_t kind_count;
    struct peer_asked asked;
};

struct peer_merge {
    size_t worker_count;
    uint64_t from_ns;                             /* events before count for nothing */
    uint64_t *digest_counts;                      /* by worker */
    struct merge_key *keys[PEER_MERGE_KEY_LIMIT]; /* in no order */
    size_t key_count;
    struct stats *found;
};

/* --- judging --- */

static struct kind *kind_of(struct merge_key *key, uint32_t kind)
{
    size_t at = 0;

    while (at < key->kind_count && key->kinds[at].kind != kind)
        at++;
    if (at < key->kind_count)
        return &key->kinds[at];
    if (key->kind_count == PEER_MERGE_KIND_LIMIT)
        return &key->kinds[PEER_MERGE_KIND_LIMIT - 1];
    key->kinds[key->kind_count++].kind = kind;
    return &key->kinds[at];
}

/* What is known of a kind becomes figures once it may. */
static void settle_kind(struct merge_key *key, struct kind *kind)
{
    struct stat_set *set = key->set;
    bool has_ids = kind->kind & PEER_KIND_HAS_ID;

    if (kind->distinct < PEER_MERGE_KIND_MIN ||
        kind->odd * (has_ids ? PEER_MERGE_ODD_ID_SHARE : PEER_MERGE_ODD_SHARE) > kind->count)
        return;
    if (kind->got + kind->missing + kind->missing_resume > 0)
        stat_passes(set, METRIC_SSE_PEER_COMPLETENESS, NULL, kind->got,
                    kind->missing + kind->missing_resume);
    if (kind->missing + kind->missing_resume > 0)
        stat_count(set, METRIC_SSE_PEER_MISSED, NULL, kind->missing + kind->missing_resume);
    if (kind->missing > 0)
        stat_count(set, METRIC_SSE_PEER_MISSED, "where:stream", kind->missing);
    if (kind->missing_resume > 0)
        stat_count(set, METRIC_SSE_PEER_MISSED, "where:resume", kind->missing_resume);
    for (size_t i = 0; i < kind->spread_count; i++)
        stat_time(set, METRIC_SSE_FANOUT_SPREAD, NULL, kind->spreads_ns[i]);
    kind->got = kind->missing = kind->missing_resume = 0;
    kind->spread_count = 0;
}

/* What is known of an event. */
struct tally {
    uint64_t got, missing, resume;
    uint64_t unknown; /* streams of which nothing is known */
    uint64_t passed;  /* of these, those of workers that went on without it */
};

/* Streams of a worker that has told nothing of the event, and might yet. */
static uint64_t untold(const struct merge_key *key, const struct peer_event *event,
                       uint64_t position, size_t worker)
{
    const struct member *member = &key->members[worker];
    const struct peer_share *share = event->shares ? &event->shares[worker] : NULL;

    if (!share || share->has_told || share->has_missed)
        return 0;
    if (share->has_jumped)
        return share->present;
    if (!member->is_present || !peer_log_has(key->log, &member->seat) ||
        member->seat.window.first > position)
        return 0;
    return member->stream_count;
}

static struct tally add_up(const struct merge_key *key, const struct peer_event *event,
                           uint64_t position)
{
    struct tally tally = {.got = (uint64_t)event->got + event->got_before,
                          .missing = (uint64_t)event->missing + event->missing_before,
                          .resume = (uint64_t)event->missing_resume + event->missing_resume_before,
                          .unknown = peer_event_unknown(event)};

    for (size_t i = 0; i < key->merge->worker_count; i++) {
        const struct peer_share *share = event->shares ? &event->shares[i] : NULL;

        tally.unknown += untold(key, event, position, i);
        if (share && share->has_missed && (uint64_t)share->steady + share->away < share->present)
            tally.passed += share->present - share->steady - share->away;
    }
    if (tally.passed > tally.unknown)
        tally.passed = tally.unknown;
    return tally;
}

static bool is_shared(const struct tally *tally)
{
    return tally->got >= 2 && tally->got > tally->missing + tally->unknown;
}

/* Whatever becomes of those of which nothing is known. */
static bool is_unshared(const struct tally *tally)
{
    uint64_t most = tally->got + tally->unknown - tally->passed;

    return most < 2 || most <= tally->missing + tally->passed;
}

/* The worker went on to an event that is everybody's, and has since had time to tell of this one.
 * An event of which it was merely the first to tell stands at the end, however far the worker was.
 */
static bool has_passed(const struct merge_key *key, struct peer_share *share, uint64_t position,
                       size_t worker, bool is_last)
{
    const struct member *member = &key->members[worker];

    if (share->has_told || share->has_missed || !share->has_jumped || member->common_at <= position)
        return false;
    if (share->passed_ns == 0)
        share->passed_ns = member->told_ns;
    return is_last || !member->is_present || member->told_ns >= share->passed_ns + PEERS_QUIET_NS;
}

/* Those who passed it by missed it. */
static void add_passed(const struct merge_key *key, struct peer_event *event, uint64_t position,
                       bool is_last)
{
    for (size_t i = 0; event->shares && i < key->merge->worker_count; i++) {
        struct peer_share *share = &event->shares[i];

        if (!has_passed(key, share, position, i, is_last))
            continue;
        event->missing += share->steady;
        event->missing_resume += share->away;
        event->present += share->present;
        share->has_missed = true;
    }
}

/* The event is everybody's: workers that told of it have come that far. */
static void note_common(struct merge_key *key, const struct peer_event *event, uint64_t position)
{
    for (size_t i = 0; event->shares && i < key->merge->worker_count; i++) {
        if (event->shares[i].has_told && key->members[i].common_at < position)
            key->members[i].common_at = position;
    }
}

static bool is_counted(const struct merge_key *key, const struct peer_event *event)
{
    return event->first_ns >= key->merge->from_ns;
}

static void note_in_kind(const struct merge_key *key, struct kind *kind, struct peer_event *event,
                         const struct tally *tally)
{
    bool is_for_all = is_shared(tally);
    uint64_t weight = event->kind & PEER_KIND_HAS_ID ? tally->got : 1;

    if (event->is_told)
        return;
    event->is_told = true;
    kind->count += weight;
    if (kind->distinct == 0 || kind->last_hash != event->hash)
        kind->distinct++;
    kind->last_hash = event->hash;
    if (!is_for_all && is_counted(key, event))
        stat_count(key->set, METRIC_SSE_UNSHARED, NULL, 1);
    if (!is_for_all || event->is_repeated)
        kind->odd += weight;
    if (is_for_all && !event->is_replay && is_counted(key, event) &&
        kind->spread_count < SPREAD_LIMIT)
        kind->spreads_ns[kind->spread_count++] = event->last_ns - event->first_ns;
}

/* Once it is certain, whatever may still come, that the event is for all or is not. Only what
 * streams got or missed can become known, so that what holds once holds for ever. */
static void judge(struct merge_key *key, struct peer_event *event, uint64_t position, bool is_last)
{
    struct kind *kind;
    struct tally tally;
    bool is_for_all;

    add_passed(key, event, position, is_last);
    tally = add_up(key, event, position);
    is_for_all = is_shared(&tally);
    if (tally.got + tally.missing + tally.resume + tally.unknown < 2)
        return; /* nobody to compare with; that may still come, in a late report */
    if (!is_for_all && !is_unshared(&tally))
        return;
    event->got_before += event->got;
    event->missing_before += event->missing;
    event->missing_resume_before += event->missing_resume;
    kind = kind_of(key, event->kind);
    note_in_kind(key, kind, event, &tally);
    if (is_for_all) {
        note_common(key, event, position);
    }
    if (is_for_all && is_counted(key, event)) {
        kind->got += event->got;
        kind->missing += event->missing;
        kind->missing_resume += event->missing_resume;
        settle_kind(key, kind);
    }
    event->got = event->missing = event->missing_resume = 0;
}

static bool is_open(const struct peer_event *event)
{
    return event->got > 0 || event->missing > 0 || event->missing_resume > 0;
}

static bool is_wanted(void *ctx, const struct peer_event *event, uint64_t now_ns)
{
    const struct merge_key *key = ctx;

    /* The oldest of the log: every worker in sync may tell of it. */
    return is_open(event) || (now_ns - event->first_ns < PEERS_LAG_NS &&
                              add_up(key, event, peer_log_first(key->log)).unknown > 0);
}

/* Nothing more comes of it. Where it was not everybody's for certain, nobody has missed it. */
static void conclude(struct merge_key *key, struct peer_event *event, uint64_t position,
                     bool is_last)
{
    struct tally tally;
    uint64_t undecided;

    judge(key, event, position, is_last);
    tally = add_up(key, event, position);
    undecided = tally.unknown;
    if (!is_shared(&tally))
        undecided += tally.missing + tally.resume;
    if (undecided > 0 && is_counted(key, event) && tally.got >= 2 && !is_unshared(&tally))
        stat_count(key->set, METRIC_SSE_PEER_UNDECIDED, NULL, undecided);
    free(event->shares);
    *event = (struct peer_event){.hash = event->hash, .next = event->next};
}

static void on_leave(void *ctx, struct peer_event *event, uint64_t position)
{
    conclude(ctx, event, position, false);
}

/* All that any stream got before this has been told. */
static uint64_t told_by_all_ns(const struct merge_key *key)
{
    uint64_t told_ns = UINT64_MAX;

    for (size_t i = 0; i < key->merge->worker_count; i++) {
        const struct member *member = &key->members[i];

        if (member->is_present && member->told_ns < told_ns)
            told_ns = member->told_ns;
    }
    return told_ns;
}

/* As load/sequence records what it decides by itself. */
static void record_missed(struct stat_set *set, const char *tag, uint64_t missed)
{
    if (missed == 0)
        return;
    stat_count(set, METRIC_SSE_MISSED, tag, missed);
    stat_passes(set, METRIC_SSE_LOSS, tag, missed, 0);
}

static void record_numbers(struct stat_set *set, const struct peer_asked_answer *answer)
{
    record_missed(set, NULL, answer->missed + answer->missed_resume);
    record_missed(set, "where:stream", answer->missed);
    record_missed(set, "where:resume", answer->missed_resume);
    if (answer->skipped > 0)
        stat_count(set, METRIC_SSE_SKIPPED, NULL, answer->skipped);
}

static void judge_key(struct merge_key *key, bool is_last)
{
    uint64_t told_ns = is_last ? UINT64_MAX : told_by_all_ns(key);
    uint64_t until_ns = told_ns > PEERS_QUIET_NS ? told_ns - PEERS_QUIET_NS : 0;
    struct peer_asked_answer answer;

    for (uint64_t at = peer_log_first(key->log); at < peer_log_end(key->log); at++) {
        struct peer_event *event = peer_log_at(key->log, at);

        if (is_open(event) && event->last_ns <= until_ns)
            judge(key, event, at, is_last);
    }
    for (uint64_t at = peer_log_first(key->log); is_last && at < peer_log_end(key->log); at++)
        conclude(key, peer_log_at(key->log, at), at, true);
    answer = peer_asked_judge(&key->asked, until_ns, stats_waves(key->merge->found));
    record_numbers(key->set, &answer);
}

/* --- putting together --- */

static void free_key(struct merge_key *key)
{
    for (uint64_t at = peer_log_first(key->log); at < peer_log_end(key->log); at++)
        conclude(key, peer_log_at(key->log, at), at, true);
    peer_log_free(key->log);
    peer_asked_fini(&key->asked);
    free(key->members);
    free(key);
}

/* NULL: there are too many. */
static struct merge_key *find_key(struct peer_merge *merge, const struct peer_report *report)
{
    struct merge_key *key;
    size_t endpoint;

    for (size_t i = 0; i < merge->key_count; i++) {
        if (merge->keys[i]->key == report->key)
            return merge->keys[i];
    }
    if (merge->key_count == PEER_MERGE_KEY_LIMIT)
        return NULL;
    key = x_calloc(1, sizeof *key);
    key->merge = merge;
    key->key = report->key;
    endpoint = stats_add_endpoint(merge->found, report->method, report->name);
    key->set = stats_endpoint_set(merge->found, endpoint);
    key->log = peer_log_new(
        &(struct peer_log_config){.is_wanted = is_wanted, .on_leave = on_leave, .ctx = key});
    key->members = x_calloc(merge->worker_count, sizeof *key->members);
    merge->keys[merge->key_count++] = key;
    return key;
}

/* Streams that were open before and behind the row's event, and those that were away in between. */
static void passing(const struct peer_row *row, uint32_t *steady, uint32_t *away)
{
    uint64_t all = (uint64_t)row->got + row->missing + row->missing_resume;
    uint64_t back = (uint64_t)row->resumed + row->missing_resume;
    uint64_t others = (uint64_t)row->started + back;

    *away = (uint32_t)(back < all ? back : all);
    *steady = (uint32_t)(others < all ? all - others : 0);
}

/* Between two events of its own the worker told nothing of these. */
static void mark_absent(struct merge_key *key, size_t worker, const struct peer_row *row,
                        uint64_t from, uint64_t to)
{
    uint32_t steady, away;

    passing(row, &steady, &away);
    for (uint64_t at = from; at < to && steady + away > 0; at++) {
        struct peer_event *event = peer_log_at(key->log, at);

        if (!event || !peer_seat_expects(&key->members[worker].seat, event))
            continue;
        if (!event->shares || event->shares[worker].has_told || event->shares[worker].has_missed)
            continue;
        event->shares[worker] = (struct peer_share){
            .has_jumped = true, .steady = steady, .away = away, .present = row->present};
    }
}

static void add_counts(struct peer_event *event, const struct peer_row *row, size_t worker)
{
    bool is_new = !is_open(event) && event->got_before == 0;

    if (!event->shares || !(event->shares[worker].has_told || event->shares[worker].has_missed))
        event->present += row->present;
    if (event->shares)
        event->shares[worker].has_told = true;
    if (is_new || row->first_ns < event->first_ns)
        event->first_ns = row->first_ns;
    if (is_new || row->last_ns > event->last_ns)
        event->last_ns = row->last_ns;
    event->kind = row->kind;
    event->is_repeated = event->is_repeated || row->is_repeated;
    event->is_replay = event->is_replay || row->is_replay;
    event->got += row->got;
    event->missing += row->missing;
    event->missing_resume += row->missing_resume;
}

/* Of a worker that cannot say whether the event is new: judged among its own streams. */
static void judge_alone(struct merge_key *key, const struct peer_row *row)
{
    struct peer_event event = {.hash = row->hash};

    add_counts(&event, row, 0);
    conclude(key, &event, 0, true);
}

static void add_row(struct merge_key *key, size_t worker, const struct peer_row *row)
{
    struct member *member = &key->members[worker];
    struct peer_seat *seat = &member->seat, *waiting;
    uint64_t position, highest = seat->window.highest;
    struct peer_event *event;
    enum peer_place place;

    if (row->number != PEER_NO_NUMBER)
        peer_asked_know(&key->asked, row->number);
    /* It was told anew to streams that came later. */
    if (peer_log_find(key->log, row->hash, &position) &&
        peer_log_at(key->log, position)->first_ns < member->since_ns) {
        judge_alone(key, row);
        return;
    }
    /* Its event has left: what more there is of it must not look like a new one. */
    if (row->is_more && !peer_log_find(key->log, row->hash, &position)) {
        judge_alone(key, row);
        return;
    }
    place = peer_log_place(key->log, seat, row->hash, row->first_ns, &position);
    if (place == PEER_NOWHERE) {
        judge_alone(key, row);
        return;
    }
    event = peer_log_at(key->log, position);
    if (!event->shares)
        event->shares = x_calloc(key->merge->worker_count, sizeof *event->shares);
    if (place == PEER_GOES_ON) {
        if (position > highest)
            mark_absent(key, worker, row, highest + 1, position);
        (void)window_add(&seat->window, position, NULL, NULL);
    }
    add_counts(event, row, worker);
    for (waiting = peer_log_take_waiting(key->log, position); waiting;
         waiting = peer_log_take_waiting(key->log, position)) {
        if (waiting->is_synced)
            (void)window_add(&waiting->window, position, NULL, NULL);
    }
}

static void leave(struct merge_key *key, size_t worker)
{
    struct member *member = &key->members[worker];

    peer_log_rise(key->log, &member->seat);
    *member = (struct member){0};
}

static uint32_t streams_of(const struct merge_key *key)
{
    uint32_t count = 0;

    for (size_t i = 0; i < key->merge->worker_count; i++)
        count += key->members[i].stream_count;
    return count;
}

static void add_report(struct peer_merge *merge, size_t worker, const struct peer_report *report,
                       uint64_t now_ns)
{
    struct merge_key *key = find_key(merge, report);
    struct member *member;

    if (!key)
        return;
    member = &key->members[worker];
    if (member->is_present && member->since_ns != report->since_ns)
        leave(key, worker);
    member->is_present = true;
    member->since_ns = report->since_ns;
    member->told_ns = report->told_ns;
    member->stream_count = report->stream_count;
    peer_asked_note(&key->asked, streams_of(key), report->missed_count);
    member->digest_count = merge->digest_counts[worker];
    for (size_t i = 0; i < report->row_count; i++)
        add_row(key, worker, &report->rows[i]);
    for (size_t i = 0; i < report->hole_count; i++)
        peer_asked_add(&key->asked, worker, &report->holes[i], now_ns);
    if (report->has_gap)
        peer_log_rise(key->log, &member->seat);
    if (report->is_gone)
        leave(key, worker);
}

/* --- public --- */

struct peer_merge *peer_merge_new(size_t worker_count)
{
    struct peer_merge *merge = x_calloc(1, sizeof *merge);

    merge->worker_count = worker_count;
    merge->digest_counts = x_calloc(worker_count, sizeof *merge->digest_counts);
    merge->found = stats_new();
    return merge;
}

void peer_merge_free(struct peer_merge *merge)
{
    if (!merge)
        return;
    for (size_t i = 0; i < merge->key_count; i++)
        free_key(merge->keys[i]);
    free(merge->digest_counts);
    stats_free(merge->found);
    free(merge);
}

void peer_merge_begin(struct peer_merge *merge, uint64_t from_ns)
{
    merge->from_ns = from_ns;
}

void peer_merge_add(struct peer_merge *merge, size_t worker, const struct peer_digest *digest)
{
    merge->digest_counts[worker]++;
    for (size_t i = 0; i < digest->count; i++)
        add_report(merge, worker, digest->reports[i], digest->now_ns);
    for (size_t i = 0; i < merge->key_count; i++) {
        const struct member *member = &merge->keys[i]->members[worker];

        if (member->is_present && member->digest_count != merge->digest_counts[worker])
            leave(merge->keys[i], worker);
    }
}

void peer_merge_lose(struct peer_merge *merge, size_t worker)
{
    for (size_t i = 0; i < merge->key_count; i++)
        leave(merge->keys[i], worker);
}

struct stats *peer_merge_judge(struct peer_merge *merge, bool is_last)
{
    for (size_t i = merge->key_count; i-- > 0;) {
        struct merge_key *key = merge->keys[i];

        judge_key(key, is_last);
        if (told_by_all_ns(key) < UINT64_MAX)
            continue;
        /* Nobody has it any more. */
        merge->keys[i] = merge->keys[--merge->key_count];
        free_key(key);
    }
    return merge->found;
}
