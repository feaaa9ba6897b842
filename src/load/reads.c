#include "load/reads.h"

#include "base/clock.h"
#include "stats/set.h"

/* A receipt stamped by the kernel may lie before one that was read earlier. */
static uint64_t passed_ns(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? to_ns - from_ns : 0;
}

static bool goes_on(const struct reads *reads, const struct reads_piece *piece, uint64_t now_ns)
{
    return reads->stream == piece->stream &&
           passed_ns(reads->last_ns, now_ns) < READS_PAUSE_MS * CLOCK_NS_PER_MS;
}

void reads_begin(struct reads *reads, const struct reads_piece *piece, uint64_t now_ns)
{
    if (!goes_on(reads, piece, now_ns)) {
        reads_close(reads);
        reads->stream = piece->stream;
        reads->set = piece->set;
        reads->began_ns = now_ns;
        reads->is_behind_pause =
            piece->last_event_ns != 0 &&
            passed_ns(piece->last_event_ns, now_ns) >= READS_PAUSE_MS * CLOCK_NS_PER_MS;
    }
    reads->last_ns = now_ns;
    reads->byte_count += piece->byte_count;
    reads->was_paused |= piece->was_paused;
}

void reads_event(struct reads *reads)
{
    if (reads->stream)
        reads->event_count++;
}

void reads_sent(struct reads *reads, int64_t sent_unix_ns)
{
    if (reads->sent_count == 0 || sent_unix_ns < reads->oldest_unix_ns)
        reads->oldest_unix_ns = sent_unix_ns;
    if (reads->sent_count == 0 || sent_unix_ns > reads->newest_unix_ns)
        reads->newest_unix_ns = sent_unix_ns;
    reads->sent_count++;
}

void reads_end(struct reads *reads, bool is_inside)
{
    reads->ends_inside = is_inside;
}

static void record_sent(const struct reads *reads)
{
    uint64_t span_ns = (uint64_t)(reads->newest_unix_ns - reads->oldest_unix_ns);

    if (reads->sent_count < 2 ||
        span_ns <= passed_ns(reads->began_ns, reads->last_ns) + READS_APART_MS * CLOCK_NS_PER_MS)
        return;
    stat_size(reads->set, METRIC_SSE_BURST_EVENTS, "sent:apart", reads->sent_count);
    stat_time(reads->set, METRIC_SSE_BURST_SPAN, NULL, span_ns);
}

static void record(const struct reads *reads)
{
    stat_size(reads->set, METRIC_SSE_BURST_EVENTS, NULL, reads->event_count);
    if (reads->ends_inside && reads->is_behind_pause) {
        stat_size(reads->set, METRIC_SSE_BURST_EVENTS, "end:inside", reads->event_count);
        stat_size(reads->set, METRIC_SSE_BURST_BYTES, NULL, reads->byte_count);
    }
    record_sent(reads);
}

void reads_close(struct reads *reads)
{
    if (reads->event_count >= 2 && !reads->was_paused)
        record(reads);
    *reads = (struct reads){0};
}
