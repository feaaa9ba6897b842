#include "sse/peers.h"

#include "base/hash.h"
#include "base/mem.h"
#include "sse/parser.h"
#include "sse/peer_numbers.h"

#include <ctype.h>
#include <stdlib.h>

enum {
    KIND_PREFIX_BYTES = 16 /* of data without an id: what its like begin with */
};

struct peers_key {
    struct peer_log *log;
    struct peer_report report; /* what is still to be told */
    uint64_t told;             /* the first position that has never been told */
    struct peer_numbers numbers;
    uint32_t stream_count;
    uint32_t strange_count; /* of these, streams that have nothing in common with the others */
    uint64_t common;        /* the latest position that most streams got */
    uint64_t late_ns;       /* when a stream last got what it seemed to have missed */
    bool is_left_out;       /* there are too many keys: it goes with its last stream */
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

/* A stream that got one event before its turn is on its way there: what it has not got on that way
 * it may get yet. */
static bool is_late(const struct peers_key *key, uint64_t now_ns)
{
    return key->late_ns > 0 && now_ns - key->late_ns < PEERS_QUIET_NS;
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
                           .present = event->present,
                           .is_more = event->is_told,
                           .is_repeated = event->is_repeated,
                           .is_replay = event->is_replay};

    if (!peer_report_add_row(&key->report, &row))
        key->report.has_gap = true;
    event->got_before += event->got;
    event->missing_before += event->missing;
    event->missing_resume_before += event->missing_resume;
    event->got = event->missing = event->missing_resume = event->started = event->resumed = 0;
    event->is_told = true;
}

static bool is_wanted(void *ctx, const struct peer_event *event, uint64_t now_ns)
{
    (void)ctx;
    return !is_quiet(event, now_ns) ||
           (now_ns - event->first_ns < PEERS_LAG_NS && peer_event_unknown(event) > 0);
}

static void on_leave(void *ctx, struct peer_event *event, uint64_t position)
{
    struct peers_key *key = ctx;

    if (key->late_ns > 0 && event->changed_ns < key->late_ns + PEERS_QUIET_NS)
        event->missing = event->missing_resume = 0;
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
        bool is_accusing = event->missing > 0 || event->missing_resume > 0;
        bool is_due =
            is_last || (is_quiet(event, now_ns) && !(is_accusing && is_late(key, now_ns)));

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
    peer_numbers_fini(&key->numbers);
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

        if (!event || event->entered_by == seat || !peer_seat_expects(seat, event) ||
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

static bool is_strange(const struct peer_seat *seat)
{
    return !seat->is_synced && seat->owed >= PEERS_STRANGE_MIN;
}

/* Whether the stream is a strange one has changed, perhaps. */
static void note_strange(struct peers_key *key, struct peer_seat *seat)
{
    bool now = is_strange(seat);

    key->strange_count += (uint32_t)now - (uint32_t)seat->is_strange;
    seat->is_strange = now;
}

static void rise(struct peers_key *key, struct peer_seat *seat)
{
    uint64_t end = seat->has_entered ? peer_log_end(key->log) : 0;

    for (uint64_t at = peer_log_first(key->log); at < end; at++) {
        struct peer_event *event = peer_log_at(key->log, at);

        if (event->entered_by == seat)
            event->entered_by = NULL;
    }
    key->strange_count -= seat->is_strange;
    peer_log_rise(key->log, seat);
}

static void leave_key(struct peers_stream *stream, uint64_t now_ns)
{
    struct peers_key *key = stream->key;
    struct accusation accusation = {
        .key = key, .seat = &stream->seat, .now_ns = now_ns, .is_end = true};

    if (!key->is_left_out && peer_log_has(key->log, &stream->seat))
        window_close(&stream->seat.window, accuse, &accusation);
    rise(key, &stream->seat);
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
    bool was_strange = is_strange(&stream->seat);

    if (stream->key)
        leave_key(stream, peers->now_ns);
    return !was_strange;
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

/* The event that the stream was the first to get is everybody's: so far it has come. */
static void catch_up(struct peers_key *key, struct peer_seat *seat, uint64_t position,
                     uint64_t now_ns)
{
    struct accusation accusation = {.key = key, .seat = seat, .now_ns = now_ns};

    if (peer_log_has(key->log, seat) && !seat->is_away)
        (void)window_add(&seat->window, position, accuse, &accusation);
}

static void credit(struct peers_key *key, uint64_t position, uint64_t opened_ns, uint64_t now_ns)
{
    struct peer_event *event = peer_log_at(key->log, position);

    event->got++;
    if (position > key->common && event->got + event->got_before > event->present / 2) {
        key->common = position;
        if (event->entered_by)
            catch_up(key, event->entered_by, position, now_ns);
    }
    event->changed_ns = now_ns;
    /* Behind a resume what others had before is a replay, and says nothing of how late they are. */
    if (event->first_ns >= opened_ns)
        event->last_ns = now_ns;
}

/* It came behind the window. */
static void take_back(struct peers_key *key, struct peer_seat *seat, struct peer_event *event,
                      bool may_recur, uint64_t now_ns)
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
    key->late_ns = now_ns;
    event->got++;
    event->changed_ns = now_ns;
}

/* The event stands at the end of the log because the stream got it, not because the stream is that
 * far: most others are ahead of it. */
static bool is_out_of_turn(const struct peers_key *key, const struct peer_seat *seat,
                           uint64_t position)
{
    const struct peer_event *event = peer_log_at(key->log, position);
    const struct peer_event *common = peer_log_at(key->log, key->common);

    return event->got == 0 && !event->is_told && position > seat->window.highest + WINDOW_SPAN &&
           key->common > seat->window.highest && common && common->entered_by != seat;
}

static void go_on(struct peers_key *key, struct peer_seat *seat, uint64_t position, bool has_id,
                  uint64_t opened_ns, uint64_t now_ns)
{
    struct accusation accusation = {.key = key, .seat = seat, .now_ns = now_ns};
    struct peer_event *known = peer_log_at(key->log, position);
    uint64_t highest = seat->window.highest;

    if (position < seat->window.first)
        return; /* from before its part in the log */
    if (known->entered_by == seat) {
        known->is_repeated = known->is_repeated || !has_id;
        return;
    }
    if (is_out_of_turn(key, seat, position)) {
        known->entered_by = seat;
        seat->has_entered = true;
        credit(key, position, opened_ns, now_ns);
        return;
    }
    if (position > highest && seat->is_away) {
        seat->is_away = seat->is_doubtful = false;
        seat->mark = position;
        known->resumed++;
    }
    switch (window_add(&seat->window, position, accuse, &accusation)) {
    case WINDOW_NEXT:
    case WINDOW_GAP:
    case WINDOW_LATE:
        credit(key, position, opened_ns, now_ns);
        break;
    case WINDOW_REPEATED:
        /* At once it is sent twice; later it may be another one with the same data. */
        known->is_repeated = known->is_repeated || (!has_id && position < highest);
        break;
    case WINDOW_BEHIND:
        take_back(key, seat, known, !has_id, now_ns);
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
    credit(key, position, opened_ns, now_ns);
}

/* It got the event before it could be entered. */
static void credit_waiting(struct peers_key *key, struct peer_seat *seat, uint64_t position,
                           bool has_id, uint64_t now_ns)
{
    note_strange(key, seat);
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
    entry->present = key->stream_count - key->strange_count;
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
            rise(key, seat);
        return;
    }
    peer_numbers_note(&key->numbers, number);
    place = peer_log_place(key->log, seat, hash_event(event), now_ns, &position);
    if (place == PEER_NOWHERE) {
        if (!seat->is_synced && seat->owed < UINT16_MAX)
            seat->owed++;
        note_strange(key, seat);
        return;
    }
    note_strange(key, seat);
    describe(key, position, event, number, now_ns - opened_ns < PEERS_PATIENCE_NS);
    if (place == PEER_STARTS)
        start_at(key, position, opened_ns, now_ns);
    else
        go_on(key, seat, position, event->has_id, opened_ns, now_ns);
    for (waiting = peer_log_take_waiting(key->log, position); waiting;
         waiting = peer_log_take_waiting(key->log, position))
        credit_waiting(key, waiting, position, event->has_id, now_ns);
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

    if (!key || key->report.key != numbers->key) { /* it is gone, with all that was known of it */
        if (numbers->on_resume || numbers->is_alone)
            numbers->missed += numbers->count;
        return;
    }
    peer_numbers_ask(&key->numbers, &key->report, numbers);
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
