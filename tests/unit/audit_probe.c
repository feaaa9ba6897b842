#include "audit_probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void on_hole(void *ctx, uint64_t from, uint64_t to, enum audit_where where)
{
    struct probe *probe = ctx;

    probe->tally.missed[where] += to - from + 1;
}

void probe_init(struct probe *probe, enum order_kind order)
{
    *probe = (struct probe){.order.kind = order};
    probe->sink = (struct audit_sink){&probe->order, &probe->tally, on_hole, probe};
}

void probe_id(struct probe *probe, const char *id)
{
    struct audit_id given = {.text = (const uint8_t *)id,
                             .len = strlen(id),
                             .content = probe->content,
                             .is_settled = probe->is_settled};

    (void)audit_add(&probe->audit, &probe->sink, &given);
}

void probe_numbers(struct probe *probe, const char *format, uint64_t from, uint64_t to)
{
    const char *mark = strchr(format, '#');
    char id[64];

    for (uint64_t number = from; number <= to; number++) {
        (void)snprintf(id, sizeof id, "%.*s%" PRIu64 "%s", (int)(mark - format), format, number,
                       mark + 1);
        probe_id(probe, id);
    }
}

void probe_reconnect(struct probe *probe, bool is_resumed)
{
    audit_reconnect(&probe->audit, &probe->sink, is_resumed);
}

static void put(struct probe *probe, const char *name, const uint64_t *counts, bool is_pair)
{
    size_t at = strlen(probe->text);

    if (counts[0] == 0 && (!is_pair || counts[1] == 0))
        return;
    at += (size_t)snprintf(probe->text + at, sizeof probe->text - at, "%s%s %" PRIu64,
                           at > 0 ? " " : "", name, counts[0]);
    if (is_pair)
        (void)snprintf(probe->text + at, sizeof probe->text - at, "+%" PRIu64, counts[1]);
}

const char *probe_findings(struct probe *probe)
{
    const struct audit_tally *tally = &probe->tally;

    probe->text[0] = '\0';
    put(probe, "missed", tally->missed, true);
    put(probe, "duplicates", tally->duplicates, true);
    put(probe, "reordered", tally->reordered, true);
    put(probe, "resets", &tally->resets, false);
    put(probe, "resumes", &tally->resumes, false);
    put(probe, "inclusive", &tally->inclusive, false);
    return probe->text[0] ? probe->text : "-";
}

const char *probe_end(struct probe *probe)
{
    audit_end(&probe->audit, &probe->sink);
    return probe_findings(probe);
}
