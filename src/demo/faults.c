#include "demo/faults.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/near.h"
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    VALUE_LIMIT_BYTES = 63,
    NUMBER_TEXT_BYTES = 352, /* the largest double with twelve places */
    STATUS_MIN = 400,
    STATUS_MAX = 599,
    STATUS_NO_CONTENT = 204, /* tells an EventSource to stop */
    STREAMS_LIMIT = 1000000000,
    MALFORM_KIND_COUNT = 3,
    RATIO_PLACES = 12
};

static const double RATIO_UNIT = 1e12; /* RATIO_PLACES of them */

static const uint64_t SPAN_MIN_NS = 1000000;
static const uint64_t SPAN_MAX_NS = 604800000000000; /* seven days */

/* Draws that have nothing to do with each other. */
enum draw { DRAW_FATE = 1, DRAW_MALFORM, DRAW_DROP, DRAW_STATUS };

struct row;
typedef int (*read_fn)(const struct row *row, struct faults *faults, const char *text,
                       struct err *err);
typedef void (*write_fn)(const struct row *row, const struct faults *faults, struct json *json);

struct row {
    const char *name;
    read_fn read;
    write_fn write;
    size_t at;       /* of the field, where there is one */
    const char *off; /* a value that turns it off */
};

static void *field(const struct row *row, struct faults *faults)
{
    return (char *)faults + row->at;
}

static const void *field_of(const struct row *row, const struct faults *faults)
{
    return (const char *)faults + row->at;
}

/* --- ratios --- */

/* To the places that are shown, so that what is shown can be given back. */
static int parse_ratio(const char *text, double *ratio, struct err *err)
{
    if (units_parse_ratio(text, ratio, err) < 0)
        return -1;
    *ratio = (double)(uint64_t)(*ratio * RATIO_UNIT + 0.5) / RATIO_UNIT;
    return 0;
}

static int read_ratio(const struct row *row, struct faults *faults, const char *text,
                      struct err *err)
{
    return parse_ratio(text, field(row, faults), err);
}

static void write_ratio(const struct row *row, const struct faults *faults, struct json *json)
{
    double ratio = *(const double *)field_of(row, faults);

    if (ratio > 0)
        json_number(json, ratio, RATIO_PLACES);
    else
        json_null(json);
}

/* "0.01", for a value that holds more than a ratio. */
static const char *format_ratio(double ratio, char text[static UNITS_TEXT_BYTES])
{
    size_t len = (size_t)snprintf(text, UNITS_TEXT_BYTES, "%.*f", RATIO_PLACES, ratio);

    while (text[len - 1] == '0')
        text[--len] = '\0';
    if (text[len - 1] == '.')
        text[--len] = '\0';
    return text;
}

/* --- times --- */

static int parse_span(const char *text, uint64_t *span_ns, struct err *err)
{
    uint64_t value;

    if (units_parse_duration(text, &value, err) < 0)
        return -1;
    if (value != 0 && (value < SPAN_MIN_NS || value > SPAN_MAX_NS)) {
        err_set(err, ERR_USAGE, "'%s' is out of range: 1ms to 7d", text);
        return -1;
    }
    *span_ns = value;
    return 0;
}

/* Exact, so that it reads back the same: "1500ms". */
static const char *format_span(uint64_t span_ns, char text[static UNITS_TEXT_BYTES])
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};
    size_t i = 0;

    while (span_ns % units[i].ns != 0)
        i++;
    (void)snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 "%s", span_ns / units[i].ns, units[i].name);
    return text;
}

static int read_span(const struct row *row, struct faults *faults, const char *text,
                     struct err *err)
{
    return parse_span(text, field(row, faults), err);
}

static void write_span(const struct row *row, const struct faults *faults, struct json *json)
{
    uint64_t span_ns = *(const uint64_t *)field_of(row, faults);
    char text[UNITS_TEXT_BYTES];

    if (span_ns > 0)
        json_text(json, format_span(span_ns, text));
    else
        json_null(json);
}

/* --- the rest --- */

/* Copies what stands in front of `mark` and returns what stands behind it; NULL without one. */
static const char *split(const char *text, char mark, char left[static VALUE_LIMIT_BYTES + 1])
{
    const char *at = strchr(text, mark);

    if (!at)
        return NULL;
    (void)memcpy(left, text, (size_t)(at - text));
    left[at - text] = '\0';
    return at + 1;
}

static int read_drop(const struct row *row, struct faults *faults, const char *text,
                     struct err *err)
{
    char left[VALUE_LIMIT_BYTES + 1];
    const char *age = split(text, '@', left);
    double ratio;
    uint64_t age_ns;

    (void)row;
    if (!age) {
        err_set(err, ERR_USAGE, "'%s' is not RATIO@AGE, such as 0.1@5s", text);
        return -1;
    }
    if (parse_ratio(left, &ratio, err) < 0 || parse_span(age, &age_ns, err) < 0)
        return -1;
    if (age_ns == 0 && ratio > 0) {
        err_set(err, ERR_USAGE, "the age of '%s' is out of range: 1ms to 7d", text);
        return -1;
    }
    faults->drop_ratio = ratio;
    faults->drop_age_ns = ratio > 0 ? age_ns : 0;
    return 0;
}

static void write_drop(const struct row *row, const struct faults *faults, struct json *json)
{
    char ratio[UNITS_TEXT_BYTES], age[UNITS_TEXT_BYTES], text[2 * UNITS_TEXT_BYTES];

    (void)row;
    if (faults->drop_ratio > 0) {
        (void)snprintf(text, sizeof text, "%s@%s", format_ratio(faults->drop_ratio, ratio),
                       format_span(faults->drop_age_ns, age));
        json_text(json, text);
    } else {
        json_null(json);
    }
}

static int read_status(const struct row *row, struct faults *faults, const char *text,
                       struct err *err)
{
    char left[VALUE_LIMIT_BYTES + 1];
    const char *share = split(text, ':', left);
    double ratio;
    uint64_t code;

    (void)row;
    if (!share) {
        err_set(err, ERR_USAGE, "'%s' is not CODE:RATIO, such as 503:10%%", text);
        return -1;
    }
    if (parse_ratio(share, &ratio, err) < 0)
        return -1;
    if (units_parse_count(left, STATUS_NO_CONTENT, STATUS_MAX, &code, err) < 0 ||
        (code != STATUS_NO_CONTENT && code < STATUS_MIN)) {
        err_set(err, ERR_USAGE, "the code of '%s' is neither 204 nor 400 to 599", text);
        return -1;
    }
    faults->status_ratio = ratio;
    faults->status_code = ratio > 0 ? code : 0;
    return 0;
}

static void write_status(const struct row *row, const struct faults *faults, struct json *json)
{
    char ratio[UNITS_TEXT_BYTES], text[2 * UNITS_TEXT_BYTES];

    (void)row;
    if (faults->status_ratio > 0) {
        (void)snprintf(text, sizeof text, "%" PRIu64 ":%s", faults->status_code,
                       format_ratio(faults->status_ratio, ratio));
        json_text(json, text);
    } else {
        json_null(json);
    }
}

static int read_count(const struct row *row, struct faults *faults, const char *text,
                      struct err *err)
{
    return units_parse_count(text, 0, STREAMS_LIMIT, field(row, faults), err);
}

static void write_count(const struct row *row, const struct faults *faults, struct json *json)
{
    uint64_t count = *(const uint64_t *)field_of(row, faults);

    if (count > 0)
        json_uint(json, count);
    else
        json_null(json);
}

static int read_switch(const struct row *row, struct faults *faults, const char *text,
                       struct err *err)
{
    static const char *const words[] = {"false", "no", "0", "true", "yes", "on", "1"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *(bool *)field(row, faults) = i >= 3;
            return 0;
        }
    }
    err_set(err, ERR_USAGE, "'%s' is neither on nor off", text);
    return -1;
}

static void write_switch(const struct row *row, const struct faults *faults, struct json *json)
{
    if (*(const bool *)field_of(row, faults))
        json_bool(json, true);
    else
        json_null(json);
}

#define FIELD(member) offsetof(struct faults, member)

static const struct row rows[] = {
    {"lose", read_ratio, write_ratio, FIELD(lose_ratio), "0"},
    {"duplicate", read_ratio, write_ratio, FIELD(duplicate_ratio), "0"},
    {"reorder", read_ratio, write_ratio, FIELD(reorder_ratio), "0"},
    {"malform", read_ratio, write_ratio, FIELD(malform_ratio), "0"},
    {"drop", read_drop, write_drop, 0, "0@1s"},
    {"clump", read_span, write_span, FIELD(clump_ns), "0"},
    {"stall", read_span, write_span, FIELD(stall_ns), "0"},
    {"status", read_status, write_status, 0, "503:0"},
    {"max-streams", read_count, write_count, FIELD(max_streams), "0"},
    {"load-delay", read_span, write_span, FIELD(load_delay_ns), "0"},
    {"idle-cut", read_span, write_span, FIELD(idle_cut_ns), "0"},
    {"age-cut", read_span, write_span, FIELD(age_cut_ns), "0"},
    {"no-replay", read_switch, write_switch, FIELD(no_replay), "0"},
    {"slow-login", read_span, write_span, FIELD(slow_login_ns), "0"},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

/* --- reading --- */

/* Says which names there are. */
static void refuse_name(const char *name, int shown, struct err *err)
{
    struct buf names = {0};

    for (size_t i = 0; i < ROW_COUNT; i++)
        (void)buf_appendf(&names, "%s%s", i > 0 ? ", " : "", rows[i].name);
    err_set(err, ERR_USAGE, "there is no fault '%.*s'; there are %s", shown, name,
            buf_text(&names));
    buf_fini(&names);
}

static const struct row *find_row(const char *name, size_t len, struct err *err)
{
    struct near near = {.wanted = name, .wanted_len = len};
    int shown = len > NEAR_NAME_LIMIT_BYTES ? NEAR_NAME_LIMIT_BYTES : (int)len;

    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0)
            return &rows[i];
        near_offer(&near, rows[i].name);
    }
    if (near.best)
        err_set(err, ERR_USAGE, "there is no fault '%.*s'; did you mean '%s'?", shown, name,
                near.best);
    else
        refuse_name(name, shown, err);
    return NULL;
}

static int set_row(const struct row *row, struct faults *faults, const char *value, struct err *err)
{
    if (strlen(value) > VALUE_LIMIT_BYTES) {
        err_set(err, ERR_USAGE, "fault '%s': the value is longer than %d bytes", row->name,
                VALUE_LIMIT_BYTES);
        return -1;
    }
    if (row->read(row, faults, strcasecmp(value, "off") == 0 ? row->off : value, err) == 0)
        return 0;
    err_prefix(err, "fault '%s'", row->name);
    return -1;
}

/* "lose=1%", or the name of a switch alone. */
static int set_one(struct faults *faults, const char *text, size_t len, struct err *err)
{
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;
    const struct row *row = find_row(text, name_len, err);
    char value[VALUE_LIMIT_BYTES + 2] = "on"; /* room to see that it is too long */
    size_t value_len;

    if (!row)
        return -1;
    if (!equals && row->read != read_switch) {
        err_set(err, ERR_USAGE, "fault '%s' needs a value: %s=VALUE or %s=off", row->name,
                row->name, row->name);
        return -1;
    }
    if (equals) {
        value_len = len - name_len - 1;
        if (value_len > VALUE_LIMIT_BYTES + 1)
            value_len = VALUE_LIMIT_BYTES + 1;
        (void)memcpy(value, equals + 1, value_len);
        value[value_len] = '\0';
    }
    return set_row(row, faults, value, err);
}

static int check_sum(const struct faults *faults, struct err *err)
{
    static const double slack = 1e-9; /* tenths that add up to 1 may be a bit above it */
    double sum = faults->lose_ratio + faults->duplicate_ratio + faults->reorder_ratio +
                 faults->malform_ratio;

    if (sum <= 1 + slack)
        return 0;
    err_set(err, ERR_USAGE,
            "lose, duplicate, reorder and malform add up to more than 1, and an "
            "event has one of them at most");
    return -1;
}

int faults_set(struct faults *faults, const char *text, struct err *err)
{
    struct faults changed = *faults;

    for (;;) {
        size_t len = strcspn(text, ",");

        if (set_one(&changed, text, len, err) < 0)
            return -1;
        if (text[len] == '\0')
            break;
        text += len + 1;
    }
    if (check_sum(&changed, err) < 0)
        return -1;
    *faults = changed;
    return 0;
}

struct json_reader {
    struct faults *faults;
    struct err *err;
};

/* The value as --fault has it. NULL for arrays and objects, and for texts with a NUL inside. */
static const char *value_text(const struct json_value *value, char number[static NUMBER_TEXT_BYTES])
{
    const char *text;
    size_t len;
    int64_t whole;
    double real;
    bool is_on;

    switch (json_value_kind(value)) {
    case JSON_KIND_NULL:
        return "off";
    case JSON_KIND_BOOL:
        return json_value_bool(value, &is_on) && is_on ? "on" : "off";
    case JSON_KIND_NUMBER:
        if (json_value_whole(value, &whole))
            (void)snprintf(number, NUMBER_TEXT_BYTES, "%" PRId64, whole);
        else if (json_value_number(value, &real))
            (void)snprintf(number, NUMBER_TEXT_BYTES, "%.*f", RATIO_PLACES, real);
        return number;
    case JSON_KIND_TEXT:
        text = json_value_text(value, &len);
        return strlen(text) == len ? text : NULL;
    case JSON_KIND_NONE:
    case JSON_KIND_ARRAY:
    case JSON_KIND_OBJECT:
        break;
    }
    return NULL;
}

static int on_fault(void *ctx, const char *name, const struct json_value *value)
{
    struct json_reader *reader = ctx;
    const struct row *row = find_row(name, strlen(name), reader->err);
    char number[NUMBER_TEXT_BYTES];
    const char *text;

    if (!row)
        return -1;
    text = value_text(value, number);
    if (text)
        return set_row(row, reader->faults, text, reader->err);
    err_set(reader->err, ERR_USAGE, "fault '%s': the value is no number, text or boolean",
            row->name);
    return -1;
}

static int on_setting(void *ctx, const char *name, const struct json_value *value)
{
    struct json_reader *reader = ctx;

    if (strcmp(name, "fault") != 0) {
        err_set(reader->err, ERR_USAGE, "there is no setting '%.*s', only 'fault'",
                NEAR_NAME_LIMIT_BYTES, name);
        return -1;
    }
    if (json_value_kind(value) != JSON_KIND_OBJECT) {
        err_set(reader->err, ERR_USAGE, "'fault' is not an object such as {\"lose\":0.01}");
        return -1;
    }
    return json_value_each(value, on_fault, reader);
}

int faults_set_json(struct faults *faults, const void *bytes, size_t len, struct err *err)
{
    struct faults changed = *faults;
    struct json_reader reader = {.faults = &changed, .err = err};
    struct json_document *document = json_read(bytes, len, err);
    const struct json_value *root;
    int result = -1;

    if (!document)
        return -1;
    root = json_find(document, "");
    if (json_value_kind(root) != JSON_KIND_OBJECT)
        err_set(err, ERR_USAGE,
                "the settings are not an object such as {\"fault\":{\"lose\":0.01}}");
    else
        result = json_value_each(root, on_setting, &reader);
    if (result == 0)
        result = check_sum(&changed, err);
    if (result == 0)
        *faults = changed;
    json_document_free(document);
    return result;
}

void faults_append_json(struct json *json, const struct faults *faults)
{
    json_begin_object(json);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        json_key(json, rows[i].name);
        rows[i].write(&rows[i], faults, json);
    }
    json_end_object(json);
}

/* --- who is hit --- */

bool faults_touch_streams(const struct faults *faults)
{
    return faults->lose_ratio > 0 || faults->duplicate_ratio > 0 || faults->reorder_ratio > 0 ||
           faults->malform_ratio > 0 || faults->drop_ratio > 0 || faults->clump_ns > 0 ||
           faults->stall_ns > 0 || faults->idle_cut_ns > 0 || faults->age_cut_ns > 0 ||
           faults->no_replay;
}

/* One step of splitmix64: every bit of the result hangs on every bit of the value. */
static uint64_t mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

static uint64_t draw_bits(enum draw draw, uint64_t seed, uint64_t stream, uint64_t ordinal)
{
    return mix(mix(mix(seed ^ (uint64_t)draw << 56) ^ stream) ^ ordinal);
}

/* Even in [0, 1). */
static double draw_unit(enum draw draw, uint64_t seed, uint64_t stream, uint64_t ordinal)
{
    return (double)(draw_bits(draw, seed, stream, ordinal) >> 11) * 0x1p-53;
}

enum fault_fate faults_decide(const struct faults *faults, uint64_t seed, uint64_t stream,
                              uint64_t ordinal)
{
    static const enum fault_fate malformed[MALFORM_KIND_COUNT] = {FATE_CUT, FATE_ODD_FIELD,
                                                                  FATE_SPOILED_TEXT};
    double at = draw_unit(DRAW_FATE, seed, stream, ordinal);

    if (at < faults->lose_ratio)
        return FATE_LOST;
    at -= faults->lose_ratio;
    if (at < faults->duplicate_ratio)
        return FATE_DUPLICATED;
    at -= faults->duplicate_ratio;
    if (at < faults->reorder_ratio)
        return FATE_HELD_BACK;
    at -= faults->reorder_ratio;
    if (at < faults->malform_ratio)
        return malformed[draw_bits(DRAW_MALFORM, seed, stream, ordinal) % MALFORM_KIND_COUNT];
    return FATE_SENT;
}

bool faults_drop_hits(const struct faults *faults, uint64_t seed, uint64_t stream)
{
    return draw_unit(DRAW_DROP, seed, stream, 0) < faults->drop_ratio;
}

bool faults_status_hits(const struct faults *faults, uint64_t seed, uint64_t stream)
{
    return draw_unit(DRAW_STATUS, seed, stream, 0) < faults->status_ratio;
}
