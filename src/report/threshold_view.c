#include "report/threshold_view.h"

#include "base/units.h"
#include "report/figures.h"
#include "report/summary_tables.h"
#include "verdict/outcome.h"
#include "verdict/threshold.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    STATE_COLUMNS = 7,
    TEXT_COLUMNS = 46,
    VALUE_COLUMNS = 13,
    LIGHTS_MAX = 40,
    CROSSED_TEXT_COLUMNS = 60
};

/* Enough digits to tell a value from a bound that it just misses; "12,345" where it is whole. */
static const char *format_number(double value, char text[static UNITS_TEXT_BYTES])
{
    static const double SIX_DIGITS = 999999.5;

    if (value < SIX_DIGITS && value > floor(value))
        (void)snprintf(text, UNITS_TEXT_BYTES, "%.6g", value);
    else
        (void)units_format_count(value < 1e19 ? (uint64_t)(value + 0.5) : UINT64_MAX, text);
    return text;
}

static const char *suffix_of(enum threshold_unit unit)
{
    switch (unit) {
    case THRESHOLD_UNIT_MS:
        return " ms";
    case THRESHOLD_UNIT_PER_S:
        return "/s";
    case THRESHOLD_UNIT_PER_HOUR:
        return "/h";
    case THRESHOLD_UNIT_SHARE:
        return "%";
    case THRESHOLD_UNIT_BYTES:
        return " B";
    case THRESHOLD_UNIT_BYTES_PER_S:
        return " B/s";
    case THRESHOLD_UNIT_NONE:
    case THRESHOLD_UNIT_COUNT:
        break;
    }
    return "";
}

static void put_value(struct buf *out, double value, enum threshold_unit unit)
{
    char text[UNITS_TEXT_BYTES];

    (void)buf_appendf(out, "%s%s",
                      format_number(unit == THRESHOLD_UNIT_SHARE ? value * 100 : value, text),
                      suffix_of(unit));
}

static const char *name_state(enum threshold_state state)
{
    switch (state) {
    case THRESHOLD_NOT_MEASURED:
        return "missing";
    case THRESHOLD_HELD:
        return "held";
    case THRESHOLD_CROSSED:
        return "CROSSED";
    }
    return "";
}

static const char *colour_of(enum threshold_state state)
{
    return state == THRESHOLD_HELD ? "\x1b[32m" : "\x1b[31m";
}

/* A counter that was never added to is 0 whether its tag is right or misspelt: that is said. */
static bool is_never_counted(const struct threshold *threshold)
{
    return threshold->spec.tag && metric_info(threshold->spec.metric)->kind == METRIC_COUNTER &&
           threshold->state != THRESHOLD_NOT_MEASURED && !(threshold->value > 0);
}

static void put_note(struct buf *out, const struct threshold *threshold)
{
    char when[UNITS_TEXT_BYTES];

    if (threshold->has_ended_run)
        (void)buf_appendf(out, "  ended at %s", units_format_duration(threshold->crossed_ns, when));
    else if (threshold->spec.over_s > 0 && threshold->state == THRESHOLD_CROSSED)
        (void)buf_appendf(out, "  at %s", units_format_duration(threshold->crossed_ns, when));
    else if (is_never_counted(threshold))
        (void)buf_append_text(out, "  never counted");
}

static void put_row(struct buf *out, const struct threshold *threshold, bool has_colour)
{
    const struct threshold_spec *spec = &threshold->spec;
    struct buf line = {0}, text = {0}, value = {0}, bound = {0};
    size_t used;

    (void)buf_appendf(&text, "%s: %s", spec->name, spec->expression);
    used = figures_append_clean(&line, buf_text(&text), TEXT_COLUMNS);
    if (threshold->state == THRESHOLD_NOT_MEASURED)
        (void)buf_append_text(&value, "not measured");
    else
        put_value(&value, threshold->value, spec->unit);
    (void)buf_appendf(&bound, "%s ", threshold_comparison_name(spec->comparison));
    put_value(&bound, spec->bound, spec->unit);
    (void)buf_appendf(&line, "%*s %*s %*s", (int)(TEXT_COLUMNS - used), "", VALUE_COLUMNS,
                      buf_text(&value), VALUE_COLUMNS, buf_text(&bound));
    put_note(&line, threshold);
    (void)buf_appendf(out, "  %s%-*s%s ", has_colour ? colour_of(threshold->state) : "",
                      STATE_COLUMNS, name_state(threshold->state), has_colour ? "\x1b[0m" : "");
    (void)figures_append_clean(out, buf_text(&line), SUMMARY_COLUMNS - STATE_COLUMNS - 3);
    (void)buf_append_byte(out, '\n');
    buf_fini(&line);
    buf_fini(&text);
    buf_fini(&value);
    buf_fini(&bound);
}

void summary_thresholds(struct buf *out, const struct outcome *outcome, bool has_colour)
{
    struct buf title = {0};

    if (thresholds_count(outcome->thresholds) == 0)
        return;
    (void)buf_appendf(&title, "%-*s %*s %*s", STATE_COLUMNS + TEXT_COLUMNS + 3, "Thresholds",
                      VALUE_COLUMNS, "value", VALUE_COLUMNS, "bound");
    summary_title(out, buf_text(&title), has_colour);
    buf_fini(&title);
    for (size_t i = 0; i < thresholds_count(outcome->thresholds); i++)
        put_row(out, thresholds_at(outcome->thresholds, i), has_colour);
}

static const struct threshold *find_crossed(const struct thresholds *thresholds)
{
    for (size_t i = 0; i < thresholds_count(thresholds); i++) {
        if (thresholds_at(thresholds, i)->state == THRESHOLD_CROSSED)
            return thresholds_at(thresholds, i);
    }
    return NULL;
}

void threshold_view_lights(struct buf *out, const struct thresholds *thresholds)
{
    const struct threshold *crossed = find_crossed(thresholds);
    size_t count = thresholds_count(thresholds);

    for (size_t i = 0; i < count && i < LIGHTS_MAX; i++)
        (void)buf_append_byte(out, (uint8_t) "?+x"[thresholds_at(thresholds, i)->state]);
    if (!crossed)
        return;
    (void)buf_append_text(out, "  ");
    (void)figures_append_clean(out, crossed->spec.name, CROSSED_TEXT_COLUMNS);
    (void)buf_append_text(out, ": ");
    (void)figures_append_clean(out, crossed->spec.expression, CROSSED_TEXT_COLUMNS);
    (void)buf_append_text(out, " is ");
    put_value(out, crossed->value, crossed->spec.unit);
}
