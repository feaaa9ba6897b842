#include "verdict/find.h"

#include "base/mem.h"
#include "verdict/findings.h"
#include "verdict/login_rows.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LOGINS_MIN = 3, LOGIN_SLOW_MS = 1000, LOGIN_SLOW_FACTOR = 5 };

bool find_slow_auth(const struct run *run, struct finding *finding)
{
    const struct hist *connecting = stat_get_trend(run->total, METRIC_SSE_CONNECTING, NULL);
    struct login_rows logins = login_rows_read(run);
    double login_ms, stream_ms;
    char *opening;

    if (!logins.took || hist_count(logins.took) < LOGINS_MIN || findings_reads_late(run))
        return false;
    login_ms = (double)hist_percentile(logins.took, 95) / 1000;
    stream_ms = connecting ? (double)hist_percentile(connecting, 50) / 1000 : 0;
    if (login_ms <= LOGIN_SLOW_MS || login_ms <= stream_ms * LOGIN_SLOW_FACTOR)
        return false;
    finding->confidence = logins.is_guessed ? CONFIDENCE_LIKELY : CONFIDENCE_CERTAIN;
    finding->title = x_asprintf("Logins are slow: %.1f s (p95), before a stream can be asked for",
                                login_ms / 1000);
    opening = connecting ? x_asprintf("a stream then opened within %.1f ms (p50)", stream_ms)
                         : x_strdup("no stream opened behind them");
    finding->evidence =
        x_asprintf("http_req_duration of %s: p50 %.0f ms, p95 %.0f ms in %" PRIu64 " requests; %s",
                   logins.name, (double)hist_percentile(logins.took, 50) / 1000, login_ms,
                   hist_count(logins.took), opening);
    free(opening);
    finding->advice =
        x_strdup("Every reconnect with an expired token waits for this too. Look at the cost of "
                 "password hashes under so many logins at once, at the pool of database "
                 "connections, and at an identity provider that limits; a slower ramp (-r) tells "
                 "whether it is the number of logins at once");
    return true;
}
