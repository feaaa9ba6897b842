#include "demo/counters.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

struct row {
    enum counter_name name;
    const char *label; /* NULL: none */
    const char *metric;
    const char *type, *help; /* no help: another label of the metric above */
};

#define FAULT(name) "cicada_serve_fault_" name "_total", "counter"
#define RESPONSES   "cicada_serve_responses_total"

static const struct row rows[] = {
    {COUNTER_STREAMS_OPEN, NULL, "cicada_serve_streams_open", "gauge", "Event streams open now."},
    {COUNTER_STREAMS_OPENED, NULL, "cicada_serve_streams_opened_total", "counter",
     "Event streams opened."},
    {COUNTER_EVENTS_SENT, NULL, "cicada_serve_events_sent_total", "counter",
     "Events sent to a stream, replayed, repeated and malformed ones included."},
    {COUNTER_EVENTS_REPLAYED, NULL, "cicada_serve_events_replayed_total", "counter",
     "Events sent again after a Last-Event-ID."},
    {COUNTER_EVENTS_EXPIRED, NULL, "cicada_serve_events_expired_total", "counter",
     "Events behind a Last-Event-ID that the history held no more."},
    {COUNTER_HEARTBEATS_SENT, NULL, "cicada_serve_heartbeats_sent_total", "counter",
     "Heartbeat comments sent."},
    {COUNTER_CHAT_COMPLETIONS, NULL, "cicada_serve_chat_completions_total", "counter",
     "Chat completions begun."},
    {COUNTER_CHAT_TOKENS, NULL, "cicada_serve_chat_tokens_total", "counter",
     "Tokens of chat completions sent, or counted for a whole answer."},
    {COUNTER_FAULT_LOST, NULL, FAULT("lost"), "Events left out between two that were sent."},
    {COUNTER_FAULT_DUPLICATED, NULL, FAULT("duplicated"), "Events sent twice in a row."},
    {COUNTER_FAULT_REORDERED, NULL, FAULT("reordered"), "Events sent behind their successor."},
    {COUNTER_FAULT_MALFORMED_JSON, "kind=\"json\"", FAULT("malformed"), "Blocks broken, by kind."},
    {COUNTER_FAULT_MALFORMED_FIELD, "kind=\"unknown_field\"", FAULT("malformed"), NULL},
    {COUNTER_FAULT_MALFORMED_TEXT, "kind=\"invalid_utf8\"", FAULT("malformed"), NULL},
    {COUNTER_FAULT_DROPPED, NULL, FAULT("dropped"), "Streams reset."},
    {COUNTER_FAULT_CLUMPS, NULL, FAULT("clumps"), "Writes of gathered events."},
    {COUNTER_FAULT_STALLED, NULL, FAULT("stalled"), "Stalls begun."},
    {COUNTER_FAULT_STATUSES, NULL, FAULT("statuses"),
     "Requests for a stream answered with the status of the fault."},
    {COUNTER_FAULT_REFUSED, NULL, FAULT("refused"), "Requests for a stream above max-streams."},
    {COUNTER_FAULT_IDLE_CUT, NULL, FAULT("idle_cut"), "Streams ended because nothing was sent."},
    {COUNTER_FAULT_AGE_CUT, NULL, FAULT("age_cut"), "Streams ended for their age."},
    {COUNTER_FAULT_REPLAYS_REFUSED, NULL, FAULT("replays_refused"),
     "Streams whose Last-Event-ID was ignored."},
    {COUNTER_FAULT_WITHHELD, NULL, FAULT("withheld"), "Events that these streams did not get."},
    {COUNTER_FAULT_SLOW_LOGINS, NULL, FAULT("slow_logins"), "Logins and sessions delayed."},
    {COUNTER_FAULT_LOAD_DELAYS, NULL, FAULT("load_delays"), "Streams delayed by their number."},
    {COUNTER_RESPONSES_200, "code=\"200\"", RESPONSES, "counter", "Responses by status code."},
    {COUNTER_RESPONSES_204, "code=\"204\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_400, "code=\"400\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_401, "code=\"401\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_403, "code=\"403\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_404, "code=\"404\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_405, "code=\"405\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_413, "code=\"413\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_429, "code=\"429\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_500, "code=\"500\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_502, "code=\"502\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_503, "code=\"503\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_504, "code=\"504\"", RESPONSES, NULL, NULL},
    {COUNTER_RESPONSES_OTHER, "code=\"other\"", RESPONSES, NULL, NULL},
};

struct counters *counters_map(uint32_t process_count, struct err *err)
{
    void *memory = mmap(NULL, process_count * sizeof(struct counters), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        err_set(err, ERR_SYSTEM, "cannot map memory for the counters: %s", strerror(errno));
        return NULL;
    }
    return memory;
}

void counters_unmap(struct counters *counters, uint32_t process_count)
{
    if (counters)
        (void)munmap(counters, process_count * sizeof *counters);
}

void counters_add(struct counters *own, enum counter_name name, int64_t amount)
{
    (void)atomic_fetch_add_explicit(&own->values[name], (uint64_t)amount, memory_order_relaxed);
}

void counters_count_response(struct counters *own, int status)
{
    char label[sizeof "code=\"other\""];

    (void)snprintf(label, sizeof label, "code=\"%03d\"", status);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].label && strcmp(rows[i].label, label) == 0) {
            counters_add(own, rows[i].name, 1);
            return;
        }
    }
    counters_add(own, COUNTER_RESPONSES_OTHER, 1);
}

void counters_append_text(struct buf *out, const struct counters *all, uint32_t process_count)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        uint64_t sum = 0;

        for (uint32_t process = 0; process < process_count; process++)
            sum += atomic_load_explicit(&all[process].values[row->name], memory_order_relaxed);
        if (row->help)
            (void)buf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", row->metric, row->help,
                              row->metric, row->type);
        if (row->label)
            (void)buf_appendf(out, "%s{%s} %" PRIu64 "\n", row->metric, row->label, sum);
        else
            (void)buf_appendf(out, "%s %" PRIu64 "\n", row->metric, sum);
    }
}
