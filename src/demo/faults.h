/*
 * demo/faults.h - the faults that `cicada serve` can be told to have: their names, how their values
 * are written, and who is hit. The same text is read from --fault and from POST /control.
 *
 *     lose=RATIO        an event is left out
 *     duplicate=RATIO   an event comes twice in a row
 *     reorder=RATIO     an event comes right behind the next one
 *     malform=RATIO     a block is broken, in one of three ways; its id and event lines stay
 *     drop=RATIO@AGE    a stream is reset at this age
 *     clump=D           a stream's events are gathered and written together once each D
 *     stall=D           a stream sends nothing for D, at each 10 * D of its life
 *     status=CODE:RATIO a request for a stream is answered CODE
 *     max-streams=N     requests for more streams than N are answered 503
 *     load-delay=D      the answer to a request for a stream takes D for each stream there is
 *     idle-cut=D        a stream ends after D without a byte sent
 *     age-cut=D         a stream ends at age D
 *     no-replay         Last-Event-ID is ignored
 *     slow-login=D      logins and sessions take D longer
 *
 * "off", and 0, turn a fault off. Pure: no I/O, no clock.
 */
#ifndef CICADA_DEMO_FAULTS_H
#define CICADA_DEMO_FAULTS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

/* Zero is "off", of each. */
struct faults {
    double lose_ratio, duplicate_ratio, reorder_ratio, malform_ratio; /* add up to at most 1 */
    double drop_ratio, status_ratio;
    uint64_t drop_age_ns;
    uint64_t status_code;
    uint64_t max_streams;
    uint64_t clump_ns, stall_ns, load_delay_ns, idle_cut_ns, age_cut_ns, slow_login_ns;
    bool no_replay;
};

/* What becomes of one event. */
enum fault_fate {
    FATE_SENT = 0,
    FATE_LOST,
    FATE_DUPLICATED,
    FATE_HELD_BACK,   /* until the next event has gone out */
    FATE_CUT,         /* data that is no JSON: its end is missing */
    FATE_ODD_FIELD,   /* a line with a field that no event stream has; data is whole */
    FATE_SPOILED_TEXT /* a byte that is not UTF-8 inside the data */
};

/*
 * Takes "lose=1%" or several with commas between. 0, or -1 with a sentence that names the fault,
 * and a near name for one that does not exist; `faults` is then as before.
 */
int faults_set(struct faults *faults, const char *text, struct err *err);
/*
 * The same from {"fault":{"lose":0.01,"drop":"0.1@5s","no-replay":true,"stall":null}}: numbers (of
 * a time: seconds), texts as above, true and false; null and false are "off". Faults that are not
 * named stay as they are.
 */
int faults_set_json(struct faults *faults, const void *bytes, size_t len, struct err *err);
/* The value of "fault" above with every fault named, so that it can be given back. */
void faults_append_json(struct json *json, const struct faults *faults);

/* Some fault asks for a look at single events or at the life of a stream. */
bool faults_touch_streams(const struct faults *faults);

/*
 * The fate of the `ordinal`th event of stream number `stream`. Hangs on seed, stream and ordinal
 * alone; every event has one fate, so what was injected adds up.
 */
enum fault_fate faults_decide(const struct faults *faults, uint64_t seed, uint64_t stream,
                              uint64_t ordinal);
/* Whether stream number `stream` is one of those dropped, or answered with a status. */
bool faults_drop_hits(const struct faults *faults, uint64_t seed, uint64_t stream);
bool faults_status_hits(const struct faults *faults, uint64_t seed, uint64_t stream);

#endif
