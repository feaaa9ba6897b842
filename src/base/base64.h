/*
 * base/base64.h - bytes as base64 text (RFC 4648, section 4: "+" and "/", padded, no line ends).
 */
#ifndef CICADA_BASE_BASE64_H
#define CICADA_BASE_BASE64_H

#include "base/buf.h"

#include <stddef.h>

/* Four characters for each three bytes begun. 0, or -1 and nothing appended at the limit. */
int base64_append(struct buf *out, const void *bytes, size_t len);

#endif
