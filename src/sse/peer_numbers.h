/*
 * sse/peer_numbers.h - numbers of a sequence without gaps, of one key in one process: which of them
 * came to any stream, and which are asked for in the key's next report (sse/peers.h).
 *
 * Pure. Runs on: the worker's loop.
 */
#ifndef CICADA_SSE_PEER_NUMBERS_H
#define CICADA_SSE_PEER_NUMBERS_H

#include <stdint.h>

struct peer_report;
struct peers_numbers;

/* Embedded; zero is empty. */
struct peer_numbers {
    uint64_t *known;     /* number + 1, by number modulo their count; NULL: none came */
    uint16_t *holes;     /* index in the report + 1, likewise */
    uint64_t skipped_to; /* the highest number that was counted as skipped here */
};

void peer_numbers_fini(struct peer_numbers *own);
/* A stream got it; no-op for PEER_NO_NUMBER. */
void peer_numbers_note(struct peer_numbers *own, uint64_t number);
/* As peers_ask, of a key that is there. What cannot be decided goes into the report. */
void peer_numbers_ask(struct peer_numbers *own, struct peer_report *report,
                      struct peers_numbers *numbers);

#endif
