/*
 * http/decode.h - compressed bodies, decoded while they stream: gzip, deflate and br.
 *
 * Codings as in RFC 9110, section 8.4.1: "gzip" (also "x-gzip"; RFC 1952, several members in a row
 * allowed, zeros behind the last one ignored), "deflate" (RFC 1950, and the bare RFC 1951 data that
 * some servers send, with up to four bytes behind it as curl allows) and "br" (RFC 7932, without
 * large windows). Any other byte behind the end is an error, as in curl.
 *
 * What can be decoded from the bytes so far reaches the sink before decoder_feed returns, so an
 * event that a server flushed is seen when it was flushed. No I/O, no clock.
 *
 * A decoder holds no buffer between feeds but the windows that its formats demand: about 40 KiB for
 * gzip and deflate; for br a window that grows with what was decoded up to the size that the server
 * chose, often 0.5 or 4 MiB. It takes that memory when the first byte comes.
 */
#ifndef CICADA_HTTP_DECODE_H
#define CICADA_HTTP_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DECODE_CODING_LIMIT = 4,
    /* The longest piece a sink is given; each coding takes that much stack during a feed. */
    DECODE_PIECE_BYTES = 16 * 1024,
    /*
     * All codings of a decoder together. A br window of 4 MiB, the default of brotli's encoder,
     * fits; one of 8 or 16 MiB is refused when it has to grow beyond 4 MiB.
     */
    DECODE_MEMORY_LIMIT_BYTES = 8 * 1024 * 1024,
    /*
     * Against bombs: a feed may yield DECODE_RATIO_LIMIT times its bytes, or DECODE_FEED_BYTES if
     * that is more, and on top what is left of DECODE_RESERVE_BYTES, which feeds that yield less
     * fill up again. This holds for each coding alone. Deflate reaches 1032, br any ratio. Events
     * that differ stay below 50; but a server that repeats one of some 10 KB and flushes each, as
     * test servers do, reaches 350 with br, hence the amount that is free whatever the ratio.
     */
    DECODE_RATIO_LIMIT = 250,
    DECODE_FEED_BYTES = 64 * 1024,
    DECODE_RESERVE_BYTES = 1024 * 1024
};

enum decode_status {
    DECODE_OK = 0,
    DECODE_STOPPED,  /* the sink said so */
    DECODE_BROKEN,   /* not sound: malformed, wrong checksum, cut short, bytes behind the end */
    DECODE_TOO_LARGE /* a bomb by the limits above, or it needs more memory than the limit */
};

struct decoder;

/*
 * Takes decoded bytes, which are borrowed for the call; `len` is never 0. False ends the feed at
 * once: neither the decoder nor the input is touched again, so a sink that returns false may have
 * freed both.
 */
typedef bool (*decode_fn)(void *ctx, const uint8_t *bytes, size_t len);

/* The value of Accept-Encoding for a client that takes all that is decoded here. */
extern const char DECODE_ACCEPT_ENCODING[];

/*
 * `coding` is the value of Content-Encoding, a list in the order in which the codings were applied,
 * in any case; "identity" and empty members count for nothing. NULL with *is_known true: there is
 * nothing to undo; with false: a coding that is not known here, or more than DECODE_CODING_LIMIT.
 */
struct decoder *decoder_new(const char *coding, size_t len, bool *is_known);

/*
 * Gives the next bytes, cut anywhere. Every status but DECODE_OK is final: later calls return it
 * again. What was decoded in front of an error goes to the sink first (of br: what an earlier feed
 * completed, and perhaps more).
 */
enum decode_status decoder_feed(struct decoder *decoder, const uint8_t *bytes, size_t len,
                                decode_fn sink, void *ctx);

/*
 * The body is over. DECODE_BROKEN when a coding has not reached its end; an empty body is sound.
 * Servers that break off an endless stream often leave its end out, and curl says nothing of it.
 */
enum decode_status decoder_finish(struct decoder *decoder);

/*
 * Why it is DECODE_BROKEN or DECODE_TOO_LARGE: one of a few constant phrases, valid for ever.
 * Empty before that.
 */
const char *decoder_reason(const struct decoder *decoder);

/* What the decoder holds, itself included. */
size_t decoder_memory_bytes(const struct decoder *decoder);

void decoder_free(struct decoder *decoder);

#endif
