/*
 * http/form.h - application/x-www-form-urlencoded: query strings and form bodies (WHATWG URL,
 * sections 5.1 and 5.2).
 */
#ifndef CICADA_HTTP_FORM_H
#define CICADA_HTTP_FORM_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define FORM_CONTENT_TYPE "application/x-www-form-urlencoded"

/*
 * Appends the decoded value of the first field called `name` to `out`; false, and nothing appended,
 * when there is none. "+" is a blank; a broken escape stands for itself; a field without "=" is
 * empty.
 */
bool form_find(const char *text, size_t len, const char *name, struct buf *out);
/*
 * Appends "name=value", encoded, with "&" in front when `out` holds something. -1, and nothing
 * appended, past the limit of `out`.
 */
int form_append(struct buf *out, const char *name, const char *value);

#endif
