/*
 * verdict/find.h - the rules behind findings, for the table in findings.c: each a pure function
 * over the merged figures of a run, in a file named for what it looks at.
 *
 * A rule fills title, evidence (figures that the result holds) and advice, all on the heap, and
 * says how sure it is, and how severe where that hangs on the figures; it gives false, and fills
 * nothing, where the run does not show the thing. A healthy service gives none: a rule that is not
 * sure enough stays silent.
 */
#ifndef CICADA_VERDICT_FIND_H
#define CICADA_VERDICT_FIND_H

#include "stats/run.h"
#include "verdict/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct end_group;

/* --- find_delivery.c: what arrived of what was sent --- */
bool find_event_loss(const struct run *run, struct finding *finding);
bool find_event_duplicates(const struct run *run, struct finding *finding);
bool find_event_reordered(const struct run *run, struct finding *finding);
bool find_malformed_events(const struct run *run, struct finding *finding);
bool find_replay_missing(const struct run *run, struct finding *finding);
bool find_replay_duplicates(const struct run *run, struct finding *finding);

/* --- find_ends.c: streams that ended though nobody asked for it --- */
/* What these look at: the ends of a run without those of restarts, which have a finding of their
 * own. As end_groups_new gives them. */
struct end_group *find_end_groups(const struct run *run, size_t *result_count);
/* Where the run cannot tell, an idle timeout or a maximum age. */
bool find_idle_timeout(const struct run *run, struct finding *finding);
bool find_max_age(const struct run *run, struct finding *finding);
/* Broken off, and none of the other findings says why. */
bool find_abrupt_disconnects(const struct run *run, struct finding *finding);

/* --- find_generator.c: cicada itself --- */
bool find_generator_saturated(const struct run *run, struct finding *finding);

/* --- find_short.c: what a run was too short for --- */
bool find_too_short_run(const struct run *run, struct finding *finding);

/* --- find_plateau.c: streams that stop at a number --- */
bool find_connection_limit(const struct run *run, struct finding *finding);
bool find_worker_exhaustion(const struct run *run, struct finding *finding);

/* --- find_refused.c: attempts that an answer turned away; what a limit on connections explains is
 * left to it --- */
bool find_gateway_errors(const struct run *run, struct finding *finding);
bool find_server_errors(const struct run *run, struct finding *finding);
bool find_rate_limited(const struct run *run, struct finding *finding);
bool find_auth_rejections(const struct run *run, struct finding *finding);
/* Most attempts at one endpoint were answered another 4xx. */
bool find_client_errors(const struct run *run, struct finding *finding);
bool find_wrong_content_type(const struct run *run, struct finding *finding);

/* --- find_login.c: what comes before a stream --- */
bool find_slow_auth(const struct run *run, struct finding *finding);

/* --- find_silent.c: streams without events, or without any more --- */
bool find_no_events(const struct run *run, struct finding *finding);
/* Some streams never got an event, though others of their endpoint did. */
bool find_silent_streams(const struct run *run, struct finding *finding);
/* Some streams get nothing any more, though others of their endpoint do. */
bool find_dead_streams(const struct run *run, struct finding *finding);
/* With --heartbeat. */
bool find_no_heartbeat(const struct run *run, struct finding *finding);
/* No stream was ever answered, for as long as others are given; of a Locust file also where some
 * were and none had an event. */
bool find_unanswered(const struct run *run, struct finding *finding);

/* --- find_buffering.c: events that are held back on their way --- */
/*
 * Most live events come together with others that were sent apart from them; or, where nobody knows
 * when they were sent, most come in bursts that end inside an event, always at the same size. Not
 * while cicada itself read late.
 */
bool find_proxy_buffering(const struct run *run, struct finding *finding);
/* The same of streams that come compressed, at whatever size. */
bool find_buffered_compression(const struct run *run, struct finding *finding);
/* One of the two holds. Then the lateness of events is that of the buffer. */
bool find_is_held_back(const struct run *run);

/* --- find_late.c: events that are late, or do not come as often as to others --- */
/* None of these while cicada itself read late; of times, not where events are held back either. */
bool find_stale_events(const struct run *run, struct finding *finding);
/* An event reaches the last of its streams a second after the first, or half the time to the next
 * one after it. */
bool find_slow_fanout(const struct run *run, struct finding *finding);
/* Of streams that should get the same events some get less than a quarter of what half of them get,
 * from a source that is as busy at all times. */
bool find_starved_streams(const struct run *run, struct finding *finding);

/* --- find_growth.c: how lateness goes with time, and with the number of streams --- */
/* With as many streams and events it is three times what it was, in steps, over 30 s and more. */
bool find_latency_trend(const struct run *run, struct finding *finding);
/* From a number of streams on it is five times what it is with few. */
bool find_latency_knee(const struct run *run, struct finding *finding);

/* --- find_wave.c: streams that the service lost together --- */
bool find_server_restart(const struct run *run, struct finding *finding);
/* They came back together, which did harm. */
bool find_thundering_herd(const struct run *run, struct finding *finding);
/* Streams that ended unasked at this moment did so in a restart. */
bool find_is_restart_at(const struct run *run, double unix_ms);
/*
 * All restarts of a run, and the events that came again where streams came back from them: to
 * streams, ids that began anew look like a replay of old events, or like late ones.
 */
struct find_restarts {
    size_t count;
    uint64_t repeats;
    uint64_t missed; /* likewise, what streams did not get that came back from them */
    bool began_anew; /* ids did in one of them, as far as the run shows */
    uint64_t away; /* users who were still asking at the end, of services that did not come back */
};
struct find_restarts find_restarts(const struct run *run);

#endif
