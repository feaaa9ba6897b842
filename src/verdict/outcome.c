#include "verdict/outcome.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"
#include "verdict/find.h"
#include "verdict/findings.h"
#include "verdict/limit.h"
#include "verdict/threshold.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATUS_MIN = 100, STATUS_MAX = 599, TAG_BYTES = 16 };

/* Adds a clause to the sentence; the clauses are joined by "; ". */
static void __attribute__((format(printf, 2, 3)))
add_clause(struct buf *reason, const char *format, ...)
{
    va_list args;

    if (reason->len > 0)
        (void)buf_append_text(reason, "; ");
    va_start(args, format);
    (void)buf_vappendf(reason, format, args);
    va_end(args);
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void add_lost_workers(struct buf *reason, const struct run *run)
{
    uint64_t lost = 0, open = 0;

    for (size_t i = 0; i < run->worker_count; i++) {
        lost += run->workers[i].is_lost;
        open += run->workers[i].is_lost ? run->workers[i].lost_open : 0;
    }
    if (lost > 0)
        add_clause(reason, "%" PRIu64 " worker%s died with %" PRIu64 " open stream%s", lost,
                   plural(lost), open, plural(open));
}

/* What --expect-… asked for and did not get. Other malformed events are counted, no more. */
static void add_unmet(struct buf *reason, const struct run *run)
{
    static const struct {
        enum malformed kind;
        const char *one, *many;
    } unmet[] = {
        {MALFORMED_MISSING_EVENT, "stream ended without an event it should bring (--expect-event)",
         "streams ended without an event they should bring (--expect-event)"},
        {MALFORMED_JSON, "event was not JSON (--expect-json)",
         "events were not JSON (--expect-json)"},
        {MALFORMED_DATA, "event did not hold what it should (--expect-data)",
         "events did not hold what they should (--expect-data)"},
    };

    for (size_t i = 0; i < sizeof unmet / sizeof unmet[0]; i++) {
        uint64_t count =
            stat_get_count(run->total, METRIC_SSE_MALFORMED, malformed_tag(unmet[i].kind));

        if (count > 0)
            add_clause(reason, "%" PRIu64 " %s", count, count == 1 ? unmet[i].one : unmet[i].many);
    }
}

/* A run that was to be judged by what it published, and could not be. */
static void add_unpublished(struct buf *reason, const struct run *run)
{
    uint64_t failed = stat_get_count(run->total, METRIC_SSE_PUBLISH_FAILED, NULL);

    if (failed > 0 && stat_get_count(run->total, METRIC_SSE_PUBLISHED, NULL) == 0)
        add_clause(reason, "none of %" PRIu64 " attempt%s to publish a message succeeded", failed,
                   plural(failed));
}

static void add_no_event(struct buf *reason, const struct run *run)
{
    uint64_t attempts = stat_get_count(run->total, METRIC_SSE_ATTEMPTS, NULL), passes, fails;

    stat_get_rate(run->total, METRIC_SSE_CONNECT_SUCCESS, NULL, &passes, &fails);
    if (run_measured_ns(run) == 0)
        add_clause(reason, "the run ended within its warm-up: nothing was measured");
    else if (attempts == 0)
        add_clause(reason, "no event arrived after the warm-up");
    else
        add_clause(reason, "no event arrived in %" PRIu64 " attempt%s%s", attempts,
                   plural(attempts), passes + fails == 0 ? ", which nobody answered" : "");
}

/* First attempts that failed. A 204 is no error that would stand with the others. */
static void add_refused(struct buf *reason, const struct run *run, uint64_t fails, uint64_t all)
{
    uint64_t stopped = stat_get_count(run->total, METRIC_SSE_CONNECT_FAILS, "code:204");

    add_clause(reason, "%" PRIu64 " of %" PRIu64 " first attempt%s failed to open a stream", fails,
               all, plural(all));
    if (stopped > 0)
        (void)buf_appendf(reason, ", %" PRIu64 " of them by status 204, which stops a client",
                          stopped);
}

/* With the status at which most did: others than 200 are final, but to --reconnect always. */
static void add_gave_up(struct buf *reason, const struct run *run, uint64_t gave_up)
{
    uint64_t most = 0;
    int top = 0;

    add_clause(reason, "%" PRIu64 " user%s gave up reconnecting", gave_up, plural(gave_up));
    for (int code = STATUS_MIN; code <= STATUS_MAX; code++) {
        char tag[TAG_BYTES];
        uint64_t count;

        (void)snprintf(tag, sizeof tag, "code:%d", code);
        count = stat_get_count(run->total, METRIC_SSE_GAVE_UP, tag);
        if (count > most) {
            most = count;
            top = code;
        }
    }
    if (most > 0)
        (void)buf_appendf(reason, ", %" PRIu64 " of them at status %d", most, top);
}

/* What INTERFACE calls a failure in URL mode. A disconnect that recovers is none. */
static void add_failures(struct buf *reason, const struct run *run)
{
    uint64_t gave_up = stat_get_count(run->total, METRIC_SSE_GAVE_UP, NULL);
    uint64_t incomplete = stat_get_count(run->total, METRIC_SSE_INCOMPLETE, NULL);
    uint64_t away = find_restarts(run).away, passes, fails;

    stat_get_rate(run->total, METRIC_LOGIN_SUCCESS, "cause:first", &passes, &fails);
    if (fails > 0)
        add_clause(reason, "%" PRIu64 " of %" PRIu64 " login%s failed", fails, passes + fails,
                   plural(passes + fails));
    stat_get_rate(run->total, METRIC_SSE_CONNECT_SUCCESS, "phase:first", &passes, &fails);
    if (fails > 0)
        add_refused(reason, run, fails, passes + fails);
    if (gave_up > 0)
        add_gave_up(reason, run, gave_up);
    if (away > 0)
        add_clause(reason,
                   "%" PRIu64 " user%s had not come back when the run ended, from a "
                   "server that went away",
                   away, plural(away));
    if (incomplete > 0)
        add_clause(reason, "%" PRIu64 " stream%s ended before the end mark", incomplete,
                   plural(incomplete));
    add_unmet(reason, run);
    add_unpublished(reason, run);
    add_lost_workers(reason, run);
    if (reason->len > 0)
        return;
    if (!run_has_attempts(run))
        add_clause(reason, "no stream was ever attempted");
    else if (stat_get_count(run->total, METRIC_SSE_EVENTS, NULL) == 0)
        add_no_event(reason, run);
}

/* What went wrong in the generator: no figure of the service makes up for it. */
static void add_breakdowns(struct buf *reason, const struct run *run)
{
    add_lost_workers(reason, run);
    if (run->info.was_refused)
        add_clause(reason, "the script asked for users that it could not have");
    if (run->info.has_lost_lead)
        add_clause(reason, "the process of the script's hooks died");
}

/* Locust's rules, and two of ours: streams that never brought an event are no success, nor are
 * expectations that were given and not met. */
static void add_script_failures(struct buf *reason, const struct run *run)
{
    const struct rows *rows = stats_rows(run->stats);
    struct row *total = rows_total(rows);
    size_t exceptions = rows_exception_count(rows);

    if (total->failure_count > 0)
        add_clause(reason, "%" PRIu64 " of %" PRIu64 " request%s failed", total->failure_count,
                   total->request_count, plural(total->request_count));
    else if (rows_error_count(rows) > 0)
        add_clause(reason, "the script reported %zu error%s", rows_error_count(rows),
                   plural(rows_error_count(rows)));
    if (exceptions > 0)
        add_clause(reason, "%zu exception%s in user code", exceptions, plural(exceptions));
    if (findings_has_silent_streams(run))
        add_clause(reason, "no event arrived on any stream%s",
                   run->warm_up ? " after the warm-up" : "");
    row_free(total);
    add_unmet(reason, run);
    add_unpublished(reason, run);
    add_breakdowns(reason, run);
}

/* A Locust file that ended by itself. What its script set comes before everything. */
static void judge_script(struct outcome *outcome, const struct run *run, int exit_code_on_error,
                         struct buf *reason)
{
    add_script_failures(reason, run);
    outcome->exit_status = reason->len > 0 ? exit_code_on_error : EXIT_PASS;
    if (run->info.had_unhandled) {
        outcome->exit_status = reason->len > 0 ? exit_code_on_error : EXIT_BAD_USAGE;
        add_clause(reason, "an exception in a hook or in a greenlet of the script");
    }
    outcome->verdict = reason->len > 0 ? VERDICT_FAIL : VERDICT_PASS;
    if (run->info.script_exit_code < 0)
        return;
    outcome->exit_status = run->info.script_exit_code;
    outcome->verdict = outcome->exit_status == EXIT_PASS ? VERDICT_PASS : VERDICT_FAIL;
    if (reason->len > 0 || outcome->exit_status != EXIT_PASS)
        add_clause(reason, "the script set the exit status %d", outcome->exit_status);
}

struct outcome *outcome_judge(const struct run *run, int exit_code_on_error)
{
    struct outcome *outcome = x_calloc(1, sizeof *outcome);
    int signal_number = run->info.interrupted_by;
    struct buf reason = {0};

    outcome->findings = findings_collect(run, &outcome->finding_count);
    if (signal_number != 0) {
        outcome->verdict = VERDICT_ABORTED;
        outcome->exit_status = EXIT_SIGNAL_BASE + signal_number;
        add_clause(&reason, "interrupted by %s",
                   signal_number == SIGINT    ? "Ctrl-C (SIGINT)"
                   : signal_number == SIGTERM ? "SIGTERM"
                                              : "a signal");
        if (run->info.is_script && run->info.script_exit_code >= 0)
            outcome->exit_status = run->info.script_exit_code;
    } else if (run->info.is_script) {
        judge_script(outcome, run, exit_code_on_error, &reason);
    } else {
        add_failures(&reason, run);
        outcome->verdict = reason.len > 0 ? VERDICT_FAIL : VERDICT_PASS;
        outcome->exit_status = reason.len > 0 ? exit_code_on_error : EXIT_PASS;
    }
    if (reason.len > 0)
        outcome->reason = x_strdup(buf_text(&reason));
    buf_fini(&reason);
    return outcome;
}

/* "1 of 3 thresholds did not hold"; of those not crossed but without samples: "was not measured".
 */
static void add_thresholds(struct buf *reason, const struct run *run,
                           const struct thresholds *thresholds)
{
    size_t all = thresholds_count(thresholds);
    size_t crossed = thresholds_count_in(thresholds, THRESHOLD_CROSSED);
    size_t missing = thresholds_count_in(thresholds, THRESHOLD_NOT_MEASURED);
    const struct threshold *end = thresholds_find_end(thresholds);

    if (end)
        add_clause(reason, "ended after %.0f s by a threshold",
                   (double)run->info.duration_ns / (double)CLOCK_NS_PER_S);
    if (crossed > 0)
        add_clause(reason, "%zu of %zu threshold%s %s crossed", crossed, all, plural(all),
                   crossed == 1 ? "was" : "were");
    if (missing > 0)
        add_clause(reason, "%zu of %zu threshold%s %s not measured", missing, all, plural(all),
                   missing == 1 ? "was" : "were");
    if (crossed + missing == 0)
        add_clause(reason, all == 1 ? "the threshold held" : "all %zu thresholds held", all);
}

/* What `outcome_judge` found stands unless it was about failures of the service. */
static void judge_thresholds(struct outcome *outcome, const struct run *run, bool has_crossed,
                             int exit_code_on_error, struct buf *reason)
{
    add_breakdowns(reason, run);
    if (run->info.is_script && run->info.had_unhandled) {
        add_clause(reason, "an exception in a hook or in a greenlet of the script");
        outcome->exit_status = EXIT_BAD_USAGE;
    } else if (has_crossed) {
        outcome->exit_status = EXIT_THRESHOLDS;
    } else {
        outcome->exit_status = reason->len > 0 ? exit_code_on_error : EXIT_PASS;
    }
    outcome->verdict = has_crossed || reason->len > 0 ? VERDICT_FAIL : VERDICT_PASS;
}

void outcome_add_thresholds(struct outcome *outcome, const struct run *run,
                            const struct thresholds *thresholds, int exit_code_on_error)
{
    bool has_crossed =
        thresholds_count_in(thresholds, THRESHOLD_HELD) < thresholds_count(thresholds);
    bool is_settled =
        run->info.interrupted_by != 0 || (run->info.is_script && run->info.script_exit_code >= 0);
    struct buf reason = {0};

    if (thresholds_count(thresholds) == 0)
        return;
    outcome->thresholds = thresholds;
    if (is_settled && outcome->reason)
        add_clause(&reason, "%s", outcome->reason);
    else if (!is_settled)
        judge_thresholds(outcome, run, has_crossed, exit_code_on_error, &reason);
    add_thresholds(&reason, run, thresholds);
    free(outcome->reason);
    outcome->reason = x_strdup(buf_text(&reason));
    buf_fini(&reason);
}

/* What is known, however the search ended. */
static void add_known(struct buf *reason, const struct limit *limit)
{
    uint32_t holds = limit_holds(limit), fails = limit_fails(limit);
    char text[UNITS_TEXT_BYTES];

    if (holds > 0)
        add_clause(reason, "%s user%s hold%s", units_format_count(holds, text), plural(holds),
                   holds == 1 ? "s" : "");
    if (fails > 0)
        add_clause(reason, "%s do%s not", units_format_count(fails, text), fails == 1 ? "es" : "");
    if (limit_first_broken(limit))
        (void)buf_appendf(reason, ": %s", limit_first_broken(limit));
}

static void judge_limit(struct outcome *outcome, const struct limit *limit, struct buf *reason)
{
    bool has_found = false;

    switch (limit_end(limit)) {
    case LIMIT_UNDER_WAY:
        add_clause(reason, "the search did not come to its end");
        break;
    case LIMIT_EDGE:
        has_found = true;
        if (limit_confirmed(limit) < LIMIT_CONFIRMATIONS)
            add_clause(reason, "the edge is not steady");
        break;
    case LIMIT_CEILING:
        has_found = true;
        add_clause(reason, "the ceiling of the search holds");
        break;
    case LIMIT_NOTHING_HOLDS:
        if (limit_fails(limit) > 1)
            add_clause(reason, "not even %" PRIu32 " users hold", limit_fails(limit));
        else
            add_clause(reason, "not even one user holds");
        outcome->exit_status = EXIT_THRESHOLDS;
        break;
    case LIMIT_GENERATOR:
        add_clause(reason, "cicada itself was the limit");
        break;
    }
    if (has_found && outcome->verdict == VERDICT_NONE) {
        outcome->exit_status = EXIT_PASS;
        outcome->verdict = VERDICT_PASS;
    }
}

void outcome_add_limit(struct outcome *outcome, const struct run *run, const struct limit *limit,
                       const struct limit_rules *rules, int exit_code_on_error)
{
    struct buf reason = {0};

    if (!limit)
        return;
    outcome->limit = limit;
    outcome->limit_rules = rules;
    if (run->info.interrupted_by != 0) {
        add_clause(&reason, "%s", outcome->reason);
    } else {
        add_breakdowns(&reason, run);
        outcome->verdict = reason.len > 0 ? VERDICT_FAIL : VERDICT_NONE;
        outcome->exit_status = exit_code_on_error;
        judge_limit(outcome, limit, &reason);
        if (outcome->verdict == VERDICT_NONE)
            outcome->verdict = VERDICT_FAIL;
    }
    add_known(&reason, limit);
    free(outcome->reason);
    outcome->reason = x_strdup(buf_text(&reason));
    buf_fini(&reason);
}

void outcome_free(struct outcome *outcome)
{
    if (!outcome)
        return;
    findings_free(outcome->findings, outcome->finding_count);
    free(outcome->reason);
    free(outcome);
}

const char *verdict_name(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_NONE:
        return "none";
    case VERDICT_PASS:
        return "pass";
    case VERDICT_FAIL:
        return "fail";
    case VERDICT_ABORTED:
        return "aborted";
    }
    return "none";
}

const char *finding_severity_name(enum finding_severity severity)
{
    switch (severity) {
    case FINDING_NONE:
        return "none";
    case FINDING_INFO:
        return "info";
    case FINDING_WARNING:
        return "warning";
    case FINDING_CRITICAL:
        return "critical";
    }
    return "none";
}

const char *finding_confidence_name(enum finding_confidence confidence)
{
    switch (confidence) {
    case CONFIDENCE_NONE:
        return "none";
    case CONFIDENCE_SUSPECTED:
        return "suspected";
    case CONFIDENCE_LIKELY:
        return "likely";
    case CONFIDENCE_CERTAIN:
        return "certain";
    }
    return "none";
}
