#include "load/stream_stats.h"

#include "base/clock.h"
#include "load/exchange_stats.h"
#include "load/tokens.h"
#include "load/wave_stats.h"

#include <stdio.h>
#include <string.h>

enum { TAG_BYTES = 96, STREAM_STATS_PATIENCE_MS = 1000, STREAM_STATS_SAMPLE_S = 10 };

/* A stream that we end: it has had its time or its user leaves, a storm cuts it, the run ends. */
enum end_by_us { END_OF_TIME = 0, END_BY_STORM, END_OF_RUN };

struct stat_place stat_place_of(struct stats *stats, struct delivery *delivery, const char *method,
                                const char *name)
{
    size_t endpoint = stats_add_endpoint(stats, method, name);
    struct stat_set *set = stats_endpoint_set(stats, endpoint);
    struct delivery_endpoint described = {.index = endpoint,
                                          .method = stats_endpoint_method(stats, endpoint),
                                          .name = stats_endpoint_name(stats, endpoint),
                                          .set = set,
                                          .waves = stats_waves(stats)};

    return (struct stat_place){
        .stats = stats,
        .set = set,
        .endpoint = endpoint,
        .delivery = delivery ? delivery_place_of(delivery, &described) : NULL,
    };
}

static const char *phase_of(const struct stream_record *record)
{
    return record->attempt_count <= 1 ? "phase:first" : "phase:resume";
}

/* Of the latest answer; NULL: nobody asked, or it did not say. */
static const char *server_tag(const struct stat_place *place, const struct stream_record *record)
{
    return record->server != SERVERS_UNKNOWN
               ? servers_tag(delivery_servers(place->delivery), record->server)
               : NULL;
}

void stream_stats_attempt(const struct stat_place *place, struct stream_record *record,
                          uint64_t now_ns)
{
    struct stat_set *set = place->set;

    if (record->attempt_count < UINT8_MAX)
        record->attempt_count++;
    record->attempt_began_ns = now_ns;
    record->has_head = false;
    record->server = SERVERS_UNKNOWN;
    stat_count(set, METRIC_SSE_ATTEMPTS, NULL, 1);
    stat_count(set, METRIC_SSE_ATTEMPTS, phase_of(record), 1);
    if (record->attempt_count > 1)
        stat_count(set, METRIC_SSE_RECONNECTS, NULL, 1);
    wave_stats_attempt(place, record);
}

static void count_coding(struct stat_set *set, const struct http_head *head)
{
    size_t len;
    const char *coding = http_head_find(head, "content-encoding", &len);
    char tag[TAG_BYTES];

    if (!coding || len == 0 || head->status != 200 || !http_head_is_event_stream(head))
        return;
    stat_tag_write(tag, sizeof tag, "coding:", coding, len);
    stat_count(set, METRIC_SSE_COMPRESSED, NULL, 1);
    stat_count(set, METRIC_SSE_COMPRESSED, tag, 1);
}

void stream_stats_answer(const struct stat_place *place, struct stream_record *record,
                         const struct http_exchange *exchange, const struct http_head *head,
                         bool is_hop)
{
    exchange_stats_answer(place->set, exchange, head->status, is_hop, phase_of(record));
    if (is_hop)
        return;
    count_coding(place->set, head);
    if (place->delivery)
        record->server = servers_find(delivery_servers(place->delivery), head);
    wave_stats_answer(place, record, head->status);
}

/* How an attempt was answered. Attempts are tagged with the server only here, where it is known. */
static void count_connect(const struct stat_place *place, const struct stream_record *record,
                          bool passed)
{
    const char *server = server_tag(place, record);
    uint64_t passes, fails;

    stat_get_rate(place->set, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    stat_pass(place->set, METRIC_SSE_CONNECT_SUCCESS, NULL, passed);
    stat_pass(place->set, METRIC_SSE_CONNECT_SUCCESS, phase_of(record), passed);
    /* Within the second of a tick: does a failure end all success, as at a limit, or stand alone?
     */
    if (fails > 0)
        stat_pass(place->set, METRIC_SSE_CONNECT_SUCCESS, "after:fail", passed);
    if (!passed)
        stat_count(place->set, METRIC_SSE_CONNECT_FAILS, NULL, 1);
    if (!server)
        return;
    stat_count(place->set, METRIC_SSE_ATTEMPTS, server, 1);
    stat_pass(place->set, METRIC_SSE_CONNECT_SUCCESS, server, passed);
}

/* A resume that the server it was on before did not answer. */
static void note_server(const struct stat_place *place, struct stream_record *record,
                        bool is_resumed)
{
    if (is_resumed && record->open_server != SERVERS_UNKNOWN && record->server != SERVERS_UNKNOWN &&
        record->server != record->open_server)
        stat_count(place->set, METRIC_SSE_RESUMED_ELSEWHERE, NULL, 1);
    record->open_server = record->server;
}

void stream_stats_connected(const struct stat_place *place, struct stream_record *record,
                            const struct http_exchange *exchange,
                            const struct delivery_opening *opening, uint64_t now_ns)
{
    struct stat_set *set = place->set;
    uint64_t took_ns = now_ns - record->attempt_began_ns;

    record->opened_ns = now_ns;
    record->last_event_ns = 0;
    record->event_count = 0;
    record->has_first_byte = false;
    count_connect(place, record, true);
    note_server(place, record, opening->is_resumed);
    stat_time(set, METRIC_SSE_CONNECTING, NULL, took_ns);
    stat_time(set, METRIC_SSE_CONNECTING, phase_of(record), took_ns);
    if (exchange->dns_us > 0)
        stat_time(set, METRIC_SSE_CONNECTING, "part:dns", exchange->dns_us * CLOCK_NS_PER_US);
    if (!exchange->is_reused)
        stat_time(set, METRIC_SSE_CONNECTING, "part:connect",
                  exchange->connect_us * CLOCK_NS_PER_US);
    if (exchange->is_tls)
        stat_time(set, METRIC_SSE_CONNECTING, "part:tls", exchange->tls_us * CLOCK_NS_PER_US);
    stat_time(set, METRIC_SSE_CONNECTING, "part:wait", now_ns - exchange->sent_ns);
    if (place->delivery) {
        struct delivery_opening known = *opening;

        known.exchange = exchange;
        known.server = record->server;
        if (place->tokens) /* each answer is its own, though the question be the same */
            known.key = 0;
        delivery_open(place->delivery, &record->delivery, &known, now_ns);
    }
}

static void add_error(const struct stat_place *place, enum error_class error_class,
                      const char *message)
{
    stats_add_error(place->stats, place->endpoint, error_class, message, clock_unix_ms());
}

/* An attempt that a head came for has been counted as a request already. */
static void count_unanswered(const struct stat_place *place, const struct stream_record *record)
{
    if (!record->has_head)
        exchange_stats_unanswered(place->set);
}

/* Who never was on a stream and asked once has given up nothing. */
static bool has_something_to_give_up(const struct stream_record *record)
{
    return record->attempt_count > 1 || record->ended_ns != 0;
}

void stream_stats_turned_away(const struct stat_place *place, const struct stream_record *record,
                              int status, uint64_t retry_after_ns, bool is_final)
{
    char tag[TAG_BYTES];

    (void)snprintf(tag, sizeof tag, "code:%d", status);
    stat_count(place->set, METRIC_SSE_CONNECT_FAILS, tag, 1);
    if (is_final && has_something_to_give_up(record))
        stat_count(place->set, METRIC_SSE_GAVE_UP, tag, 1);
    if (retry_after_ns > 0)
        stat_count(place->set, METRIC_SSE_CONNECT_FAILS, "retry:given", 1);
}

/* `error_class` is any but CLASS_NONE. */
static void count_cause(const struct stat_place *place, enum error_class error_class)
{
    char tag[TAG_BYTES];

    (void)snprintf(tag, sizeof tag, "cause:%s", error_class_name(error_class));
    stat_count(place->set, METRIC_SSE_CONNECT_FAILS, tag, 1);
}

void stream_stats_refused(const struct stat_place *place, const struct stream_record *record,
                          enum error_class error_class, const char *message)
{
    struct stat_set *set = place->set;

    count_connect(place, record, false);
    stat_pass(set, METRIC_SSE_STREAM_SUCCESS, NULL, false);
    if (record->attempt_count > 1)
        stat_pass(set, METRIC_SSE_RECONNECT_SUCCESS, NULL, false);
    count_unanswered(place, record);
    wave_stats_fail(place, record, error_class);
    if (error_class == CLASS_NONE)
        return;
    count_cause(place, error_class);
    add_error(place, error_class, message);
}

void stream_stats_stopped(const struct stat_place *place, const struct stream_record *record)
{
    if (record->attempt_count <= 1) {
        stream_stats_refused(place, record, CLASS_NONE, NULL);
        stat_count(place->set, METRIC_SSE_CONNECT_FAILS, "code:204", 1);
        return;
    }
    count_connect(place, record, false);
    stat_count(place->set, METRIC_SSE_COMPLETED, NULL, 1);
}

void stream_stats_gave_up(const struct stat_place *place, const struct stream_record *record)
{
    if (has_something_to_give_up(record))
        stat_count(place->set, METRIC_SSE_GAVE_UP, NULL, 1);
    wave_stats_give_up(place, record);
}

void stream_stats_pending(const struct stat_place *place)
{
    stat_count(place->set, METRIC_SSE_PENDING, NULL, 1);
}

static void count_name(struct stat_set *set, const struct sse_event *event)
{
    char tag[TAG_BYTES];

    stat_tag_write(tag, sizeof tag, "event:", event->name, event->name_bytes);
    stat_count(set, METRIC_SSE_EVENTS, tag, 1);
}

static void count_first_event(const struct stat_place *place, struct stream_record *record,
                              uint64_t now_ns)
{
    struct stat_set *set = place->set;

    stat_time(set, METRIC_SSE_TTFE, NULL, now_ns - record->attempt_began_ns);
    stat_time(set, METRIC_SSE_TTFE, phase_of(record), now_ns - record->attempt_began_ns);
    if (record->attempt_count > 1) {
        stat_pass(set, METRIC_SSE_RECONNECT_SUCCESS, NULL, true);
        if (record->ended_ns != 0)
            stat_time(set, METRIC_SSE_RECOVERY, NULL, now_ns - record->ended_ns);
        wave_stats_come_back(place, record, now_ns);
    }
}

void stream_stats_body(const struct stat_place *place, struct stream_record *record, size_t len,
                       uint64_t now_ns)
{
    struct delivery_piece piece = {.byte_count = len,
                                   .last_event_ns = record->last_event_ns,
                                   .was_paused = record->was_paused};

    if (!record->has_first_byte) {
        record->has_first_byte = true;
        stat_time(place->set, METRIC_SSE_FIRST_BYTE, NULL, now_ns - record->attempt_began_ns);
    }
    stat_count(place->set, METRIC_SSE_BYTES, NULL, len);
    if (place->delivery)
        delivery_bytes(place->delivery, &record->delivery, &piece, now_ns);
    record->was_paused = false;
}

void stream_stats_parsed(const struct stat_place *place, const struct stream_record *record,
                         bool is_inside)
{
    if (place->delivery)
        delivery_parsed(place->delivery, &record->delivery, is_inside);
}

void stream_stats_received(const struct stat_place *place, uint64_t received_ns, uint64_t read_ns)
{
    struct stat_set *set = stats_worker_set(place->stats);

    if (received_ns < read_ns)
        stat_time(set, METRIC_WORKER_RECEIVE_DELAY, NULL, read_ns - received_ns);
    else
        stat_count(set, METRIC_WORKER_RECEIVE_UNSTAMPED, NULL, 1);
}

const char *stream_stats_event(const struct stat_place *place, struct stream_record *record,
                               const struct sse_event *event, uint64_t now_ns)
{
    struct stat_set *set = place->set;
    const char *server = server_tag(place, record);

    stat_count(set, METRIC_SSE_EVENTS, NULL, 1);
    if (event->name_bytes > 0)
        count_name(set, event);
    if (server)
        stat_count(set, METRIC_SSE_EVENTS, server, 1);
    if (record->last_event_ns != 0)
        stat_time(set, METRIC_SSE_EVENT_GAP, NULL, now_ns - record->last_event_ns);
    else
        count_first_event(place, record, now_ns);
    record->last_event_ns = now_ns;
    record->event_count++;
    if (place->delivery)
        delivery_event(place->delivery, &record->delivery, event, now_ns);
    return place->tokens ? tokens_event(place, record, event, now_ns) : NULL;
}

void stream_stats_id(const struct stat_place *place, struct stream_record *record,
                     const uint8_t *id, size_t len)
{
    if (place->delivery)
        delivery_move(place->delivery, &record->delivery, id, len);
}

void stream_stats_fault(const struct stat_place *place, enum sse_fault fault, const uint8_t *text,
                        size_t len)
{
    if (place->delivery)
        delivery_fault(place->delivery, fault, text, len);
}

void stream_stats_sample(const struct stat_place *place, struct stream_record *record,
                         uint64_t *since_ns, uint32_t *since_count, uint64_t now_ns)
{
    uint64_t span_ns = now_ns - *since_ns;
    double per_1000_s;

    if (place->delivery)
        delivery_sample(place->delivery, &record->delivery, now_ns);
    if (span_ns < STREAM_STATS_SAMPLE_S * CLOCK_NS_PER_S)
        return;
    per_1000_s = (double)(record->event_count - *since_count) * 1000.0 * (double)CLOCK_NS_PER_S /
                 (double)span_ns;
    stat_rate(place->set, METRIC_SSE_EVENTS_PER_STREAM_S, NULL, (uint64_t)per_1000_s);
    *since_ns = now_ns;
    *since_count = record->event_count;
}

static uint32_t whole_ms(uint64_t ns)
{
    uint64_t ms = ns / CLOCK_NS_PER_MS;

    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static void note_end(const struct stat_place *place, const struct stream_record *record,
                     enum error_class error_class, uint64_t now_ns)
{
    struct end_row row = {
        .at_unix_ms = clock_unix_ms(),
        .weight = 1,
        .endpoint = place->endpoint,
        .age_ms = whole_ms(now_ns - record->opened_ns),
        .silence_ms = whole_ms(delivery_silence_ns(record->delivery, now_ns)),
        .event_count = record->event_count,
        .error_class = error_class,
    };

    ends_add(stats_ends(place->stats), &row);
}

static void note_silent(const struct stat_place *place, const struct stream_record *record,
                        uint64_t now_ns)
{
    if (record->event_count == 0)
        stat_time(place->set, METRIC_SSE_SILENT_AGE, NULL, now_ns - record->opened_ns);
}

void stream_stats_disconnect(const struct stat_place *place, struct stream_record *record,
                             enum error_class error_class, const char *message, uint64_t now_ns)
{
    struct stat_set *set = place->set;
    const char *server = server_tag(place, record);
    char tag[TAG_BYTES];

    (void)snprintf(tag, sizeof tag, "cause:%s", error_class_name(error_class));
    stat_count(set, METRIC_SSE_DISCONNECTS, NULL, 1);
    stat_count(set, METRIC_SSE_DISCONNECTS, tag, 1);
    if (server)
        stat_count(set, METRIC_SSE_DISCONNECTS, server, 1);
    stat_time(set, METRIC_SSE_DURATION, NULL, now_ns - record->opened_ns);
    stat_pass(set, METRIC_SSE_STREAM_SUCCESS, NULL, false);
    if (record->attempt_count > 1 && record->event_count == 0)
        stat_pass(set, METRIC_SSE_RECONNECT_SUCCESS, NULL, false);
    add_error(place, error_class, message);
    note_silent(place, record, now_ns);
    if (record->delivery)
        note_end(place, record, error_class, now_ns);
    record->ended_ns = now_ns;
    tokens_end(place, record);
    if (place->delivery)
        delivery_close(place->delivery, &record->delivery, true, now_ns);
    wave_stats_lose(place, record, error_class);
}

/* It has brought all the events it should. */
static bool is_met(const struct stat_place *place, const struct stream_record *record)
{
    return !place->delivery || delivery_is_met(place->delivery, &record->delivery);
}

void stream_stats_incomplete(const struct stat_place *place)
{
    stat_count(place->set, METRIC_SSE_INCOMPLETE, NULL, 1);
}

void stream_stats_completed(const struct stat_place *place, struct stream_record *record,
                            uint64_t now_ns)
{
    struct stat_set *set = place->set;

    stat_count(set, METRIC_SSE_COMPLETED, NULL, 1);
    stat_time(set, METRIC_SSE_DURATION, NULL, now_ns - record->opened_ns);
    stat_pass(set, METRIC_SSE_STREAM_SUCCESS, NULL, is_met(place, record));
    record->ended_ns = now_ns;
    if (place->delivery)
        delivery_close(place->delivery, &record->delivery, true, now_ns);
    tokens_end(place, record);
}

/* Has a stream that we ended shown whether it works? What was cut short had no time to. */
static bool has_shown(const struct stream_record *record, enum end_by_us end, uint64_t now_ns)
{
    if (end == END_BY_STORM)
        return false;
    return (end == END_OF_TIME && record->event_count > 0) ||
           now_ns - record->opened_ns > STREAM_STATS_PATIENCE_MS * CLOCK_NS_PER_MS;
}

static void end_by_us(const struct stat_place *place, struct stream_record *record,
                      enum end_by_us end, uint64_t now_ns)
{
    struct stat_set *set = place->set;
    bool is_run_end = end == END_OF_RUN;
    bool is_success = record->event_count > 0 && is_met(place, record);
    bool is_finished = is_success || has_shown(record, end, now_ns);

    stat_count(set, METRIC_SSE_CLOSED_BY_US, NULL, 1);
    stat_time(set, is_run_end ? METRIC_SSE_OPEN_AGE : METRIC_SSE_DURATION, NULL,
              now_ns - record->opened_ns);
    note_silent(place, record, now_ns);
    if (is_run_end && record->event_count > 0 && record->delivery)
        stat_time(set, METRIC_SSE_OPEN_SILENCE, NULL,
                  delivery_silence_ns(record->delivery, now_ns));
    if (is_finished)
        stat_pass(set, METRIC_SSE_STREAM_SUCCESS, NULL, is_success);
    if (place->delivery)
        delivery_close(place->delivery, &record->delivery, is_finished, now_ns);
    tokens_end(place, record);
}

void stream_stats_closed_by_us(const struct stat_place *place, struct stream_record *record,
                               bool is_run_end, uint64_t now_ns)
{
    end_by_us(place, record, is_run_end ? END_OF_RUN : END_OF_TIME, now_ns);
}

void stream_stats_cut(const struct stat_place *place, struct stream_record *record, uint32_t storm,
                      uint64_t now_ns)
{
    end_by_us(place, record, END_BY_STORM, now_ns);
    record->ended_ns = now_ns;
    wave_stats_cut(place, record, storm);
}

void stream_stats_over(const struct stat_place *place, struct stream_record *record)
{
    if (place->delivery)
        delivery_end(place->delivery, &record->delivery);
    tokens_drop(place, record);
}
