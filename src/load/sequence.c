#include "load/sequence.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/json_pointer.h"
#include "base/mem.h"
#include "load/delivery_internal.h"
#include "stats/set.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_BYTES = 32, SEQUENCE_HELD_FIRST = 64 };

void sequence_source_init(struct sequence_source *source, const char *event_seq)
{
    struct err err = {0};

    *source = (struct sequence_source){0};
    if (!event_seq || strcmp(event_seq, "id") == 0)
        return;
    source->is_off = strcmp(event_seq, "none") == 0;
    if (!source->is_off) {
        source->pointer = json_pointer_new(event_seq, &err);
        assert(source->pointer);
    }
}

void sequence_source_fini(struct sequence_source *source)
{
    json_pointer_free(source->pointer);
    *source = (struct sequence_source){0};
}

void sequence_place_init(struct sequence_place *sequence, const struct sequence_source *source)
{
    *sequence = (struct sequence_place){.source = source};
    if (source->pointer)
        sequence->order.kind = ORDER_DECLARED;
}

void sequence_place_fini(struct sequence_place *sequence)
{
    free(sequence->held);
    *sequence = (struct sequence_place){0};
}

/* --- steps of a stream --- */

struct step {
    struct delivery_place *place;
    struct delivery_stream *stream;
    struct audit_tally *own; /* the stream's; NULL: not kept */
    uint64_t missed[AUDIT_WHERE_COUNT];
};

/* Numbers of different groups are kept apart, those of one stay side by side. */
static uint64_t place_in_all(uint64_t group, uint64_t number)
{
    return group * 0x9e3779b97f4a7c15 + number;
}

static void hold(struct sequence_place *sequence, const struct sequence_hole *hole)
{
    if (sequence->held_count == SEQUENCE_HELD_LIMIT) {
        sequence->unheld[hole->where] += hole->to - hole->from + 1;
        return;
    }
    if (sequence->held_count == sequence->held_cap) {
        sequence->held_cap = sequence->held_cap > 0 ? 2 * sequence->held_cap : SEQUENCE_HELD_FIRST;
        sequence->held = x_realloc(sequence->held, sequence->held_cap * sizeof *sequence->held);
    }
    sequence->held[sequence->held_count++] = *hole;
}

static void on_hole(void *ctx, uint64_t from, uint64_t to, enum audit_where where)
{
    struct step *step = ctx;
    struct sequence_place *sequence = &step->place->sequence;
    uint64_t group = audit_group(&step->stream->audit);
    struct sequence_hole hole = {.from = place_in_all(group, from),
                                 .to = place_in_all(group, to),
                                 .key = peers_key_of(&step->stream->peers),
                                 .where = where,
                                 .wave = where == AUDIT_RESUME ? step->stream->seam_wave : 0,
                                 .is_alone = peers_is_alone(&step->stream->peers)};

    step->missed[where] += to - from + 1;
    if (order_is_dense(sequence->order.kind))
        delivery_hole(step->place, &hole);
    else if (sequence->order.kind == ORDER_UNKNOWN)
        hold(sequence, &hole);
}

static struct audit_sink sink_of(struct step *step)
{
    struct sequence_place *sequence = &step->place->sequence;

    return (struct audit_sink){&sequence->order, &sequence->tally, on_hole, step};
}

static struct step step_of(struct delivery_place *place, struct delivery_stream *stream)
{
    return (struct step){
        .place = place, .stream = stream, .own = delivery_own_tally(place, stream)};
}

/* What the step added to the endpoint's tally, it adds to the stream's. */
static void share(const struct step *step, const struct audit_tally *before)
{
    const struct audit_tally *now = &step->place->sequence.tally;
    struct audit_tally *own = step->own;

    own->received += now->received - before->received;
    own->doubtful += now->doubtful - before->doubtful;
    own->resets += now->resets - before->resets;
    own->resumes += now->resumes - before->resumes;
    own->inclusive += now->inclusive - before->inclusive;
    for (int where = 0; where < AUDIT_WHERE_COUNT; where++) {
        own->missed[where] += step->missed[where];
        own->duplicates[where] += now->duplicates[where] - before->duplicates[where];
        own->reordered[where] += now->reordered[where] - before->reordered[where];
    }
}

static void add(struct step *step, const struct audit_id *id)
{
    struct audit_sink sink = sink_of(step);

    if (!audit_add(&step->stream->audit, &sink, id))
        step->place->sequence.unnumbered_count++;
}

static uint64_t number_of(const struct delivery_place *place, const struct audit_id *given)
{
    enum order_kind kind = place->sequence.order.kind;
    struct event_id id;

    if (!order_is_dense(kind) && kind != ORDER_UNKNOWN)
        return PEER_NO_NUMBER;
    id = event_id_read(given->text, given->len);
    return id.shape == EVENT_ID_TEXT ? PEER_NO_NUMBER : place_in_all(id.group, id.number);
}

static uint64_t judge(struct delivery_place *place, struct delivery_stream *stream,
                      const struct audit_id *id)
{
    struct step step = step_of(place, stream);
    struct audit_tally before;

    if (!step.own) {
        add(&step, id);
    } else {
        before = place->sequence.tally;
        add(&step, id);
        share(&step, &before);
    }
    return number_of(place, id);
}

uint64_t sequence_event(struct delivery_place *place, struct delivery_stream *stream,
                        const struct sse_event *event, bool is_settled)
{
    const struct sequence_source *source = place->sequence.source;
    struct audit_id id = {.text = event->id, .len = event->id_bytes, .is_settled = is_settled};
    struct json_peek value;

    if (source->is_off || (!source->pointer && !event->has_id))
        return PEER_NO_NUMBER;
    if (!source->pointer && id.len == 0) {
        sequence_reconnect(place, stream, false);
        return PEER_NO_NUMBER;
    }
    if (!source->pointer) {
        id.content =
            hash_bytes(event->data, event->data_bytes,
                       event->name_bytes > 0 ? hash_bytes(event->name, event->name_bytes, 0) : 0);
        return judge(place, stream, &id);
    }
    if (json_peek(event->data, event->data_bytes, source->pointer, &value) &&
        (value.kind == JSON_KIND_NUMBER || value.kind == JSON_KIND_TEXT)) {
        id.text = value.bytes;
        id.len = value.len;
        return judge(place, stream, &id);
    }
    place->sequence.unnumbered_count++;
    return PEER_NO_NUMBER;
}

void sequence_move(struct delivery_place *place, struct delivery_stream *stream, const uint8_t *id,
                   size_t len)
{
    struct step step = step_of(place, stream);
    struct audit_sink sink = sink_of(&step);
    struct audit_tally before = place->sequence.tally;

    if (place->sequence.source->is_off || place->sequence.source->pointer)
        return;
    if (len > 0)
        audit_move(&stream->audit, &sink, id, len);
    else
        audit_reconnect(&stream->audit, &sink, false);
    if (step.own)
        share(&step, &before);
}

void sequence_reconnect(struct delivery_place *place, struct delivery_stream *stream,
                        bool is_resumed)
{
    struct step step = step_of(place, stream);
    struct audit_sink sink = sink_of(&step);
    struct audit_tally before = place->sequence.tally;

    audit_reconnect(&stream->audit, &sink, is_resumed);
    if (step.own)
        share(&step, &before);
}

void sequence_end(struct delivery_place *place, struct delivery_stream *stream)
{
    struct step step = step_of(place, stream); /* nobody asks the stream any more */
    struct audit_sink sink = sink_of(&step);

    audit_end(&stream->audit, &sink);
}

/* Of what was judged as if the ids were dense, only that which holds for their order as well. */
static void drop_unproven(struct audit_tally *tally, enum order_kind kind)
{
    if (order_is_dense(kind))
        return;
    tally->missed[AUDIT_STREAM] = tally->missed[AUDIT_RESUME] = tally->resets = 0;
    tally->duplicates[AUDIT_STREAM] -= tally->doubtful;
    tally->doubtful = 0;
    if (kind != ORDER_SPARSE)
        tally->reordered[AUDIT_STREAM] = tally->reordered[AUDIT_RESUME] = 0;
}

static void on_own_hole(void *ctx, uint64_t from, uint64_t to, enum audit_where where)
{
    struct audit_tally *tally = ctx;

    tally->missed[where] += to - from + 1;
}

void sequence_look(struct delivery_place *place, struct delivery_stream *stream,
                   struct audit_tally *tally)
{
    struct audit copy = stream->audit;
    struct audit_sink sink = {&place->sequence.order, tally, on_own_hole, tally};

    *tally = *delivery_own_tally(place, stream);
    audit_end(&copy, &sink);
    if (place->sequence.order.kind != ORDER_UNKNOWN)
        drop_unproven(tally, place->sequence.order.kind);
}

/* --- metrics --- */

static void drop_held(struct sequence_place *sequence)
{
    free(sequence->held);
    sequence->held = NULL;
    sequence->held_count = sequence->held_cap = 0;
    memset(sequence->unheld, 0, sizeof sequence->unheld);
}

static void release_held(struct delivery_place *place)
{
    struct sequence_place *sequence = &place->sequence;

    for (uint32_t i = 0; i < sequence->held_count && order_is_dense(sequence->order.kind); i++)
        delivery_hole(place, &sequence->held[i]);
    for (int where = 0; where < AUDIT_WHERE_COUNT && order_is_dense(sequence->order.kind); where++)
        sequence->tally.missed[where] += sequence->unheld[where];
    drop_held(sequence);
}

static void put(struct stat_set *set, enum metric metric, const char *tag, uint64_t count)
{
    if (count > 0)
        stat_count(set, metric, tag, count);
}

static void put_where(struct stat_set *set, enum metric metric,
                      const uint64_t counts[AUDIT_WHERE_COUNT])
{
    put(set, metric, NULL, counts[AUDIT_STREAM] + counts[AUDIT_RESUME]);
    put(set, metric, "where:stream", counts[AUDIT_STREAM]);
    put(set, metric, "where:resume", counts[AUDIT_RESUME]);
}

/* A replay is known to be one only at its end, perhaps after a flush: its events are taken off the
 * next ones. */
static uint64_t take_distinct(struct sequence_place *sequence)
{
    const struct audit_tally *tally = &sequence->tally;
    uint64_t repeated =
        sequence->repeated_due + tally->duplicates[AUDIT_STREAM] + tally->duplicates[AUDIT_RESUME];
    uint64_t taken = repeated < tally->received ? repeated : tally->received;

    sequence->repeated_due = repeated - taken;
    return tally->received - taken;
}

static void put_loss(struct stat_set *set, struct sequence_place *sequence)
{
    const uint64_t *missed = sequence->tally.missed;
    uint64_t received = take_distinct(sequence);

    if (missed[AUDIT_STREAM] + missed[AUDIT_RESUME] + received == 0)
        return;
    stat_passes(set, METRIC_SSE_LOSS, NULL, missed[AUDIT_STREAM] + missed[AUDIT_RESUME], received);
    stat_passes(set, METRIC_SSE_LOSS, "where:stream", missed[AUDIT_STREAM], received);
    stat_passes(set, METRIC_SSE_LOSS, "where:resume", missed[AUDIT_RESUME], received);
}

void sequence_flush(struct delivery_place *place, struct stat_set *set, bool is_last)
{
    struct sequence_place *sequence = &place->sequence;
    struct order *order = &sequence->order;
    struct audit_tally *tally = &sequence->tally;
    char tag[TAG_BYTES];

    put(set, METRIC_SSE_UNNUMBERED, NULL, sequence->unnumbered_count);
    sequence->unnumbered_count = 0;
    if (is_last)
        order_conclude(order);
    if (order->kind == ORDER_UNKNOWN && !is_last)
        return;
    release_held(place);
    drop_unproven(tally, order->kind);
    (void)snprintf(tag, sizeof tag, "order:%s", order_name(order->kind));
    put(set, METRIC_SSE_SEQUENCED, NULL, tally->received);
    put(set, METRIC_SSE_SEQUENCED, tag, tally->received);
    put_where(set, METRIC_SSE_MISSED, tally->missed);
    put_where(set, METRIC_SSE_DUPLICATES, tally->duplicates);
    put_where(set, METRIC_SSE_REORDERED, tally->reordered);
    put(set, METRIC_SSE_SEQUENCE_RESETS, NULL, tally->resets);
    put(set, METRIC_SSE_RESUMES, NULL, tally->resumes);
    put(set, METRIC_SSE_INCLUSIVE_REPLAYS, NULL, tally->inclusive);
    if (order_is_dense(order->kind))
        put_loss(set, sequence);
    *tally = (struct audit_tally){0};
}

void sequence_forget(struct sequence_place *sequence)
{
    drop_held(sequence);
    sequence->tally = (struct audit_tally){0};
    sequence->repeated_due = 0;
}
