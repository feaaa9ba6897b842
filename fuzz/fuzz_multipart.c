/*
 * fuzz/fuzz_multipart.c - what people write behind -F: whatever a part holds, the form keeps its
 * shape, and a body reads the same all at once and byte by byte.
 *
 * The input is one part, up to a NUL. Parts that name files are parsed, never opened.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "http/body.h"
#include "http/form_part.h"
#include "http/multipart.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISPOSITION "--B\r\nContent-Disposition: form-data; name=\""
#define LAST_PART   "\r\n" DISPOSITION "last\"\r\n\r\nx\r\n--B--\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(int holds, const char *what, const char *text)
{
    if (!holds) {
        (void)fprintf(stderr, "%s: %s\n", what, text);
        abort();
    }
}

static void read_all(const struct http_body *body, size_t step, struct buf *out)
{
    uint8_t bytes[4096];
    uint64_t offset = 0;
    size_t len = 0;

    while (http_body_read(body, &offset, bytes, step, &len) == HTTP_BODY_OK)
        (void)buf_append(out, bytes, len);
    require(offset == http_body_bytes(body), "not read to its end", "");
}

static size_t count_of(const char *text, const char *set)
{
    size_t count = 0;

    for (; *text; text++)
        count += strchr(set, *text) != NULL;
    return count;
}

/* Neither name, nor file name, nor type adds a line or ends its quotes. */
static void check_head(const struct form_part *part, const char *head)
{
    const char *type = strstr(head, "\r\nContent-Type: ");
    const size_t ends = type ? 2 : 1;
    char *disposition;

    require(strncmp(head, DISPOSITION, strlen(DISPOSITION)) == 0, "not a part", head);
    require(type || !part->type, "no type", head);
    require(count_of(head, "\r") == ends && count_of(head, "\n") == ends, "another line", head);
    head += strlen(DISPOSITION);
    disposition = x_strndup(head, strcspn(head, "\r"));
    require(count_of(disposition, "\"") == (part->filename ? 3 : 1), "another quote", head);
    free(disposition);
}

static void check_form(const struct form_part *part, struct buf *form)
{
    const char *text = buf_text(form);
    const char *head_end = strstr(text, "\r\n\r\n");
    const size_t tail = strlen(LAST_PART);
    char *head;

    require(head_end != NULL, "no end of the head", text);
    head = x_strndup(text, (size_t)(head_end - text));
    check_head(part, head);
    free(head);
    text = head_end + 4;
    require(strncmp(text, part->content, strlen(part->content)) == 0, "another content", text);
    text += strlen(part->content);
    require(strlen(text) == tail && strcmp(text, LAST_PART) == 0, "another end", text);
}

static void check_part(const char *text, const struct form_part *part)
{
    struct multipart *multipart = multipart_new("B");
    struct err err = {0};

    require(part->name[0] != '\0', "no name", text);
    if (part->kind == FORM_PART_VALUE && multipart_add(multipart, text, &err) == 0 &&
        multipart_add(multipart, "last=x", &err) == 0) {
        struct http_body *body = multipart_take_body(multipart);
        struct buf whole = {0}, pieces = {0};

        read_all(body, 4096, &whole);
        read_all(body, 1, &pieces);
        require(whole.len == pieces.len && memcmp(whole.bytes, pieces.bytes, whole.len) == 0,
                "cuts matter", text);
        check_form(part, &whole);
        buf_fini(&whole);
        buf_fini(&pieces);
        http_body_free(body);
    }
    multipart_free(multipart);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *text = x_strndup((const char *)bytes, len);
    struct form_part part;
    struct err err = {0};

    if (form_part_parse(text, &part, &err) == 0)
        check_part(text, &part);
    else
        require(err.text[0] != '\0', "no sentence", text);
    form_part_fini(&part);
    free(text);
    return 0;
}
