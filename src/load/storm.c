#include "load/storm.h"

#include "load/share.h"
#include "load/user.h"
#include "wire/frame.h"

/* Between two streams that come back at once: about what a start costs, so that the worker reads
 * what comes on the others meanwhile. */
static const uint64_t STORM_RETURN_STEP_NS = 20000;

uint32_t storm_cut(const struct frame_storm *storm, struct user *const *users, size_t count,
                   uint64_t seed, uint64_t now_ns)
{
    uint32_t cut_count = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t place = share_storm(share_place(seed, users[i]->index), storm->index);
        uint64_t away_ns = storm->down_ns;

        if (!share_has(place, storm->ratio))
            continue;
        if (storm->is_at_once)
            away_ns += cut_count * STORM_RETURN_STEP_NS;
        cut_count += stream_cut(&users[i]->stream, away_ns, storm->is_at_once, now_ns);
    }
    return cut_count;
}
