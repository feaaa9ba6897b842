/*
 * report/hdr.h - histograms for HdrHistogram's own tools: the V2 encoding (cookie 0x1c849313,
 * counts as ZigZag LEB128, runs of zeros as one negative number), zlib-compressed behind its own
 * cookie (0x1c849314), in base64. The format is that of HdrHistogram's Java source, class
 * AbstractHistogram, methods encodeIntoByteBuffer and encodeIntoCompressedByteBuffer.
 */
#ifndef CICADA_REPORT_HDR_H
#define CICADA_REPORT_HDR_H

#include "base/buf.h"
#include "stats/hist.h"

#include <stdint.h>

enum { HDR_DIGITS = 3, HDR_LOWEST = 1 };

/*
 * Appends the base64 text. `highest` is the histogram's highest trackable value, in its own unit
 * (microseconds for times). What overflowed is not in it: the format has no place for that.
 */
void hdr_append_base64(struct buf *out, const struct hist *hist, uint64_t highest);

#endif
