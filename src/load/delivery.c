#include "load/delivery.h"

#include "base/mem.h"
#include "load/plan.h"
#include "stats/set.h"

#include <stdlib.h>

struct delivery_stream {
    uint64_t opened_ns; /* of the latest connection */
};

_Static_assert(sizeof(struct delivery_stream) <= 200, "exists once a stream");

struct delivery_place {
    struct delivery *delivery;
    struct stat_set *set;
};

struct delivery {
    const struct plan_checks *checks;
    struct pool *streams;
    struct delivery_place **places; /* by endpoint; NULL: none yet */
    size_t place_count;
};

struct delivery *delivery_new(const struct plan_checks *checks)
{
    struct delivery *delivery = x_calloc(1, sizeof *delivery);

    delivery->checks = checks;
    delivery->streams = pool_new(sizeof(struct delivery_stream), 0);
    return delivery;
}

void delivery_free(struct delivery *delivery)
{
    if (!delivery)
        return;
    for (size_t i = 0; i < delivery->place_count; i++)
        free(delivery->places[i]);
    free(delivery->places);
    pool_free(delivery->streams);
    free(delivery);
}

struct delivery_place *delivery_place_of(struct delivery *delivery, size_t endpoint,
                                         struct stat_set *set)
{
    struct delivery_place **place;

    if (endpoint >= delivery->place_count) {
        delivery->places = x_realloc(delivery->places, (endpoint + 1) * sizeof *delivery->places);
        while (delivery->place_count <= endpoint)
            delivery->places[delivery->place_count++] = NULL;
    }
    place = &delivery->places[endpoint];
    if (!*place) {
        *place = x_calloc(1, sizeof **place);
        (*place)->delivery = delivery;
        (*place)->set = set;
    }
    return *place;
}

void delivery_flush(struct delivery *delivery, bool is_last)
{
    (void)delivery;
    (void)is_last;
}

void delivery_open(struct delivery_place *place, struct delivery_stream **stream,
                   const struct delivery_opening *opening, uint64_t now_ns)
{
    (void)opening;
    if (!*stream)
        *stream = pool_take(place->delivery->streams);
    if (*stream)
        (*stream)->opened_ns = now_ns;
}

void delivery_event(struct delivery_place *place, struct delivery_stream **stream,
                    const struct sse_event *event, uint64_t now_ns)
{
    (void)place;
    (void)stream;
    (void)event;
    (void)now_ns;
}

void delivery_interrupt(struct delivery_place *place, struct delivery_stream **stream,
                        uint64_t now_ns)
{
    (void)place;
    (void)stream;
    (void)now_ns;
}

void delivery_end(struct delivery_place *place, struct delivery_stream **stream)
{
    if (!*stream)
        return;
    pool_give(place->delivery->streams, *stream);
    *stream = NULL;
}
