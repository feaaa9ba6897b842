#include "verdict/find.h"

#include "base/buf.h"
#include "base/mem.h"
#include "verdict/end_groups.h"
#include "verdict/findings.h"
#include "verdict/wave.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum {
    DOWN_SHARE = 10,     /* one refused attempt of so many lost streams: nobody listened */
    REFUSALS_MIN = 5,    /* attempts that were turned away, and at least one of so many lost: */
    REFUSALS_SHARE = 50, /* a service that does not cope with those who come back */
    LATE_TIMES = 5,      /* by so much longer than the wait before the first attempt */
    LATE_MIN_S = 1,
    LATE_GAPS = 2, /* nor is the first event of a source that speaks seldom late */
    US_PER_MS = 1000,
    STATUS_ERROR_MIN = 400
};

/* --- server-restart --- */

static uint64_t refused_of(const struct wave *wave)
{
    return wave->failures[CLASS_CONNECT_REFUSED];
}

/* A gateway's word that nobody listens behind it. */
static uint64_t unreached_of(const struct wave *wave)
{
    return wave_status_count(wave, 502) + wave_status_count(wave, 504);
}

/* The longest usual time between two events; 0: nobody got two. */
static double usual_gap_ms(const struct run *run)
{
    const struct hist *gaps = stat_get_trend(run->total, METRIC_SSE_EVENT_GAP, NULL);

    return gaps ? (double)hist_percentile(gaps, 99) / US_PER_MS : 0;
}

/* The silence before the end is the same for all, and longer than those that streams lived
 * through. */
static bool was_idle(const struct run *run, const struct end_group *group)
{
    return end_spread_is_one(&group->silence_ms) &&
           group->silence_ms.p50 >= END_GROUP_SHORTEST_MS &&
           group->silence_ms.p50 > usual_gap_ms(run);
}

static bool has_many_ages(const struct run *run, const struct wave *wave, struct end_group *group)
{
    return end_group_between(run, wave->first_unix_ms, wave->last_unix_ms, group) &&
           group->row_count >= END_GROUP_ROWS_MIN && end_group_is_one_moment(group);
}

/* CONFIDENCE_NONE: a limit on the age or the silence of streams that began together looks the same,
 * or the ends are of our own making. */
static enum finding_confidence judge_restart(const struct run *run, const struct wave *wave)
{
    bool was_down = (refused_of(wave) + unreached_of(wave)) * DOWN_SHARE >= wave->lost;
    struct end_group group = {0};
    bool is_of_all_ages = has_many_ages(run, wave, &group) && !was_idle(run, &group);

    if (2 * (wave->causes[CLASS_TIMEOUT_READ] + wave->causes[CLASS_LOCAL_LIMIT]) > wave->lost)
        return CONFIDENCE_NONE;
    if (is_of_all_ages)
        return was_down ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY;
    return was_down ? CONFIDENCE_LIKELY : CONFIDENCE_NONE;
}

static bool is_restart(const struct run *run, const struct wave_seen *seen)
{
    return !seen->storm && judge_restart(run, &seen->sum) != CONFIDENCE_NONE;
}

bool find_is_restart_at(const struct run *run, double unix_ms)
{
    struct wave_list list = wave_list_of(run);
    bool result = false;

    for (size_t i = 0; i < list.count && !result; i++)
        result = is_restart(run, &list.items[i]) && unix_ms >= list.items[i].sum.first_unix_ms &&
                 unix_ms <= list.items[i].sum.last_unix_ms;
    wave_list_fini(&list);
    return result;
}

/* --- what became of those who were lost --- */

enum fate { FATE_NONE = 0, FATE_GAVE_UP, FATE_AWAY };

/* The commonest status of answers that turned attempts away; 0: none was given a status. */
static uint32_t refusal_of(const struct wave *wave)
{
    uint64_t most = 0;
    uint32_t code = 0;

    for (size_t i = 0; i < wave->status_count; i++) {
        if (wave->statuses[i].code >= STATUS_ERROR_MIN && wave->statuses[i].count > most) {
            most = wave->statuses[i].count;
            code = wave->statuses[i].code;
        }
    }
    return code;
}

/* Most gave up at an answer; or all have asked again, and most were neither let in nor gave up. */
static enum fate fate_of(const struct wave *wave)
{
    uint64_t due = wave_due_count(wave), code = refusal_of(wave);

    if (code > 0 && 2 * wave->gave_up > due &&
        2 * wave_status_count(wave, (uint32_t)code) >= wave->gave_up)
        return FATE_GAVE_UP;
    return wave->attempts >= due && 2 * wave_back_count(wave) < due &&
                   2 * (wave_status_count(wave, 200) + wave->gave_up) < due
               ? FATE_AWAY
               : FATE_NONE;
}

/* Of those who were not back, those who still asked. */
static uint64_t asking_count(const struct wave *wave)
{
    uint64_t away = wave_away_count(wave);

    return away > wave->gave_up ? away - wave->gave_up : 0;
}

struct find_restarts find_restarts(const struct run *run)
{
    struct wave_list list = wave_list_of(run);
    struct find_restarts restarts = {0};

    for (size_t i = 0; i < list.count; i++) {
        if (!is_restart(run, &list.items[i]))
            continue;
        restarts.count++;
        restarts.repeats += list.items[i].sum.duplicates;
        restarts.missed += list.items[i].sum.missed;
        if (fate_of(&list.items[i].sum) == FATE_AWAY)
            restarts.away += asking_count(&list.items[i].sum);
    }
    wave_list_fini(&list);
    restarts.began_anew =
        restarts.count > 0 &&
        (restarts.repeats > 0 || stat_get_count(run->total, METRIC_SSE_SEQUENCE_RESETS, NULL) > 0 ||
         stat_get_count(run->total, METRIC_SSE_REORDERED, "where:resume") > 0);
    return restarts;
}

/* The largest of those for which `is_so` holds; NULL: none. Borrowed from the list. */
static const struct wave_seen *find_largest(const struct run *run, const struct wave_list *list,
                                            bool (*is_so)(const struct run *run,
                                                          const struct wave_seen *seen))
{
    const struct wave_seen *largest = NULL;

    for (size_t i = 0; i < list->count; i++) {
        const struct wave_seen *seen = &list->items[i];

        if ((!largest || seen->sum.lost > largest->sum.lost) && is_so(run, seen))
            largest = seen;
    }
    return largest;
}

/* When all were back, or how many are. The caller frees it. */
static char *describe_back(const struct wave *wave)
{
    uint64_t back = wave_back_count(wave);

    if (wave_away_count(wave) == 0)
        return x_asprintf("all were back %.1f s after the first end", wave_back_s(wave, 1));
    return x_asprintf("%" PRIu64 " of them were back by the end of the run", back);
}

static char *describe_ages(const struct run *run, const struct wave *wave)
{
    struct end_group group;

    if (!has_many_ages(run, wave, &group))
        return x_strdup("");
    return x_asprintf("at ages of %.1f to %.1f s (p10 to p90), ", group.age_ms.p10 / 1000,
                      group.age_ms.p90 / 1000);
}

/* What came of it to the events, behind the other figures. The caller frees it. */
static char *describe_events(const struct wave *wave)
{
    struct buf text = {0};
    char *result;

    if (wave->missed > 0) /* numbers that begin anew show none */
        (void)buf_appendf(&text, ", %" PRIu64 " events were missed", wave->missed);
    if (wave->duplicates > 0)
        (void)buf_appendf(&text,
                          ", %" PRIu64 " events had ids that had come before: ids that began anew, "
                          "or a replay that repeats",
                          wave->duplicates);
    result = x_strdup(buf_text(&text));
    buf_fini(&text);
    return result;
}

/* The caller frees it. */
static char *restart_title(const struct run *run, const struct wave_seen *seen)
{
    const struct wave *wave = &seen->sum;
    char *lost =
        x_asprintf("%" PRIu64 " of %" PRIu32 " streams ended at once", wave->lost, wave->open);
    char *result = NULL;

    switch (fate_of(wave)) {
    case FATE_NONE:
        result = x_asprintf("A server was restarted or went away %.1f s after the start: %s",
                            seen->at_s, lost);
        break;
    case FATE_GAVE_UP:
        result = x_asprintf("A server was restarted or went away %.1f s after the start: %s, and "
                            "%" PRIu64 " users gave up at status %" PRIu32,
                            seen->at_s, lost, wave->gave_up, refusal_of(wave));
        break;
    case FATE_AWAY:
        result = x_asprintf("A server went away %.1f s after the start and was not back %.1f s "
                            "later, when the run ended: %s",
                            seen->at_s, (double)run->info.duration_ns / 1e9 - seen->at_s, lost);
        break;
    }
    free(lost);
    return result;
}

static const char *restart_advice(enum fate fate)
{
    switch (fate) {
    case FATE_GAVE_UP:
        return "To a browser, and so to --reconnect auto, any status but 200 is final: these users "
               "get nothing more until their page is loaded anew. Start the new process before "
               "the old one ends, or have the proxy close such connections without an answer, "
               "behind which browsers ask again; how clients fare that ask again after a status "
               "tells --reconnect always";
    case FATE_AWAY:
        return "Look for a crash, or a process that was stopped, in the logs of the service and "
               "its machine at that moment, and for what should have started it again; where it "
               "runs, for what keeps connections from it. A longer run tells whether it comes "
               "back";
    case FATE_NONE:
        break;
    }
    return "Where it was planned: let streams go a few at a time before the process ends, with a "
           "retry time of its own for each, start the new one first, and keep events for as long "
           "as that takes. Else look for crashes in the logs of that moment";
}

/* The caller frees it. */
static char *describe_refused(const struct wave *wave)
{
    if (unreached_of(wave) == 0)
        return x_asprintf("%" PRIu64 " attempts to come back were refused", refused_of(wave));
    return x_asprintf("%" PRIu64 " attempts to come back were refused, and %" PRIu64
                      " answered 502 or 504",
                      refused_of(wave), unreached_of(wave));
}

static void fill_restart(const struct run *run, const struct wave_seen *seen,
                         struct finding *finding)
{
    const struct wave *wave = &seen->sum;
    enum fate fate = fate_of(wave);
    /* As far as it is printed: never within no time. */
    double span_s = fmax((wave->last_unix_ms - wave->first_unix_ms) / 1000, 0.01);
    char *ages = describe_ages(run, wave), *back = describe_back(wave);
    char *events = describe_events(wave), *refused = describe_refused(wave);

    finding->severity = fate == FATE_NONE ? FINDING_WARNING : FINDING_CRITICAL;
    finding->confidence = judge_restart(run, wave);
    finding->title = restart_title(run, seen);
    finding->evidence =
        x_asprintf("They ended within %.2f s, %s%s, %s%s", span_s, ages, refused, back, events);
    finding->advice = x_strdup(restart_advice(fate));
    free(refused);
    free(ages);
    free(back);
    free(events);
}

bool find_server_restart(const struct run *run, struct finding *finding)
{
    struct wave_list list = wave_list_of(run);
    const struct wave_seen *seen = find_largest(run, &list, is_restart);
    bool result = seen != NULL;

    if (seen)
        fill_restart(run, seen, finding);
    wave_list_fini(&list);
    return result;
}

/* --- thundering-herd --- */

/* Attempts that a service which was up turned away or let wait for too long. A 503 without a word
 * of when to come again is also what a proxy says while the service is down. */
static uint64_t count_refusals(const struct wave *wave)
{
    uint64_t sheds = wave_status_count(wave, 503);

    if (wave->retry_after_seen < sheds)
        sheds = wave->retry_after_seen;
    return wave_status_count(wave, 429) + sheds + wave->failures[CLASS_TIMEOUT_HEADERS];
}

/* From the first end to the first attempt: the shortest time that anyone waited. */
static double first_attempt_s(const struct wave *wave)
{
    double first_ms = wave->bin_count > 0 ? (double)wave->bins[0].at * WAVES_BIN_MS : 0;

    return first_ms > wave->first_unix_ms ? (first_ms - wave->first_unix_ms) / 1000 : 0;
}

/* Late although the service let everybody connect, and later than a source that speaks seldom has
 * its next event. */
static bool is_late(const struct run *run, const struct wave *wave)
{
    double first_s = first_attempt_s(wave), gap_s = usual_gap_ms(run) / 1000;
    double late_s = fmax(fmax(first_s, LATE_MIN_S) * LATE_TIMES, first_s + LATE_GAPS * gap_s);

    return gap_s > 0 && !findings_reads_late(run) && refused_of(wave) == 0 &&
           wave->failures[CLASS_CONNECT_TIMEOUT] == 0 &&
           unreached_of(wave) + wave_status_count(wave, 503) == 0 &&
           wave_back_s(wave, 0.95) > late_s;
}

static bool is_herd(const struct run *run, const struct wave_seen *seen)
{
    const struct wave *wave = &seen->sum;
    uint64_t refusals = count_refusals(wave);

    if (seen->storm || 2 * wave_peak_per_s(wave) <= wave->lost)
        return false;
    return (refusals >= REFUSALS_MIN && refusals * REFUSALS_SHARE >= wave->lost) ||
           is_late(run, wave);
}

bool find_thundering_herd(const struct run *run, struct finding *finding)
{
    struct wave_list list = wave_list_of(run);
    const struct wave_seen *seen = find_largest(run, &list, is_herd);
    const struct wave *wave = seen ? &seen->sum : NULL;
    char *back;

    if (!seen) {
        wave_list_fini(&list);
        return false;
    }
    back = describe_back(wave);
    finding->confidence = CONFIDENCE_LIKELY;
    finding->title = x_asprintf("Streams that were lost together came back together, and the "
                                "service did not cope: %" PRIu64 " attempts within one second",
                                wave_peak_per_s(wave));
    finding->evidence =
        x_asprintf("%" PRIu64 " streams ended %.1f s after the start; of %" PRIu64 " attempts to "
                   "come back %" PRIu64 " were answered 429, 503 with Retry-After or too late; %s",
                   wave->lost, seen->at_s, wave->attempts, count_refusals(wave), back);
    finding->advice =
        x_strdup("Spread the way back: a retry time of its own for each stream, a Retry-After that "
                 "is not the same for all, streams let go over a while; and find out what makes "
                 "an opening dear (login, history, locks)");
    free(back);
    wave_list_fini(&list);
    return true;
}
