#include "load/delivery.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "http/client.h"
#include "load/clock_probe.h"
#include "load/delivery_internal.h"
#include "load/mark_audit.h"
#include "load/plan.h"
#include "load/quality.h"
#include "load/reads.h"
#include "load/servers.h"
#include "stats/set.h"
#include "stats/waves.h"

#include <stdlib.h>
#include <string.h>

/* Older connections replay nothing any more. */
enum { DELIVERY_REPLAY_MS = 5000 };

struct delivery {
    const struct plan_checks *checks;
    const struct quality *quality; /* borrowed; NULL: not judged */
    struct servers *servers;       /* NULL: not asked for */
    struct sequence_source sequence;
    struct peers *peers;
    struct pool *streams;
    struct pool *marks; /* of struct mark_audit; NULL: nothing is published */
    bool keeps_tallies;
    struct delivery_place **places; /* by endpoint; NULL: none yet */
    size_t place_count;
    struct lateness_rules lateness;
    struct lateness_rules slow_lateness; /* the same, but nothing is stale; borrows its source */
    struct clock_probe *probe;           /* borrowed; NULL: no latencies are taken */
    struct reads reads;
};

struct delivery *delivery_new(const struct plan_checks *checks, bool keeps_tallies)
{
    struct delivery *delivery = x_calloc(1, sizeof *delivery);
    size_t stream_bytes = sizeof(struct delivery_stream);

    delivery->checks = checks;
    delivery->lateness.stale_ns = checks->stale_ns;
    delivery->keeps_tallies = keeps_tallies;
    delivery->servers = checks->server_header ? servers_new(checks->server_header) : NULL;
    sequence_source_init(&delivery->sequence, checks->event_seq);
    delivery->peers = peers_new();
    if (keeps_tallies)
        stream_bytes += sizeof(struct audit_tally);
    delivery->streams = pool_new(stream_bytes, 0);
    if (checks->publish.url)
        delivery->marks = pool_new(sizeof(struct mark_audit), 0);
    return delivery;
}

void delivery_free(struct delivery *delivery)
{
    if (!delivery)
        return;
    for (size_t i = 0; i < delivery->place_count; i++) {
        if (delivery->places[i]) {
            free(delivery->places[i]->by_server);
            sequence_place_fini(&delivery->places[i]->sequence);
        }
        free(delivery->places[i]);
    }
    free(delivery->places);
    sequence_source_fini(&delivery->sequence);
    peers_free(delivery->peers);
    pool_free(delivery->streams);
    pool_free(delivery->marks);
    event_time_source_fini(&delivery->lateness.source);
    servers_free(delivery->servers);
    free(delivery);
}

void delivery_use_clock(struct delivery *delivery, struct clock_probe *probe)
{
    struct err err;

    if (!delivery->checks->event_time)
        return;
    /* The controller has checked it. */
    if (event_time_parse(delivery->checks->event_time, &delivery->lateness.source, &err) < 0)
        return;
    delivery->lateness.clock = clock_probe_clock(probe);
    delivery->slow_lateness = delivery->lateness;
    delivery->slow_lateness.stale_ns = CLOCK_NEVER_NS;
    delivery->probe = probe;
}

struct delivery_place *delivery_place_of(struct delivery *delivery,
                                         const struct delivery_endpoint *endpoint)
{
    size_t index = endpoint->index;
    struct delivery_place **place;

    if (index >= delivery->place_count) {
        delivery->places = x_realloc(delivery->places, (index + 1) * sizeof *delivery->places);
        while (delivery->place_count <= index)
            delivery->places[delivery->place_count++] = NULL;
    }
    place = &delivery->places[index];
    if (!*place) {
        *place = x_calloc(1, sizeof **place);
        (*place)->delivery = delivery;
        (*place)->endpoint = index;
        (*place)->method = endpoint->method;
        (*place)->name = endpoint->name;
        (*place)->set = endpoint->set;
        (*place)->waves = endpoint->waves;
        (*place)->key_seed = hash_bytes(endpoint->name, strlen(endpoint->name),
                                        hash_bytes(endpoint->method, strlen(endpoint->method), 0));
        sequence_place_init(&(*place)->sequence, &delivery->sequence);
    }
    return *place;
}

void delivery_set_slow(struct delivery_place *place)
{
    place->is_slow = true;
}

void delivery_use_quality(struct delivery *delivery, const struct quality *quality)
{
    delivery->quality = quality;
}

struct servers *delivery_servers(const struct delivery_place *place)
{
    return place->delivery->servers;
}

/* --- by server --- */

static struct delivery_found found_so_far(const struct delivery_place *place)
{
    const struct audit_tally *tally = &place->sequence.tally;

    return (struct delivery_found){.missed =
                                       tally->missed[AUDIT_STREAM] + tally->missed[AUDIT_RESUME],
                                   .duplicates = tally->duplicates[AUDIT_STREAM] +
                                                 tally->duplicates[AUDIT_RESUME] - tally->doubtful,
                                   .seam_duplicates = tally->duplicates[AUDIT_RESUME]};
}

static struct wave *wave_of(const struct delivery_place *place, uint32_t wave)
{
    return place->waves && wave != WAVES_NONE ? waves_find(place->waves, wave) : NULL;
}

/* What has been found since `before` was found on `stream`. */
static void attribute(struct delivery_place *place, const struct delivery_stream *stream,
                      const struct delivery_found *before)
{
    struct delivery_found now = found_so_far(place), *found;
    struct wave *wave;

    if (now.seam_duplicates > before->seam_duplicates) {
        wave = wave_of(place, stream->seam_wave);
        if (wave)
            wave->duplicates += now.seam_duplicates - before->seam_duplicates;
    }
    if (stream->server == SERVERS_UNKNOWN ||
        (now.missed == before->missed && now.duplicates == before->duplicates))
        return;
    if (!place->by_server)
        place->by_server = x_calloc(SERVERS_COUNT, sizeof *place->by_server);
    found = &place->by_server[stream->server];
    found->missed += now.missed - before->missed;
    found->duplicates += now.duplicates - before->duplicates;
}

static void flush_server(struct delivery_place *place, uint8_t index)
{
    struct delivery_found *found = &place->by_server[index];
    const char *tag = servers_tag(place->delivery->servers, index);

    if (found->missed > 0 && order_is_dense(place->sequence.order.kind))
        stat_count(place->set, METRIC_SSE_MISSED, tag, found->missed);
    if (found->duplicates > 0)
        stat_count(place->set, METRIC_SSE_DUPLICATES, tag, found->duplicates);
    *found = (struct delivery_found){0};
}

/* Behind the wholes: they too wait until the order of the ids is known. */
static void flush_servers(struct delivery_place *place)
{
    if (!place->by_server || place->sequence.order.kind == ORDER_UNKNOWN)
        return;
    for (int i = SERVERS_UNKNOWN + 1; i < SERVERS_COUNT; i++)
        flush_server(place, (uint8_t)i);
}

void delivery_flush(struct delivery *delivery, bool is_last)
{
    reads_close(&delivery->reads);
    for (size_t i = 0; i < delivery->place_count; i++) {
        struct delivery_place *place = delivery->places[i];

        if (!place)
            continue;
        sequence_flush(place, place->set, is_last);
        flush_servers(place);
        if (delivery->probe)
            lateness_flush(&place->lateness, place->set);
    }
}

void delivery_forget(struct delivery *delivery)
{
    for (size_t i = 0; i < delivery->place_count; i++) {
        if (delivery->places[i])
            sequence_forget(&delivery->places[i]->sequence);
    }
}

/* Without memory for it the stream is not held to what is published. */
static void open_marks(struct delivery_place *place, struct delivery_stream *stream,
                       bool is_resumed)
{
    if (!place->delivery->marks)
        return;
    if (!stream->marks)
        stream->marks = pool_take(place->delivery->marks);
    if (stream->marks)
        mark_audit_open(stream->marks, is_resumed, place->set);
}

static void close_marks(struct delivery_place *place, struct delivery_stream *stream)
{
    if (!stream->marks)
        return;
    mark_audit_close(stream->marks, place->set);
    pool_give(place->delivery->marks, stream->marks);
}

void delivery_set_only(struct delivery *delivery)
{
    peers_set_only(delivery->peers);
}

const struct peer_digest *delivery_digest(struct delivery *delivery, bool is_last, uint64_t now_ns)
{
    return peers_digest(delivery->peers, is_last, now_ns);
}

void delivery_told(struct delivery *delivery)
{
    peers_told(delivery->peers);
}

static void open_peers(struct delivery_place *place, struct delivery_stream *stream,
                       const struct delivery_opening *opening, uint64_t now_ns)
{
    struct peers_request request = {
        .key = opening->key ^ place->key_seed, .method = place->method, .name = place->name};

    /* What is read slowly is late by our choice. */
    if (opening->key != 0 && !place->is_slow &&
        !peers_open(place->delivery->peers, &stream->peers, &request, opening->is_resumed, now_ns))
        stat_count(place->set, METRIC_SSE_UNCOMPARED, NULL, 1);
}

/* What was sent meanwhile was held back, unless it was asked for as what a resume had missed. */
static uint32_t wait_us(const struct delivery_opening *opening, uint64_t now_ns)
{
    uint64_t sent_ns = opening->exchange->sent_ns, wait_ns = now_ns - sent_ns;

    if (opening->is_resumed || sent_ns == 0 || sent_ns > now_ns)
        return 0;
    return wait_ns < UINT32_MAX * CLOCK_NS_PER_US ? (uint32_t)(wait_ns / CLOCK_NS_PER_US)
                                                  : UINT32_MAX;
}

void delivery_open(struct delivery_place *place, struct delivery_stream **stream,
                   const struct delivery_opening *opening, uint64_t now_ns)
{
    struct delivery *delivery = place->delivery;
    struct delivery_found before = found_so_far(place);

    reads_close(&delivery->reads);
    if (!*stream)
        *stream = pool_take(delivery->streams);
    if (!*stream)
        return;
    (*stream)->opened_ns = now_ns & DELIVERY_TIME_MASK;
    (*stream)->is_same_host =
        delivery->probe && clock_probe_is_same_host(delivery->probe, opening->exchange);
    (*stream)->wait_us = delivery->probe ? wait_us(opening, now_ns) : 0;
    quality_open(&(*stream)->quality, opening->row, now_ns);
    (*stream)->quality.was_silent = place->is_slow; /* once is all that is counted */
    (*stream)->server = opening->server;
    sequence_reconnect(place, *stream, opening->is_resumed);
    attribute(place, *stream, &before);
    (*stream)->seam_wave = (*stream)->wave; /* only now: that was about the seam before */
    open_marks(place, *stream, opening->is_resumed);
    open_peers(place, *stream, opening, now_ns);
}

void delivery_event(struct delivery_place *place, struct delivery_stream **stream,
                    const struct sse_event *event, uint64_t now_ns)
{
    struct delivery *delivery = place->delivery;
    struct delivery_found before;
    uint64_t opened_ns, number;

    if (delivery->quality)
        quality_event(delivery->quality, place->endpoint, *stream ? &(*stream)->quality : NULL,
                      event);
    if (!*stream)
        return;
    if (!place->is_slow)
        reads_event(&delivery->reads);
    opened_ns = (*stream)->opened_ns;
    before = found_so_far(place);
    /* A receipt stamped by the kernel may lie before the moment that the headers were read. */
    number = sequence_event(place, *stream, event,
                            now_ns > opened_ns + DELIVERY_REPLAY_MS * CLOCK_NS_PER_MS);
    attribute(place, *stream, &before);
    if ((*stream)->marks)
        mark_audit_event((*stream)->marks, delivery->checks->publish.run, event->data,
                         event->data_bytes, (*stream)->opened_ns, now_ns, place->set);
    peers_event(delivery->peers, &(*stream)->peers, event, number, opened_ns, now_ns);
    if (delivery->probe) {
        struct lateness_receipt receipt = {.received_ns = now_ns,
                                           .opened_ns = opened_ns,
                                           .wait_ns = (*stream)->wait_us * CLOCK_NS_PER_US,
                                           .is_same_host = (*stream)->is_same_host,
                                           .server =
                                               servers_tag(delivery->servers, (*stream)->server),
                                           .reads = place->is_slow ? NULL : &delivery->reads};

        lateness_judge(&place->lateness,
                       place->is_slow ? &delivery->slow_lateness : &delivery->lateness, place->set,
                       event, &receipt);
    }
}

void delivery_move(struct delivery_place *place, struct delivery_stream **stream, const uint8_t *id,
                   size_t len)
{
    struct delivery_found before = found_so_far(place);

    if (!*stream)
        return;
    sequence_move(place, *stream, id, len);
    attribute(place, *stream, &before);
}

void delivery_bytes(struct delivery_place *place, struct delivery_stream **stream,
                    const struct delivery_piece *piece, uint64_t now_ns)
{
    struct delivery *delivery = place->delivery;
    struct reads_piece read = {.stream = *stream,
                               .set = place->set,
                               .byte_count = piece->byte_count,
                               .last_event_ns = piece->last_event_ns,
                               .was_paused = piece->was_paused};

    if (!*stream)
        return;
    if (!place->is_slow)
        reads_begin(&delivery->reads, &read, now_ns);
    if (delivery->quality && !place->is_slow)
        quality_bytes(delivery->quality, place->endpoint, &(*stream)->quality, now_ns);
    else
        quality_note_bytes(&(*stream)->quality, now_ns);
}

void delivery_parsed(struct delivery_place *place, struct delivery_stream *const *stream,
                     bool is_inside)
{
    if (*stream && !place->is_slow)
        reads_end(&place->delivery->reads, is_inside);
}

uint64_t delivery_silence_ns(const struct delivery_stream *stream, uint64_t now_ns)
{
    return stream ? quality_silence_ns(&stream->quality, now_ns) : 0;
}

void delivery_sample(struct delivery_place *place, struct delivery_stream **stream, uint64_t now_ns)
{
    if (place->delivery->quality && *stream)
        quality_look(place->delivery->quality, place->endpoint, &(*stream)->quality, now_ns);
}

void delivery_fault(struct delivery_place *place, enum sse_fault fault, const uint8_t *text,
                    size_t len)
{
    if (place->delivery->quality)
        quality_fault(place->delivery->quality, place->endpoint, fault, text, len);
}

bool delivery_is_met(const struct delivery_place *place, struct delivery_stream *const *stream)
{
    const struct quality *quality = place->delivery->quality;

    return !quality || !*stream || quality_is_met(quality, &(*stream)->quality);
}

void delivery_close(struct delivery_place *place, struct delivery_stream **stream, bool is_finished,
                    uint64_t now_ns)
{
    if (place->delivery->quality && *stream)
        quality_close(place->delivery->quality, place->endpoint, &(*stream)->quality, is_finished,
                      now_ns);
}

uint32_t delivery_interrupt(struct delivery_stream *stream, uint32_t wave)
{
    if (!stream || (stream->is_away && !wave_is_storm(wave)))
        return WAVES_NONE;
    stream->is_away = true;
    stream->wave = wave;
    return wave;
}

uint32_t delivery_away(const struct delivery_stream *stream)
{
    return stream && stream->is_away ? stream->wave : WAVES_NONE;
}

void delivery_come_back(struct delivery_stream *stream)
{
    if (stream)
        stream->is_away = false;
}

void delivery_end(struct delivery_place *place, struct delivery_stream **stream)
{
    struct delivery_found before = found_so_far(place);

    if (!*stream)
        return;
    sequence_end(place, *stream);
    attribute(place, *stream, &before);
    close_marks(place, *stream);
    if (!peers_end(place->delivery->peers, &(*stream)->peers))
        stat_count(place->set, METRIC_SSE_UNCOMPARED, NULL, 1);
    pool_give(place->delivery->streams, *stream);
    *stream = NULL;
}

bool delivery_look(struct delivery_place *place, struct delivery_stream *stream,
                   struct delivery_view *view)
{
    if (!stream || !delivery_own_tally(place, stream) || place->sequence.source->is_off)
        return false;
    view->order = place->sequence.order.kind;
    sequence_look(place, stream, &view->tally);
    return true;
}

/* --- for the judgements --- */

struct audit_tally *delivery_own_tally(const struct delivery_place *place,
                                       struct delivery_stream *stream)
{
    return place->delivery->keeps_tallies ? (struct audit_tally *)(void *)(stream + 1) : NULL;
}

void delivery_hole(struct delivery_place *place, const struct sequence_hole *hole)
{
    struct peers_numbers numbers = {.key = hole->key,
                                    .from = hole->from,
                                    .count = hole->to - hole->from + 1,
                                    .on_resume = hole->where == AUDIT_RESUME,
                                    .is_alone = hole->is_alone,
                                    .wave = hole->wave};
    struct wave *wave;

    peers_ask(place->delivery->peers, &numbers);
    place->sequence.tally.missed[hole->where] += numbers.missed;
    wave = numbers.missed > 0 ? wave_of(place, hole->wave) : NULL;
    if (wave)
        wave->missed += numbers.missed;
    if (numbers.skipped > 0)
        stat_count(place->set, METRIC_SSE_SKIPPED, NULL, numbers.skipped);
}
