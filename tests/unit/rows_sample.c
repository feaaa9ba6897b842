#include "rows_sample.h"

#include "base/clock.h"
#include "base/mem.h"

#include <math.h>

static const double STARTED_UNIX_MS = 1767225600250.0; /* 2026-01-01T00:00:00.250Z */
enum { SECONDS = 16 };

static const char LONG_NAME[] = "/a/rather/long/path/that/will/not/fit/into/the/column/of/names/of/"
                                "the/table/even/at/its/widest";

/* The classic generator of the C standard's example: the same everywhere. */
static uint32_t next(uint32_t *state)
{
    *state = (*state * 1103515245U + 12345U) & 0x7fffffffU;
    return *state;
}

/* Request `i` of a second. */
static void record(struct rows *rows, uint32_t *random, int second, int i)
{
    double unix_ms = STARTED_UNIX_MS + second * 1000 + i * 31.25;

    rows_record(rows, "GET", "/api/v1/events/stream", (next(random) % 4096) / 16.0 + 0.015625, 0,
                NULL, unix_ms);
    if (i % 3 == 0)
        rows_record(rows, "POST", "/login, \"x\"", (next(random) % 65536) / 16.0 + 0.03125, 120,
                    i % 2 == 1 ? "CatchResponseError('Login failed: 503')" : NULL, unix_ms);
    if (i % 4 == 0)
        rows_record(rows, "SSE", "time_to_first_event", (double)NAN, 19, NULL, unix_ms);
    if (i % 5 == 0)
        rows_record(rows, "GET", LONG_NAME, next(random) % 20000, 7,
                    second > 8 ? "Bad(\"a, b\\n\")" : NULL, unix_ms);
}

struct run *sample_rows(rows_sample_fn on_second, void *ctx)
{
    struct run *run = run_new(2);
    struct stats *delta = stats_new();
    uint32_t random = 12345;

    run->info.id = x_strdup("20260101T000000-5f3a");
    run->info.target = x_strdup("locustfile.py");
    run->info.command = x_strdup("cicada run locustfile.py");
    run->info.started_unix_ms = STARTED_UNIX_MS;
    run->info.ended_unix_ms = STARTED_UNIX_MS + SECONDS * 1000;
    run->info.planned_ns = SECONDS * CLOCK_NS_PER_S;
    run->info.users_planned = 3;
    run->workers[0].users = 3;
    if (on_second)
        on_second(ctx, run, STARTED_UNIX_MS);
    for (int second = 0; second < SECONDS; second++) {
        for (size_t worker = 0; worker < run->worker_count; worker++) {
            struct run_tick tick = {.interval_ns = CLOCK_NS_PER_S,
                                    .users = worker == 0 ? 2 : 1,
                                    .cpu_ratio = 0.25,
                                    .rss_bytes = 12300000};

            for (int i = 0; worker == 0 && i < second % 5 * 3 + 2; i++)
                record(stats_rows(delta), &random, second, i);
            if (second == SECONDS - 1 && worker == 1)
                rows_record_exception(stats_rows(delta), "oh, \"no\"",
                                      "  File \"x.py\", line 14, in a\n"
                                      "    raise RuntimeError\n",
                                      3);
            run_add_tick(run, worker, &tick, delta);
            stats_clear(delta);
        }
        run_close_second(run, (uint64_t)(second + 1) * CLOCK_NS_PER_S);
        if (on_second)
            on_second(ctx, run, STARTED_UNIX_MS + (second + 1) * 1000);
    }
    stats_free(delta);
    return run;
}
