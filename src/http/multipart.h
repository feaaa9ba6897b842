/*
 * http/multipart.h - multipart/form-data (RFC 7578), byte for byte as curl's -F sends it.
 *
 * In names and file names a double quote, CR and LF are written %22, %0D and %0A (WHATWG HTML,
 * multipart form data); other bytes go as they are, so UTF-8 stays UTF-8.
 */
#ifndef CICADA_HTTP_MULTIPART_H
#define CICADA_HTTP_MULTIPART_H

#include "base/err.h"

#include <stddef.h>

struct http_body;
struct rng;

enum {
    MULTIPART_BOUNDARY_BYTES = 41,          /* of multipart_boundary, with its NUL */
    MULTIPART_BOUNDARY_LIMIT_BYTES = 70,    /* RFC 2046, section 5.1.1 */
    MULTIPART_PART_COUNT_LIMIT = 1000,      /* also bounds the open files */
    MULTIPART_HEAD_LIMIT_BYTES = 16 * 1024, /* name, file name and type of a part, as written */
    MULTIPART_HELD_LIMIT_BYTES = 64 * 1024 * 1024 /* all but the bytes of files */
};

struct multipart_part {
    const char *name;     /* not empty */
    const char *filename; /* NULL: none for a field, the last piece of its path for a file */
    /*
     * A media type, with or without parameters. NULL: of an extension that curl knows (.gif .htm
     * .html .jpeg .jpg .pdf .png .svg .txt .xml), otherwise application/octet-stream for a file,
     * none for a field.
     */
    const char *type;
};

struct multipart;

/* Random text that files hardly contain; no secret. */
void multipart_boundary(struct rng *rng, char text[static MULTIPART_BOUNDARY_BYTES]);

/* A form without parts. `boundary`: letters, digits, "-" and "_"; copied. The caller owns it. */
struct multipart *multipart_new(const char *boundary);
void multipart_free(struct multipart *multipart);
/*
 * Each adds one part; -1 with a sentence that names it. After that the form lacks a part and is
 * only good for multipart_free.
 *
 * multipart_add takes what stands behind curl's -F (form_part.h); the files it names are opened.
 */
int multipart_add(struct multipart *multipart, const char *text, struct err *err);
int multipart_add_field(struct multipart *multipart, const struct multipart_part *part,
                        const void *value, size_t len, struct err *err);
int multipart_add_file(struct multipart *multipart, const struct multipart_part *part,
                       const char *path, struct err *err);
/* Ends the form and hands the body over, once; nothing can be added then. */
struct http_body *multipart_take_body(struct multipart *multipart);
/* The value of Content-Type. Borrowed until multipart_free. */
const char *multipart_content_type(const struct multipart *multipart);

#endif
