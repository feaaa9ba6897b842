#include "http/decode.h"

#include "base/ascii.h"
#include "base/mem.h"

#define ZLIB_CONST /* zlib then promises not to write to its input */
#include <brotli/decode.h>
#include <zlib.h>

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { GZIP_FIRST_BYTE = 0x1f, RAW_TAIL_LIMIT_BYTES = 4 };

/* As inflateInit2 wants it: the largest window; 16 more: gzip; negative: no wrapper. */
enum { WINDOW_BITS_GZIP = 15 + 16, WINDOW_BITS_RAW = -15, WINDOW_BITS_OF_HEADER = 0 };

enum coding { CODING_IDENTITY = 0, CODING_GZIP, CODING_DEFLATE, CODING_BR };

enum stage_state {
    STAGE_FRESH = 0, /* no byte came, nothing is allocated */
    STAGE_RUNNING,
    STAGE_ENDED, /* the format's own end was reached */
    STAGE_PADDED /* gzip: and zeros came behind it */
};

/* One coding to undo. */
struct stage {
    enum coding coding;
    enum stage_state state;
    uint32_t tail_left_bytes; /* how many unknown bytes may still follow the end */
    uint64_t allowed_bytes;   /* what it may yield before it counts as a bomb */
    const char *reason;       /* after a step that failed */
    union {
        z_stream inflate;
        BrotliDecoderState *br;
    } of;
};

struct memory {
    size_t used_bytes;
    bool was_refused;
};

struct decoder {
    enum decode_status status;
    const char *reason;
    struct memory memory;
    size_t stage_count;
    struct stage stages[]; /* in the order of decoding */
};

_Static_assert(sizeof(struct decoder) + sizeof(struct stage) <= 256, "exists once a stream");

/* In front of each block of the libraries, for neither says the size when it frees. */
union block_head {
    size_t bytes;
    max_align_t align;
};

struct span {
    const uint8_t *at;
    size_t len;
};

struct delivery {
    struct decoder *decoder;
    decode_fn sink;
    void *ctx;
};

const char DECODE_ACCEPT_ENCODING[] = "gzip, deflate, br";

static const char REASON_TAIL[] = "bytes follow the end of the compressed data";
static const char REASON_MEMORY[] = "the compressed data needs too much memory";

static void *take_block(void *opaque, size_t len)
{
    struct memory *memory = opaque;
    union block_head *head = NULL;

    if (len <= DECODE_MEMORY_LIMIT_BYTES - sizeof *head) {
        len += sizeof *head;
        if (memory->used_bytes <= DECODE_MEMORY_LIMIT_BYTES - len)
            head = malloc(len);
    }
    if (!head) {
        memory->was_refused = true;
        return NULL;
    }
    head->bytes = len;
    memory->used_bytes += len;
    return head + 1;
}

static void *take_items(void *opaque, unsigned count, unsigned size)
{
    return take_block(opaque, (size_t)count * size);
}

static void give_block(void *opaque, void *block)
{
    struct memory *memory = opaque;
    union block_head *head = block;

    if (!head)
        return;
    head--;
    memory->used_bytes -= head->bytes;
    free(head);
}

static void skip(struct span *in, size_t len)
{
    in->at += len;
    in->len -= len;
}

static enum decode_status stage_fail(struct stage *stage, enum decode_status status,
                                     const char *reason)
{
    stage->reason = reason;
    return status;
}

/*
 * With its lower half 8, a first byte is zlib's: the method, and the size of the window. Bare
 * deflate data would begin with a stored block whose padding is not zero, which no encoder writes.
 */
static bool is_zlib_header(uint8_t first)
{
    return (first & 0x0f) == Z_DEFLATED && first >> 4 <= 7;
}

static enum decode_status start_inflate(struct stage *stage, struct memory *memory, uint8_t first)
{
    int window_bits = WINDOW_BITS_GZIP, result;

    if (stage->coding == CODING_DEFLATE) {
        bool has_header = is_zlib_header(first);

        window_bits = has_header ? WINDOW_BITS_OF_HEADER : WINDOW_BITS_RAW;
        stage->tail_left_bytes = has_header ? 0 : RAW_TAIL_LIMIT_BYTES;
    }
    stage->of.inflate = (z_stream){.zalloc = take_items, .zfree = give_block, .opaque = memory};
    result = inflateInit2(&stage->of.inflate, window_bits);
    if (result == Z_MEM_ERROR)
        return stage_fail(stage, DECODE_TOO_LARGE, REASON_MEMORY);
    assert(result == Z_OK);
    stage->state = STAGE_RUNNING;
    return DECODE_OK;
}

static enum decode_status start_br(struct stage *stage, struct memory *memory)
{
    stage->of.br = BrotliDecoderCreateInstance(take_block, give_block, memory);
    if (!stage->of.br)
        return stage_fail(stage, DECODE_TOO_LARGE, REASON_MEMORY);
    (void)BrotliDecoderSetParameter(stage->of.br, BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
    stage->state = STAGE_RUNNING;
    return DECODE_OK;
}

/* Looks at a byte behind the end: padding to skip, or the first of another member. */
static enum decode_status pass_end(struct stage *stage, struct span *in)
{
    if (stage->coding == CODING_GZIP && in->at[0] == GZIP_FIRST_BYTE &&
        stage->state == STAGE_ENDED) {
        (void)inflateReset(&stage->of.inflate);
        stage->state = STAGE_RUNNING;
        return DECODE_OK;
    }
    if (stage->coding == CODING_GZIP && in->at[0] == 0) {
        stage->state = STAGE_PADDED;
        skip(in, 1);
        return DECODE_OK;
    }
    if (stage->tail_left_bytes > 0) {
        stage->tail_left_bytes--;
        skip(in, 1);
        return DECODE_OK;
    }
    return stage_fail(stage, DECODE_BROKEN, REASON_TAIL);
}

/* Makes a stage that is not running ready for the next byte, or skips that byte. */
static enum decode_status stage_prepare(struct stage *stage, struct memory *memory, struct span *in)
{
    if (stage->state != STAGE_FRESH)
        return pass_end(stage, in);
    if (stage->coding == CODING_BR)
        return start_br(stage, memory);
    return start_inflate(stage, memory, in->at[0]);
}

static enum decode_status step_inflate(struct stage *stage, struct span *in, uint8_t *out,
                                       size_t *made_bytes)
{
    z_stream *inflater = &stage->of.inflate;
    uInt given = in->len < UINT_MAX ? (uInt)in->len : UINT_MAX;
    int result;

    inflater->next_in = in->at;
    inflater->avail_in = given;
    inflater->next_out = out;
    inflater->avail_out = DECODE_PIECE_BYTES;
    result = inflate(inflater, Z_SYNC_FLUSH);
    skip(in, given - inflater->avail_in);
    *made_bytes = DECODE_PIECE_BYTES - inflater->avail_out;
    switch (result) {
    case Z_STREAM_END:
        stage->state = STAGE_ENDED;
        return DECODE_OK;
    case Z_OK:
    case Z_BUF_ERROR: /* a call to learn whether more was pending, and nothing was */
        return DECODE_OK;
    case Z_NEED_DICT:
        return stage_fail(stage, DECODE_BROKEN, "the compressed data needs a dictionary");
    case Z_MEM_ERROR:
        return stage_fail(stage, DECODE_TOO_LARGE, REASON_MEMORY);
    default:
        assert(result == Z_DATA_ERROR);
        return stage_fail(stage, DECODE_BROKEN,
                          inflater->msg ? inflater->msg : "the deflate data is not sound");
    }
}

static enum decode_status step_br(struct stage *stage, const struct memory *memory, struct span *in,
                                  uint8_t *out, size_t *made_bytes)
{
    size_t room = DECODE_PIECE_BYTES;
    BrotliDecoderResult result =
        BrotliDecoderDecompressStream(stage->of.br, &in->len, &in->at, &room, &out, NULL);

    *made_bytes = DECODE_PIECE_BYTES - room;
    if (result == BROTLI_DECODER_RESULT_SUCCESS)
        stage->state = STAGE_ENDED;
    if (result != BROTLI_DECODER_RESULT_ERROR)
        return DECODE_OK;
    if (memory->was_refused)
        return stage_fail(stage, DECODE_TOO_LARGE, REASON_MEMORY);
    return stage_fail(stage, DECODE_BROKEN, "the brotli data is not sound");
}

static enum decode_status fail(struct decoder *decoder, enum decode_status status,
                               const char *reason)
{
    decoder->status = status;
    decoder->reason = reason;
    return status;
}

/* The status is set in front of the call, for behind it the decoder may be gone. */
static enum decode_status give_to_sink(const struct delivery *to, struct span bytes)
{
    to->decoder->status = DECODE_STOPPED;
    if (!to->sink(to->ctx, bytes.at, bytes.len))
        return DECODE_STOPPED;
    to->decoder->status = DECODE_OK;
    return DECODE_OK;
}

/* Calls itself for the codings further in: DECODE_CODING_LIMIT deep at most. */
static enum decode_status run_stage(const struct delivery *to, size_t index, struct span in)
{
    struct decoder *decoder = to->decoder;
    struct stage *stage = &decoder->stages[index];
    uint8_t piece[DECODE_PIECE_BYTES];
    size_t made = 0;

    /* A full piece may be less than all there is; the end of the input is no reason to stop. */
    while (in.len > 0 || (made == sizeof piece && stage->state == STAGE_RUNNING)) {
        enum decode_status result, passed = DECODE_OK;

        made = 0;
        if (stage->state != STAGE_RUNNING)
            result = stage_prepare(stage, &decoder->memory, &in);
        else if (stage->coding == CODING_BR)
            result = step_br(stage, &decoder->memory, &in, piece, &made);
        else
            result = step_inflate(stage, &in, piece, &made);
        if (made > stage->allowed_bytes)
            return fail(decoder, DECODE_TOO_LARGE, "the data decodes to too many bytes");
        stage->allowed_bytes -= made;
        if (made > 0 && index + 1 < decoder->stage_count)
            passed = run_stage(to, index + 1, (struct span){piece, made});
        else if (made > 0)
            passed = give_to_sink(to, (struct span){piece, made});
        if (passed != DECODE_OK)
            return passed;
        if (result != DECODE_OK)
            return fail(decoder, result, stage->reason);
    }
    return DECODE_OK;
}

/* What a feed of `len` bytes may yield; what was left from earlier ones counts as the reserve. */
static void allow(struct stage *stage, size_t len)
{
    uint64_t of_feed = (uint64_t)len * DECODE_RATIO_LIMIT;

    if (stage->allowed_bytes > DECODE_RESERVE_BYTES)
        stage->allowed_bytes = DECODE_RESERVE_BYTES;
    stage->allowed_bytes += of_feed > DECODE_FEED_BYTES ? of_feed : DECODE_FEED_BYTES;
}

static bool find_coding(const char *name, size_t len, enum coding *coding)
{
    static const struct {
        const char *name;
        enum coding coding;
    } known[] = {{"", CODING_IDENTITY},   {"identity", CODING_IDENTITY}, {"gzip", CODING_GZIP},
                 {"x-gzip", CODING_GZIP}, {"deflate", CODING_DEFLATE},   {"br", CODING_BR}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (len == strlen(known[i].name) && strncasecmp(name, known[i].name, len) == 0) {
            *coding = known[i].coding;
            return true;
        }
    }
    return false;
}

/* Cuts the first member off the list; false when nothing is left. */
static bool next_member(const char **list, const char *end, const char **name, size_t *len)
{
    const char *at = *list, *comma, *stop;

    if (at == end)
        return false;
    comma = memchr(at, ',', (size_t)(end - at));
    stop = comma ? comma : end;
    *list = comma ? comma + 1 : end;
    while (at < stop && ascii_is_blank(*at))
        at++;
    while (stop > at && ascii_is_blank(stop[-1]))
        stop--;
    *name = at;
    *len = (size_t)(stop - at);
    return true;
}

/* The codings that do something, in the order of the list; -1 for what decoder_new refuses. */
static int read_codings(const char *list, size_t len, enum coding codings[DECODE_CODING_LIMIT])
{
    const char *end = list + len, *name;
    size_t name_bytes;
    int count = 0;

    while (next_member(&list, end, &name, &name_bytes)) {
        enum coding coding;

        if (!find_coding(name, name_bytes, &coding))
            return -1;
        if (coding == CODING_IDENTITY)
            continue;
        if (count == DECODE_CODING_LIMIT)
            return -1;
        codings[count++] = coding;
    }
    return count;
}

struct decoder *decoder_new(const char *coding, size_t len, bool *is_known)
{
    enum coding codings[DECODE_CODING_LIMIT];
    int count = read_codings(coding, len, codings);
    struct decoder *decoder;
    size_t own_bytes;

    *is_known = count >= 0;
    if (count <= 0)
        return NULL;
    own_bytes = sizeof *decoder + (size_t)count * sizeof decoder->stages[0];
    decoder = x_calloc(1, own_bytes);
    decoder->reason = "";
    decoder->memory.used_bytes = own_bytes;
    decoder->stage_count = (size_t)count;
    for (size_t i = 0; i < decoder->stage_count; i++) {
        decoder->stages[i].coding = codings[decoder->stage_count - 1 - i];
        decoder->stages[i].allowed_bytes = DECODE_RESERVE_BYTES;
    }
    return decoder;
}

enum decode_status decoder_feed(struct decoder *decoder, const uint8_t *bytes, size_t len,
                                decode_fn sink, void *ctx)
{
    struct delivery to = {.decoder = decoder, .sink = sink, .ctx = ctx};

    if (decoder->status != DECODE_OK || len == 0)
        return decoder->status;
    for (size_t i = 0; i < decoder->stage_count; i++)
        allow(&decoder->stages[i], len);
    return run_stage(&to, 0, (struct span){bytes, len});
}

enum decode_status decoder_finish(struct decoder *decoder)
{
    for (size_t i = 0; i < decoder->stage_count && decoder->status == DECODE_OK; i++) {
        if (decoder->stages[i].state == STAGE_RUNNING)
            (void)fail(decoder, DECODE_BROKEN, "the compressed data is cut short");
    }
    return decoder->status;
}

const char *decoder_reason(const struct decoder *decoder)
{
    return decoder->reason;
}

size_t decoder_memory_bytes(const struct decoder *decoder)
{
    return decoder->memory.used_bytes;
}

void decoder_free(struct decoder *decoder)
{
    if (!decoder)
        return;
    for (size_t i = 0; i < decoder->stage_count; i++) {
        struct stage *stage = &decoder->stages[i];

        if (stage->state == STAGE_FRESH)
            continue;
        if (stage->coding == CODING_BR)
            BrotliDecoderDestroyInstance(stage->of.br);
        else
            (void)inflateEnd(&stage->of.inflate);
    }
    free(decoder);
}
