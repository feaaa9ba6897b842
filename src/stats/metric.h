/*
 * stats/metric.h - the closed list of metrics: name, kind, unit. Everything that records, carries,
 * shows or judges a metric walks this one table.
 */
#ifndef CICADA_STATS_METRIC_H
#define CICADA_STATS_METRIC_H

#include <assert.h>

enum metric_kind { METRIC_KIND_NONE = 0, METRIC_COUNTER, METRIC_GAUGE, METRIC_RATE, METRIC_TREND };

enum metric_unit {
    METRIC_UNIT_NONE = 0,
    METRIC_UNIT_COUNT, /* of a trend, as the next: recorded in thousandths */
    METRIC_UNIT_BYTES,
    METRIC_UNIT_NS,    /* recorded in ns, shown in ms */
    METRIC_UNIT_PER_S, /* recorded in thousandths a second, shown as a number a second */
    METRIC_UNIT_RATIO,
    METRIC_UNIT_PER_HOUR
};

enum metric {
    METRIC_NONE = 0,
    METRIC_USERS,
    METRIC_DROPPED_ITERATIONS,
    METRIC_SSE_OPEN,
    METRIC_SSE_ATTEMPTS,        /* tag phase */
    METRIC_SSE_CONNECT_SUCCESS, /* tags phase, after:fail */
    METRIC_SSE_CONNECT_FAILS,   /* tags cause, code, retry:given */
    METRIC_SSE_STREAM_SUCCESS,
    METRIC_SSE_PENDING,    /* attempts unanswered at the end that had not waited too long */
    METRIC_SSE_CONNECTING, /* tags phase, part:dns|connect|tls|wait */
    METRIC_SSE_FIRST_BYTE,
    METRIC_SSE_TTFE,   /* tag phase */
    METRIC_SSE_EVENTS, /* tag event:NAME */
    METRIC_SSE_BYTES,
    METRIC_SSE_COMMENTS,
    METRIC_SSE_RETRY_LINES,
    METRIC_SSE_EVENTS_PER_STREAM_S,
    METRIC_SSE_EVENT_GAP,
    METRIC_SSE_BURST_EVENTS, /* tags sent:apart, end:inside */
    METRIC_SSE_BURST_BYTES,  /* of those with end:inside */
    METRIC_SSE_BURST_SPAN,   /* of those with sent:apart */
    METRIC_SSE_COMPRESSED,   /* tag coding:NAME */
    /* Live events; above:fastest beside them where no clock was compared. delivery:replay, events
     * older than their connection, and delivery:held, those of them that were sent when it had been
     * asked for, stand apart and are NOT in the whole. */
    METRIC_SSE_EVENT_LATENCY,
    METRIC_SSE_EVENT_LATENCY_NEGATIVE, /* how far below zero: of live events, and of no other figure
                                        */
    METRIC_SSE_STALE,
    METRIC_SSE_TIMED,   /* tag unit:s|ms|us|ns|rfc3339 */
    METRIC_SSE_UNTIMED, /* with --event-time: no time in the event, or no answer of --clock yet */
    METRIC_SSE_DURATION,
    METRIC_SSE_OPEN_AGE,
    METRIC_SSE_OPEN_SILENCE, /* at the run's end, of streams that had got an event */
    METRIC_SSE_SILENT_AGE,   /* of streams that ended, or the run with them, without one */
    METRIC_SSE_DISCONNECTS,  /* tag cause */
    METRIC_SSE_DISCONNECTS_PER_STREAM_HOUR,
    METRIC_SSE_CLOSED_BY_US,
    METRIC_SSE_COMPLETED,
    METRIC_SSE_INCOMPLETE, /* ended for good before their end mark */
    METRIC_SSE_GAVE_UP,    /* tag code */
    METRIC_SSE_LOST,       /* open on a worker when it died */
    METRIC_SSE_RECONNECTS,
    METRIC_SSE_RECONNECT_SUCCESS,
    METRIC_SSE_RECOVERY,
    METRIC_SSE_TTFT,
    METRIC_SSE_INTER_TOKEN,
    METRIC_SSE_TOKENS_PER_S,
    METRIC_SSE_TOKENS,    /* tag counted:usage|chunks */
    METRIC_SSE_SEQUENCED, /* tag order:dense|declared|sparse|none|unknown */
    METRIC_SSE_UNNUMBERED,
    METRIC_SSE_MISSED, /* this and the next three: tag where:stream|resume */
    METRIC_SSE_DUPLICATES,
    METRIC_SSE_REORDERED,
    METRIC_SSE_LOSS,
    METRIC_SSE_SKIPPED,
    METRIC_SSE_SEQUENCE_RESETS,
    METRIC_SSE_RESUMES,
    METRIC_SSE_INCLUSIVE_REPLAYS,
    METRIC_SSE_MALFORMED, /* tag kind */
    METRIC_SSE_MISSED_HEARTBEATS,
    METRIC_SSE_RESUMED_ELSEWHERE,
    METRIC_SSE_PUBLISHED,          /* in the row of the publisher's endpoint */
    METRIC_SSE_PUBLISH_FAILED,     /* the same */
    METRIC_SSE_PUBLISH_MISSED,     /* tag where:stream|resume */
    METRIC_SSE_PUBLISH_DUPLICATES, /* the same */
    METRIC_SSE_PUBLISH_LATENCY,    /* tag delivery:replay, which is not in the whole */
    METRIC_SSE_SLOW_READERS,
    METRIC_SSE_READER_PAUSES,
    METRIC_SSE_ABORTED,
    METRIC_SSE_PEER_MISSED,       /* tag where:stream|resume */
    METRIC_SSE_PEER_COMPLETENESS, /* of an event and a stream that should get it */
    METRIC_SSE_FANOUT_SPREAD,
    METRIC_SSE_UNSHARED,
    METRIC_SSE_UNCOMPARED,
    METRIC_SSE_PEER_UNDECIDED,
    METRIC_HTTP_REQS,
    METRIC_HTTP_REQ_FAILED,
    METRIC_HTTP_REQ_DURATION,
    METRIC_HTTP_STATUS,   /* tags code, phase */
    METRIC_TLS_RESUMED,   /* of TLS handshakes; tag phase */
    METRIC_LOGIN_SUCCESS, /* of logins; tag cause:first|expired */
    METRIC_WORKER_LAG,
    METRIC_WORKER_RECEIVE_DELAY,     /* the kernel had it to our read, of stream bodies */
    METRIC_WORKER_RECEIVE_UNSTAMPED, /* reads for which the kernel gave no time */
    METRIC_WORKER_CPU,               /* share of one core */
    METRIC_WORKER_RSS,
    METRIC_COUNT
};

struct metric_info {
    const char *name; /* "sse_ttfe" */
    enum metric_kind kind;
    enum metric_unit unit;
    const char *meaning; /* a phrase for help and documents */
};

extern const struct metric_info METRIC_INFOS[METRIC_COUNT];

/*
 * Borrowed for ever. `metric` is a member other than METRIC_NONE and METRIC_COUNT. Inline because
 * every recording checks its metric's kind.
 */
static inline const struct metric_info *metric_info(enum metric metric)
{
    assert(metric > METRIC_NONE && metric < METRIC_COUNT);
    return &METRIC_INFOS[metric];
}

/* METRIC_NONE when unknown. */
enum metric metric_find(const char *name);

#endif
