/*
 * demo/pending.h - what the user pointer of an unanswered request leads to: whoever holds it embeds
 * this, so that the end of a peer finds its way without asking what kind of answer it was.
 */
#ifndef CICADA_DEMO_PENDING_H
#define CICADA_DEMO_PENDING_H

struct pending {
    /* The peer is gone: forget the request. The holder finds itself with CONTAINER_OF. */
    void (*on_gone)(struct pending *pending);
};

#endif
