/*
 * http/form.h - application/x-www-form-urlencoded: query strings and form bodies (WHATWG URL,
 * section 5.1).
 */
#ifndef CICADA_HTTP_FORM_H
#define CICADA_HTTP_FORM_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Appends the decoded value of the first field called `name` to `out`; false, and nothing appended,
 * when there is none. "+" is a blank; a broken escape stands for itself; a field without "=" is
 * empty.
 */
bool form_find(const char *text, size_t len, const char *name, struct buf *out);

#endif
