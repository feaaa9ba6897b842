#include "base/excerpt.h"

#include "base/secret.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char CUT_MARK[] = "…";
static const char HIDDEN[] = "***";

enum { ROOM_BYTES = EXCERPT_LIMIT_BYTES - (sizeof CUT_MARK - 1), PIECE_BYTES = 8 };

/* A walk over the bytes, and what has been written so far. */
struct excerpt {
    const uint8_t *bytes;
    size_t len, at;
    char *text;
    size_t used;
    size_t fits; /* of `used`, what leaves room for the mark of a cut */
    bool is_full;
};

static uint8_t peek(const struct excerpt *excerpt, size_t at)
{
    return at < excerpt->len ? excerpt->bytes[at] : 0;
}

/* Whole or not at all. */
static void put(struct excerpt *excerpt, const char *piece, size_t len)
{
    if (excerpt->is_full || len > EXCERPT_LIMIT_BYTES - excerpt->used) {
        excerpt->is_full = true;
        return;
    }
    memcpy(excerpt->text + excerpt->used, piece, len);
    excerpt->used += len;
    if (excerpt->used <= ROOM_BYTES)
        excerpt->fits = excerpt->used;
}

static void put_hidden(struct excerpt *excerpt)
{
    put(excerpt, HIDDEN, sizeof HIDDEN - 1);
}

/* How many bytes the character at the start of `bytes` has; 1 for what is none. */
static size_t measure(const uint8_t *bytes, size_t left)
{
    size_t step = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : bytes[0] >= 0xc0 ? 2 : 1;

    return step <= left && utf8_valid(bytes, step) ? step : 1;
}

/* One character as it is shown. */
static void put_character(struct excerpt *excerpt)
{
    const uint8_t *bytes = excerpt->bytes + excerpt->at;
    size_t step = measure(bytes, excerpt->len - excerpt->at);
    char piece[PIECE_BYTES];
    int len = 0;

    if (bytes[0] == '\n' || bytes[0] == '\t')
        len = snprintf(piece, sizeof piece, "\\%c", bytes[0] == '\n' ? 'n' : 't');
    else if (step == 1 && (bytes[0] < ' ' || bytes[0] > '~'))
        len = snprintf(piece, sizeof piece, "\\x%02x", bytes[0]);
    else if (step == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0) /* controls too: U+0080 to U+009F */
        len = snprintf(piece, sizeof piece, "\\x%02x", bytes[1]);
    if (len > 0)
        put(excerpt, piece, (size_t)len);
    else
        put(excerpt, (const char *)bytes, step);
    excerpt->at += step;
}

static void put_until(struct excerpt *excerpt, size_t end)
{
    while (excerpt->at < end && !excerpt->is_full)
        put_character(excerpt);
}

/* --- what is left out --- */

static bool is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* What names and tokens are made of: base64 in both alphabets, JWTs, hexadecimal, UUIDs. */
static bool is_of_run(uint8_t byte)
{
    return is_letter(byte) || is_digit(byte) || (byte != '\0' && strchr("-_.+/~%", byte));
}

static size_t end_of_run(const struct excerpt *excerpt, size_t at)
{
    while (is_of_run(peek(excerpt, at)))
        at++;
    return at;
}

static bool looks_like_token(const struct excerpt *excerpt, size_t start, size_t end)
{
    bool has_letter = false, has_digit = false;

    if (end - start < EXCERPT_TOKEN_CHARS)
        return false;
    for (size_t i = start; i < end; i++) {
        has_letter = has_letter || is_letter(excerpt->bytes[i]);
        has_digit = has_digit || is_digit(excerpt->bytes[i]);
    }
    return (has_letter && has_digit) || end - start >= 2 * EXCERPT_TOKEN_CHARS;
}

static size_t skip(const struct excerpt *excerpt, size_t at, const char *set)
{
    while (at < excerpt->len && excerpt->bytes[at] != '\0' && strchr(set, excerpt->bytes[at]))
        at++;
    return at;
}

/* The first byte of `set` at or behind `at`, or the end. */
static size_t find_any(const struct excerpt *excerpt, size_t at, const char *set)
{
    while (at < excerpt->len && (excerpt->bytes[at] == '\0' || !strchr(set, excerpt->bytes[at])))
        at++;
    return at;
}

/*
 * Where the string ends whose quote, with `escapes` backslashes before it, is at `open`: at the
 * next quote with as many, these included.
 */
static size_t end_of_string(const struct excerpt *excerpt, size_t open, size_t escapes)
{
    size_t run = 0;

    for (size_t at = open + 1; at < excerpt->len; at++) {
        if (excerpt->bytes[at] == '\\') {
            run++;
            continue;
        }
        if (excerpt->bytes[at] == excerpt->bytes[open] && run == escapes)
            return at - escapes;
        run = 0;
    }
    return excerpt->len;
}

/* Where a value without quotes ends. */
static const char *ends_of_value(uint8_t separator, bool is_quoted_name)
{
    if (separator == '=')
        return "&;, \t\r\n\"'\\}]";
    return is_quoted_name ? ",}]\r\n" : "\r\n"; /* a member; a header */
}

/* Hides the value that a name, which ends at `end`, is given there. False: it is given none. */
static bool hide_value(struct excerpt *excerpt, size_t end)
{
    size_t separator = skip(excerpt, end, "\"' \t]\\"), value, open;
    uint8_t first, sign = peek(excerpt, separator);
    bool is_quoted = find_any(excerpt, end, "\"'") < separator;

    if (sign != ':' && sign != '=')
        return false;
    value = skip(excerpt, separator + 1, is_quoted ? " \t\r\n" : " \t");
    open = skip(excerpt, value, "\\");
    first = peek(excerpt, open);
    if (first == '"' || first == '\'') {
        put_until(excerpt, open + 1);
        excerpt->at = end_of_string(excerpt, open, open - value);
        end = excerpt->at + (open - value) + 1; /* behind its quote */
        /* The next name may have been taken for the value. */
        if (end < excerpt->len && !strchr(",}]&; \t\r\n", peek(excerpt, end)))
            excerpt->at = excerpt->len;
    } else {
        put_until(excerpt, value);
        excerpt->at = first == '{' || first == '['
                          ? excerpt->len
                          : find_any(excerpt, value, ends_of_value(sign, is_quoted));
    }
    put_hidden(excerpt);
    return true;
}

/* User and password behind the "://" of a URL; the run that begins at `at` starts with the slashes.
 * False: there are none. */
static bool hide_user(struct excerpt *excerpt, size_t at)
{
    size_t end;

    if (at == 0 || excerpt->bytes[at - 1] != ':' || peek(excerpt, at) != '/' ||
        peek(excerpt, at + 1) != '/')
        return false;
    end = find_any(excerpt, at + 2, "@/?# \t\r\n\"'\\<>");
    if (peek(excerpt, end) != '@')
        return false;
    put_until(excerpt, at + 2);
    put_hidden(excerpt);
    excerpt->at = end;
    return true;
}

/* "Bearer" and what follows. */
static bool hide_bearer(struct excerpt *excerpt, size_t end)
{
    static const char scheme[] = "bearer";
    size_t len = sizeof scheme - 1, value = skip(excerpt, end, " ");

    if (end - excerpt->at != len || value == end ||
        strncasecmp((const char *)excerpt->bytes + excerpt->at, scheme, len) != 0)
        return false;
    put_until(excerpt, value);
    put_hidden(excerpt);
    excerpt->at = end_of_run(excerpt, value);
    return true;
}

/* A run of letters, digits and their like: a word, a name, a token. */
static void put_run(struct excerpt *excerpt)
{
    size_t start = excerpt->at, end = end_of_run(excerpt, start);

    if (secret_is_name((const char *)excerpt->bytes + start, end - start) &&
        hide_value(excerpt, end))
        return;
    if (hide_user(excerpt, start) || hide_bearer(excerpt, end))
        return;
    if (looks_like_token(excerpt, start, end)) {
        put_hidden(excerpt);
        excerpt->at = end;
    } else {
        put_until(excerpt, end);
    }
}

void excerpt_write(char text[static EXCERPT_CAP_BYTES], const uint8_t *bytes, size_t len)
{
    struct excerpt excerpt = {.bytes = bytes, .len = len, .text = text};

    while (excerpt.at < len && !excerpt.is_full) {
        if (is_of_run(bytes[excerpt.at]))
            put_run(&excerpt);
        else
            put_character(&excerpt);
    }
    if (excerpt.is_full) {
        memcpy(text + excerpt.fits, CUT_MARK, sizeof CUT_MARK - 1);
        excerpt.used = excerpt.fits + sizeof CUT_MARK - 1;
    }
    text[excerpt.used] = '\0';
}
