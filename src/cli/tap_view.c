#include "cli/tap_view.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/units.h"
#include "base/utf8.h"
#include "report/terminal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_A_DAY = 86400, EXPIRES_SOON_DAYS = 14 };

enum tap_colour { COLOUR_NONE = 0, COLOUR_DIM, COLOUR_GOOD, COLOUR_WARNING, COLOUR_NAME };

static const char *const colour_codes[] = {"", "\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[1;36m"};

void tap_view_init(struct tap_view *view, bool is_json, uint64_t began_ns)
{
    struct terminal terminal;

    terminal_init(&terminal, STDOUT_FILENO);
    *view = (struct tap_view){
        .is_json = is_json, .has_colour = terminal.has_colour, .began_ns = began_ns};
}

static void print(struct tap_view *view, struct buf *text)
{
    if (fwrite(text->bytes, 1, text->len, stdout) != text->len || fflush(stdout) != 0)
        view->is_broken = true;
    buf_fini(text);
}

static void set_colour(const struct tap_view *view, struct buf *out, enum tap_colour colour)
{
    if (view->has_colour)
        (void)buf_append_text(out, colour_codes[colour]);
}

static void end_colour(const struct tap_view *view, struct buf *out)
{
    if (view->has_colour)
        (void)buf_append_text(out, "\x1b[0m");
}

/* Foreign bytes on a terminal: control characters would be commands to it. Tabs may stay. */
static void put_safe(struct buf *out, const void *bytes, size_t len)
{
    struct buf valid = {0};

    (void)utf8_append_lossy(&valid, bytes, len);
    for (size_t i = 0; i < valid.len; i++) {
        uint8_t byte = valid.bytes[i];
        bool is_c1 = byte == 0xc2 && valid.bytes[i + 1] < 0xa0;

        if (is_c1)
            (void)buf_appendf(out, "\\x%02x", valid.bytes[++i]);
        else if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            (void)buf_appendf(out, "\\x%02x", byte);
        else
            (void)buf_append_byte(out, byte);
    }
    buf_fini(&valid);
}

/* "   1.234 s  " */
static void put_time(const struct tap_view *view, struct buf *out, uint64_t now_ns)
{
    set_colour(view, out, COLOUR_DIM);
    (void)buf_appendf(out, "%9.3f s  ", (double)(now_ns - view->began_ns) / (double)CLOCK_NS_PER_S);
    end_colour(view, out);
}

static void put_verdict(const struct tap_view *view, struct buf *out, enum tap_colour colour,
                        const char *text)
{
    set_colour(view, out, colour);
    (void)buf_appendf(out, "%s %s\n", colour == COLOUR_GOOD ? "  ok:" : "  note:", text);
    end_colour(view, out);
}

/* --- TLS --- */

static void put_expiry(const struct tap_view *view, struct buf *out, const struct tls_facts *facts,
                       int64_t unix_s)
{
    int64_t days = (facts->expires_unix_s - unix_s) / SECONDS_A_DAY;
    time_t expires = (time_t)facts->expires_unix_s;
    char text[sizeof "-2147483648-01-01 00:00:00 UTC"] = "?";
    struct tm parts;

    if (gmtime_r(&expires, &parts))
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
    (void)buf_appendf(out, "  expires: %s\n", text);
    if (facts->expires_unix_s < unix_s)
        put_verdict(view, out, COLOUR_WARNING, "the certificate has expired");
    else if (days < EXPIRES_SOON_DAYS)
        put_verdict(view, out, COLOUR_WARNING, "the certificate expires within two weeks");
}

void tap_view_tls(struct tap_view *view, const struct tls_facts *facts, int64_t unix_s,
                  uint64_t now_ns)
{
    struct buf out = {0};

    if (view->is_json)
        return;
    put_time(view, &out, now_ns);
    set_colour(view, &out, COLOUR_NAME);
    (void)buf_appendf(&out, "%s %s, %s handshake\n", facts->version, facts->cipher,
                      facts->is_resumed ? "resumed" : "full");
    end_colour(view, &out);
    if (facts->expires_unix_s != 0) {
        (void)buf_append_text(&out, "  certificate: ");
        put_safe(&out, facts->subject, strlen(facts->subject));
        (void)buf_append_text(&out, "\n  issuer: ");
        put_safe(&out, facts->issuer, strlen(facts->issuer));
        (void)buf_append_byte(&out, '\n');
        put_expiry(view, &out, facts, unix_s);
    }
    if (!facts->is_verified)
        put_verdict(view, &out, COLOUR_WARNING, "the certificate was not checked (--insecure)");
    print(view, &out);
}

/* --- the head --- */

static bool has_header(const struct http_head *head, const char *name)
{
    size_t len;

    return http_head_find(head, name, &len) != NULL;
}

/* In any of the fields called `name`. */
static bool header_holds(const struct http_head *head, const char *name, const char *word)
{
    size_t name_bytes = strlen(name), word_bytes = strlen(word);

    for (size_t i = 0; i < head->field_count; i++) {
        size_t this_bytes, len;
        const char *this_name = http_head_name_at(head, i, &this_bytes);
        const char *value = http_head_value_at(head, i, &len);

        if (this_bytes != name_bytes || strncasecmp(this_name, name, name_bytes) != 0)
            continue;
        for (size_t at = 0; at + word_bytes <= len; at++) {
            if (strncasecmp(value + at, word, word_bytes) == 0)
                return true;
        }
    }
    return false;
}

struct header_note {
    const char *name; /* of the header */
    const char *word; /* in its value; NULL: any value */
    const char *text;
};

static const char PROXY_NOTE[] =
    "a proxy is on the way: it may buffer events, unless the service told it not to (nginx: "
    "X-Accel-Buffering: no, which it keeps to itself)";
static const char CACHE_NOTE[] =
    "a cache has handled this response: it may keep the stream, or hold it until it ends";

/* What stands between the sender of events and their prompt receipt. The first note of a text that
 * applies is shown, the others of the same text are not. */
static const struct header_note notes[] = {
    {"content-length", NULL, "Content-Length: the stream ends after a fixed number of bytes"},
    {"content-encoding", NULL,
     "Content-Encoding: a compressor holds events back unless it is flushed after each"},
    {"server", "nginx", PROXY_NOTE},
    {"via", NULL, PROXY_NOTE},
    {"server", "cloudflare", PROXY_NOTE},
    {"cf-ray", NULL, PROXY_NOTE},
    {"x-amz-cf-id", NULL, PROXY_NOTE},
    {"x-served-by", NULL, PROXY_NOTE},
    {"age", NULL, CACHE_NOTE},
    {"x-cache", NULL, CACHE_NOTE},
    {"cf-cache-status", "hit", CACHE_NOTE},
};

static void put_notes(const struct tap_view *view, struct buf *out, const struct http_head *head)
{
    const char *shown = NULL;

    if (head->http_minor == 0)
        put_verdict(view, out, COLOUR_WARNING,
                    "HTTP/1.0: no chunks, so a cut cannot be told from an end");
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        const struct header_note *note = &notes[i];
        bool applies =
            note->word ? header_holds(head, note->name, note->word) : has_header(head, note->name);

        if (!applies || note->text == shown)
            continue;
        put_verdict(view, out, COLOUR_WARNING, note->text);
        shown = note->text;
    }
    if (!header_holds(head, "cache-control", "no-cache") &&
        !header_holds(head, "cache-control", "no-store"))
        put_verdict(view, out, COLOUR_WARNING,
                    "Cache-Control is not no-cache: a cache on the way may keep the response");
}

static void put_head_verdict(const struct tap_view *view, struct buf *out,
                             const struct http_head *head)
{
    if (head->status == 204) {
        put_verdict(view, out, COLOUR_GOOD, "204: the server has no stream and wants no retry");
    } else if (head->status == 200 && http_head_is_event_stream(head)) {
        put_verdict(view, out, COLOUR_GOOD, "an event stream");
        put_notes(view, out, head);
    } else if (head->status == 200) {
        put_verdict(view, out, COLOUR_WARNING,
                    "no event stream: Content-Type is not text/event-stream");
    } else if (head->status < 300 || head->status >= 400) {
        put_verdict(view, out, COLOUR_WARNING, "no event stream: a stream has status 200");
    }
}

void tap_view_head(struct tap_view *view, const struct http_head *head, uint64_t now_ns)
{
    struct buf out = {0};

    if (view->is_json)
        return;
    put_time(view, &out, now_ns);
    set_colour(view, &out, COLOUR_NAME);
    (void)buf_appendf(&out, "HTTP/1.%u %u\n", head->http_minor, head->status);
    end_colour(view, &out);
    for (size_t i = 0; i < head->field_count; i++) {
        size_t name_len, value_len;
        const char *name = http_head_name_at(head, i, &name_len);
        const char *value = http_head_value_at(head, i, &value_len);

        (void)buf_append_text(&out, "  ");
        put_safe(&out, name, name_len);
        (void)buf_append_text(&out, ": ");
        put_safe(&out, value, value_len);
        (void)buf_append_byte(&out, '\n');
    }
    put_head_verdict(view, &out, head);
    print(view, &out);
}

/* --- the body --- */

static void put_event_json(struct buf *out, const struct sse_event *event)
{
    struct json json;

    json_init(&json, out, 0);
    json_begin_object(&json);
    json_key(&json, "event");
    if (event->name_bytes > 0)
        json_bytes(&json, event->name, event->name_bytes);
    else
        json_text(&json, "message");
    json_key(&json, "data");
    json_bytes(&json, event->data, event->data_bytes);
    json_key(&json, "id");
    json_bytes(&json, event->id, event->id_bytes);
    json_end_object(&json);
    (void)buf_append_byte(out, '\n');
}

static void put_event_text(const struct tap_view *view, struct buf *out,
                           const struct sse_event *event, uint64_t now_ns)
{
    const char *at = (const char *)event->data;
    size_t left = event->data_bytes;

    put_time(view, out, now_ns);
    set_colour(view, out, COLOUR_NAME);
    if (event->name_bytes > 0)
        put_safe(out, event->name, event->name_bytes);
    else
        (void)buf_append_text(out, "message");
    end_colour(view, out);
    if (event->has_id) {
        (void)buf_append_text(out, "  id ");
        put_safe(out, event->id, event->id_bytes);
    }
    (void)buf_append_byte(out, '\n');
    while (left > 0) {
        const char *end = memchr(at, '\n', left);
        size_t len = end ? (size_t)(end - at) : left;

        (void)buf_append_text(out, "             ");
        put_safe(out, at, len);
        (void)buf_append_byte(out, '\n');
        len += end ? 1 : 0;
        at += len;
        left -= len;
    }
}

void tap_view_event(struct tap_view *view, const struct sse_event *event, uint64_t now_ns)
{
    struct buf out = {0};

    if (view->is_json)
        put_event_json(&out, event);
    else
        put_event_text(view, &out, event, now_ns);
    print(view, &out);
}

void tap_view_comment(struct tap_view *view, const uint8_t *text, size_t len, uint64_t now_ns)
{
    struct buf out = {0};

    if (view->is_json)
        return;
    put_time(view, &out, now_ns);
    set_colour(view, &out, COLOUR_DIM);
    (void)buf_append_text(&out, ": ");
    put_safe(&out, text, len);
    end_colour(view, &out);
    (void)buf_append_byte(&out, '\n');
    print(view, &out);
}

void tap_view_failure(struct tap_view *view, enum error_class error_class, const char *message,
                      uint64_t retry_ns, uint64_t now_ns)
{
    char wait[UNITS_TEXT_BYTES];
    struct buf out = {0};
    struct json json;

    if (view->is_json) {
        /* The server's end of a whole response is no error. */
        if (error_class == CLASS_CLOSED)
            return;
        json_init(&json, &out, 0);
        json_begin_object(&json);
        json_key(&json, "error");
        json_text(&json, error_class_name(error_class));
        json_key(&json, "message");
        json_text(&json, message);
        json_end_object(&json);
        (void)buf_append_byte(&out, '\n');
    } else {
        put_time(view, &out, now_ns);
        set_colour(view, &out, COLOUR_WARNING);
        (void)buf_appendf(&out, "%s: ", error_class_name(error_class));
        put_safe(&out, message, strlen(message));
        if (retry_ns != CLOCK_NEVER_NS)
            (void)buf_appendf(&out, "; next attempt in %s", units_format_duration(retry_ns, wait));
        end_colour(view, &out);
        (void)buf_append_byte(&out, '\n');
    }
    print(view, &out);
}
