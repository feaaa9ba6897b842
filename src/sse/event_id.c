#include "sse/event_id.h"

#include "base/hash.h"

#include <stdbool.h>

/* False when it is no number of at most EVENT_ID_DIGITS digits. */
static bool read_digits(const uint8_t *text, size_t len, uint64_t *number)
{
    uint64_t value = 0;

    if (len == 0 || len > EVENT_ID_DIGITS)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *number = value;
    return true;
}

/* Ends in "10:00:59": a time of day, of which seconds that were not in it are no loss. */
static bool is_clock(const uint8_t *text, size_t len)
{
    static const char form[] = "00:00:00";
    size_t start = len - (sizeof form - 1);

    if (len < sizeof form - 1)
        return false;
    for (size_t i = 0; form[i]; i++) {
        uint8_t byte = text[start + i];

        if (form[i] == ':' ? byte != ':' : byte < '0' || byte > '9')
            return false;
    }
    return true;
}

/* "prefix-17", "prefix:17", "5-17". */
static struct event_id read_behind_prefix(const uint8_t *text, size_t len)
{
    struct event_id id = {0};
    size_t head = len;

    while (head > 0 && text[head - 1] >= '0' && text[head - 1] <= '9')
        head--;
    if (head < 2 || (text[head - 1] != '-' && text[head - 1] != ':') || is_clock(text, len) ||
        !read_digits(text + head, len - head, &id.number))
        return id;
    if (read_digits(text, head - 1, &id.group)) {
        id.shape = EVENT_ID_PAIR;
    } else {
        id.shape = EVENT_ID_PREFIXED;
        id.group = hash_bytes(text, head, 0);
    }
    return id;
}

struct event_id event_id_read(const uint8_t *text, size_t len)
{
    struct event_id id = {.shape = EVENT_ID_NUMBER};

    return read_digits(text, len, &id.number) ? id : read_behind_prefix(text, len);
}
