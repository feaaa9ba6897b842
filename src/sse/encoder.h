/*
 * sse/encoder.h - events in, bytes of a text/event-stream out. For the demo service and the tests.
 */
#ifndef CICADA_SSE_ENCODER_H
#define CICADA_SSE_ENCODER_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Appends one block. `id` and `name` may be NULL (no such line); line ends inside `data` become
 * several data: lines. `id` and `name` hold no line end. 0, or -1 at the buffer's limit.
 */
int sse_encode_event(struct buf *out, const char *id, const char *name, const char *data,
                     size_t data_bytes);
/* ": text" and a blank line: a heartbeat that is no event. */
int sse_encode_comment(struct buf *out, const char *text);
/* "retry: N" and a blank line. */
int sse_encode_retry(struct buf *out, uint32_t retry_ms);

#endif
