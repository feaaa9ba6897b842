#include "http/multipart.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "http/body.h"
#include "http/form_part.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct multipart {
    char *boundary;
    char *content_type;
    struct http_body *body; /* NULL once taken */
    size_t part_count;
    size_t held_bytes;
    bool is_broken; /* a part was refused */
};

/* Those that curl knows: a form is to look the same from both. */
static const char *type_of(const char *path)
{
    static const struct {
        const char *extension, *type;
    } types[] = {
        {".gif", "image/gif"},       {".htm", "text/html"},     {".html", "text/html"},
        {".jpeg", "image/jpeg"},     {".jpg", "image/jpeg"},    {".pdf", "application/pdf"},
        {".png", "image/png"},       {".svg", "image/svg+xml"}, {".txt", "text/plain"},
        {".xml", "application/xml"},
    };
    const char *dot = path ? strrchr(path, '.') : NULL;

    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(dot, types[i].extension) == 0)
            return types[i].type;
    }
    return NULL;
}

static const char *type_of_file(const char *filename, const char *path)
{
    const char *type = type_of(filename);

    if (!type)
        type = type_of(path);
    return type || !filename ? type : "application/octet-stream";
}

/* RFC 9110, section 5.6.2. */
static size_t token_bytes(const char *text)
{
    return strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* "main/sub", then anything after a semicolon or blank that cannot end the line. */
static bool is_media_type(const char *text)
{
    size_t main_bytes = token_bytes(text), sub_bytes;

    if (main_bytes == 0 || text[main_bytes] != '/')
        return false;
    text += main_bytes + 1;
    sub_bytes = token_bytes(text);
    text += sub_bytes;
    if (sub_bytes == 0 || (*text != '\0' && !strchr("; \t", *text)))
        return false;
    for (; *text; text++) {
        if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
            return false;
    }
    return true;
}

static void append_quoted(struct buf *out, const char *text)
{
    (void)buf_append_byte(out, '"');
    for (; *text; text++) {
        if (strchr("\"\r\n", *text))
            (void)buf_appendf(out, "%%%02X", (unsigned)*text);
        else
            (void)buf_append_byte(out, (uint8_t)*text);
    }
    (void)buf_append_byte(out, '"');
}

/* The delimiter and header fields of a part, up to where its content starts. */
static void write_head(const struct multipart *multipart, const struct multipart_part *part,
                       struct buf *out)
{
    if (multipart->part_count > 0)
        (void)buf_append_text(out, "\r\n");
    (void)buf_appendf(out, "--%s\r\nContent-Disposition: form-data; name=", multipart->boundary);
    append_quoted(out, part->name);
    if (part->filename) {
        (void)buf_append_text(out, "; filename=");
        append_quoted(out, part->filename);
    }
    (void)buf_append_text(out, "\r\n");
    if (part->type)
        (void)buf_appendf(out, "Content-Type: %s\r\n", part->type);
    (void)buf_append_text(out, "\r\n");
}

static const char *check_part(const struct multipart_part *part)
{
    if (part->name[0] == '\0')
        return "it has no name";
    if (part->type && !is_media_type(part->type))
        return "its type is no media type such as text/plain";
    return NULL;
}

static const char *check_limits(const struct multipart *multipart, size_t head_bytes,
                                size_t content_bytes)
{
    size_t left_bytes = MULTIPART_HELD_LIMIT_BYTES - multipart->held_bytes;

    if (multipart->part_count == MULTIPART_PART_COUNT_LIMIT)
        return "a form has at most 1000 parts";
    if (head_bytes > MULTIPART_HEAD_LIMIT_BYTES)
        return "its name, file name and type are longer than 16 KiB";
    if (head_bytes > left_bytes || content_bytes > left_bytes - head_bytes)
        return "the form is longer than 64 MiB without its files";
    return NULL;
}

/* Everything of a part but its content, of which `content_bytes` will be held in memory. */
static int begin_part(struct multipart *multipart, const struct multipart_part *part,
                      size_t content_bytes, struct err *err)
{
    const char *reason = check_part(part);
    enum err_kind kind = ERR_USAGE;
    struct buf head = {0};

    assert(multipart->body && !multipart->is_broken);
    if (!reason) {
        write_head(multipart, part, &head);
        reason = check_limits(multipart, head.len, content_bytes);
        kind = ERR_LIMIT;
    }
    if (reason) {
        err_set(err, kind, "part '%s': %s", part->name, reason);
        multipart->is_broken = true;
    } else {
        http_body_add_bytes(multipart->body, head.bytes, head.len);
        multipart->held_bytes += head.len + content_bytes;
        multipart->part_count++;
    }
    buf_fini(&head);
    return reason ? -1 : 0;
}

static int add_file(struct multipart *multipart, const struct multipart_part *part,
                    const char *path, struct err *err)
{
    if (begin_part(multipart, part, 0, err) < 0)
        return -1;
    if (http_body_add_file(multipart->body, path, err) < 0) {
        multipart->is_broken = true;
        err_prefix(err, "part '%s'", part->name);
        return -1;
    }
    return 0;
}

/* As curl does: a plain field does not say that it is plain text. */
static int add_file_content(struct multipart *multipart, const struct form_part *part,
                            struct err *err)
{
    struct multipart_part whole = {.name = part->name, .type = part->type};

    if (!whole.type)
        whole.type = type_of_file(NULL, part->content);
    if (!part->type && whole.type && strcmp(whole.type, "text/plain") == 0)
        whole.type = NULL;
    return add_file(multipart, &whole, part->content, err);
}

void multipart_boundary(struct rng *rng, char text[static MULTIPART_BOUNDARY_BYTES])
{
    (void)snprintf(text, MULTIPART_BOUNDARY_BYTES, "------------------------%016" PRIx64,
                   rng_next(rng));
}

struct multipart *multipart_new(const char *boundary)
{
    struct multipart *multipart = x_calloc(1, sizeof *multipart);
    size_t len = strlen(boundary);

    assert(len > 0 && len <= MULTIPART_BOUNDARY_LIMIT_BYTES);
    assert(strspn(boundary, "-_0123456789abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len);
    multipart->boundary = x_strdup(boundary);
    multipart->content_type = x_asprintf("multipart/form-data; boundary=%s", boundary);
    multipart->body = http_body_new();
    return multipart;
}

void multipart_free(struct multipart *multipart)
{
    if (!multipart)
        return;
    http_body_free(multipart->body);
    free(multipart->boundary);
    free(multipart->content_type);
    free(multipart);
}

int multipart_add(struct multipart *multipart, const char *text, struct err *err)
{
    struct form_part part;
    struct multipart_part spec;
    int result = -1;

    if (form_part_parse(text, &part, err) < 0) {
        multipart->is_broken = true;
        goto out;
    }
    spec = (struct multipart_part){part.name, part.filename, part.type};
    switch (part.kind) {
    case FORM_PART_VALUE:
        result = multipart_add_field(multipart, &spec, part.content, strlen(part.content), err);
        break;
    case FORM_PART_FILE:
        result = multipart_add_file(multipart, &spec, part.content, err);
        break;
    case FORM_PART_FILE_CONTENT:
        result = add_file_content(multipart, &part, err);
        break;
    }
out:
    form_part_fini(&part);
    return result;
}

int multipart_add_field(struct multipart *multipart, const struct multipart_part *part,
                        const void *value, size_t len, struct err *err)
{
    struct multipart_part whole = *part; /* with the defaults filled in */

    if (!whole.type)
        whole.type = type_of(whole.filename);
    if (begin_part(multipart, &whole, len, err) < 0)
        return -1;
    http_body_add_bytes(multipart->body, value, len);
    return 0;
}

int multipart_add_file(struct multipart *multipart, const struct multipart_part *part,
                       const char *path, struct err *err)
{
    struct multipart_part whole = *part; /* with the defaults filled in */
    const char *slash = strrchr(path, '/');

    if (!whole.filename)
        whole.filename = slash ? slash + 1 : path;
    if (!whole.type)
        whole.type = type_of_file(whole.filename, path);
    return add_file(multipart, &whole, path, err);
}

struct http_body *multipart_take_body(struct multipart *multipart)
{
    struct http_body *body = multipart->body;
    char *end =
        x_asprintf("%s--%s--\r\n", multipart->part_count > 0 ? "\r\n" : "", multipart->boundary);

    assert(body && !multipart->is_broken);
    http_body_add_bytes(body, end, strlen(end));
    multipart->body = NULL;
    free(end);
    return body;
}

const char *multipart_content_type(const struct multipart *multipart)
{
    return multipart->content_type;
}
