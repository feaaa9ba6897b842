#include "report/summary_storms.h"

#include "report/figures.h"
#include "report/summary_tables.h"
#include "verdict/wave.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { LABEL_BYTES = 48 };

static void put_back(struct buf *out, const struct wave *wave, double share)
{
    double back_s = wave_back_s(wave, share);
    char text[UNITS_TEXT_BYTES];

    (void)buf_appendf(out, " %8s", isnan(back_s) ? "-" : figures_number(back_s, text));
}

/* "-" where nothing could show them. */
static const char *format_found(uint64_t count, bool is_known, char text[static UNITS_TEXT_BYTES])
{
    return is_known ? units_format_count(count, text) : "-";
}

static void put_row(struct buf *out, const struct run *run, const struct wave_seen *seen)
{
    const struct wave *wave = &seen->sum;
    char label[LABEL_BYTES], cut[UNITS_TEXT_BYTES], peak[UNITS_TEXT_BYTES];
    char missed[UNITS_TEXT_BYTES], repeated[UNITS_TEXT_BYTES];

    (void)snprintf(label, sizeof label, "%s at %.1f s", seen->storm ? "storm" : "by the service",
                   seen->at_s);
    (void)buf_appendf(out, "  %-23s %9s", label, units_format_count(wave->lost, cut));
    put_back(out, wave, 0.50);
    put_back(out, wave, 0.95);
    put_back(out, wave, 0.99);
    put_back(out, wave, 1);
    (void)buf_appendf(out, " %8s %9s %8s\n", units_format_count(wave_peak_per_s(wave), peak),
                      format_found(wave->missed, wave_misses_are_known(run), missed),
                      format_found(wave->duplicates, wave_repeats_are_known(run), repeated));
}

static void put_part(struct buf *note, const char *name, uint64_t count)
{
    char text[UNITS_TEXT_BYTES];

    if (count > 0)
        (void)buf_appendf(note, "%s%s %s", note->len > 0 ? ", " : "", name,
                          units_format_count(count, text));
}

static void put_line(struct buf *out, const char *label, const struct buf *note)
{
    struct buf line = {0};

    if (note->len == 0)
        return;
    (void)buf_appendf(&line, "    %s ", label);
    (void)buf_append(&line, note->bytes, note->len);
    (void)figures_append_clean(out, buf_text(&line), SUMMARY_COLUMNS);
    (void)buf_append_byte(out, '\n');
    buf_fini(&line);
}

static void put_classes(struct buf *note, const uint64_t counts[CLASS_COUNT])
{
    for (int i = CLASS_NONE + 1; i < CLASS_COUNT; i++)
        put_part(note, error_class_name((enum error_class)i), counts[i]);
}

/* Only what is out of the ordinary: answers but 200, failures, those who are not back. */
static void put_notes(struct buf *out, const struct run *run, const struct wave *wave)
{
    /* A script may have come back without a sign of it: by a new stream from the start. */
    const char *away = run->info.is_script ? "not known, as not resumed" : "not back";
    struct buf note = {0};

    put_classes(&note, wave->causes);
    put_line(out, "ended as", &note);
    buf_clear(&note);
    put_part(&note, "left by the plan", wave->left);
    put_part(&note, away, wave_away_count(wave));
    put_part(&note, "gave up", wave->gave_up);
    put_classes(&note, wave->failures);
    put_part(&note, "told to wait (Retry-After)", wave->retry_after_seen);
    put_part(&note, "waited", wave->retry_after_honoured);
    put_line(out, "on the way back:", &note);
    buf_fini(&note);
}

void summary_storms(struct buf *out, const struct run *run, bool has_colour)
{
    struct wave_list list = wave_list_of(run);

    if (list.count > 0) {
        summary_title(out, "Storms, and the time in s until streams were back with an event",
                      has_colour);
        (void)buf_appendf(out, "  %-23s %9s %8s %8s %8s %8s %8s %9s %8s\n", "", "cut", "50%", "95%",
                          "99%", "all", "peak/s", "missed", "repeated");
    }
    for (size_t i = 0; i < list.count && i < SUMMARY_ROWS_MAX; i++) {
        put_row(out, run, &list.items[i]);
        put_notes(out, run, &list.items[i].sum);
    }
    if (list.count > 0)
        summary_more(out, list.count);
    wave_list_fini(&list);
}
