/*
 * report/python_text.h - numbers and fields as Python writes them, for files that Locust's users
 * read with the tools they have.
 */
#ifndef CICADA_REPORT_PYTHON_TEXT_H
#define CICADA_REPORT_PYTHON_TEXT_H

#include "base/buf.h"

#include <stdbool.h>

/*
 * The shortest digits that read back the same, laid out as Python's repr does: "12.5", "1e+16". A
 * whole number is written as an int unless it `is_float` ("12.0").
 */
void python_append_number(struct buf *out, double value, bool is_float);
/* One field of a line of Python's csv writer: quoted where it has to be. */
void python_append_field(struct buf *out, const char *text);

#endif
