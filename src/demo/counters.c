#include "demo/counters.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

struct row {
    enum counter_name name;
    const char *code; /* of a response, else NULL */
    const char *metric, *type, *help;
};

static const struct row rows[] = {
    {COUNTER_STREAMS_OPEN, NULL, "cicada_serve_streams_open", "gauge", "Event streams open now."},
    {COUNTER_STREAMS_OPENED, NULL, "cicada_serve_streams_opened_total", "counter",
     "Event streams opened."},
    {COUNTER_EVENTS_SENT, NULL, "cicada_serve_events_sent_total", "counter",
     "Events sent to a stream, replayed ones included."},
    {COUNTER_EVENTS_REPLAYED, NULL, "cicada_serve_events_replayed_total", "counter",
     "Events sent again after a Last-Event-ID."},
    {COUNTER_HEARTBEATS_SENT, NULL, "cicada_serve_heartbeats_sent_total", "counter",
     "Heartbeat comments sent."},
    {COUNTER_RESPONSES_200, "200", "cicada_serve_responses_total", "counter",
     "Responses by status code."},
    {COUNTER_RESPONSES_400, "400", "cicada_serve_responses_total", NULL, NULL},
    {COUNTER_RESPONSES_401, "401", "cicada_serve_responses_total", NULL, NULL},
    {COUNTER_RESPONSES_403, "403", "cicada_serve_responses_total", NULL, NULL},
    {COUNTER_RESPONSES_404, "404", "cicada_serve_responses_total", NULL, NULL},
    {COUNTER_RESPONSES_405, "405", "cicada_serve_responses_total", NULL, NULL},
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
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *code = rows[i].code;

        if (code && (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0') == status)
            counters_add(own, rows[i].name, 1);
    }
}

void counters_append_text(struct buf *out, const struct counters *all, uint32_t process_count)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        uint64_t sum = 0;

        for (uint32_t process = 0; process < process_count; process++)
            sum += atomic_load_explicit(&all[process].values[row->name], memory_order_relaxed);
        if (row->type)
            (void)buf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", row->metric, row->help,
                              row->metric, row->type);
        if (row->code)
            (void)buf_appendf(out, "%s{code=\"%s\"} %" PRIu64 "\n", row->metric, row->code, sum);
        else
            (void)buf_appendf(out, "%s %" PRIu64 "\n", row->metric, sum);
    }
}
