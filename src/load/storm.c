#include "load/storm.h"

#include "base/clock.h"
#include "load/plan.h"
#include "load/share.h"
#include "load/user.h"
#include "wire/frame.h"

/* Between two streams that come back at once: about what a start costs, so that the worker reads
 * what comes on the others meanwhile. */
static const uint64_t STORM_RETURN_STEP_NS = 20000;

uint32_t storm_cut(const struct frame_storm *storm, struct user *const *users, size_t count,
                   uint64_t now_ns)
{
    const struct user_plan *shared = count > 0 ? users[0]->shared : NULL;
    struct stream_storm cut = {.index = storm->index, .returns_at_once = storm->is_at_once};
    uint32_t cut_count = 0;

    if (!shared)
        return 0;
    waves_begin_storm(stats_waves(stream_engine_stats(shared->engine)), storm->index,
                      stream_engine_open_count(shared->engine),
                      clock_add_ns(now_ns, storm->down_ns));
    for (size_t i = 0; i < count; i++) {
        uint64_t place =
            share_storm(share_place(shared->plan->seed, users[i]->index), storm->index);

        if (!share_has(place, storm->ratio))
            continue;
        cut.away_ns = storm->down_ns;
        if (storm->is_at_once)
            cut.away_ns = clock_add_ns(storm->down_ns, cut_count * STORM_RETURN_STEP_NS);
        cut_count += stream_cut(&users[i]->stream, &cut, now_ns);
    }
    return cut_count;
}
