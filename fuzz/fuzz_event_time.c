/*
 * fuzz/fuzz_event_time.c - texts as times of sending and as answers of a clock: the unit guessed
 * reads what it was guessed from where it fits into 63 bits, a time is never negative, what stands
 * behind a number changes nothing, and no clock is centuries off.
 */
#include "load/event_clock.h"
#include "load/event_time.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t YEAR_2001_NS = 1000000000000000000;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* With "-7" behind it, as ids have it, a number is the same time. */
static void check_suffix(const char *text, size_t len, enum event_time_unit unit, int64_t unix_ns)
{
    char *longer = malloc(len + 2);
    int64_t again_ns = -1;

    require(longer != NULL, "no memory");
    memcpy(longer, text, len);
    longer[len] = '-';
    longer[len + 1] = '7';
    require(event_time_read(longer, len + 2, unit, &again_ns), "not read with a suffix");
    require(again_ns == unix_ns, "another time with a suffix");
    free(longer);
}

/* In seconds not behind 2001, which is taken for a counter. */
static bool is_small(const char *text, size_t len)
{
    int64_t unix_ns;

    return event_time_read(text, len, EVENT_TIME_S, &unix_ns) && unix_ns <= YEAR_2001_NS;
}

static void check_time(const char *text, size_t len)
{
    enum event_time_unit guess = event_time_guess(text, len);

    for (int unit = 0; unit < EVENT_TIME_UNIT_COUNT; unit++) {
        int64_t unix_ns = -1;

        if (!event_time_read(text, len, (enum event_time_unit)unit, &unix_ns)) {
            require(unix_ns == -1, "set all the same");
            continue;
        }
        require(unix_ns >= 0, "before 1970");
        require(guess != EVENT_TIME_GUESSED || unit == EVENT_TIME_RFC3339 ||
                    memchr(text, '-', len) || is_small(text, len),
                "a number that no unit was guessed for");
        if (unit != EVENT_TIME_RFC3339 && memchr(text, '-', len) == NULL)
            check_suffix(text, len, (enum event_time_unit)unit, unix_ns);
        (void)event_time_grain_ns(text, len, (enum event_time_unit)unit);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *text = len > 0 ? (const char *)bytes : "";
    int64_t unix_ns = -1;
    uint64_t grain_ns;

    check_time(text, len);
    if (event_clock_read_answer(text, len, &unix_ns, &grain_ns))
        require(unix_ns >= YEAR_2001_NS && unix_ns <= 4 * YEAR_2001_NS && grain_ns <= 1000000000,
                "no clock shows this");
    else
        require(unix_ns == -1, "an answer set all the same");
    return 0;
}
