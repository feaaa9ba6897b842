#include "base/units.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* From large to small, the order in which they may be joined. */
static const struct unit time_units[] = {
    {"d", 86400000000000u}, {"h", 3600000000000u}, {"m", 60000000000u}, {"s", 1000000000u},
    {"ms", 1000000u},       {"us", 1000u},         {"ns", 1u},
};

static const struct unit size_units[] = {
    {"", 1u}, {"k", 1u << 10}, {"M", 1u << 20}, {"G", 1u << 30}, {"T", (uint64_t)1 << 40},
};

enum { TIME_UNIT_COUNT = sizeof time_units / sizeof time_units[0] };
enum { SIZE_UNIT_COUNT = sizeof size_units / sizeof size_units[0] };

/* A decimal number as text: digits, perhaps a point and more digits. */
struct decimal {
    const char *whole, *fraction;
    size_t whole_len, fraction_len;
};

static size_t count_digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* Returns where the number ends, or NULL when `text` does not start with one. */
static const char *scan_decimal(const char *text, struct decimal *number)
{
    *number = (struct decimal){.whole = text, .whole_len = count_digits(text)};
    text += number->whole_len;
    if (*text == '.') {
        number->fraction = ++text;
        number->fraction_len = count_digits(text);
        text += number->fraction_len;
    }
    return number->whole_len + number->fraction_len > 0 ? text : NULL;
}

/* factor * 0.fraction, rounded down. Past 18 digits nothing changes in any of our units. */
static uint64_t scale_fraction(const struct decimal *number, uint64_t factor)
{
    uint64_t digits = 0, power = 1;

    for (size_t i = 0; i < number->fraction_len && i < 18; i++) {
        digits = digits * 10 + (uint64_t)(number->fraction[i] - '0');
        power *= 10;
    }
    return (uint64_t)(__extension__(unsigned __int128) digits * factor / power);
}

/* *total += number * factor, in whole units of the result. False when it does not fit. */
static bool add_scaled(uint64_t *total, const struct decimal *number, uint64_t factor)
{
    uint64_t whole = 0;

    for (size_t i = 0; i < number->whole_len; i++) {
        if (__builtin_mul_overflow(whole, 10u, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(number->whole[i] - '0'), &whole))
            return false;
    }
    if (__builtin_mul_overflow(whole, factor, &whole) ||
        __builtin_add_overflow(*total, whole, total))
        return false;
    return !__builtin_add_overflow(*total, scale_fraction(number, factor), total);
}

/* The unit named by the `len` letters at `text`, at index `from` or behind it; -1: none. */
static int find_time_unit(const char *text, size_t len, int from)
{
    for (int i = from; i < TIME_UNIT_COUNT; i++) {
        if (strlen(time_units[i].name) == len && strncmp(text, time_units[i].name, len) == 0)
            return i;
    }
    return -1;
}

static bool scan_duration(const char *text, uint64_t *total)
{
    const char *at = text;
    int from = 0;

    *total = 0;
    do {
        struct decimal number;
        const char *name = scan_decimal(at, &number);
        size_t len;
        int unit;

        if (!name)
            return false;
        if (*name == '\0' && at == text)
            return add_scaled(total, &number, CLOCK_NS_PER_S);
        len = strcspn(name, "0123456789.");
        unit = find_time_unit(name, len, from);
        if (unit < 0 || !add_scaled(total, &number, time_units[unit].factor))
            return false;
        from = unit + 1;
        at = name + len;
    } while (*at != '\0');
    return *total != CLOCK_NEVER_NS;
}

int units_parse_duration(const char *text, uint64_t *result_ns, struct err *err)
{
    uint64_t total = CLOCK_NEVER_NS;

    if (strcmp(text, "none") != 0 && !scan_duration(text, &total)) {
        err_set(err, ERR_USAGE,
                "'%s' is not a duration (300ms, 20s, 1h30m; a bare number is seconds)", text);
        return -1;
    }
    *result_ns = total;
    return 0;
}

static bool find_size_factor(const char *name, uint64_t *factor)
{
    for (int i = 0; i < SIZE_UNIT_COUNT; i++) {
        size_t len = strlen(size_units[i].name);
        const char *rest = name + len;

        if (strncasecmp(name, size_units[i].name, len) != 0)
            continue;
        if (*rest == '\0' || strcasecmp(rest, "B") == 0 ||
            (len > 0 && strcasecmp(rest, "iB") == 0)) {
            *factor = size_units[i].factor;
            return true;
        }
    }
    return false;
}

int units_parse_size(const char *text, uint64_t *result_bytes, struct err *err)
{
    struct decimal number;
    const char *name = scan_decimal(text, &number);
    uint64_t total = 0, factor = 1;

    if (!name || !find_size_factor(name, &factor) || !add_scaled(&total, &number, factor)) {
        err_set(err, ERR_USAGE, "'%s' is not a size (512, 64k, 1M)", text);
        return -1;
    }
    *result_bytes = total;
    return 0;
}

int units_parse_ratio(const char *text, double *result_ratio, struct err *err)
{
    struct decimal number;
    const char *rest = scan_decimal(text, &number);
    bool is_percent = rest && strcmp(rest, "%") == 0;
    double value;

    if (!rest || (*rest != '\0' && !is_percent)) {
        err_set(err, ERR_USAGE, "'%s' is not a ratio (0.5 or 50%%)", text);
        return -1;
    }
    value = strtod(text, NULL);
    if (is_percent)
        value /= 100.0;
    if (value > 1.0) {
        err_set(err, ERR_USAGE, "'%s' is not a ratio between 0 and 1 (0%% and 100%%)", text);
        return -1;
    }
    *result_ratio = value;
    return 0;
}

int units_parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *result,
                      struct err *err)
{
    struct decimal number = {.whole = text, .whole_len = count_digits(text)};
    uint64_t value = 0;

    if (number.whole_len == 0 || text[number.whole_len] != '\0') {
        err_set(err, ERR_USAGE, "'%s' is not a whole number", text);
        return -1;
    }
    if (!add_scaled(&value, &number, 1) || value < min || value > max) {
        if (max == UINT64_MAX)
            err_set(err, ERR_USAGE, "'%s' is out of range: at least %" PRIu64, text, min);
        else
            err_set(err, ERR_USAGE, "'%s' is out of range: %" PRIu64 " to %" PRIu64, text, min,
                    max);
        return -1;
    }
    *result = value;
    return 0;
}

int units_parse_number(const char *text, double *result, struct err *err)
{
    struct decimal number;
    const char *rest = scan_decimal(text, &number);

    /* Past 300 digits strtod would answer infinity. */
    if (!rest || *rest != '\0' || number.whole_len > 300) {
        err_set(err, ERR_USAGE, "'%s' is not a number of 0 or more (2.5)", text);
        return -1;
    }
    *result = strtod(text, NULL);
    return 0;
}

/*
 * Writes three significant digits at most, without zeros at the end. False, with nothing of use
 * written, when rounding reaches `limit`: then the next larger unit is right.
 */
static bool format_short(double value, double limit, char text[static UNITS_TEXT_BYTES])
{
    int places = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    size_t len;

    (void)snprintf(text, UNITS_TEXT_BYTES, "%.*f", places, value);
    if (strtod(text, NULL) >= limit)
        return false;
    len = strlen(text);
    if (places > 0) {
        while (text[len - 1] == '0')
            len--;
        if (text[len - 1] == '.')
            len--;
    }
    text[len] = '\0';
    return true;
}

/* "1h30m": `value` of `unit`, rounded to the unit below it, which is left out when zero. */
static void format_pair(uint64_t ns, int unit, char text[static UNITS_TEXT_BYTES])
{
    uint64_t small = time_units[unit + 1].factor, per_large = time_units[unit].factor / small;
    uint64_t count = ns / small + (ns % small >= small / 2);
    int used =
        snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 "%s", count / per_large, time_units[unit].name);

    if (count % per_large > 0)
        (void)snprintf(text + used, UNITS_TEXT_BYTES - (size_t)used, "%" PRIu64 "%s",
                       count % per_large, time_units[unit + 1].name);
}

const char *units_format_duration(uint64_t ns, char text[static UNITS_TEXT_BYTES])
{
    static const struct {
        const char *name;
        double per_unit_ns, limit;
    } short_units[] = {{"ns", 1, 1000}, {"us", 1e3, 1000}, {"ms", 1e6, 1000}, {"s", 1e9, 60}};

    if (ns == CLOCK_NEVER_NS) {
        (void)snprintf(text, UNITS_TEXT_BYTES, "none");
        return text;
    }
    for (size_t i = 0; i < sizeof short_units / sizeof short_units[0]; i++) {
        if (format_short((double)ns / short_units[i].per_unit_ns, short_units[i].limit, text)) {
            size_t len = strlen(text);

            (void)snprintf(text + len, UNITS_TEXT_BYTES - len, "%s", short_units[i].name);
            return text;
        }
    }
    /* Half of the small unit below the next large one already rounds up to it. */
    if (ns < 3599500000000u)
        format_pair(ns, 2, text);
    else if (ns < 86370000000000u)
        format_pair(ns, 1, text);
    else
        format_pair(ns, 0, text);
    return text;
}

const char *units_format_bytes(double bytes, char text[static UNITS_TEXT_BYTES])
{
    static const char *const names[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    size_t last = sizeof names / sizeof names[0] - 1, i = 0, len;

    while (i < last && !format_short(bytes, 1000.0, text)) {
        bytes /= 1000.0;
        i++;
    }
    if (i == last)
        (void)snprintf(text, UNITS_TEXT_BYTES, "%.3g", bytes);
    len = strlen(text);
    (void)snprintf(text + len, UNITS_TEXT_BYTES - len, " %s", names[i]);
    return text;
}

const char *units_format_count(uint64_t count, char text[static UNITS_TEXT_BYTES])
{
    char digits[UNITS_TEXT_BYTES];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *to = text;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return text;
}
