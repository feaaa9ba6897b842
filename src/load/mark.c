#include "load/mark.h"

#include <stdbool.h>
#include <string.h>

enum {
    PREFIX_BYTES = 12,
    RUN_DIGITS = 16,
    NUMBER_DIGITS = 12,
    ATTEMPT_DIGITS = 4,
    NS_DIGITS = 20,
};

static const char PREFIX[] = "cicada-mark.";
static const char DIGITS[] = "0123456789abcdef";

_Static_assert(PREFIX_BYTES + RUN_DIGITS + NUMBER_DIGITS * 2 + ATTEMPT_DIGITS + NS_DIGITS * 2 + 5 ==
                   MARK_BYTES,
               "the fields and the points between them");

/* Puts the digits and a point before them, from the end to the front. Returns where the rest ends.
 */
static uint8_t *put_field(uint8_t *end, uint64_t value, int digits, unsigned base)
{
    for (int i = 0; i < digits; i++) {
        *--end = (uint8_t)DIGITS[value % base];
        value /= base;
    }
    *--end = '.';
    return end;
}

void mark_write(const struct mark *mark, uint8_t text[static MARK_BYTES])
{
    uint8_t *end = text + MARK_BYTES;

    end = put_field(end, mark->written_ns, NS_DIGITS, 10);
    end = put_field(end, mark->first_ns, NS_DIGITS, 10);
    end = put_field(end, mark->settled, NUMBER_DIGITS, 10);
    end = put_field(end, mark->attempt, ATTEMPT_DIGITS, 10);
    end = put_field(end, mark->number, NUMBER_DIGITS, 10);
    (void)put_field(end, mark->run, RUN_DIGITS, 16);
    (void)memcpy(text, PREFIX, PREFIX_BYTES);
}

/* 16: none. */
static int digit_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : 16;
}

/* Reads the point and the digits at `*at`, and steps over them. */
static bool take_field(const uint8_t **at, int digits, unsigned base, uint64_t *value)
{
    uint64_t result = 0;

    if (**at != '.')
        return false;
    for (int i = 1; i <= digits; i++) {
        unsigned digit = (unsigned)digit_of((*at)[i]);

        if (digit >= base || result > (UINT64_MAX - digit) / base)
            return false;
        result = result * base + digit;
    }
    *at += digits + 1;
    *value = result;
    return true;
}

static bool read_mark(const uint8_t *at, struct mark *mark)
{
    at += PREFIX_BYTES - 1;
    return take_field(&at, RUN_DIGITS, 16, &mark->run) &&
           take_field(&at, NUMBER_DIGITS, 10, &mark->number) &&
           take_field(&at, ATTEMPT_DIGITS, 10, &mark->attempt) &&
           take_field(&at, NUMBER_DIGITS, 10, &mark->settled) &&
           take_field(&at, NS_DIGITS, 10, &mark->first_ns) &&
           take_field(&at, NS_DIGITS, 10, &mark->written_ns);
}

const uint8_t *mark_find(const uint8_t *bytes, size_t len, uint64_t run, struct mark *mark)
{
    const uint8_t *end = bytes + len, *at = bytes;

    while ((size_t)(end - at) >= MARK_BYTES) {
        struct mark found;

        at = memmem(at, (size_t)(end - at), PREFIX, PREFIX_BYTES);
        if (!at || (size_t)(end - at) < MARK_BYTES)
            return NULL;
        if (read_mark(at, &found) && found.run == run) {
            *mark = found;
            return at;
        }
        at += PREFIX_BYTES;
    }
    return NULL;
}
