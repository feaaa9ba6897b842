#include "sse/peer_numbers.h"

#include "base/mem.h"
#include "sse/peers.h"

#include <stdlib.h>

/* Numbers known to have come: the latest of each residue. */
enum { NUMBER_PLACES = PEERS_ASK_LIMIT };

static struct peer_hole *find_hole(struct peer_numbers *own, struct peer_report *report,
                                   uint64_t number, uint32_t wave)
{
    uint16_t *place;

    if (!own->holes)
        own->holes = x_calloc(NUMBER_PLACES, sizeof *own->holes);
    place = &own->holes[number % NUMBER_PLACES];
    if (*place > 0 && *place <= report->hole_count && report->holes[*place - 1].number == number &&
        report->holes[*place - 1].wave == wave)
        return &report->holes[*place - 1];
    if (!peer_report_add_hole(report, &(struct peer_hole){.number = number, .wave = wave}))
        return NULL;
    *place = (uint16_t)report->hole_count;
    return &report->holes[report->hole_count - 1];
}

static bool is_known(const struct peer_numbers *own, uint64_t number)
{
    return own->known && own->known[number % NUMBER_PLACES] == number + 1;
}

/* False: there is no room. */
static bool ask(struct peer_numbers *own, struct peer_report *report, uint64_t number,
                const struct peers_numbers *numbers)
{
    uint32_t wave = numbers->on_resume ? numbers->wave : 0;
    struct peer_hole *hole = find_hole(own, report, number, wave);

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
static void decide_rest(struct peer_numbers *own, struct peers_numbers *numbers, uint64_t at)
{
    uint64_t rest = numbers->count - at, last = numbers->from + numbers->count - 1;

    if (numbers->on_resume || numbers->is_alone) {
        numbers->missed += rest;
        return;
    }
    if (last > own->skipped_to)
        numbers->skipped += last - own->skipped_to < rest ? last - own->skipped_to : rest;
    if (last > own->skipped_to)
        own->skipped_to = last;
}

void peer_numbers_note(struct peer_numbers *own, uint64_t number)
{
    if (number == PEER_NO_NUMBER)
        return;
    if (!own->known)
        own->known = x_calloc(NUMBER_PLACES, sizeof *own->known);
    own->known[number % NUMBER_PLACES] = number + 1;
}

void peer_numbers_fini(struct peer_numbers *own)
{
    free(own->known);
    free(own->holes);
    *own = (struct peer_numbers){0};
}

void peer_numbers_ask(struct peer_numbers *own, struct peer_report *report,
                      struct peers_numbers *numbers)
{
    uint64_t at = 0;

    for (; at < numbers->count && at < PEERS_ASK_LIMIT; at++) {
        uint64_t number = numbers->from + at;

        if (is_known(own, number)) {
            numbers->missed++;
            report->missed_count += !numbers->on_resume;
        } else if (!ask(own, report, number, numbers)) {
            break;
        }
    }
    if (at < numbers->count)
        decide_rest(own, numbers, at);
}
