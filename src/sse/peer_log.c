#include "sse/peer_log.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64, BUCKETS_PER_EVENT = 2, WAITING_LIMIT = 256, WAITING_DOUBT_MIN = 2 };

static const uint32_t NO_SLOT = UINT32_MAX;

/* A newcomer's event that nobody knew. */
struct waiting {
    struct peer_seat *seat; /* NULL: this place is free */
    uint64_t hash, got_ns;
};

struct peer_log {
    struct peer_log_config config;
    struct peer_event *events; /* a ring: position modulo cap */
    uint32_t *buckets;         /* slot of the newest event of a chain, or NO_SLOT */
    size_t cap;                /* a power of two */
    uint64_t first, end;
    uint32_t synced_count;
    uint32_t epoch;
    uint32_t refused_count;  /* in a row */
    struct waiting *waiting; /* a ring of WAITING_LIMIT; NULL until needed */
    size_t waiting_at, waiting_count;
};

static struct peer_event *event_at(const struct peer_log *log, uint64_t position)
{
    return &log->events[position & (log->cap - 1)];
}

static uint32_t *bucket_of(const struct peer_log *log, uint64_t hash)
{
    return &log->buckets[hash & (log->cap * BUCKETS_PER_EVENT - 1)];
}

static void link_event(struct peer_log *log, uint64_t position)
{
    struct peer_event *event = event_at(log, position);
    uint32_t *bucket = bucket_of(log, event->hash);

    event->next = *bucket;
    *bucket = (uint32_t)(position & (log->cap - 1));
}

static void unlink_event(struct peer_log *log, uint64_t position)
{
    const struct peer_event *event = event_at(log, position);
    uint32_t *at = bucket_of(log, event->hash), slot = (uint32_t)(position & (log->cap - 1));

    while (*at != slot)
        at = &log->events[*at].next;
    *at = event->next;
}

bool peer_log_find(const struct peer_log *log, uint64_t hash, uint64_t *position)
{
    uint32_t slot = log->cap > 0 ? *bucket_of(log, hash) : NO_SLOT;

    while (slot != NO_SLOT && log->events[slot].hash != hash)
        slot = log->events[slot].next;
    if (slot == NO_SLOT)
        return false;
    *position = log->first + ((slot - log->first) & (log->cap - 1));
    return true;
}

static void resize(struct peer_log *log, size_t cap)
{
    struct peer_event *events = x_calloc(cap, sizeof *events), *old = log->events;

    for (uint64_t at = log->first; at < log->end; at++)
        events[at & (cap - 1)] = *event_at(log, at);
    free(old);
    free(log->buckets);
    log->events = events;
    log->cap = cap;
    log->buckets = x_malloc(cap * BUCKETS_PER_EVENT * sizeof *log->buckets);
    (void)memset(log->buckets, 0xff, cap * BUCKETS_PER_EVENT * sizeof *log->buckets);
    for (uint64_t at = log->first; at < log->end; at++)
        link_event(log, at);
}

static void drop_oldest(struct peer_log *log)
{
    log->config.on_leave(log->config.ctx, event_at(log, log->first), log->first);
    unlink_event(log, log->first);
    log->first++;
}

static void make_room(struct peer_log *log, uint64_t now_ns)
{
    size_t count = (size_t)(log->end - log->first);

    if (count < log->cap)
        return;
    if (count < PEER_LOG_KEPT ||
        (count < PEER_LOG_LIMIT &&
         log->config.is_wanted(log->config.ctx, event_at(log, log->first), now_ns)))
        resize(log, log->cap > 0 ? 2 * log->cap : FIRST_CAP);
    else
        drop_oldest(log);
}

static uint64_t enter(struct peer_log *log, uint64_t hash, uint64_t now_ns)
{
    uint64_t position;

    make_room(log, now_ns);
    position = log->end++;
    *event_at(log, position) = (struct peer_event){.hash = hash,
                                                   .number = PEER_NO_NUMBER,
                                                   .first_ns = now_ns,
                                                   .last_ns = now_ns,
                                                   .changed_ns = now_ns};
    link_event(log, position);
    return position;
}

/* --- seats --- */

static void stop_waiting(struct peer_log *log, const struct peer_seat *seat)
{
    for (size_t i = 0; log->waiting_count > 0 && i < WAITING_LIMIT; i++) {
        if (log->waiting[i].seat != seat)
            continue;
        log->waiting[i].seat = NULL;
        log->waiting_count--;
    }
}

static void leave_sync(struct peer_log *log, struct peer_seat *seat)
{
    if (seat->is_synced && seat->epoch == log->epoch)
        log->synced_count--;
    stop_waiting(log, seat);
    *seat = (struct peer_seat){.window = {.highest = log->end}, .has_entered = seat->has_entered};
}

static void get_in_sync(struct peer_log *log, struct peer_seat *seat, uint64_t position,
                        bool is_doubtful, uint64_t now_ns)
{
    *seat = (struct peer_seat){.is_synced = true,
                               .epoch = log->epoch,
                               .is_doubtful = is_doubtful,
                               .is_strange = seat->is_strange,
                               .has_entered = seat->has_entered,
                               .mark = is_doubtful ? now_ns + PEER_LOG_DOUBT_NS : 0};
    (void)window_add(&seat->window, position, NULL, NULL);
    log->synced_count++;
}

/* Its event may enter yet, and nobody will know that it got it. */
static void doubt(struct peer_seat *seat, uint64_t now_ns)
{
    if (seat->is_synced)
        seat->mark = now_ns + PEER_LOG_DOUBT_NS;
    seat->is_doubtful = true;
}

static void wait_for(struct peer_log *log, struct peer_seat *seat, uint64_t hash, uint64_t now_ns)
{
    struct waiting *place;

    if (!log->waiting)
        log->waiting = x_calloc(WAITING_LIMIT, sizeof *log->waiting);
    place = &log->waiting[log->waiting_at++ % WAITING_LIMIT];
    if (place->seat && now_ns - place->got_ns < PEER_LOG_DOUBT_NS)
        doubt(place->seat, now_ns);
    log->waiting_count += !place->seat;
    *place = (struct waiting){.seat = seat, .hash = hash, .got_ns = now_ns};
}

static void begin_anew(struct peer_log *log)
{
    log->epoch++;
    log->synced_count = 0;
    log->refused_count = 0;
}

static enum peer_place refuse(struct peer_log *log, struct peer_seat *seat, uint64_t hash,
                              uint64_t now_ns)
{
    wait_for(log, seat, hash, now_ns);
    seat->mark++;
    if (++log->refused_count == PEER_LOG_REFUSED_LIMIT)
        begin_anew(log);
    return PEER_NOWHERE;
}

static enum peer_place place_newcomer(struct peer_log *log, struct peer_seat *seat, uint64_t hash,
                                      uint64_t now_ns, uint64_t *position)
{
    if (peer_log_find(log, hash, position)) {
        if (*position < seat->window.highest) {
            seat->is_doubtful = true;
            return PEER_NOWHERE;
        }
        get_in_sync(log, seat, *position, seat->is_doubtful || seat->mark >= WAITING_DOUBT_MIN,
                    now_ns);
        return PEER_STARTS;
    }
    if (log->synced_count > 0)
        return refuse(log, seat, hash, now_ns);
    *position = enter(log, hash, now_ns);
    get_in_sync(log, seat, *position, seat->is_doubtful, now_ns);
    return PEER_STARTS;
}

enum peer_place peer_log_place(struct peer_log *log, struct peer_seat *seat, uint64_t hash,
                               uint64_t now_ns, uint64_t *position)
{
    if (seat->is_synced && !peer_log_has(log, seat))
        leave_sync(log, seat);
    if (!seat->is_synced)
        return place_newcomer(log, seat, hash, now_ns, position);
    log->refused_count = 0;
    if (!peer_log_find(log, hash, position))
        *position = enter(log, hash, now_ns);
    return PEER_GOES_ON;
}

struct peer_seat *peer_log_take_waiting(struct peer_log *log, uint64_t position)
{
    struct peer_event *event = peer_log_at(log, position);
    struct waiting *waiting = log->waiting;
    struct peer_seat *seat = NULL;

    for (size_t i = 0; !seat && log->waiting_count > 0 && i < WAITING_LIMIT; i++) {
        if (!waiting[i].seat || waiting[i].hash != event->hash)
            continue;
        seat = waiting[i].seat;
        waiting[i].seat = NULL;
        log->waiting_count--;
        if (waiting[i].got_ns < event->first_ns)
            event->first_ns = waiting[i].got_ns;
    }
    if (seat && !seat->is_synced) {
        seat->mark--;
        if (seat->window.highest <= position)
            get_in_sync(log, seat, position, seat->is_doubtful, event->first_ns);
    }
    return seat;
}

/* --- public --- */

struct peer_log *peer_log_new(const struct peer_log_config *config)
{
    struct peer_log *log = x_calloc(1, sizeof *log);

    log->config = *config;
    return log;
}

void peer_log_free(struct peer_log *log)
{
    if (!log)
        return;
    free(log->events);
    free(log->buckets);
    free(log->waiting);
    free(log);
}

uint64_t peer_log_first(const struct peer_log *log)
{
    return log->first;
}

uint64_t peer_log_end(const struct peer_log *log)
{
    return log->end;
}

struct peer_event *peer_log_at(const struct peer_log *log, uint64_t position)
{
    return position >= log->first && position < log->end ? event_at(log, position) : NULL;
}

void peer_log_sit(struct peer_log *log, struct peer_seat *seat)
{
    *seat = (struct peer_seat){.window = {.highest = log->end}};
}

bool peer_log_has(const struct peer_log *log, const struct peer_seat *seat)
{
    return seat->is_synced && seat->epoch == log->epoch && seat->window.highest + 1 >= log->first;
}

uint32_t peer_event_unknown(const struct peer_event *event)
{
    uint64_t known = (uint64_t)event->got + event->missing + event->missing_resume +
                     event->got_before + event->missing_before + event->missing_resume_before;

    return known < event->present ? event->present - (uint32_t)known : 0;
}

void peer_log_rise(struct peer_log *log, struct peer_seat *seat)
{
    leave_sync(log, seat);
}
