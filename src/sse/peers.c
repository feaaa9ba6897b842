#include "sse/peers.h"

#include "base/hash.h"
#include "base/mem.h"
#include "sse/parser.h"

#include <ctype.h>
#include <stdlib.h>

enum {
    NUMBER_PLACES = PEERS_ASK_LIMIT, /* numbers known to have come, the latest of each residue */
    KIND_PREFIX_BYTES = 16           /* of data without an id: what its like begin with */
};

struct peers_key {
    struct peer_log *log;
    struct peer_report report; /* what is still to be told */
    uint64_t told;             /* the first position that has never been told */
    uint64_t *numbers;         /* number + 1, by number modulo NUMBER_PLACES; NULL: none came */
    uint16_t *holes;           /* index in the report + 1, likewise */
    uint64_t skipped_to;       /* the highest number that was counted as skipped here */
    uint32_t stream_count;
    bool is_left_out; /* there are too many keys: it goes with its last stream */
};

struct peers {
    struct peers_key *keys[PEER_KEY_LIMIT]; /* rising */
    size_t key_count;
    struct peer_digest digest;
    uint64_t now_ns; /* last heard of */
    bool is_only;
};

/* --- telling --- */

static bool is_changed(const struct peer_event *event)
{
    return event->got > 0 || event->missing > 0 || event->missing_resume > 0;
}

static bool is_quiet(const struct peer_event *event, uint64_t now_ns)
{
    return now_ns - event->changed_ns >= PEERS_QUIET_NS;
}

static void tell(struct peers_key *key, struct peer_event *event)
{
    struct peer_row row = {.hash = event->hash,
                           .number = event->number,
                           .first_ns = event->first_ns,
                           .last_ns = event->last_ns,
                           .kind = event->kind,
                           .got = event->got,
                           .missing = event->missing,
                           .missing_resume = event->missing_resume,
                           .started = event->started,
                           .resumed = event->resumed,
                           .is_repeated = event->is_repeated,
                           .is_replay = event->is_replay};

    if (!peer_report_add_row(&key->report, &row))
        key->report.has_gap = true;
    event->got = event->missing = event->missing_resume = event->started = event->resumed = 0;
    event->is_told = true;
}

static bool is_wanted(void *ctx, const struct peer_event *event, uint64_t now_ns)
{
    (void)ctx;
    return !is_quiet(event, now_ns);
}

static void on_leave(void *ctx, struct peer_event *event, uint64_t position)
{
    struct peers_key *key = ctx;

    if (!event->is_told || is_changed(event))
        tell(key, event);
    if (key->told <= position)
        key->told = position + 1;
}

/* In order: nothing is told for the first time before all that came earlier. */
static void tell_all(struct peers_key *key, bool is_last, uint64_t now_ns)
{
    uint64_t end = peer_log_end(key->log);

    for (uint64_t at = peer_log_first(key->log); at < end; at++) {
        struct peer_event *event = peer_log_at(key->log, at);
        bool is_due = is_last || is_quiet(event, now_ns);

        if (at == key->told && is_due) {
            tell(key, event);
            key->told++;
        } else if (at < key->told && is_due && is_changed(event)) {
            tell(key, event);
        }
    }
}

/* --- keys --- */

static size_t key_place(const struct peers *peers, uint64_t key)
{
    size_t low = 0, high = peers->key_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (peers->keys[middle]->report.key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void free_key(struct peers_key *key)
{
    peer_log_free(key->log);
    peer_report_fini(&key->report);
    free(key->numbers);
    free(key->holes);
    free(key);
}

static void remove_key(struct peers *peers, size_t place)
{
    peers->key_count--;
    for (size_t i = place; i < peers->key_count; i++)
        peers->keys[i] = peers->keys[i + 1];
}

/* The one with the largest value gives its place away, and is known only to its streams then. */
static void leave_out_largest(struct peers *peers)
{
    struct peers_key *key = peers->keys[--peers->key_count];

    key->is_left_out = true;
    if (key->stream_count == 0)
        free_key(key);
}

static struct peers_key *make_key(struct peers *peers, size_t place,
                                  const struct peers_request *request, uint64_t now_ns)
{
    struct peers_key *key = x_calloc(1, sizeof *key);

    key->log = peer_log_new(
        &(struct peer_log_config){.is_wanted = is_wanted, .on_leave = on_leave, .ctx = key});
    key->report.key = request->key;
    key->report.method = request->method;
    key->report.name = request->name;
    key->report.since_ns = now_ns;
    for (size_t i = peers->key_count++; i > place; i--)
        peers->keys[i] = peers->keys[i - 1];
    peers->keys[place] = key;
    return key;
}

/* NULL: there is no place for it. */
static struct peers_key *find_key(struct peers *peers, const struct peers_request *request,
                                  uint64_t now_ns)
{
    size_t place = key_place(peers, request->key);

    if (place < peers->key_count && peers->keys[place]->report.key == request->key)
        return peers->keys[place];
    if (place == PEER_KEY_LIMIT)
        return NULL;
    if (peers->key_count == PEER_KEY_LIMIT)
        leave_out_largest(peers);
    return make_key(peers, place, request, now_ns);
}

/* --- streams --- */

struct accusation {
    struct peers_key *key;
    struct peer_seat *seat;
    uint64_t now_ns;
    bool is_end; /* of the stream, which might have got the latest events yet */
};

static void accuse(void *ctx, uint64_t from, uint64_t to)
{
    struct accusation *accusation = ctx;
    struct peer_seat *seat = accusation->seat;
    struct peer_log *log = accusation->key->log;
    uint64_t first = peer_log_first(log);

    for (uint64_t at = from > first ? from : first; at <= to; at++) {
        struct peer_event *event = peer_log_at(log, at);

        if (!event || !peer_seat_expects(seat, event) ||
            (accusation->is_end && accusation->now_ns - event->first_ns < PEERS_PATIENCE_NS))
            continue;
        if (!seat->is_doubtful && at < seat->mark)
            event->missing_resume++;
        else
            event->missing++;
        event->changed_ns = accusation->now_ns;
        if (seat->owed < UINT16_MAX)
            seat->owed++;
    }
}

static void leave_key(struct peers_stream *stream, uint64_t now_ns)
{
    struct peers_key *key = stream->key;
    struct accusation accusation = {
        .key = key, .seat = &stream->seat, .now_ns = now_ns, .is_end = true};

    if (!key->is_left_out && peer_log_has(key->log, &stream->seat))
        window_close(&stream->seat.window, accuse, &accusation);
    peer_log_rise(key->log, &stream->seat);
    key->stream_count--;
    if (key->is_left_out && key->stream_count == 0)
        free_key(key);
    *stream = (struct peers_stream){0};
}

/* What is still unset from before it was away is decided: what comes now is another connection's.
 */
static void resume(struct peers_stream *stream, uint64_t now_ns)
{
    struct peer_seat *seat = &stream->seat;
    struct accusation accusation = {
        .key = stream->key, .seat = seat, .now_ns = now_ns, .is_end = true};
    struct window before = seat->window;

    if (!peer_log_has(stream->key->log, seat))
        return;
    window_close(&seat->window, accuse, &accusation);
    seat->window = (struct window){before.first, before.highest, UINT64_MAX};
    seat->is_away = true;
}

bool peers_open(struct peers *peers, struct peers_stream *stream,
                const struct peers_request *request, bool is_resumed, uint64_t now_ns)
{
    peers->now_ns = now_ns;
    if (stream->key && is_resumed) {
        resume(stream, now_ns);
        return true;
    }
    if (stream->key)
        leave_key(stream, now_ns);
    stream->key = find_key(peers, request, now_ns);
    if (!stream->key)
        return false;
    stream->key->stream_count++;
    peer_log_sit(stream->key->log, &stream->seat);
    return true;
}

bool peers_end(struct peers *peers, struct peers_stream *stream)
{
    bool is_strange = !stream->seat.is_synced && stream->seat.owed >= PEERS_STRANGE_MIN;

    if (stream->key)
        leave_key(stream, peers->now_ns);
    return !is_strange;
}

/* --- events --- */

static uint64_t hash_event(const struct sse_event *event)
{
    uint64_t seed = event->has_id ? hash_bytes(event->id, event->id_bytes, 1) : 0;

    if (event->name_bytes > 0)
        seed = hash_bytes(event->name, event->name_bytes, seed);
    return hash_bytes(event->data, event->data_bytes, seed);
}

/* Events of a name that carry ids are alike; others when their data begins alike too. The lowest
 * bit says whether they have ids. */
static uint32_t kind_of(const struct sse_event *event)
{
    uint64_t seed = hash_bytes(event->name, event->name_bytes, 0);
    size_t len = 0;

    if (event->has_id)
        return (uint32_t)seed | PEER_KIND_HAS_ID;
    while (len < event->data_bytes && len < KIND_PREFIX_BYTES && !isdigit(event->data[len]))
        len++;
    return (uint32_t)hash_bytes(event->data, len, seed) & ~PEER_KIND_HAS_ID;
}

static void note_number(struct peers_key *key, uint64_t number)
{
    if (number == PEER_NO_NUMBER)
        return;
    if (!key->numbers)
        key->numbers = x_calloc(NUMBER_PLACES, sizeof *key->numbers);
    key->numbers[number % NUMBER_PLACES] = number + 1;
}

static void credit(struct peer_event *event, uint64_t opened_ns, uint64_t now_ns)
{
    event->got++;
    event->changed_ns = now_ns;
    /* Behind a resume what others had before is a replay, and says nothing of how late they are. */
    if (event->first_ns >= opened_ns)
        event->last_ns = now_ns;
}

/* It came behind the window. */
static void take_back(struct peer_seat *seat, struct peer_event *event, bool may_recur,
                      uint64_t now_ns)
{
    if (!peer_seat_expects(seat, event))
        return;
    if (seat->owed == 0) {
        event->is_repeated = event->is_repeated || may_recur;
        return;
    }
    if (event->missing == 0 && event->missing_resume == 0)
        return;
    if (event->missing_resume > 0)
        event->missing_resume--;
    else
        event->missing--;
    seat->owed--;
    event->got++;
    event->changed_ns = now_ns;
}

static void go_on(struct peers_key *key, struct peer_seat *seat, uint64_t position, bool has_id,
                  uint64_t opened_ns, uint64_t now_ns)
{
    struct accusation accusation = {.key = key, .seat = seat, .now_ns = now_ns};
    struct peer_event *known = peer_log_at(key->log, position);
    uint64_t highest = seat->window.highest;

    if (position < seat->window.first)
        return; /* from before its part in the log */
    if (position > highest && seat->is_away) {
        seat->is_away = seat->is_doubtful = false;
        seat->mark = position;
        known->resumed++;
    }
    switch (window_add(&seat->window, position, accuse, &accusation)) {
    case WINDOW_NEXT:
    case WINDOW_GAP:
    case WINDOW_LATE:
        credit(known, opened_ns, now_ns);
        break;
    case WINDOW_REPEATED:
        /* At once it is sent twice; later it may be another one with the same data. */
        known->is_repeated = known->is_repeated || (!has_id && position < highest);
        break;
    case WINDOW_BEHIND:
        take_back(seat, known, !has_id, now_ns);
        break;
    case WINDOW_NONE:
    case WINDOW_FIRST:
    case WINDOW_JUMP:
        break;
    }
}

static void start_at(struct peers_key *key, uint64_t position, uint64_t opened_ns, uint64_t now_ns)
{
    struct peer_event *event = peer_log_at(key->log, position);

    event->started++;
    credit(event, opened_ns, now_ns);
}

/* It got the event before it could be entered. */
static void credit_waiting(struct peers_key *key, struct peer_seat *seat, uint64_t position,
                           bool has_id, uint64_t now_ns)
{
    if (!seat->is_synced)
        return;
    if (seat->window.first == position)
        start_at(key, position, 0, now_ns);
    else
        go_on(key, seat, position, has_id, 0, now_ns);
}

/* What the log cannot know of an event that has just entered. */
static void describe(struct peers_key *key, uint64_t position, const struct sse_event *event,
                     uint64_t number, bool is_replay)
{
    struct peer_event *entry = peer_log_at(key->log, position);

    if (entry->is_told || is_changed(entry))
        return;
    entry->kind = kind_of(event);
    entry->number = number;
    entry->is_replay = is_replay;
}

void peers_event(struct peers *peers, struct peers_stream *stream, const struct sse_event *event,
                 uint64_t number, uint64_t opened_ns, uint64_t now_ns)
{
    struct peers_key *key = stream->key;
    struct peer_seat *seat = &stream->seat;
    struct peer_seat *waiting;
    uint64_t position;
    enum peer_place place;

    peers->now_ns = now_ns;
    if (!key || key->is_left_out)
        return;
    if (peers->is_only && key->stream_count < 2) {
        if (seat->is_synced || seat->mark > 0)
            peer_log_rise(key->log, seat);
        return;
    }
    note_number(key, number);
    place = peer_log_place(key->log, seat, hash_event(event), now_ns, &position);
    if (place == PEER_NOWHERE) {
        if (!seat->is_synced && seat->owed < UINT16_MAX)
            seat->owed++;
        return;
    }
    describe(key, position, event, number, now_ns - opened_ns < PEERS_PATIENCE_NS);
    if (place == PEER_STARTS)
        start_at(key, position, opened_ns, now_ns);
    else
        go_on(key, seat, position, event->has_id, opened_ns, now_ns);
    for (waiting = peer_log_take_waiting(key->log, position); waiting;
         waiting = peer_log_take_waiting(key->log, position))
        credit_waiting(key, waiting, position, event->has_id, now_ns);
}

/* --- numbers that a stream did not get --- */

static struct peer_hole *find_hole(struct peers_key *key, uint64_t number)
{
    struct peer_report *report = &key->report;
    uint16_t *place;

    if (!key->holes)
        key->holes = x_calloc(NUMBER_PLACES, sizeof *key->holes);
    place = &key->holes[number % NUMBER_PLACES];
    if (*place > 0 && *place <= report->hole_count && report->holes[*place - 1].number == number)
        return &report->holes[*place - 1];
    if (!peer_report_add_hole(report, &(struct peer_hole){.number = number}))
        return NULL;
    *place = (uint16_t)report->hole_count;
    return &report->holes[report->hole_count - 1];
}

static bool is_number_known(const struct peers_key *key, uint64_t number)
{
    return key->numbers && key->numbers[number % NUMBER_PLACES] == number + 1;
}

/* False: there is no room. */
static bool ask(struct peers_key *key, uint64_t number, const struct peers_numbers *numbers)
{
    struct peer_hole *hole = find_hole(key, number);

    if (!hole)
        return false;
    if (numbers->on_resume)
        hole->resume++;
    else if (numbers->is_alone)
        hole->alone++;
    else
        hole->steady++;
    return true;
}

/* Those behind `at`, for which there is no room to ask. Each number is skipped once. */
static void decide_rest(struct peers_key *key, struct peers_numbers *numbers, uint64_t at)
{
    uint64_t rest = numbers->count - at, last = numbers->from + numbers->count - 1;

    if (numbers->on_resume || numbers->is_alone) {
        numbers->missed += rest;
        return;
    }
    if (last > key->skipped_to)
        numbers->skipped += last - key->skipped_to < rest ? last - key->skipped_to : rest;
    if (last > key->skipped_to)
        key->skipped_to = last;
}

/* --- public --- */

struct peers *peers_new(void)
{
    return x_calloc(1, sizeof(struct peers));
}

void peers_set_only(struct peers *peers)
{
    peers->is_only = true;
}

void peers_free(struct peers *peers)
{
    if (!peers)
        return;
    for (size_t i = 0; i < peers->key_count; i++)
        free_key(peers->keys[i]);
    free(peers);
}

uint64_t peers_key_of(const struct peers_stream *stream)
{
    return stream->key ? stream->key->report.key : 0;
}

bool peers_is_alone(const struct peers_stream *stream)
{
    return !stream->key || stream->key->stream_count < 2;
}

void peers_ask(struct peers *peers, struct peers_numbers *numbers)
{
    size_t place = key_place(peers, numbers->key);
    struct peers_key *key = place < peers->key_count ? peers->keys[place] : NULL;
    uint64_t at = 0;

    if (!key || key->report.key != numbers->key) { /* it is gone, with all that was known of it */
        if (numbers->on_resume || numbers->is_alone)
            numbers->missed += numbers->count;
        return;
    }
    for (; at < numbers->count && at < PEERS_ASK_LIMIT; at++) {
        uint64_t number = numbers->from + at;

        if (is_number_known(key, number)) {
            numbers->missed++;
            key->report.missed_count += !numbers->on_resume;
        } else if (!ask(key, number, numbers)) {
            break;
        }
    }
    if (at < numbers->count)
        decide_rest(key, numbers, at);
}

const struct peer_digest *peers_digest(struct peers *peers, bool is_last, uint64_t now_ns)
{
    struct peer_digest *digest = &peers->digest;

    peers->now_ns = now_ns;
    digest->count = 0;
    digest->now_ns = now_ns;
    for (size_t i = 0; i < peers->key_count; i++) {
        struct peers_key *key = peers->keys[i];
        struct peer_report *report = &key->report;

        report->is_gone = key->stream_count == 0;
        tell_all(key, is_last || report->is_gone, now_ns);
        report->stream_count = key->stream_count;
        report->told_ns = key->told == peer_log_end(key->log)
                              ? now_ns
                              : peer_log_at(key->log, key->told)->first_ns;
        digest->reports[digest->count++] = report;
    }
    return digest;
}

void peers_told(struct peers *peers)
{
    for (size_t i = peers->key_count; i-- > 0;) {
        struct peers_key *key = peers->keys[i];

        key->report.row_count = key->report.hole_count = 0;
        key->report.has_gap = false;
        key->report.missed_count = 0;
        if (!key->report.is_gone)
            continue;
        remove_key(peers, i);
        free_key(key);
    }
}
