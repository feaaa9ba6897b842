#include "sse/parser.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "sse/carry.h"
#include "sse/line.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The value of sse_parser.state. The first three count the bytes of a byte order mark seen. */
enum parser_state {
    STATE_START = 0,
    STATE_BOM_1,
    STATE_BOM_2,
    STATE_RUNNING,
    STATE_AFTER_CR, /* the slice ended behind a CR: an LF at the start of the next one is its end */
    STATE_STOPPED,
    STATE_TOO_LARGE
};

static const uint8_t byte_order_mark[] = {0xef, 0xbb, 0xbf};

struct sse_shared {
    const struct sse_handlers *handlers; /* borrowed */
    size_t limit_bytes;
    struct carry_store store;
    struct buf joined;   /* data of several lines, for the time of one dispatch */
    struct buf id;       /* an id while its invalid UTF-8 is being replaced */
    struct buf oversize; /* the start of the line that went over the limit */
};

/* The fields of the block being read. Pointers go into the slice, the carry or `joined`. */
struct block {
    const uint8_t *data, *name, *id;
    size_t data_bytes, name_bytes, id_bytes;
    size_t kept_bytes; /* of its lines that count, a byte each for their ends included */
    bool has_data, has_id, is_joined;
};

static void join_data(struct sse_shared *shared, struct block *block, const struct line *line)
{
    struct buf *joined = &shared->joined;

    if (!block->is_joined) {
        buf_clear(joined);
        (void)buf_append(joined, block->data, block->data_bytes);
        block->is_joined = true;
    }
    (void)buf_append_byte(joined, '\n');
    (void)buf_append(joined, line->value, line->value_bytes);
    block->data = joined->bytes;
    block->data_bytes = joined->len;
}

/* Adds a line that counts to the block. */
static inline void block_add(struct sse_shared *shared, struct block *block,
                             const struct line *line)
{
    block->kept_bytes += line->len + 1;
    if (line->kind == LINE_NAME) {
        block->name = line->value;
        block->name_bytes = line->value_bytes;
    } else if (line->kind == LINE_ID) {
        block->id = line->value;
        block->id_bytes = line->value_bytes;
        block->has_id = true;
    } else if (block->has_data) {
        join_data(shared, block, line);
    } else {
        block->data = line->value;
        block->data_bytes = line->value_bytes;
        block->has_data = true;
    }
}

static void store_id(struct sse_parser *parser, const uint8_t *id, size_t len)
{
    char *heap = NULL;

    if (len > SSE_ID_INLINE_BYTES && len == parser->id_bytes) {
        (void)memcpy(parser->id.heap, id, len); /* UUIDs: always as long, never a malloc */
        return;
    }
    if (len > SSE_ID_INLINE_BYTES)
        heap = x_strndup((const char *)id, len);
    if (parser->id_bytes > SSE_ID_INLINE_BYTES)
        free(parser->id.heap);
    if (heap) {
        parser->id.heap = heap;
    } else {
        (void)memcpy(parser->id.bytes, id, len);
        parser->id.bytes[len] = '\0';
    }
    parser->id_bytes = (uint32_t)len;
}

/* The id becomes the last event ID, repaired to UTF-8: it must go out again in a header as such. */
static void commit_id(struct sse_parser *parser, const uint8_t *id, size_t len)
{
    struct buf *repaired = &parser->shared->id;

    if (utf8_is_ascii(id, len) || utf8_valid(id, len)) {
        store_id(parser, id, len);
        return;
    }
    buf_clear(repaired);
    (void)utf8_append_lossy(repaired, id, len);
    store_id(parser, repaired->bytes, repaired->len);
}

static void tell_id(struct sse_parser *parser, const struct block *block, uint64_t now_ns)
{
    const struct sse_handlers *handlers = parser->shared->handlers;
    const char *id;
    size_t len;

    if (!block->has_id || !handlers->on_id)
        return;
    id = sse_parser_last_id(parser, &len);
    handlers->on_id(parser, (const uint8_t *)id, len, now_ns);
}

/* The blank line: the id counts even when there was no data and so no event. */
static inline void dispatch(struct sse_parser *parser, const struct block *block, uint64_t now_ns)
{
    struct sse_event event;

    parser->has_told_unknown = false;
    if (block->has_id)
        commit_id(parser, block->id, block->id_bytes);
    if (!block->has_data) {
        tell_id(parser, block, now_ns);
        return;
    }
    event = (struct sse_event){
        .data = block->data,
        .data_bytes = block->data_bytes,
        .name = block->name,
        .name_bytes = block->name_bytes,
        .has_id = block->has_id,
    };
    event.id = (const uint8_t *)sse_parser_last_id(parser, &event.id_bytes);
    parser->shared->handlers->on_event(parser, &event, now_ns);
}

static void tell_unknown(struct sse_parser *parser, const struct line *line, uint64_t now_ns)
{
    const struct sse_handlers *handlers = parser->shared->handlers;

    if (!handlers->on_fault || parser->has_told_unknown)
        return;
    parser->has_told_unknown = true;
    handlers->on_fault(parser, SSE_UNKNOWN_FIELD, line->bytes, line->len, now_ns);
}

/* A line that does its work at its own end: comment, retry, or what nobody knows. */
static void handle_line(struct sse_parser *parser, struct line line, uint64_t now_ns)
{
    const struct sse_handlers *handlers = parser->shared->handlers;
    uint32_t retry_ms;

    if (line.kind == LINE_UNKNOWN)
        tell_unknown(parser, &line, now_ns);
    else if (line.kind == LINE_COMMENT && handlers->on_comment)
        handlers->on_comment(parser, line.value, line.value_bytes, now_ns);
    else if (line.kind == LINE_RETRY && handlers->on_retry && line_parse_retry(&line, &retry_ms))
        handlers->on_retry(parser, retry_ms, now_ns);
}

static inline bool is_final(const struct sse_parser *parser)
{
    return parser->state >= STATE_STOPPED;
}

static void drop_carry(struct sse_parser *parser)
{
    carry_give(&parser->shared->store, parser->carry);
    parser->carry = NULL;
}

/*
 * A line with `kept_bytes` before it in its block went over the limit: `begun` of it are in the
 * carry, `more` in the slice. What is remembered of it is the same however it was cut.
 */
static void go_over(struct sse_parser *parser, size_t kept_bytes, struct line begun,
                    struct line more)
{
    struct buf *text = &parser->shared->oversize;
    size_t cap = parser->shared->limit_bytes + 1 - kept_bytes;

    if (cap > SSE_FAULT_TEXT_BYTES)
        cap = SSE_FAULT_TEXT_BYTES;
    if (begun.len > cap)
        begun.len = cap;
    if (more.len > cap - begun.len)
        more.len = cap - begun.len;
    buf_clear(text);
    (void)buf_append(text, begun.bytes, begun.len);
    (void)buf_append(text, more.bytes, more.len);
    parser->state = STATE_TOO_LARGE;
}

/* Adds to the unfinished line, with room for its LF. Past the limit false, and the parse over. */
static bool carry_append(struct sse_parser *parser, const uint8_t *bytes, size_t len)
{
    struct carry_store *store = &parser->shared->store;
    const struct sse_carry *carry = parser->carry;
    size_t used = carry ? carry->len : 0, start = carry ? carry->line_start : 0;

    if (len == 0)
        return true;
    if (len > parser->shared->limit_bytes || used > parser->shared->limit_bytes - len) {
        struct line begun = {.bytes = carry ? carry->bytes + start : bytes, .len = used - start};

        go_over(parser, start, begun, (struct line){.bytes = bytes, .len = len});
        return false;
    }
    parser->carry =
        parser->carry ? carry_reserve(store, parser->carry, len + 1) : carry_take(store, len + 1);
    (void)memcpy(parser->carry->bytes + used, bytes, len);
    parser->carry->len += len;
    return true;
}

static void carry_end_line(struct sse_carry *carry)
{
    carry->bytes[carry->len++] = '\n';
    carry->line_start = carry->len;
}

/* The slice ended inside a block: keeps those of its whole lines that count, and `rest`. */
static void save_block(struct sse_parser *parser, const uint8_t *start, size_t kept_bytes,
                       struct line rest)
{
    struct line_cursor cursor = line_cursor_make(start, (size_t)(rest.bytes - start));
    struct line line;
    bool ends_in_cr;

    if (rest.len > 0 && kept_bytes + rest.len > parser->shared->limit_bytes) {
        go_over(parser, kept_bytes, rest, (struct line){.bytes = rest.bytes});
        return;
    }
    if (kept_bytes + rest.len > 0)
        parser->carry = carry_take(&parser->shared->store, kept_bytes + rest.len + 1);
    while (kept_bytes > 0 && line_cursor_next(&cursor, &line, &ends_in_cr)) {
        line_split(&line);
        if (line_is_kept(line.kind) && carry_append(parser, line.bytes, line.len))
            carry_end_line(parser->carry);
    }
    (void)carry_append(parser, rest.bytes, rest.len);
}

/* Reads with no carry in hand: blocks that end in this slice are parsed where they stand. */
static void feed_slice(struct sse_parser *parser, struct line_cursor cursor, uint64_t now_ns)
{
    struct sse_shared *shared = parser->shared;
    const uint8_t *block_start = cursor.at;
    struct block block = {0};
    bool ends_in_cr = false;
    struct line line;

    while (line_cursor_next(&cursor, &line, &ends_in_cr)) {
        if (ends_in_cr)
            parser->state = STATE_AFTER_CR;
        if (line.len == 0) {
            dispatch(parser, &block, now_ns);
            block = (struct block){0};
            block_start = cursor.at;
        } else if (block.kept_bytes + line.len > shared->limit_bytes) {
            go_over(parser, block.kept_bytes, line, (struct line){.bytes = line.bytes});
        } else {
            line_split(&line);
            if (line_is_kept(line.kind))
                block_add(shared, &block, &line);
            else
                handle_line(parser, line, now_ns);
        }
        if (is_final(parser))
            return;
    }
    save_block(parser, block_start, block.kept_bytes, line);
}

static void dispatch_carry(struct sse_parser *parser, uint64_t now_ns)
{
    const struct sse_carry *carry = parser->carry;
    struct line_cursor cursor = line_cursor_make(carry->bytes, carry->line_start);
    struct block block = {0};
    struct line line = {0};
    bool ends_in_cr;

    while (line_cursor_next(&cursor, &line, &ends_in_cr)) {
        line_split(&line);
        block_add(parser->shared, &block, &line);
    }
    dispatch(parser, &block, now_ns);
}

/* The unfinished line of the carry is whole now. */
static void end_carried_line(struct sse_parser *parser, uint64_t now_ns)
{
    struct sse_carry *carry = parser->carry;
    struct line line = {.bytes = carry->bytes + carry->line_start,
                        .len = carry->len - carry->line_start};

    line_split(&line);
    if (line_is_kept(line.kind)) {
        carry_end_line(carry);
        return;
    }
    handle_line(parser, line, now_ns);
    carry->len = carry->line_start;
    if (carry->len == 0)
        drop_carry(parser);
}

/* Reads until the block in the carry is done, the slice has ended or the parse is over. */
static void feed_carry(struct sse_parser *parser, struct line_cursor *cursor, uint64_t now_ns)
{
    bool ends_in_cr = false;
    struct line line;

    while (parser->carry && !is_final(parser)) {
        bool is_whole = line_cursor_next(cursor, &line, &ends_in_cr);

        if (!carry_append(parser, line.bytes, line.len) || !is_whole)
            return;
        if (ends_in_cr)
            parser->state = STATE_AFTER_CR;
        if (parser->carry->len > parser->carry->line_start) {
            end_carried_line(parser, now_ns);
        } else {
            dispatch_carry(parser, now_ns);
            drop_carry(parser);
        }
    }
}

/* Skips what the last slice left open: a byte order mark at the start, or the LF behind a CR. */
static void begin_slice(struct sse_parser *parser, struct line_cursor *cursor)
{
    size_t seen = parser->state;

    if (parser->state == STATE_AFTER_CR) {
        parser->state = STATE_RUNNING;
        if (*cursor->at == '\n')
            cursor->at++;
        return;
    }
    while (seen < sizeof byte_order_mark && cursor->at < cursor->end &&
           *cursor->at == byte_order_mark[seen]) {
        cursor->at++;
        seen++;
    }
    if (seen == sizeof byte_order_mark) {
        parser->state = STATE_RUNNING;
    } else if (cursor->at == cursor->end) {
        parser->state = (uint8_t)seen;
    } else { /* it only looked like one: those bytes begin the first line */
        parser->state = STATE_RUNNING;
        (void)carry_append(parser, byte_order_mark, seen);
    }
}

struct sse_shared *sse_shared_new(const struct sse_handlers *handlers, size_t limit_bytes)
{
    struct sse_shared *shared = x_calloc(1, sizeof *shared);

    assert(handlers->on_event && limit_bytes > 0 && limit_bytes <= SSE_LIMIT_MAX_BYTES);
    shared->handlers = handlers;
    shared->limit_bytes = limit_bytes;
    carry_store_init(&shared->store);
    return shared;
}

void sse_shared_free(struct sse_shared *shared)
{
    if (!shared)
        return;
    carry_store_fini(&shared->store);
    buf_fini(&shared->joined);
    buf_fini(&shared->id);
    buf_fini(&shared->oversize);
    free(shared);
}

size_t sse_shared_held_bytes(const struct sse_shared *shared)
{
    return shared->store.held_bytes;
}

void sse_parser_init(struct sse_parser *parser, struct sse_shared *shared)
{
    *parser = (struct sse_parser){.shared = shared};
}

void sse_parser_fini(struct sse_parser *parser)
{
    if (!parser->shared)
        return;
    drop_carry(parser);
    store_id(parser, (const uint8_t *)"", 0);
}

enum sse_status sse_parser_feed(struct sse_parser *parser, const uint8_t *bytes, size_t len,
                                uint64_t now_ns)
{
    const struct sse_shared *shared = parser->shared;
    struct line_cursor cursor;

    if (len > 0 && !is_final(parser)) {
        cursor = line_cursor_make(bytes, len);
        if (parser->state != STATE_RUNNING)
            begin_slice(parser, &cursor);
        if (parser->carry)
            feed_carry(parser, &cursor, now_ns);
        if (cursor.at < cursor.end && !is_final(parser))
            feed_slice(parser, cursor, now_ns);
        if (parser->state == STATE_TOO_LARGE && shared->handlers->on_fault)
            shared->handlers->on_fault(parser, SSE_OVERSIZE, shared->oversize.bytes,
                                       shared->oversize.len, now_ns);
    }
    if (!is_final(parser))
        return SSE_OK;
    drop_carry(parser);
    return parser->state == STATE_STOPPED ? SSE_STOPPED : SSE_TOO_LARGE;
}

void sse_parser_stop(struct sse_parser *parser)
{
    parser->state = STATE_STOPPED;
}

void sse_parser_reset(struct sse_parser *parser)
{
    drop_carry(parser);
    parser->state = STATE_START;
    parser->has_told_unknown = false;
}

const char *sse_parser_last_id(const struct sse_parser *parser, size_t *len)
{
    *len = parser->id_bytes;
    if (parser->id_bytes == 0)
        return NULL;
    return parser->id_bytes > SSE_ID_INLINE_BYTES ? parser->id.heap : parser->id.bytes;
}

void sse_parser_set_last_id(struct sse_parser *parser, const char *id, size_t len)
{
    if (len == 0)
        id = "";
    if (len > parser->shared->limit_bytes || memchr(id, '\0', len) || memchr(id, '\r', len) ||
        memchr(id, '\n', len))
        return;
    commit_id(parser, (const uint8_t *)id, len);
}
