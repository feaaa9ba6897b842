/*
 * load/template.h - text with {{column}} places, compiled once against a feed, filled in a row at a
 * time. What is between the braces, blanks at its ends aside, is a column's name.
 */
#ifndef CICADA_LOAD_TEMPLATE_H
#define CICADA_LOAD_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct feed;
struct template;

enum template_mode {
    TEMPLATE_RAW = 0, /* a body: values as they are */
    TEMPLATE_JSON,    /* values escaped inside a string, as they are elsewhere; UTF-8 only */
    TEMPLATE_URL,     /* values percent-encoded but for RFC 3986's unreserved characters */
    TEMPLATE_HEADER   /* values with CR, LF or NUL are refused when compiling */
};

/*
 * `text` is copied, `feed` (NULL: there is none) borrowed for the template's life. NULL with a
 * sentence: braces that do not close, {{x}} without a feed, an unknown column, or a value in any
 * row that must not stand in a header. The caller owns the result.
 */
struct template *template_compile(const char *text, size_t len, enum template_mode mode,
                                  const struct feed *feed, struct err *err);
void template_free(struct template *template);
/* Does it depend on the row? */
bool template_has_columns(const struct template *template);
/*
 * Appends the text for `row`, which wraps round at the feed's end; any row will do for a template
 * without columns. 0, or -1 at the buffer's limit (a part may stand there then).
 */
int template_expand(const struct template *template, size_t row, struct buf *out);

#endif
