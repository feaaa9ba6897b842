/*
 * sse/parser.h - bytes of a text/event-stream in, events out.
 *
 * Follows the WHATWG HTML Standard, section 9.2.6 "Interpreting an event stream". Holds at most the
 * shared limit of an unfinished block, in memory borrowed from the shared pool; between blocks it
 * holds nothing but the last event ID. No I/O, no clock, no allocation per event in the steady
 * state.
 *
 * Runs on: the worker's loop.
 */
#ifndef CICADA_SSE_PARSER_H
#define CICADA_SSE_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SSE_ID_INLINE_BYTES = 23,
    SSE_RETRY_CAP_MS = 24 * 3600 * 1000, /* a larger retry: value is taken as this */
    SSE_LIMIT_DEFAULT_BYTES = 1024 * 1024,
    SSE_LIMIT_MAX_BYTES = 1024 * 1024 * 1024,
    SSE_FAULT_TEXT_BYTES = 256 /* of a line over the limit, its start */
};

enum sse_status {
    SSE_OK = 0,
    SSE_STOPPED,  /* a handler called sse_parser_stop; the rest of the bytes was not looked at */
    SSE_TOO_LARGE /* a line or an event over the limit; final until sse_parser_reset */
};

/* One dispatched event. Everything is borrowed until the handler returns; nothing ends in NUL. */
struct sse_event {
    const uint8_t *data; /* lines joined by LF; raw bytes, perhaps not UTF-8 */
    size_t data_bytes;
    const uint8_t *name; /* value of event:, name_bytes 0 means "message" */
    size_t name_bytes;
    const uint8_t *id; /* the last event ID after this event, UTF-8 */
    size_t id_bytes;
    bool has_id; /* this block carried an id: line that counted */
};

/* What a sound stream does not hold. */
enum sse_fault {
    SSE_FAULT_NONE = 0,
    SSE_UNKNOWN_FIELD, /* a line that is no comment and no field, ignored; once a block */
    SSE_OVERSIZE       /* what SSE_TOO_LARGE is returned for */
};

struct sse_parser;

/* A worker has one such table for all its streams; all but on_event may be NULL. */
struct sse_handlers {
    void (*on_event)(struct sse_parser *parser, const struct sse_event *event, uint64_t now_ns);
    /* A block with an id: line that counted and without data, so that it is no event; `id` as in
     * struct sse_event. Must not stop the parser. */
    void (*on_id)(struct sse_parser *parser, const uint8_t *id, size_t len, uint64_t now_ns);
    /* At the end of its line; `text` is what follows the colon and one space. */
    void (*on_comment)(struct sse_parser *parser, const uint8_t *text, size_t len, uint64_t now_ns);
    /* A valid retry: line, already capped. */
    void (*on_retry)(struct sse_parser *parser, uint32_t retry_ms, uint64_t now_ns);
    /* `text` is the line, of one over the limit its start. Must not stop the parser. */
    void (*on_fault)(struct sse_parser *parser, enum sse_fault fault, const uint8_t *text,
                     size_t len, uint64_t now_ns);
};

/* What the parsers of one worker share: handlers, limit, pool of carry-over. */
struct sse_shared;
struct sse_carry;

/*
 * `handlers` is borrowed for the life of the result. `limit_bytes`, from 1 to SSE_LIMIT_MAX_BYTES,
 * bounds any line without its end, comments and unknown fields too, together with the data:, event:
 * and id: lines before it in its block (each with a byte for its end). The caller owns the result.
 */
struct sse_shared *sse_shared_new(const struct sse_handlers *handlers, size_t limit_bytes);
/* After the last parser is gone. */
void sse_shared_free(struct sse_shared *shared);
/* Bytes now held for unfinished blocks of all parsers, with their heads and spare room. */
size_t sse_shared_held_bytes(const struct sse_shared *shared);

/* Embedded once per stream; callers do not touch the fields. */
struct sse_parser {
    struct sse_shared *shared;
    struct sse_carry *carry; /* owned; NULL unless the last feed ended inside a block */
    union {
        char bytes[SSE_ID_INLINE_BYTES + 1];
        char *heap; /* owned; when id_bytes > SSE_ID_INLINE_BYTES */
    } id;
    uint32_t id_bytes;
    uint8_t state;         /* enum parser_state in parser.c */
    bool has_told_unknown; /* on_fault was called for this block */
};

/* `shared` is borrowed for the parser's life. */
void sse_parser_init(struct sse_parser *parser, struct sse_shared *shared);
void sse_parser_fini(struct sse_parser *parser);

/*
 * Give the next bytes, cut anywhere; calls the handlers zero or more times before it returns. A
 * handler must not feed, reset or free the parser, nor feed another one with the same `shared`; it
 * may stop it. An event is handed on as soon as the last byte of its blank line is read (for CR LF:
 * its CR).
 */
enum sse_status sse_parser_feed(struct sse_parser *parser, const uint8_t *bytes, size_t len,
                                uint64_t now_ns);
/* For a handler: no more events from this feed, which returns SSE_STOPPED, as do later ones. */
void sse_parser_stop(struct sse_parser *parser);
/* The connection ended: drops an unfinished block, keeps the last event ID, awaits a new stream. */
void sse_parser_reset(struct sse_parser *parser);

/* The last event ID, as the Last-Event-ID header carries it; NULL and *len 0 when there is none. */
const char *sse_parser_last_id(const struct sse_parser *parser, size_t *len);
/*
 * As if the stream had had this id before, for a resume that the user asks for. Over the shared
 * limit, or with a NUL, CR or LF inside, it is ignored. Not for handlers.
 */
void sse_parser_set_last_id(struct sse_parser *parser, const char *id, size_t len);

/* Did the last feed end inside a block, which awaits the rest of it? */
static inline bool sse_parser_is_inside(const struct sse_parser *parser)
{
    return parser->carry != NULL;
}

_Static_assert(sizeof(struct sse_parser) <= 48, "exists once a stream");

#endif
