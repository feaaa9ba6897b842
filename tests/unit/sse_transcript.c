#include "sse_transcript.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void write_escaped(struct buf *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n')
            (void)buf_append_text(out, "\\n");
        else if (bytes[i] < 0x20 || bytes[i] > 0x7e || strchr("[]|{}<>@!$+\\", bytes[i]))
            (void)buf_appendf(out, "\\x%02x", bytes[i]);
        else
            (void)buf_append_byte(out, bytes[i]);
    }
}

static void write_event(struct buf *out, const struct sse_event *event)
{
    (void)buf_append_byte(out, '[');
    write_escaped(out, event->name, event->name_bytes);
    (void)buf_append_byte(out, '|');
    write_escaped(out, event->id, event->id_bytes);
    if (event->has_id)
        (void)buf_append_byte(out, '+');
    (void)buf_append_byte(out, '|');
    write_escaped(out, event->data, event->data_bytes);
    (void)buf_append_byte(out, ']');
}

static void write_comment(struct buf *out, const uint8_t *text, size_t len)
{
    (void)buf_append_byte(out, '{');
    write_escaped(out, text, len);
    (void)buf_append_byte(out, '}');
}

static void write_fault(struct buf *out, const uint8_t *text, size_t len)
{
    (void)buf_append_byte(out, '<');
    write_escaped(out, text, len);
    (void)buf_append_byte(out, '>');
}

static void write_last_id(struct buf *out, const void *id, size_t len)
{
    if (len == 0)
        return;
    (void)buf_append_byte(out, '$');
    write_escaped(out, id, len);
}

static void record_event(struct sse_parser *parser, const struct sse_event *event, uint64_t now_ns)
{
    struct sse_recorder *recorder = CONTAINER_OF(parser, struct sse_recorder, parser);

    (void)now_ns;
    write_event(&recorder->text, event);
    recorder->event_count++;
    if (recorder->event_count == recorder->stop_after)
        sse_parser_stop(parser);
}

static void record_comment(struct sse_parser *parser, const uint8_t *text, size_t len,
                           uint64_t now_ns)
{
    struct sse_recorder *recorder = CONTAINER_OF(parser, struct sse_recorder, parser);

    (void)now_ns;
    write_comment(&recorder->text, text, len);
}

static void record_retry(struct sse_parser *parser, uint32_t retry_ms, uint64_t now_ns)
{
    struct sse_recorder *recorder = CONTAINER_OF(parser, struct sse_recorder, parser);

    (void)now_ns;
    (void)buf_appendf(&recorder->text, "@%u", retry_ms);
}

static void record_fault(struct sse_parser *parser, enum sse_fault fault, const uint8_t *text,
                         size_t len, uint64_t now_ns)
{
    struct sse_recorder *recorder = CONTAINER_OF(parser, struct sse_recorder, parser);

    (void)now_ns;
    assert(fault != SSE_FAULT_NONE);
    write_fault(&recorder->text, text, len);
}

static const struct sse_handlers record_handlers = {
    .on_event = record_event,
    .on_comment = record_comment,
    .on_retry = record_retry,
    .on_fault = record_fault,
};

void sse_recorder_init(struct sse_recorder *recorder, size_t limit_bytes)
{
    *recorder = (struct sse_recorder){.shared = sse_shared_new(&record_handlers, limit_bytes)};
    sse_parser_init(&recorder->parser, recorder->shared);
}

void sse_recorder_fini(struct sse_recorder *recorder)
{
    sse_parser_fini(&recorder->parser);
    sse_shared_free(recorder->shared);
    buf_fini(&recorder->text);
}

enum sse_status sse_recorder_feed(struct sse_recorder *recorder, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = x_malloc(len);
    enum sse_status status;

    if (len > 0)
        (void)memcpy(copy, bytes, len);
    status = sse_parser_feed(&recorder->parser, copy, len, 0);
    free(copy);
    return status;
}

const char *sse_recorder_finish(struct sse_recorder *recorder, enum sse_status status)
{
    size_t len;
    const char *id = sse_parser_last_id(&recorder->parser, &len);

    if (status == SSE_TOO_LARGE)
        (void)buf_append_byte(&recorder->text, '!');
    write_last_id(&recorder->text, id, len);
    return buf_text(&recorder->text);
}

/* Ends a recording: its text for the caller, all else freed, the carry seen to be given back. */
static char *take_transcript(struct sse_recorder *recorder, enum sse_status status)
{
    char *text = x_strdup(sse_recorder_finish(recorder, status));

    sse_parser_reset(&recorder->parser);
    assert(sse_shared_held_bytes(recorder->shared) == 0);
    sse_recorder_fini(recorder);
    return text;
}

char *sse_transcript_sliced(const uint8_t *bytes, size_t len, size_t limit_bytes,
                            size_t slice_bytes)
{
    enum sse_status status = SSE_OK;
    struct sse_recorder recorder;

    sse_recorder_init(&recorder, limit_bytes);
    for (size_t at = 0; at < len; at += slice_bytes)
        status = sse_recorder_feed(&recorder, bytes + at,
                                   len - at < slice_bytes ? len - at : slice_bytes);
    return take_transcript(&recorder, status);
}

char *sse_transcript_cut(const uint8_t *bytes, size_t len, size_t limit_bytes, struct rng *rng)
{
    enum sse_status status = SSE_OK;
    struct sse_recorder recorder;
    size_t longest = rng_between(rng, 1, len > 1 ? len : 1);

    if (rng_unit(rng) < 0.5 && longest > 8)
        longest = 8;
    sse_recorder_init(&recorder, limit_bytes);
    for (size_t at = 0, slice; at < len; at += slice) {
        slice = rng_between(rng, 0, longest);
        if (slice > len - at)
            slice = len - at;
        status = sse_recorder_feed(&recorder, bytes + at, slice);
    }
    return take_transcript(&recorder, status);
}

/* The buffers of the standard's section 9.2.6, under its names. */
struct reference {
    struct buf out, line, data, event_type, id_buffer, last_id;
    bool has_id, has_told_unknown;
};

static void reference_dispatch(struct reference *ref)
{
    struct sse_event event;

    buf_clear(&ref->last_id);
    (void)utf8_append_lossy(&ref->last_id, ref->id_buffer.bytes, ref->id_buffer.len);
    if (ref->data.len > 0) {
        event = (struct sse_event){
            .data = ref->data.bytes,
            .data_bytes = ref->data.len - 1, /* without the LF at its end */
            .name = ref->event_type.bytes,
            .name_bytes = ref->event_type.len,
            .id = ref->last_id.bytes,
            .id_bytes = ref->last_id.len,
            .has_id = ref->has_id,
        };
        write_event(&ref->out, &event);
    }
    buf_clear(&ref->data);
    buf_clear(&ref->event_type);
    ref->has_id = ref->has_told_unknown = false;
}

static void reference_retry(struct reference *ref, const char *value)
{
    double retry_ms = strtod(value, NULL);

    if (value[0] == '\0' || value[strspn(value, "0123456789")] != '\0')
        return;
    if (retry_ms > SSE_RETRY_CAP_MS)
        retry_ms = SSE_RETRY_CAP_MS;
    (void)buf_appendf(&ref->out, "@%.0f", retry_ms);
}

/* False: no field of this name. */
static bool reference_field(struct reference *ref, const char *field, const char *value, size_t len)
{
    if (strcmp(field, "event") == 0) {
        buf_clear(&ref->event_type);
        (void)buf_append(&ref->event_type, value, len);
    } else if (strcmp(field, "data") == 0) {
        (void)buf_append(&ref->data, value, len);
        (void)buf_append_byte(&ref->data, '\n');
    } else if (strcmp(field, "id") == 0) {
        if (strlen(value) != len)
            return true;
        buf_clear(&ref->id_buffer);
        (void)buf_append(&ref->id_buffer, value, len);
        ref->has_id = true;
    } else if (strcmp(field, "retry") == 0) {
        if (strlen(value) == len)
            reference_retry(ref, value);
    } else {
        return false;
    }
    return true;
}

static void reference_unknown(struct reference *ref)
{
    if (!ref->has_told_unknown)
        write_fault(&ref->out, ref->line.bytes, ref->line.len);
    ref->has_told_unknown = true;
}

static void reference_line(struct reference *ref)
{
    char *line = x_strndup((const char *)ref->line.bytes, ref->line.len);
    char *colon = memchr(line, ':', ref->line.len), *value = line + ref->line.len;
    bool is_whole_name = !colon && strlen(line) == ref->line.len;

    if (colon) {
        *colon = '\0';
        is_whole_name = strlen(line) == (size_t)(colon - line);
        value = colon[1] == ' ' ? colon + 2 : colon + 1;
    }
    if (ref->line.len == 0)
        reference_dispatch(ref);
    else if (colon == line)
        write_comment(&ref->out, (const uint8_t *)value, (size_t)(line + ref->line.len - value));
    else if (!is_whole_name || /* a name with a NUL inside is none that we know */
             !reference_field(ref, line, value, (size_t)(line + ref->line.len - value)))
        reference_unknown(ref);
    free(line);
    buf_clear(&ref->line);
}

char *sse_transcript_reference(const uint8_t *bytes, size_t len)
{
    struct reference ref = {0};
    char *text;

    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        bytes += 3;
        len -= 3;
    }
    (void)buf_text(&ref.line); /* an empty line is memory, too */
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n' && i > 0 && bytes[i - 1] == '\r')
            continue;
        if (bytes[i] == '\r' || bytes[i] == '\n')
            reference_line(&ref);
        else
            (void)buf_append_byte(&ref.line, bytes[i]);
    }
    write_last_id(&ref.out, ref.last_id.bytes, ref.last_id.len);
    text = x_strdup(buf_text(&ref.out));
    buf_fini(&ref.out);
    buf_fini(&ref.line);
    buf_fini(&ref.data);
    buf_fini(&ref.event_type);
    buf_fini(&ref.id_buffer);
    buf_fini(&ref.last_id);
    return text;
}
