/*
 * fleet/peer_asked.h - numbers of a sequence without gaps that some streams did not get, for one
 * key: asked for by workers none of whose streams is known to have got them, answered from what
 * all workers' streams got.
 *
 * Pure. Runs on: the controller.
 */
#ifndef CICADA_FLEET_PEER_ASKED_H
#define CICADA_FLEET_PEER_ASKED_H

#include "sse/peer_digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PEER_ASKED_GAPS_MIN = 8, PEER_ASKED_CHANCE = 20 };

struct peer_asked_number;
struct waves;

/* Embedded; zero is empty. */
struct peer_asked {
    uint64_t *known; /* number + 1, by number modulo their count; NULL: none */
    struct peer_asked_number *numbers;
    size_t count, cap;
    /* So far: numbers that came; how often one was missed and another stream got it; numbers that
     * nobody got; those that were missed on one stream's word. */
    uint64_t known_count, missed_count, common_count, lonely_count;
    uint32_t stream_count; /* the most at once */
};

struct peer_asked_answer {
    uint64_t missed, missed_resume; /* streams that did not get a number which they should have */
    uint64_t skipped;               /* numbers that nobody got */
};

void peer_asked_fini(struct peer_asked *asked);
/* So many streams are there, and so many more numbers were missed by one and got by another. */
void peer_asked_note(struct peer_asked *asked, uint32_t stream_count, uint32_t missed_count);
/* A stream got this number. */
void peer_asked_know(struct peer_asked *asked, uint64_t number);
/* Dropped past PEER_MERGE_ASKED_LIMIT. */
void peer_asked_add(struct peer_asked *asked, size_t worker, const struct peer_hole *hole,
                    uint64_t now_ns);
/*
 * Answers and forgets what somebody got, and all that was asked until then. A number was missed if
 * any stream got it, and skipped if none did and two or more were open through it. But:
 * - One stream's word alone makes a miss of it, unless PEER_ASKED_GAPS_MIN numbers or more, and
 * more than were missed in that way, were got by nobody: such a sequence leaves numbers out.
 * - Where streams miss much, a few of them miss the same number now and then: as many as chance
 *   explains, with PEER_ASKED_CHANCE times what is expected, are misses. There is no such chance
 *   where one stream never misses what another gets.
 * What streams missed while they were away goes into their waves too.
 */
struct peer_asked_answer peer_asked_judge(struct peer_asked *asked, uint64_t until_ns,
                                          struct waves *waves);

#endif
