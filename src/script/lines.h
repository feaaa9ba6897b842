/*
 * script/lines.h - lines out of bytes, as Python's splitlines cuts them: what Locust's iter_lines
 * yields, whatever the pieces the bytes come in.
 *
 * Pure: no memory of its own, no Python.
 */
#ifndef CICADA_SCRIPT_LINES_H
#define CICADA_SCRIPT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which ends a line may have: those of bytes.splitlines, or of str.splitlines in an encoding. */
enum lines_kind { LINES_BYTES = 0, LINES_UTF_8, LINES_LATIN_1 };

/* Zero, with a kind, before the first bytes. */
struct lines {
    enum lines_kind kind;
    bool is_behind_cr; /* an LF that comes first belongs to the line before */
    size_t looked_at;  /* bytes known to hold no end */
};

struct lines_found {
    size_t skip; /* bytes in front of the line that belong to the end before */
    size_t len;  /* of the line, without its end */
    size_t used; /* all of it: skip, line, end */
};

/*
 * The first line of `bytes`, which begin where the last one found ended. False: its end has not
 * come; then call again with the same bytes and more behind them.
 */
bool lines_next(struct lines *lines, const uint8_t *bytes, size_t len, struct lines_found *found);
/* No more bytes will come: what is left is the last line. False: nothing is left. */
bool lines_last(struct lines *lines, const uint8_t *bytes, size_t len, struct lines_found *found);

#endif
