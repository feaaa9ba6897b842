/*
 * http/form_part.h - one part of a form as people write it: the text behind curl's -F.
 *
 *   name=value              a field
 *   name=@path              a file, with its name
 *   name=<path              a field that holds what the file holds
 *   ...;type=text/css       any of them with a content type, up to the next attribute
 *   ...;filename=other.css  a field or file under this file name
 *
 * A value, path or file name in double quotes may hold ";" and ",", and \" and \\; blanks around
 * one without quotes do not count. Where curl warns and drops what it does not know, here it is
 * refused. So are, with a sentence: standard input ("-"), several files in one part, nested parts
 * ("=("), and curl's attributes headers and encoder. Opens nothing.
 */
#ifndef CICADA_HTTP_FORM_PART_H
#define CICADA_HTTP_FORM_PART_H

#include "base/err.h"

enum form_part_kind { FORM_PART_VALUE = 0, FORM_PART_FILE, FORM_PART_FILE_CONTENT };

struct form_part {
    enum form_part_kind kind;
    char *name;     /* never empty */
    char *content;  /* the value, or the path of the file */
    char *type;     /* as written, not checked; NULL: none */
    char *filename; /* NULL: none */
};

/* -1 with a sentence that names the part. form_part_fini afterwards in either case. */
int form_part_parse(const char *text, struct form_part *part, struct err *err);
void form_part_fini(struct form_part *part);

#endif
