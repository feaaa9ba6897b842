/*
 * tests/unit/audit_probe.h - an audited stream of its own endpoint, and its findings as text.
 */
#ifndef CICADA_TESTS_AUDIT_PROBE_H
#define CICADA_TESTS_AUDIT_PROBE_H

#include "sse/audit.h"

struct probe {
    struct audit audit;
    struct order order;
    struct audit_tally tally;
    struct audit_sink sink;
    bool is_settled;
    uint64_t content; /* of the next events */
    char text[256];
};

/* `order` ORDER_UNKNOWN learns. Borrows itself: not to be moved. */
void probe_init(struct probe *probe, enum order_kind order);
void probe_id(struct probe *probe, const char *id);
/* Ids `format` with each number from `from` to `to`. */
void probe_numbers(struct probe *probe, const char *format, uint64_t from, uint64_t to);
void probe_reconnect(struct probe *probe, bool is_resumed);
/*
 * What was found so far, without zeros: "missed 3+1" is 3 on the stream and 1 at resumes; "resumes
 * 2 inclusive 1", "resets 1". "-" for nothing. Borrowed until the next call.
 */
const char *probe_findings(struct probe *probe);
/* Ends the stream first. */
const char *probe_end(struct probe *probe);

#endif
