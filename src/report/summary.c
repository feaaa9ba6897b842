#include "report/summary.h"

#include "base/clock.h"
#include "report/figures.h"
#include "report/summary_limit.h"
#include "report/summary_quality.h"
#include "report/summary_stages.h"
#include "report/summary_storms.h"
#include "report/summary_tables.h"
#include "report/threshold_view.h"
#include "verdict/findings.h"
#include "verdict/onset.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WORKERS_MAX = 8, HEAD_INDENT = 12, FINDING_INDENT = 4 };

static const char *verdict_colour(enum verdict verdict)
{
    return verdict == VERDICT_PASS   ? "\x1b[1;32m"
           : verdict == VERDICT_FAIL ? "\x1b[1;31m"
                                     : "\x1b[1;33m";
}

/* "began to fail at 4,096 open streams (4,200 users, after 12s): status_5xx" */
static void put_onset(struct buf *out, const struct run *run)
{
    char open[UNITS_TEXT_BYTES], users[UNITS_TEXT_BYTES], at[UNITS_TEXT_BYTES];
    struct onset onset;

    if (!onset_find(run, &onset))
        return;
    (void)buf_appendf(out,
                      "  onset     began to fail at %s open stream%s (%s user%s, after %s): %s\n",
                      units_format_count(onset.open, open), onset.open == 1 ? "" : "s",
                      units_format_count(onset.users, users), onset.users == 1 ? "" : "s",
                      units_format_duration((uint64_t)(onset.at_s * 1e9), at), onset_what(&onset));
}

/* "critical: replay-missing; warning: server-restart, idle-timeout" */
static void put_codes(struct buf *out, const struct outcome *outcome)
{
    struct buf codes = {0};

    for (int severity = FINDING_CRITICAL; severity > FINDING_NONE; severity--) {
        const char *separator = codes.len > 0 ? "; " : "";
        bool is_first = true;

        for (size_t i = 0; i < outcome->finding_count; i++) {
            const struct finding *finding = &outcome->findings[i];

            if ((int)finding->severity != severity)
                continue;
            if (is_first)
                (void)buf_appendf(&codes, "%s%s: %s", separator,
                                  finding_severity_name(finding->severity), finding->code);
            else
                (void)buf_appendf(&codes, ", %s", finding->code);
            is_first = false;
        }
    }
    if (codes.len > 0) {
        (void)buf_append_text(out, "  findings  ");
        summary_wrapped(out, buf_text(&codes), HEAD_INDENT, HEAD_INDENT);
    }
    buf_fini(&codes);
}

/* "12.1s of 20s, as no user was left, started 2026-01-01T00:00:00.250Z" */
static void put_duration(struct buf *out, const struct run_info *info)
{
    char duration[UNITS_TEXT_BYTES], planned[UNITS_TEXT_BYTES], started[UNITS_TEXT_BYTES];

    (void)buf_appendf(out, "  duration  %s", units_format_duration(info->duration_ns, duration));
    if (info->has_run_out && info->planned_ns != CLOCK_NEVER_NS)
        (void)buf_appendf(out, " of %s, as no user was left",
                          units_format_duration(info->planned_ns, planned));
    (void)buf_appendf(out, ", started %s\n", figures_utc(info->started_unix_ms, started));
}

/* Arrivals have a rate and a cap: how many there are at once is up to the service. A search has a
 * ceiling. */
static void put_users(struct buf *out, const struct run *run, const struct limit *limit)
{
    const struct run_info *info = &run->info;
    char users[UNITS_TEXT_BYTES], planned[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES];

    (void)units_format_count(info->users_max, users);
    (void)units_format_count(info->users_planned, planned);
    if (info->arrivals_per_s > 0)
        (void)buf_appendf(out, "  arrivals  %s a second, at most %s at once (%s allowed)\n",
                          figures_number(info->arrivals_per_s, rate), users, planned);
    else if (limit)
        (void)buf_appendf(out, "  users     at most %s at once (%s allowed)\n", users, planned);
    else
        (void)buf_appendf(out, "  users     %s of %s planned\n", users, planned);
}

static void put_head(struct buf *out, const struct run *run, const struct outcome *outcome,
                     bool has_colour)
{
    char duration[UNITS_TEXT_BYTES];
    const char *verdict = verdict_name(outcome->verdict);

    (void)buf_appendf(out, "  verdict   %s%s%s", has_colour ? verdict_colour(outcome->verdict) : "",
                      verdict, has_colour ? "\x1b[0m" : "");
    if (outcome->reason) {
        (void)buf_append_text(out, ": ");
        summary_wrapped(out, outcome->reason, HEAD_INDENT + strlen(verdict) + 2, HEAD_INDENT);
    } else {
        (void)buf_append_byte(out, '\n');
    }
    put_codes(out, outcome);
    (void)buf_append_text(out, "  target    ");
    (void)figures_append_clean(out, run->info.target ? run->info.target : "-",
                               SUMMARY_COLUMNS - HEAD_INDENT);
    (void)buf_append_byte(out, '\n');
    put_duration(out, &run->info);
    if (run->info.warm_up_ns > 0)
        (void)buf_appendf(out, "  warm-up   the first %s, in no figure\n",
                          units_format_duration(run->info.warm_up_ns, duration));
    put_users(out, run, outcome->limit);
    put_onset(out, run);
}

static uint64_t put_count_row(struct buf *out, const struct run *run, const char *label,
                              enum metric metric, const char *note)
{
    char text[UNITS_TEXT_BYTES];
    uint64_t count = stat_get_count(run->total, metric, NULL);

    summary_row(out, label, units_format_count(count, text), note);
    return count;
}

/* Rare counts only take a line when there is something to count. */
static void put_count_row_if_any(struct buf *out, const struct run *run, const char *label,
                                 enum metric metric, const char *note)
{
    if (stat_get_count(run->total, metric, NULL) > 0)
        (void)put_count_row(out, run, label, metric, note);
}

static void put_attempts(struct buf *out, const struct run *run)
{
    const struct stat_set *total = run->total;
    char first[UNITS_TEXT_BYTES], resumed[UNITS_TEXT_BYTES], share[UNITS_TEXT_BYTES];
    struct buf note = {0};
    uint64_t passes, fails;

    (void)buf_appendf(
        &note, "first %s, resumed %s",
        units_format_count(stat_get_count(total, METRIC_SSE_ATTEMPTS, "phase:first"), first),
        units_format_count(stat_get_count(total, METRIC_SSE_ATTEMPTS, "phase:resume"), resumed));
    (void)put_count_row(out, run, "attempts", METRIC_SSE_ATTEMPTS, buf_text(&note));
    buf_clear(&note);
    stat_get_rate(total, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    (void)buf_appendf(&note, "%" PRIu64 " of %" PRIu64 " answered as an event stream", passes,
                      passes + fails);
    summary_row(out, "connected", figures_share(passes, fails, share), buf_text(&note));
    buf_clear(&note);
    stat_get_rate(total, METRIC_SSE_STREAM_SUCCESS, NULL, &passes, &fails);
    (void)buf_appendf(&note, "%" PRIu64 " of %" PRIu64 " got an event and no unwanted end", passes,
                      passes + fails);
    summary_row(out, "successful", figures_share(passes, fails, share), buf_text(&note));
    buf_fini(&note);
}

static void put_reconnects(struct buf *out, const struct run *run)
{
    char share[UNITS_TEXT_BYTES];
    struct buf note = {0};
    uint64_t passes, fails;

    stat_get_rate(run->total, METRIC_SSE_RECONNECT_SUCCESS, NULL, &passes, &fails);
    if (passes + fails > 0)
        (void)buf_appendf(&note, "%s reached an event", figures_share(passes, fails, share));
    (void)put_count_row(out, run, "reconnects", METRIC_SSE_RECONNECTS, buf_text(&note));
    buf_fini(&note);
}

static void put_logins(struct buf *out, const struct run *run)
{
    char all[UNITS_TEXT_BYTES], share[UNITS_TEXT_BYTES], renewed[UNITS_TEXT_BYTES];
    struct buf note = {0};
    uint64_t passes, fails, renewals, renewal_fails;

    stat_get_rate(run->total, METRIC_LOGIN_SUCCESS, NULL, &passes, &fails);
    if (passes + fails == 0)
        return;
    stat_get_rate(run->total, METRIC_LOGIN_SUCCESS, "cause:expired", &renewals, &renewal_fails);
    (void)buf_appendf(&note, "%s succeeded, %s after a token was refused",
                      figures_share(passes, fails, share),
                      units_format_count(renewals + renewal_fails, renewed));
    summary_row(out, "logins", units_format_count(passes + fails, all), buf_text(&note));
    buf_fini(&note);
}

static void put_handshakes(struct buf *out, const struct run *run)
{
    char all[UNITS_TEXT_BYTES], share[UNITS_TEXT_BYTES];
    struct buf note = {0};
    uint64_t resumed, full, again, anew;

    stat_get_rate(run->total, METRIC_TLS_RESUMED, NULL, &resumed, &full);
    if (resumed + full == 0)
        return;
    (void)buf_appendf(&note, "%s resumed a session", figures_share(resumed, full, share));
    stat_get_rate(run->total, METRIC_TLS_RESUMED, "phase:resume", &again, &anew);
    if (again + anew > 0)
        (void)buf_appendf(&note, ", %s of those of reconnects", figures_share(again, anew, share));
    summary_row(out, "TLS handshakes", units_format_count(resumed + full, all), buf_text(&note));
    buf_fini(&note);
}

/* A stream that is open when the run ends is closed by us too: it is in both rows. */
static void put_ends(struct buf *out, const struct run *run)
{
    const struct hist *age = stat_get_trend(run->total, METRIC_SSE_OPEN_AGE, NULL);
    char text[UNITS_TEXT_BYTES];
    struct buf note = {0};
    uint64_t open = age ? hist_count(age) : 0;

    (void)units_format_count(open, text);
    summary_row(out, "open at the end", text, "");
    if (open > 0)
        (void)buf_appendf(&note, "%s of them at the end of the run", text);
    (void)put_count_row(out, run, "closed by us", METRIC_SSE_CLOSED_BY_US, buf_text(&note));
    buf_fini(&note);
}

static void put_streams(struct buf *out, const struct run *run, bool has_colour)
{
    char causes[FIGURES_DISCONNECTS_BYTES];

    summary_title(out, "Streams", has_colour);
    put_logins(out, run);
    put_attempts(out, run);
    put_ends(out, run);
    (void)put_count_row(out, run, "disconnects", METRIC_SSE_DISCONNECTS,
                        figures_causes(run->total, causes));
    put_reconnects(out, run);
    put_handshakes(out, run);
    put_count_row_if_any(out, run, "slow readers", METRIC_SSE_SLOW_READERS, "streams");
    put_count_row_if_any(out, run, "left by reset", METRIC_SSE_ABORTED, "as chosen");
    put_count_row_if_any(out, run, "completed", METRIC_SSE_COMPLETED, "");
    put_count_row_if_any(out, run, "gave up", METRIC_SSE_GAVE_UP,
                         "users that stopped reconnecting");
    put_count_row_if_any(out, run, "turned away", METRIC_DROPPED_ITERATIONS,
                         "arrivals, as all users there may be (-u) were there");
    put_count_row_if_any(out, run, "lost", METRIC_SSE_LOST, "open on a worker when it died");
    put_count_row_if_any(out, run, "unanswered at the end", METRIC_SSE_PENDING, "");
}

/* "ms" or, where workers or endpoints differ, "ms, s". */
static void append_units(struct buf *note, const struct stat_set *set)
{
    static const char *const tags[] = {"unit:s", "unit:ms", "unit:us", "unit:ns", "unit:rfc3339"};
    const char *separator = "in ";

    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (stat_get_count(set, METRIC_SSE_TIMED, tags[i]) == 0)
            continue;
        (void)buf_appendf(note, "%s%s", separator, tags[i] + strlen("unit:"));
        separator = ", ";
    }
}

static void put_clock(struct buf *out, const struct run *run)
{
    struct clock_state clock = run_clock(run);
    char offset[UNITS_TEXT_BYTES], error[UNITS_TEXT_BYTES];
    struct buf note = {0};

    switch (clock.source) {
    case CLOCK_SAME_HOST:
        summary_row(out, "clock", "ours", "the service is on this machine");
        break;
    case CLOCK_ASKED:
        (void)snprintf(offset, sizeof offset, "%+.3f ms", (double)clock.offset_ns / 1e6);
        (void)buf_appendf(&note, "ahead of ours, +-%s ms, asked at %s",
                          figures_number((double)clock.error_ns / 1e6, error),
                          figures_clock_source(run, clock.source));
        summary_row(out, "clock", offset, buf_text(&note));
        break;
    case CLOCK_APART:
        summary_row(out, "clock", "not compared", "latencies hold as far as the two clocks agree");
        break;
    case CLOCK_UNUSED:
    case CLOCK_SOURCE_COUNT:
        break;
    }
    buf_fini(&note);
}

static void put_lateness(struct buf *out, const struct run *run)
{
    struct buf note = {0};

    append_units(&note, run->total);
    put_count_row_if_any(out, run, "with a time of sending", METRIC_SSE_TIMED, buf_text(&note));
    put_count_row_if_any(out, run, "without one", METRIC_SSE_UNTIMED,
                         "not found, not read, or --clock had not answered");
    put_count_row_if_any(out, run, "stale", METRIC_SSE_STALE, "");
    put_clock(out, run);
    put_count_row_if_any(out, run, "reads without a stamp", METRIC_WORKER_RECEIVE_UNSTAMPED,
                         "the kernel gave no time of receipt: ours was taken");
    buf_fini(&note);
}

static void put_events(struct buf *out, const struct run *run, bool has_colour)
{
    const struct hist *per_stream =
        stat_get_trend(run->total, METRIC_SSE_EVENTS_PER_STREAM_S, NULL);
    double seconds = (double)run_measured_ns(run) / 1e9;
    uint64_t events = stat_get_count(run->total, METRIC_SSE_EVENTS, NULL);
    uint64_t bytes = stat_get_count(run->total, METRIC_SSE_BYTES, NULL);
    char first[UNITS_TEXT_BYTES], second[UNITS_TEXT_BYTES], third[UNITS_TEXT_BYTES];
    struct buf note = {0};

    summary_title(out, "Events", has_colour);
    (void)buf_appendf(&note, "%s/s", figures_number(figures_per_s(events, seconds), first));
    (void)put_count_row(out, run, "events", METRIC_SSE_EVENTS, buf_text(&note));
    buf_clear(&note);
    (void)buf_appendf(&note, "%s/s",
                      units_format_bytes(seconds > 0 ? (double)bytes / seconds : 0, first));
    summary_row(out, "bytes", units_format_bytes((double)bytes, second), buf_text(&note));
    (void)put_count_row(out, run, "comments", METRIC_SSE_COMMENTS, "");
    put_lateness(out, run);
    if (per_stream && hist_count(per_stream) > 0) {
        buf_clear(&note);
        (void)buf_appendf(&note, "p50, slowest %s, fastest %s",
                          figures_number(figures_trend(hist_min(per_stream)), second),
                          figures_number(figures_trend(hist_max(per_stream)), third));
        summary_row(out, "events/s of a stream",
                    figures_number(figures_trend(hist_percentile(per_stream, 50)), first),
                    buf_text(&note));
    }
    buf_fini(&note);
    summary_quality(out, run);
}

static uint64_t count_of_trend(const struct run *run, enum metric metric, const char *tag)
{
    const struct hist *hist = stat_get_trend(run->total, metric, tag);

    return hist ? hist_count(hist) : 0;
}

static void put_where(struct buf *out, const struct run *run, const char *label, enum metric metric)
{
    char resumed[UNITS_TEXT_BYTES];
    struct buf note = {0};
    uint64_t count = stat_get_count(run->total, metric, "where:resume");

    if (count > 0)
        (void)buf_appendf(&note, "%s of them across a reconnect",
                          units_format_count(count, resumed));
    (void)put_count_row(out, run, label, metric, buf_text(&note));
    buf_fini(&note);
}

/* What cicada itself published, and what streams got of it. */
static void put_published(struct buf *out, const struct run *run, bool has_colour)
{
    uint64_t failed = stat_get_count(run->total, METRIC_SSE_PUBLISH_FAILED, NULL);
    uint64_t replayed = count_of_trend(run, METRIC_SSE_PUBLISH_LATENCY, "delivery:replay");
    uint64_t live = count_of_trend(run, METRIC_SSE_PUBLISH_LATENCY, NULL);
    char first[UNITS_TEXT_BYTES];
    struct buf note = {0};

    if (stat_get_count(run->total, METRIC_SSE_PUBLISHED, NULL) + failed == 0)
        return;
    summary_title(out, "Published", has_colour);
    if (failed > 0)
        (void)buf_appendf(&note, "%s attempt%s failed", units_format_count(failed, first),
                          failed == 1 ? "" : "s");
    (void)put_count_row(out, run, "published", METRIC_SSE_PUBLISHED, buf_text(&note));
    buf_clear(&note);
    if (replayed > 0)
        (void)buf_appendf(&note, "%s of them published before the stream opened",
                          units_format_count(replayed, first));
    summary_row(out, "received", units_format_count(live + replayed, first), buf_text(&note));
    put_where(out, run, "missed", METRIC_SSE_PUBLISH_MISSED);
    put_where(out, run, "duplicates", METRIC_SSE_PUBLISH_DUPLICATES);
    buf_fini(&note);
}

static void put_findings(struct buf *out, const struct outcome *outcome, bool has_colour)
{
    if (outcome->finding_count == 0)
        return;
    summary_title(out, "Findings", has_colour);
    for (size_t i = 0; i < outcome->finding_count; i++) {
        const struct finding *finding = &outcome->findings[i];

        (void)buf_appendf(out, "  %s (%s, %s)\n%*s", finding->code,
                          finding_severity_name(finding->severity),
                          finding_confidence_name(finding->confidence), FINDING_INDENT, "");
        summary_wrapped(out, finding->title, FINDING_INDENT, FINDING_INDENT);
        (void)buf_appendf(out, "%*s", FINDING_INDENT, "");
        summary_wrapped(out, finding->evidence, FINDING_INDENT, FINDING_INDENT);
        (void)buf_appendf(out, "%*s", FINDING_INDENT, "");
        summary_wrapped(out, finding->advice, FINDING_INDENT, FINDING_INDENT);
    }
}

static void put_workers(struct buf *out, const struct run *run, bool has_colour)
{
    summary_title(out, "Workers", has_colour);
    for (size_t i = 0; i < run->worker_count && i < WORKERS_MAX; i++) {
        const struct run_worker *worker = &run->workers[i];
        char memory[UNITS_TEXT_BYTES];

        (void)buf_appendf(
            out, "  worker %-4" PRIu32 " cpu %3.0f%% of a core, lag p99 %.1f ms, %s%s", worker->id,
            figures_worker_cpu(worker) * 100.0, findings_lag_p99_ms(worker),
            units_format_bytes((double)worker->rss_bytes, memory),
            findings_is_saturated(worker) ? ", saturated" : "");
        if (worker->is_lost)
            (void)buf_appendf(out, ", died with %" PRIu32 " open streams", worker->lost_open);
        (void)buf_append_byte(out, '\n');
    }
    if (run->worker_count > WORKERS_MAX)
        (void)buf_appendf(out, "  and %zu more, see the result of --json\n",
                          run->worker_count - WORKERS_MAX);
}

static void put_tail(struct buf *out, const char *json_path)
{
    static const char text[] = "\nEvery figure, by second and endpoint, as JSON: ";

    (void)buf_append_text(out, text);
    if (json_path)
        (void)figures_append_clean_end(out, json_path, SUMMARY_COLUMNS - (sizeof text - 2));
    else
        (void)buf_append_text(out, "--json FILE");
    (void)buf_append_byte(out, '\n');
}

void summary_write(struct buf *out, const struct run *run, const struct outcome *outcome,
                   const char *json_path, bool has_colour)
{
    bool has_rows = rows_count(stats_rows(run->stats)) > 0;
    bool has_streams = run_has_attempts(run);

    summary_title(out, "cicada " CICADA_VERSION, has_colour);
    put_head(out, run, outcome, has_colour);
    summary_thresholds(out, outcome, has_colour);
    summary_limit(out, outcome, has_colour);
    if (!outcome->limit)
        summary_stages(out, run, has_colour);
    summary_rows(out, run, has_colour);
    if (has_streams || !has_rows) {
        put_streams(out, run, has_colour);
        summary_times(out, run, has_colour);
        summary_tokens(out, run, has_colour);
        summary_storms(out, run, has_colour);
        put_events(out, run, has_colour);
        summary_delivery(out, run, has_colour);
        summary_servers(out, run, has_colour);
        put_published(out, run, has_colour);
        summary_endpoints(out, run, has_colour);
    }
    /* A script's requests stand in its own table. */
    if (!has_rows)
        summary_requests(out, run, has_colour);
    summary_errors(out, run, has_colour);
    put_findings(out, outcome, has_colour);
    put_workers(out, run, has_colour);
    summary_machine(out, run);
    put_tail(out, json_path);
}
