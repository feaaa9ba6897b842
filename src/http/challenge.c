#include "http/challenge.h"

#include "base/ascii.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* RFC 9110, section 5.6.2. */
static bool is_token_byte(char byte)
{
    return isalnum((unsigned char)byte) || (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte));
}

static bool is_token68_byte(char byte)
{
    return isalnum((unsigned char)byte) || (byte != '\0' && strchr("-._~+/", byte));
}

static bool is_control(char byte)
{
    return ((unsigned char)byte < 0x20 && byte != '\t') || byte == 0x7f;
}

static bool is_acceptable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (is_control(text[i]))
            return false;
    }
    return len <= CHALLENGE_FIELD_LIMIT_BYTES;
}

static void skip(struct challenge_reader *reader, size_t len)
{
    reader->at += len;
    reader->len -= len;
}

static size_t count_blanks(const struct challenge_reader *reader, size_t at)
{
    size_t end = at;

    while (end < reader->len && ascii_is_blank(reader->at[end]))
        end++;
    return end - at;
}

static void skip_separators(struct challenge_reader *reader)
{
    while (reader->len > 0 && (ascii_is_blank(*reader->at) || *reader->at == ','))
        skip(reader, 1);
}

/* A token68 reaches up to a comma or the end; "realm=" with a value behind it is none. */
static bool take_token68(struct challenge_reader *reader, struct challenge_item *item)
{
    size_t len = 0, end;

    skip(reader, count_blanks(reader, 0));
    while (len < reader->len && is_token68_byte(reader->at[len]))
        len++;
    if (len == 0)
        return false;
    while (len < reader->len && reader->at[len] == '=')
        len++;
    end = len + count_blanks(reader, len);
    if (end < reader->len && reader->at[end] != ',')
        return false;
    item->value = reader->at;
    item->value_bytes = len;
    skip(reader, len);
    return true;
}

/* The reader stands on the opening quote. Something glued to the closing one is a stray quote. */
static bool take_quoted(struct challenge_reader *reader, struct challenge_item *item)
{
    size_t end = 1;

    while (end < reader->len && reader->at[end] != '"')
        end += reader->at[end] == '\\' ? 2 : 1;
    if (end >= reader->len)
        return false;
    item->value = reader->at + 1;
    item->value_bytes = end - 1;
    skip(reader, end + 1);
    return reader->len == 0 || ascii_is_blank(*reader->at) || *reader->at == ',';
}

static bool take_unquoted(struct challenge_reader *reader, struct challenge_item *item)
{
    size_t len = 0;

    while (len < reader->len && !ascii_is_blank(reader->at[len]) && reader->at[len] != ',') {
        if (reader->at[len] == '"' || reader->at[len] == '\\')
            return false;
        len++;
    }
    item->value = reader->at;
    item->value_bytes = len;
    skip(reader, len);
    return true;
}

static void take_name(struct challenge_reader *reader, struct challenge_item *item)
{
    size_t len = 0;

    while (len < reader->len && is_token_byte(reader->at[len]))
        len++;
    item->name = reader->at;
    item->name_bytes = len;
    skip(reader, len);
}

/* A value follows: then the reader moves to it. */
static bool take_equals(struct challenge_reader *reader)
{
    size_t at = count_blanks(reader, 0);

    if (at == reader->len || reader->at[at] != '=')
        return false;
    at++;
    skip(reader, at + count_blanks(reader, at));
    return true;
}

static enum challenge_part fail(struct challenge_reader *reader, struct challenge_item *item)
{
    *item = (struct challenge_item){.name = "", .value = ""};
    reader->is_bad = true;
    return CHALLENGE_BAD;
}

static enum challenge_part take_param(struct challenge_reader *reader, struct challenge_item *item)
{
    bool is_quoted = reader->len > 0 && *reader->at == '"';

    if (!reader->has_scheme ||
        !(is_quoted ? take_quoted(reader, item) : take_unquoted(reader, item)))
        return fail(reader, item);
    return CHALLENGE_PARAM;
}

void challenge_reader_init(struct challenge_reader *reader, const char *text, size_t len)
{
    *reader = (struct challenge_reader){
        .at = text,
        .len = len,
        .is_bad = !is_acceptable(text, len),
    };
}

enum challenge_part challenge_next(struct challenge_reader *reader, struct challenge_item *item)
{
    bool may_be_token68 = reader->is_behind_scheme;

    *item = (struct challenge_item){.name = "", .value = ""};
    if (reader->is_bad)
        return CHALLENGE_BAD;
    reader->is_behind_scheme = false;
    if (may_be_token68 && take_token68(reader, item))
        return CHALLENGE_TOKEN68;
    skip_separators(reader);
    if (reader->len == 0)
        return CHALLENGE_END;
    take_name(reader, item);
    if (item->name_bytes == 0)
        return fail(reader, item);
    if (take_equals(reader))
        return take_param(reader, item);
    reader->has_scheme = true;
    reader->is_behind_scheme = reader->len > 0 && ascii_is_blank(*reader->at);
    return CHALLENGE_SCHEME;
}

bool challenge_name_is(const struct challenge_item *item, const char *name)
{
    return strlen(name) == item->name_bytes && strncasecmp(item->name, name, item->name_bytes) == 0;
}

/* One byte from the front, its escape undone; no value ends in a backslash that escapes nothing. */
static char next_byte(const struct challenge_item *item, size_t *at)
{
    if (item->value[*at] == '\\' && *at + 1 < item->value_bytes)
        ++*at;
    return item->value[(*at)++];
}

bool challenge_value_is(const struct challenge_item *item, const char *value)
{
    size_t at = 0;

    while (at < item->value_bytes) {
        int byte = (unsigned char)next_byte(item, &at);

        if (*value == '\0' || tolower(byte) != tolower((unsigned char)*value))
            return false;
        value++;
    }
    return *value == '\0';
}

int challenge_append_value(const struct challenge_item *item, struct buf *out)
{
    for (size_t at = 0; at < item->value_bytes;) {
        if (buf_append_byte(out, (uint8_t)next_byte(item, &at)) < 0)
            return -1;
    }
    return 0;
}
