/*
 * base/utf8.h - UTF-8 checked and repaired as the WHATWG Encoding Standard's decoder does it.
 */
#ifndef CICADA_BASE_UTF8_H
#define CICADA_BASE_UTF8_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length of the valid UTF-8 at the start of `bytes`: `len` when all of it is. */
size_t utf8_valid_prefix(const uint8_t *bytes, size_t len);
bool utf8_is_ascii(const uint8_t *bytes, size_t len);
bool utf8_valid(const uint8_t *bytes, size_t len);
/*
 * Appends `bytes` with each maximal invalid part replaced by U+FFFD (Encoding Standard section
 * 8.1.1, "UTF-8 decoder"; Unicode 15, section 3.9, table 3-8). 0, or -1 at the buffer's limit.
 */
int utf8_append_lossy(struct buf *out, const uint8_t *bytes, size_t len);

#endif
