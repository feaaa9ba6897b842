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
    uint64_t digest_count; /* of the worker's digests, the last with this key */
    bool is_present;
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

static void add_absent(const struct merge_key *key, struct peer_event *event)
{
    for (size_t i = 0; event->absent && i < key->merge->worker_count; i++) {
        event->missing += event->absent[2 * i];
        event->missing_resume += event->absent[2 * i + 1];
    }
    free(event->absent);
    event->absent = NULL;
}

static bool is_shared(const struct peer_event *event)
{
    return event->got_before >= 2 && event->got_before > event->missing_before;
}

static void note_in_kind(const struct merge_key *key, struct kind *kind, struct peer_event *event)
{
    bool is_for_all = is_shared(event);
    uint64_t weight = event->kind & PEER_KIND_HAS_ID ? event->got_before : 1;

    if (event->is_told)
        return;
    event->is_told = true;
    kind->count += weight;
    if (kind->distinct == 0 || kind->last_hash != event->hash)
        kind->distinct++;
    kind->last_hash = event->hash;
    if (!is_for_all)
        stat_count(key->set, METRIC_SSE_UNSHARED, NULL, 1);
    if (!is_for_all || event->is_repeated)
        kind->odd += weight;
    if (is_for_all && !event->is_replay && kind->spread_count < SPREAD_LIMIT)
        kind->spreads_ns[kind->spread_count++] = event->last_ns - event->first_ns;
}

static void judge(struct merge_key *key, struct peer_event *event)
{
    struct kind *kind;
    uint64_t expected;

    add_absent(key, event);
    expected = (uint64_t)event->got + event->missing + event->missing_resume + event->got_before +
               event->missing_before + event->missing_resume_before;
    if (expected < 2)
        return; /* nobody to compare with; that may still come, in a late report */
    event->got_before += event->got;
    event->missing_before += event->missing;
    event->missing_resume_before += event->missing_resume;
    kind = kind_of(key, event->kind);
    note_in_kind(key, kind, event);
    if (is_shared(event)) {
        kind->got += event->got;
        kind->missing += event->missing;
        kind->missing_resume += event->missing_resume;
        settle_kind(key, kind);
    }
    event->got = event->missing = event->missing_resume = 0;
}

static bool is_open(const struct peer_event *event)
{
    return event->got > 0 || event->missing > 0 || event->missing_resume > 0 || event->absent;
}

static bool is_wanted(void *ctx, const struct peer_event *event, uint64_t now_ns)
{
    (void)ctx;
    (void)now_ns;
    return is_open(event);
}

/* Those who passed it by might have told of it yet. */
static void on_leave(void *ctx, struct peer_event *event, uint64_t position)
{
    (void)position;
    free(event->absent);
    event->absent = NULL;
    if (is_open(event))
        judge(ctx, event);
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
            judge(key, event);
    }
    answer = peer_asked_judge(&key->asked, until_ns);
    record_numbers(key->set, &answer);
}

/* --- putting together --- */

static void free_key(struct merge_key *key)
{
    for (uint64_t at = peer_log_first(key->log); at < peer_log_end(key->log); at++)
        free(peer_log_at(key->log, at)->absent);
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
        if (!event->absent)
            event->absent = x_calloc(2 * key->merge->worker_count, sizeof *event->absent);
        event->absent[2 * worker] = steady;
        event->absent[2 * worker + 1] = away;
    }
}

static void add_counts(struct peer_event *event, const struct peer_row *row, size_t worker)
{
    bool is_new = !is_open(event) && event->got_before == 0;

    if (event->absent)
        event->absent[2 * worker] = event->absent[2 * worker + 1] = 0;
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
    judge(key, &event);
}

static void add_row(struct merge_key *key, size_t worker, const struct peer_row *row)
{
    struct member *member = &key->members[worker];
    struct peer_seat *seat = &member->seat, *waiting;
    uint64_t position, highest = seat->window.highest;
    enum peer_place place;

    if (row->number != PEER_NO_NUMBER)
        peer_asked_know(&key->asked, row->number);
    /* It was told anew to streams that came later. */
    if (peer_log_find(key->log, row->hash, &position) &&
        peer_log_at(key->log, position)->first_ns < member->since_ns) {
        judge_alone(key, row);
        return;
    }
    place = peer_log_place(key->log, seat, row->hash, row->first_ns, &position);
    if (place == PEER_NOWHERE) {
        judge_alone(key, row);
        return;
    }
    if (place == PEER_GOES_ON) {
        if (position > highest)
            mark_absent(key, worker, row, highest + 1, position);
        (void)window_add(&seat->window, position, NULL, NULL);
    }
    add_counts(peer_log_at(key->log, position), row, worker);
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
