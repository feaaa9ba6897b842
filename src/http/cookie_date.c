#include "http/cookie_date.h"

#include <stdint.h>
#include <strings.h>

enum { FIRST_YEAR = 1601 };

/* What the tokens of a date said so far; the first that fits a part is taken for it. */
struct date {
    bool has_time, has_day, has_month, has_year;
    int hour, minute, second;
    int day, month, year; /* month from 1 */
};

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_delimiter(char byte)
{
    return byte == '\t' || (byte >= 0x20 && byte <= 0x2f) || (byte >= 0x3b && byte <= 0x40) ||
           (byte >= 0x5b && byte <= 0x60) || (byte >= 0x7b && byte <= 0x7e);
}

/* The number of `min` to `max` digits at *at, moved past it; -1 when it has more or fewer. */
static int take_number(const char **at, const char *end, int min, int max)
{
    int number = 0, digits = 0;

    while (*at < end && is_digit(**at) && digits <= max) {
        number = number * 10 + (**at - '0');
        digits++;
        ++*at;
    }
    return digits >= min && digits <= max ? number : -1;
}

static bool take_colon(const char **at, const char *end)
{
    if (*at == end || **at != ':')
        return false;
    ++*at;
    return true;
}

static bool read_time(struct date *date, const char *at, const char *end)
{
    int hour, minute, second;

    hour = take_number(&at, end, 1, 2);
    if (hour < 0 || !take_colon(&at, end))
        return false;
    minute = take_number(&at, end, 1, 2);
    if (minute < 0 || !take_colon(&at, end))
        return false;
    second = take_number(&at, end, 1, 2);
    if (second < 0)
        return false;
    date->hour = hour;
    date->minute = minute;
    date->second = second;
    date->has_time = true;
    return true;
}

static bool read_day(struct date *date, const char *at, const char *end)
{
    int day = take_number(&at, end, 1, 2);

    if (day < 0)
        return false;
    date->day = day;
    date->has_day = true;
    return true;
}

static bool read_month(struct date *date, const char *at, const char *end)
{
    static const char names[][4] = {"jan", "feb", "mar", "apr", "may", "jun",
                                    "jul", "aug", "sep", "oct", "nov", "dec"};

    for (int i = 0; i < 12 && end - at >= 3; i++) {
        if (strncasecmp(at, names[i], 3) == 0) {
            date->month = i + 1;
            date->has_month = true;
            return true;
        }
    }
    return false;
}

static bool read_year(struct date *date, const char *at, const char *end)
{
    int year = take_number(&at, end, 2, 4);

    if (year < 0)
        return false;
    if (year >= 70 && year <= 99)
        year += 1900;
    else if (year < 70)
        year += 2000;
    date->year = year;
    date->has_year = true;
    return true;
}

static void read_token(struct date *date, const char *at, const char *end)
{
    if (!date->has_time && read_time(date, at, end))
        return;
    if (!date->has_day && read_day(date, at, end))
        return;
    if (!date->has_month && read_month(date, at, end))
        return;
    if (!date->has_year)
        (void)read_year(date, at, end);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

static bool exists(const struct date *date)
{
    return date->has_time && date->has_day && date->has_month && date->has_year &&
           date->year >= FIRST_YEAR && date->day >= 1 &&
           date->day <= days_of_month(date->year, date->month) && date->hour <= 23 &&
           date->minute <= 59 && date->second <= 59;
}

/* Days from 1 January of the year 1 to 1 January of `year`, in the calendar of today. */
static int64_t days_before_year(int year)
{
    int64_t past = year - 1;

    return past * 365 + past / 4 - past / 100 + past / 400;
}

static double to_unix_ms(const struct date *date)
{
    int64_t days = days_before_year(date->year) - days_before_year(1970) + date->day - 1;
    int64_t seconds = date->hour * 3600 + date->minute * 60 + date->second;

    for (int month = 1; month < date->month; month++)
        days += days_of_month(date->year, month);
    return (double)(days * 86400 + seconds) * 1000.0;
}

bool cookie_date_parse(const char *text, size_t len, double *unix_ms)
{
    const char *at = text, *end = text + len;
    struct date date = {0};

    while (at < end) {
        const char *token = at;

        while (at < end && !is_delimiter(*at))
            at++;
        if (at > token)
            read_token(&date, token, at);
        else
            at++;
    }
    if (!exists(&date))
        return false;
    *unix_ms = to_unix_ms(&date);
    return true;
}
