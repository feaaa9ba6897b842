#include "load/event_clock.h"

#include "base/clock.h"
#include "load/event_time.h"

#include <string.h>

static const int64_t STEP_LEAST_NS = 1000000;
/* No clock that is of use answers with less, more or coarser; sums of these fit in 63 bits. */
static const int64_t ANSWER_LEAST_NS = 1000000000000000000; /* the year 2001 */
static const int64_t ANSWER_MOST_NS = 4000000000000000000;  /* the year 2096 */
static const uint64_t ANSWER_GRAIN_NS = 1000000000;

static const struct event_clock_answer *best_of(const struct event_clock *clock)
{
    size_t count =
        clock->answer_count < EVENT_CLOCK_ANSWERS ? clock->answer_count : EVENT_CLOCK_ANSWERS;
    const struct event_clock_answer *best = NULL;

    for (size_t i = 0; i < count; i++) {
        if (!best || clock->answers[i].error_ns < best->error_ns)
            best = &clock->answers[i];
    }
    return best;
}

void event_clock_init(struct event_clock *clock, bool is_asked)
{
    *clock = (struct event_clock){.is_asked = is_asked};
}

int64_t event_clock_set_wall(struct event_clock *clock, int64_t base_ns)
{
    int64_t step_ns = clock->has_wall ? base_ns - clock->wall_base_ns : 0;

    clock->has_wall = true;
    clock->wall_base_ns = base_ns;
    if (step_ns > -STEP_LEAST_NS && step_ns < STEP_LEAST_NS)
        return 0;
    clock->step_count++;
    return step_ns;
}

void event_clock_add(struct event_clock *clock, const struct event_clock_reading *reading)
{
    uint64_t trip_ns = reading->answered_ns - reading->asked_ns;
    uint64_t middle_ns = reading->asked_ns + trip_ns / 2;
    struct event_clock_answer *place = &clock->answers[clock->answer_count % EVENT_CLOCK_ANSWERS];

    /* What is written in whole seconds was half a second more on average. */
    place->base_ns = reading->unix_ns + (int64_t)(reading->grain_ns / 2) - (int64_t)middle_ns;
    place->error_ns = trip_ns / 2 + reading->grain_ns / 2;
    clock->answer_count++;
}

/* --- the answer's body --- */

static bool read_time(const char *text, size_t len, int64_t *unix_ns, uint64_t *grain_ns)
{
    enum event_time_unit unit = event_time_guess(text, len);
    int64_t read_ns;
    uint64_t read_grain_ns;

    if (!event_time_read(text, len, unit, &read_ns))
        return false;
    read_grain_ns = event_time_grain_ns(text, len, unit);
    if (read_ns < ANSWER_LEAST_NS || read_ns > ANSWER_MOST_NS || read_grain_ns > ANSWER_GRAIN_NS)
        return false;
    *unix_ns = read_ns;
    *grain_ns = read_grain_ns;
    return true;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* The end of a JSON value that is a text or a number, from its first byte. */
static const char *end_of_value(const char *at, const char *end)
{
    if (*at == '"') {
        for (at++; at < end && *at != '"'; at++) {
            if (*at == '\\' && at + 1 < end)
                at++;
        }
        return at;
    }
    while (at < end && *at != ',' && *at != '}' && *at != ']' && !is_blank(*at))
        at++;
    return at;
}

/* In a JSON object names are what a colon follows; every other text or number is a value. */
static bool read_object(const char *at, const char *end, int64_t *unix_ns, uint64_t *grain_ns)
{
    while (at < end) {
        bool is_text = *at == '"';
        const char *start = at + is_text, *stop;

        if (!is_text && *at != '-' && (*at < '0' || *at > '9')) {
            at++;
            continue;
        }
        stop = end_of_value(at, end);
        at = is_text && stop < end ? stop + 1 : stop;
        while (at < end && is_blank(*at))
            at++;
        if ((at == end || *at != ':') &&
            read_time(start, (size_t)(stop - start), unix_ns, grain_ns))
            return true;
    }
    return false;
}

bool event_clock_read_answer(const char *text, size_t len, int64_t *unix_ns, uint64_t *grain_ns)
{
    const char *at = text, *end = text + len;

    while (at < end && is_blank(*at))
        at++;
    while (end > at && is_blank(end[-1]))
        end--;
    if (at == end)
        return false;
    if (*at == '{')
        return read_object(at, end, unix_ns, grain_ns);
    if (end - at > 2 && *at == '"' && end[-1] == '"')
        return read_time(at + 1, (size_t)(end - at) - 2, unix_ns, grain_ns);
    return read_time(at, (size_t)(end - at), unix_ns, grain_ns);
}

/* --- use --- */

bool event_clock_use(struct event_clock *clock, bool is_same_host, int64_t *base_ns)
{
    enum clock_source source = clock->is_asked ? CLOCK_ASKED
                               : is_same_host  ? CLOCK_SAME_HOST
                                               : CLOCK_APART;
    const struct event_clock_answer *best = clock->is_asked ? best_of(clock) : NULL;

    if (clock->is_asked && !best)
        return false;
    if (source > clock->used)
        clock->used = source;
    *base_ns = best ? best->base_ns : clock->wall_base_ns;
    return true;
}

bool event_clock_is_common(const struct event_clock *clock, bool is_same_host)
{
    return clock->is_asked || is_same_host;
}

struct clock_state event_clock_state(const struct event_clock *clock)
{
    struct clock_state state = {.source = clock->used, .step_count = clock->step_count};
    const struct event_clock_answer *best = best_of(clock);

    if (clock->used == CLOCK_ASKED && best) {
        state.offset_ns = best->base_ns - clock->wall_base_ns;
        state.error_ns = best->error_ns;
    }
    return state;
}
