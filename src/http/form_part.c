#include "http/form_part.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Moves through the text; `stops` are the bytes that end a word without quotes. */
struct cursor {
    const char *at;
    const char *stops;
};

static bool is_blank(char byte)
{
    return byte != '\0' && strchr(" \t\n\v\f\r", byte);
}

static void skip_blanks(struct cursor *cursor)
{
    while (is_blank(*cursor->at))
        cursor->at++;
}

/* The closing quote of what starts at `open`, or NULL. */
static const char *closing_quote(const char *open)
{
    for (const char *at = open + 1; *at; at++) {
        if (*at == '"')
            return at;
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
    }
    return NULL;
}

static char *take_quoted(struct cursor *cursor, const char *close)
{
    struct buf word = {0};
    char *copy;

    for (const char *at = cursor->at + 1; at < close; at++) {
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        (void)buf_append_byte(&word, (uint8_t)*at);
    }
    cursor->at = close + 1;
    copy = x_strdup(buf_text(&word));
    buf_fini(&word);
    return copy;
}

/* Up to one of `stops`, without the blanks around it. */
static char *take_plain(struct cursor *cursor)
{
    const char *start = cursor->at;
    size_t len = strcspn(start, cursor->stops);

    cursor->at += len;
    while (len > 0 && is_blank(start[len - 1]))
        len--;
    return x_strndup(start, len);
}

/* Sets `*word`, which may be empty; the reason when there is text behind a closing quote. */
static const char *take_word(struct cursor *cursor, char **word)
{
    const char *close;

    skip_blanks(cursor);
    close = *cursor->at == '"' ? closing_quote(cursor->at) : NULL;
    if (!close) {
        *word = take_plain(cursor);
        return NULL;
    }
    *word = take_quoted(cursor, close);
    skip_blanks(cursor);
    if (*cursor->at && !strchr(cursor->stops, *cursor->at))
        return "text follows a closing quote";
    return NULL;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/*
 * A type goes on over semicolons, for its parameters, to the next attribute: what follows a
 * semicolon that is none is the type's.
 */
static char *take_type(struct cursor *cursor)
{
    const char *start, *end;

    skip_blanks(cursor);
    start = cursor->at;
    for (;;) {
        struct cursor next;

        cursor->at += strcspn(cursor->at, cursor->stops);
        if (*cursor->at != ';')
            break;
        next = (struct cursor){.at = cursor->at + 1};
        skip_blanks(&next);
        if (starts_with(next.at, "filename=") || starts_with(next.at, "headers=") ||
            starts_with(next.at, "encoder="))
            break;
        cursor->at++;
    }
    end = cursor->at;
    while (end > start && is_blank(end[-1]))
        end--;
    return x_strndup(start, (size_t)(end - start));
}

static const char *take_attribute(struct cursor *cursor, struct form_part *part)
{
    skip_blanks(cursor);
    if (starts_with(cursor->at, "type=")) {
        if (part->type)
            return "it has two types";
        cursor->at += strlen("type=");
        part->type = take_type(cursor);
        return NULL;
    }
    if (starts_with(cursor->at, "filename=")) {
        if (part->filename)
            return "it has two file names";
        if (part->kind == FORM_PART_FILE_CONTENT)
            return "the content of a file as a field has no file name (write @ in place of <)";
        cursor->at += strlen("filename=");
        return take_word(cursor, &part->filename);
    }
    if (starts_with(cursor->at, "headers=") || starts_with(cursor->at, "encoder="))
        return "headers= and encoder= are not supported";
    return "only type= and filename= may follow a ';' (put a value that holds one in double "
           "quotes)";
}

static const char *take_attributes(struct cursor *cursor, struct form_part *part)
{
    while (*cursor->at == ';') {
        const char *reason;

        cursor->at++;
        reason = take_attribute(cursor, part);
        if (reason)
            return reason;
    }
    if (*cursor->at == ',')
        return "it names several files (give each a part of its own; put a path that holds a comma "
               "in double quotes)";
    return NULL;
}

static const char *check_path(const char *path)
{
    if (path[0] == '\0')
        return "no file is named";
    if (strcmp(path, "-") == 0)
        return "standard input cannot be sent more than once; name a file";
    return NULL;
}

static const char *parse_content(const char *text, struct form_part *part)
{
    struct cursor cursor = {.at = text, .stops = ";"};
    const char *reason;

    if (text[0] == '(')
        return "nested parts are not supported (put a value that starts with '(' in double quotes)";
    if (text[0] == '@' || text[0] == '<') {
        part->kind = text[0] == '@' ? FORM_PART_FILE : FORM_PART_FILE_CONTENT;
        cursor.at++;
    }
    if (part->kind == FORM_PART_FILE)
        cursor.stops = ";,";
    reason = take_word(&cursor, &part->content);
    if (!reason && part->kind != FORM_PART_VALUE)
        reason = check_path(part->content);
    return reason ? reason : take_attributes(&cursor, part);
}

int form_part_parse(const char *text, struct form_part *part, struct err *err)
{
    const char *equals = strchr(text, '=');
    const char *reason;

    *part = (struct form_part){0};
    if (!equals) {
        err_set(err, ERR_USAGE, "part '%s' has no '=' behind its name", text);
        return -1;
    }
    if (equals == text) {
        err_set(err, ERR_USAGE, "part '%s' has no name in front of its '='", text);
        return -1;
    }
    part->name = x_strndup(text, (size_t)(equals - text));
    reason = parse_content(equals + 1, part);
    if (reason) {
        err_set(err, ERR_USAGE, "part '%s': %s", part->name, reason);
        return -1;
    }
    return 0;
}

void form_part_fini(struct form_part *part)
{
    free(part->name);
    free(part->content);
    free(part->type);
    free(part->filename);
    *part = (struct form_part){0};
}
