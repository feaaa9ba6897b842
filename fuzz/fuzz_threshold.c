/*
 * fuzz/fuzz_threshold.c - the grammar of --threshold: what is refused is told with a column inside
 * the text, what is taken reads as itself when it is put together again.
 */
#include "base/mem.h"
#include "verdict/threshold_parse.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

static bool is_same_text(const char *left, const char *right)
{
    return left && right ? strcmp(left, right) == 0 : left == right;
}

static bool is_same_number(double left, double right)
{
    return !(left < right) && !(left > right);
}

static void check_taken(const struct threshold_spec *spec)
{
    char *text = x_asprintf("%s: %s", spec->name, spec->expression);
    struct threshold_spec again;
    struct err err = {0};

    require(isfinite(spec->bound) && spec->bound >= 0, "a bound that is no number");
    require(spec->percentile >= 0 && spec->percentile <= 100, "a percentile that is none");
    require(spec->over_s <= THRESHOLD_OVER_MAX_S, "a window without end");
    require(*threshold_unit_name(spec->unit) != '\0', "a bound without a unit");
    require(*threshold_comparison_name(spec->comparison) != '\0', "nothing to compare with");
    require(threshold_parse(text, &again, &err) == 0, err.text);
    require(is_same_text(again.name, spec->name) &&
                is_same_text(again.expression, spec->expression) &&
                is_same_text(again.tag, spec->tag) && is_same_text(again.endpoint, spec->endpoint),
            "read again, its texts are others");
    require(again.metric == spec->metric && again.aggregate == spec->aggregate &&
                again.comparison == spec->comparison && again.over_s == spec->over_s &&
                again.aborts == spec->aborts && again.after_ns == spec->after_ns &&
                is_same_number(again.bound, spec->bound) &&
                is_same_number(again.percentile, spec->percentile),
            "read again, it means something else");
    threshold_spec_fini(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = x_strndup(len > 0 ? (const char *)bytes : "", len);
    struct threshold_spec spec;
    struct err err = {0};
    size_t column = 0;

    if (threshold_parse(text, &spec, &err) == 0) {
        check_taken(&spec);
        threshold_spec_fini(&spec);
    } else {
        require(sscanf(err.text, "column %zu of '", &column) == 1, err.text);
        require(column >= 1 && column <= strlen(text) + 1, "a column outside of the text");
    }
    free(text);
    return 0;
}
