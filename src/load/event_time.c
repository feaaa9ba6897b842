#include "load/event_time.h"

#include "base/json_pointer.h"
#include "base/mem.h"
#include "sse/parser.h"

#include <stdlib.h>
#include <string.h>

enum {
    NUMBER_DIGITS_MAX = 19, /* more digits than these are dropped: they are below a nanosecond */
    EXPONENT_MAX = 400,
    RFC3339_DATE_BYTES = 10
};

static const int64_t NS_PER_S = 1000000000;

struct unit {
    const char *name;
    int places; /* of ten, to nanoseconds */
};

static const struct unit units[EVENT_TIME_UNIT_COUNT] = {
    [EVENT_TIME_GUESSED] = {"", 0}, [EVENT_TIME_S] = {"s", 9},
    [EVENT_TIME_MS] = {"ms", 6},    [EVENT_TIME_US] = {"us", 3},
    [EVENT_TIME_NS] = {"ns", 0},    [EVENT_TIME_RFC3339] = {"rfc3339", 0},
};

/* A number that is not negative: `digits` times ten to the power of `exponent`. */
struct number {
    uint64_t digits;
    int exponent;
    int written; /* the exponent of the last digit that stands there */
};

struct reader {
    const char *at, *end;
};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool take_byte(struct reader *reader, char byte)
{
    if (reader->at == reader->end || *reader->at != byte)
        return false;
    reader->at++;
    return true;
}

/* --- numbers --- */

/* Returns how many there were. `place` is -1 behind the point, 0 before it. */
static int take_digits(struct reader *reader, struct number *number, int place)
{
    int count = 0;

    for (; reader->at < reader->end && is_digit(*reader->at); reader->at++, count++) {
        bool has_room = number->digits < UINT64_MAX / 10 - 1;

        number->written += place;
        if (has_room)
            number->digits = number->digits * 10 + (uint64_t)(*reader->at - '0');
        number->exponent += has_room ? place : place + 1;
    }
    return count;
}

/* "e+12", where one stands. False for one without digits or far out of range. */
static bool take_exponent(struct reader *reader, struct number *number)
{
    struct reader rest = *reader;
    int exponent = 0, count = 0;
    bool is_negative;

    if (!take_byte(&rest, 'e') && !take_byte(&rest, 'E'))
        return true;
    is_negative = take_byte(&rest, '-');
    if (!is_negative)
        (void)take_byte(&rest, '+');
    for (; rest.at < rest.end && is_digit(*rest.at) && exponent < EXPONENT_MAX; rest.at++, count++)
        exponent = exponent * 10 + (*rest.at - '0');
    if (count == 0 || exponent >= EXPONENT_MAX)
        return false;
    exponent = is_negative ? -exponent : exponent;
    number->exponent += exponent;
    number->written += exponent;
    *reader = rest;
    return true;
}

/* The number in front of `text`, behind which no letter may stand. */
static bool read_number(const char *text, size_t len, struct number *number)
{
    struct reader reader = {.at = text, .end = text + len};

    *number = (struct number){0};
    if (take_digits(&reader, number, 0) == 0)
        return false;
    if (take_byte(&reader, '.') && take_digits(&reader, number, -1) == 0)
        return false;
    if (!take_exponent(&reader, number))
        return false;
    for (; reader.at < reader.end; reader.at++) {
        if (is_letter(*reader.at))
            return false;
    }
    return true;
}

/* `digits` times ten to the power of `exponent`; false beyond 63 bits. */
static bool scale(uint64_t digits, int exponent, int64_t *result)
{
    uint64_t value = digits;

    for (; exponent > 0 && value > 0; exponent--) {
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    }
    for (; exponent < -1 && value > 0; exponent++)
        value /= 10;
    if (exponent < 0)
        value = (value + 5) / 10; /* the nearest nanosecond */
    if (value > INT64_MAX)
        return false;
    *result = (int64_t)value;
    return true;
}

/* How many digits stand before the point, without leading zeros. */
static int whole_digits(const struct number *number)
{
    int count = number->exponent;

    for (uint64_t rest = number->digits; rest > 0; rest /= 10)
        count++;
    return count;
}

/* --- RFC 3339 --- */

static bool take_field(struct reader *reader, int width, int min, int max, int *value)
{
    int number = 0;

    for (int i = 0; i < width; i++) {
        if (reader->at == reader->end || !is_digit(*reader->at))
            return false;
        number = number * 10 + (*reader->at++ - '0');
    }
    *value = number;
    return number >= min && number <= max;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01, of a year not before it. */
static int64_t days_since_1970(int year, int month, int day)
{
    int before = year - 1;
    int64_t days = (int64_t)(year - 1970) * 365 + before / 4 - before / 100 + before / 400 - 477;

    for (int i = 1; i < month; i++)
        days += days_of_month(year, i);
    return days + day - 1;
}

/* "+02:00" or "Z", in seconds. */
static bool take_offset(struct reader *reader, int64_t *offset_s)
{
    int hours, minutes;
    bool is_west;

    *offset_s = 0;
    if (take_byte(reader, 'Z') || take_byte(reader, 'z'))
        return true;
    is_west = take_byte(reader, '-');
    if (!is_west && !take_byte(reader, '+'))
        return false;
    if (!take_field(reader, 2, 0, 23, &hours) || !take_byte(reader, ':') ||
        !take_field(reader, 2, 0, 59, &minutes))
        return false;
    *offset_s = (int64_t)(hours * 3600 + minutes * 60) * (is_west ? -1 : 1);
    return true;
}

/* Section 5.6; as its note allows, a space may stand for the T. */
static bool take_clock(struct reader *reader, int64_t *seconds)
{
    int hour, minute, second;

    if (!take_byte(reader, 'T') && !take_byte(reader, 't') && !take_byte(reader, ' '))
        return false;
    if (!take_field(reader, 2, 0, 23, &hour) || !take_byte(reader, ':') ||
        !take_field(reader, 2, 0, 59, &minute) || !take_byte(reader, ':') ||
        !take_field(reader, 2, 0, 60, &second))
        return false;
    *seconds = hour * 3600 + minute * 60 + second;
    return true;
}

/* `fraction` gets the digits behind the point, if any. */
static bool read_rfc3339(const char *text, size_t len, int64_t *unix_ns, struct number *fraction)
{
    struct reader reader = {.at = text, .end = text + len};
    int64_t seconds, offset_s, total_s, fraction_ns;
    int year, month, day;

    *fraction = (struct number){0};
    if (!take_field(&reader, 4, 1970, 2261, &year) || !take_byte(&reader, '-') ||
        !take_field(&reader, 2, 1, 12, &month) || !take_byte(&reader, '-') ||
        !take_field(&reader, 2, 1, days_of_month(year, month), &day) ||
        !take_clock(&reader, &seconds))
        return false;
    if (take_byte(&reader, '.') && take_digits(&reader, fraction, -1) == 0)
        return false;
    if (!take_offset(&reader, &offset_s) || reader.at != reader.end ||
        !scale(fraction->digits, fraction->exponent + 9, &fraction_ns))
        return false;
    total_s = days_since_1970(year, month, day) * 86400 + seconds - offset_s;
    if (total_s < 0)
        return false;
    *unix_ns = total_s * NS_PER_S + fraction_ns;
    return true;
}

/* "2026-01-31…": no number is written so. */
static bool looks_like_date(const char *text, size_t len)
{
    return len > RFC3339_DATE_BYTES && text[4] == '-' && text[7] == '-';
}

/* --- public --- */

static enum event_time_unit find_unit(const char *name)
{
    for (int unit = EVENT_TIME_GUESSED + 1; unit < EVENT_TIME_UNIT_COUNT; unit++) {
        if (strcmp(units[unit].name, name) == 0)
            return (enum event_time_unit)unit;
    }
    return EVENT_TIME_GUESSED;
}

int event_time_parse(const char *text, struct event_time_source *source, struct err *err)
{
    const char *colon = strrchr(text, ':');
    enum event_time_unit unit = colon ? find_unit(colon + 1) : EVENT_TIME_GUESSED;
    char *place =
        x_strndup(text, unit != EVENT_TIME_GUESSED ? (size_t)(colon - text) : strlen(text));
    struct event_time_source result = {.unit = unit};
    int status = -1;

    if (strncmp(place, "id:", 3) == 0) {
        err_set(err, ERR_USAGE, "'%.40s' is no unit of time: s, ms, us, ns or rfc3339", place + 3);
        goto out;
    }
    if (strcmp(place, "id") != 0) {
        result.pointer = json_pointer_new(place, err);
        if (!result.pointer)
            goto out;
    }
    *source = result;
    status = 0;
out:
    free(place);
    return status;
}

void event_time_source_fini(struct event_time_source *source)
{
    json_pointer_free(source->pointer);
    *source = (struct event_time_source){0};
}

const char *event_time_find(const struct event_time_source *source, const struct sse_event *event,
                            size_t *len)
{
    struct json_peek value;

    if (!source->pointer) {
        *len = event->id_bytes;
        return event->has_id ? (const char *)event->id : NULL;
    }
    if (!json_peek(event->data, event->data_bytes, source->pointer, &value) ||
        (value.kind != JSON_KIND_NUMBER && value.kind != JSON_KIND_TEXT))
        return NULL;
    *len = value.len;
    return (const char *)value.bytes;
}

const char *event_time_unit_name(enum event_time_unit unit)
{
    return units[unit].name;
}

enum event_time_unit event_time_guess(const char *text, size_t len)
{
    struct number number;
    int64_t unix_ns;
    int digits;

    if (looks_like_date(text, len))
        return read_rfc3339(text, len, &unix_ns, &number) ? EVENT_TIME_RFC3339 : EVENT_TIME_GUESSED;
    if (!read_number(text, len, &number))
        return EVENT_TIME_GUESSED;
    digits = whole_digits(&number);
    if (digits <= 9)
        return EVENT_TIME_GUESSED;
    if (digits <= 11)
        return EVENT_TIME_S;
    if (digits <= 14)
        return EVENT_TIME_MS;
    return digits <= 17 ? EVENT_TIME_US : EVENT_TIME_NS;
}

bool event_time_read(const char *text, size_t len, enum event_time_unit unit, int64_t *unix_ns)
{
    struct number number;

    switch (unit) {
    case EVENT_TIME_S:
    case EVENT_TIME_MS:
    case EVENT_TIME_US:
    case EVENT_TIME_NS:
        return read_number(text, len, &number) &&
               scale(number.digits, number.exponent + units[unit].places, unix_ns);
    case EVENT_TIME_RFC3339:
        return read_rfc3339(text, len, unix_ns, &number);
    case EVENT_TIME_GUESSED:
    case EVENT_TIME_UNIT_COUNT:
        break;
    }
    return false;
}

uint64_t event_time_grain_ns(const char *text, size_t len, enum event_time_unit unit)
{
    int64_t unix_ns, grain_ns = 0;
    struct number number;
    bool is_good;

    if (unit == EVENT_TIME_RFC3339) {
        is_good = read_rfc3339(text, len, &unix_ns, &number);
        number.written += 9;
    } else {
        is_good = read_number(text, len, &number);
        number.written += units[unit].places;
    }
    if (!is_good || !scale(1, number.written, &grain_ns))
        return 0;
    return (uint64_t)grain_ns;
}
