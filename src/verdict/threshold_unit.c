#include "verdict/threshold_unit.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/units.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *threshold_unit_name(enum threshold_unit unit)
{
    switch (unit) {
    case THRESHOLD_UNIT_COUNT:
        return "count";
    case THRESHOLD_UNIT_MS:
        return "ms";
    case THRESHOLD_UNIT_PER_S:
        return "1/s";
    case THRESHOLD_UNIT_PER_HOUR:
        return "1/h";
    case THRESHOLD_UNIT_SHARE:
        return "ratio";
    case THRESHOLD_UNIT_BYTES:
        return "bytes";
    case THRESHOLD_UNIT_BYTES_PER_S:
        return "bytes/s";
    case THRESHOLD_UNIT_NONE:
        break;
    }
    return "";
}

const char *threshold_unit_rule(enum threshold_unit unit)
{
    switch (unit) {
    case THRESHOLD_UNIT_MS:
        return "in ms, or has one of ns us ms s m h d";
    case THRESHOLD_UNIT_BYTES:
        return "in bytes, or has one of k M G T";
    case THRESHOLD_UNIT_BYTES_PER_S:
        return "in bytes a second, or has one of k M G T";
    case THRESHOLD_UNIT_SHARE:
        return "a share from 0 to 1, or has a %";
    case THRESHOLD_UNIT_PER_S:
        return "a number a second, without a unit";
    case THRESHOLD_UNIT_PER_HOUR:
        return "a number an hour, without a unit";
    case THRESHOLD_UNIT_NONE:
    case THRESHOLD_UNIT_COUNT:
        break;
    }
    return "a number, without a unit";
}

static bool is_number(const char *word, size_t len, double *number)
{
    char *text = x_strndup(word, len);
    struct err err;
    int result = units_parse_number(text, number, &err);

    free(text);
    return result == 0;
}

/* A number with a unit behind it. */
static enum threshold_bound read_with_unit(const char *word, enum threshold_unit unit,
                                           double *bound)
{
    uint64_t value = 0;
    struct err err;

    switch (unit) {
    case THRESHOLD_UNIT_MS:
        if (units_parse_duration(word, &value, &err) < 0)
            break;
        *bound = (double)value / (double)CLOCK_NS_PER_MS;
        return THRESHOLD_BOUND_READ;
    case THRESHOLD_UNIT_BYTES:
    case THRESHOLD_UNIT_BYTES_PER_S:
        if (units_parse_size(word, &value, &err) < 0)
            break;
        *bound = (double)value;
        return THRESHOLD_BOUND_READ;
    case THRESHOLD_UNIT_NONE:
    case THRESHOLD_UNIT_COUNT:
    case THRESHOLD_UNIT_PER_S:
    case THRESHOLD_UNIT_PER_HOUR:
    case THRESHOLD_UNIT_SHARE:
        break;
    }
    return THRESHOLD_BOUND_WRONG_UNIT;
}

enum threshold_bound threshold_unit_read(const char *word, enum threshold_unit unit, double *bound,
                                         size_t *number_len)
{
    size_t len = strspn(word, "0123456789.");
    double number;
    struct err err;

    *number_len = len;
    if (!is_number(word, len, &number))
        return THRESHOLD_BOUND_NO_NUMBER;
    if (unit == THRESHOLD_UNIT_SHARE && (word[len] == '\0' || strcmp(word + len, "%") == 0))
        return units_parse_ratio(word, bound, &err) < 0 ? THRESHOLD_BOUND_TOO_LARGE
                                                        : THRESHOLD_BOUND_READ;
    if (word[len] != '\0')
        return read_with_unit(word, unit, bound);
    *bound = number;
    return THRESHOLD_BOUND_READ;
}
