#include "script/lines.h"

/* A byte that ends a line, or that may begin the end of one. */
enum { END_NONE = 0, END_ANY = 1, END_TEXT = 2, END_LATIN_1 = 4, END_UTF_8 = 8 };

static const uint8_t ends[256] = {
    ['\n'] = END_ANY,   ['\r'] = END_ANY,     ['\v'] = END_TEXT,
    ['\f'] = END_TEXT,  [0x1c] = END_TEXT,    [0x1d] = END_TEXT,
    [0x1e] = END_TEXT,  [0x85] = END_LATIN_1, [0xc2] = END_UTF_8, /* U+0085 */
    [0xe2] = END_UTF_8,                                           /* U+2028, U+2029 */
};

static const uint8_t wanted[] = {[LINES_BYTES] = END_ANY,
                                 [LINES_UTF_8] = END_ANY | END_TEXT | END_UTF_8,
                                 [LINES_LATIN_1] = END_ANY | END_TEXT | END_LATIN_1};

/* Bytes of the end that starts at `at`; 0: none does. A beginning that is cut off counts as none
 * yet: the line goes on in either case. */
static size_t end_bytes(const uint8_t *at, size_t left)
{
    switch (at[0]) {
    case 0xc2:
        return left >= 2 && at[1] == 0x85 ? 2 : 0;
    case 0xe2:
        return left >= 3 && at[1] == 0x80 && (at[2] == 0xa8 || at[2] == 0xa9) ? 3 : 0;
    default:
        return 1;
    }
}

/* Bytes at the end of `bytes` that may be the beginning of an end. */
static size_t open_end(const struct lines *lines, const uint8_t *bytes, size_t len)
{
    if (lines->kind != LINES_UTF_8 || len == 0)
        return 0;
    if (bytes[len - 1] == 0xc2 || bytes[len - 1] == 0xe2)
        return 1;
    return len >= 2 && bytes[len - 2] == 0xe2 && bytes[len - 1] == 0x80 ? 2 : 0;
}

static size_t skip_lf(const struct lines *lines, const uint8_t *bytes, size_t len)
{
    return lines->is_behind_cr && len > 0 && bytes[0] == '\n';
}

bool lines_next(struct lines *lines, const uint8_t *bytes, size_t len, struct lines_found *found)
{
    size_t skip = skip_lf(lines, bytes, len);
    size_t at = lines->looked_at > skip ? lines->looked_at : skip;

    for (; at < len; at++) {
        size_t end;

        if (!(ends[bytes[at]] & wanted[lines->kind]))
            continue;
        end = end_bytes(bytes + at, len - at);
        if (end == 0)
            continue;
        *found = (struct lines_found){.skip = skip, .len = at - skip, .used = at + end};
        lines->is_behind_cr = bytes[at] == '\r';
        lines->looked_at = 0;
        /* The LF of a CR LF that came in one piece is taken at once. */
        if (lines->is_behind_cr && found->used < len) {
            found->used += bytes[found->used] == '\n';
            lines->is_behind_cr = false;
        }
        return true;
    }
    lines->looked_at = len - open_end(lines, bytes, len);
    return false;
}

bool lines_last(struct lines *lines, const uint8_t *bytes, size_t len, struct lines_found *found)
{
    size_t skip = skip_lf(lines, bytes, len);

    lines->is_behind_cr = false;
    lines->looked_at = 0;
    if (len == skip)
        return false;
    *found = (struct lines_found){.skip = skip, .len = len - skip, .used = len};
    return true;
}
