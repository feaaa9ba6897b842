#include "report/live_storms.h"

#include "report/figures.h"
#include "verdict/wave.h"

static void append(struct buf *out, const struct run *run, const struct wave_seen *seen)
{
    const struct wave *wave = &seen->sum;
    char cut[UNITS_TEXT_BYTES], share[UNITS_TEXT_BYTES], missed[UNITS_TEXT_BYTES];

    (void)buf_appendf(out, "at %.1f s", seen->at_s);
    if (!seen->is_told) {
        (void)buf_append_text(out, " was ordered");
        return;
    }
    (void)buf_appendf(out, " %s %s streams, %s %s", seen->storm ? "cut" : "the service lost",
                      units_format_count(wave->lost, cut),
                      figures_share(wave_back_count(wave), wave_away_count(wave), share),
                      run->info.is_script ? "resumed" : "back");
    if (wave->missed > 0)
        (void)buf_appendf(out, ", %s events missed", units_format_count(wave->missed, missed));
}

bool live_storms_append(struct buf *out, const struct run *run, bool *result_is_over)
{
    struct wave_list list = wave_list_of(run);
    bool has_any = list.count > 0;

    if (has_any) {
        const struct wave_seen *latest = &list.items[list.count - 1];

        append(out, run, latest);
        *result_is_over = latest->is_told && wave_away_count(&latest->sum) == 0;
    }
    wave_list_fini(&list);
    return has_any;
}
