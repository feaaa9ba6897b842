#include "report/python_text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A double has at least 15 true decimal digits, and 17 always tell it from its neighbours. */
enum { DIGITS_SURE = 15, DIGITS_MAX = 17, EXPONENT_MIN = -4, EXPONENT_END = 16 };

/* The digits without point or closing zeros, and the exponent of the first one. */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int count, exponent;
};

static struct decimal decimal_of(double value)
{
    struct decimal decimal = {0};
    char text[64], *end;

    /* Of a subnormal number fewer digits are true. */
    for (int digits = value < DBL_MIN ? 1 : DIGITS_SURE; digits <= DIGITS_MAX; digits++) {
        (void)snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (!(strtod(text, NULL) < value) && !(strtod(text, NULL) > value))
            break;
    }
    for (end = text; *end != 'e'; end++) {
        if (*end != '.')
            decimal.digits[decimal.count++] = *end;
    }
    decimal.exponent = (int)strtol(end + 1, NULL, 10);
    while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0')
        decimal.digits[--decimal.count] = '\0';
    return decimal;
}

static void append_scientific(struct buf *out, const struct decimal *decimal)
{
    (void)buf_append_byte(out, (uint8_t)decimal->digits[0]);
    if (decimal->count > 1)
        (void)buf_appendf(out, ".%s", decimal->digits + 1);
    (void)buf_appendf(out, "e%c%02d", decimal->exponent < 0 ? '-' : '+', abs(decimal->exponent));
}

void python_append_number(struct buf *out, double value, bool is_float)
{
    struct decimal decimal;
    int places;

    if (!isfinite(value)) {
        (void)buf_append_text(out, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    if (signbit(value) && (is_float || value < 0))
        (void)buf_append_byte(out, '-');
    decimal = decimal_of(fabs(value));
    if (is_float || fmod(value, 1) != 0) {
        if (value != 0 && (decimal.exponent < EXPONENT_MIN || decimal.exponent >= EXPONENT_END)) {
            append_scientific(out, &decimal);
            return;
        }
        places = decimal.count - 1 - decimal.exponent;
        (void)buf_appendf(out, "%.*f", places > 1 ? places : 1, fabs(value));
        return;
    }
    (void)buf_appendf(out, "%.0f", fabs(value));
}

void python_append_field(struct buf *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        (void)buf_append_text(out, text);
        return;
    }
    (void)buf_append_byte(out, '"');
    for (; *text; text++) {
        if (*text == '"')
            (void)buf_append_byte(out, '"');
        (void)buf_append_byte(out, (uint8_t)*text);
    }
    (void)buf_append_byte(out, '"');
}
