#include "http/body.h"

#include "base/buf.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int NO_FILE = -1;

/* Never empty, so an offset belongs to exactly one part. */
struct part {
    uint64_t end;     /* the offset behind its last byte */
    struct buf bytes; /* of a part that is no file */
    int fd;           /* NO_FILE: bytes */
};

struct http_body {
    struct part *parts;
    size_t count, cap;
};

static struct part *push_part(struct http_body *body, int fd)
{
    struct part *part;

    if (body->count == body->cap) {
        body->cap = body->cap > 0 ? body->cap * 2 : 4;
        body->parts = x_realloc(body->parts, body->cap * sizeof *body->parts);
    }
    part = &body->parts[body->count];
    *part = (struct part){.end = http_body_bytes(body), .fd = fd};
    body->count++;
    return part;
}

static uint64_t part_start(const struct http_body *body, size_t index)
{
    return index > 0 ? body->parts[index - 1].end : 0;
}

/* The part that holds the byte at `offset`; `count` when that is the body's end. */
static size_t find_part(const struct http_body *body, uint64_t offset)
{
    size_t low = 0, high = body->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (body->parts[middle].end > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Fewer than `len` bytes when the file ends early or cannot be read. */
static size_t read_file(int fd, uint64_t at, uint8_t *bytes, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t got = pread(fd, bytes + done, len - done, (off_t)(at + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

static size_t read_part(const struct part *part, uint64_t at, uint8_t *bytes, size_t len)
{
    if (part->fd != NO_FILE)
        return read_file(part->fd, at, bytes, len);
    (void)memcpy(bytes, part->bytes.bytes + at, len);
    return len;
}

static int check_file(int fd, const char *path, uint64_t limit_bytes, uint64_t *size,
                      struct err *err)
{
    struct stat info;
    uint8_t probe;
    ssize_t got;

    if (fstat(fd, &info) < 0) {
        err_set(err, ERR_SYSTEM, "cannot look at '%s': %s", path, strerror(errno));
        return -1;
    }
    if (!S_ISREG(info.st_mode)) {
        err_set(err, ERR_USAGE, "'%s' is %s", path,
                S_ISDIR(info.st_mode) ? "a directory" : "not a regular file");
        return -1;
    }
    if ((uint64_t)info.st_size > limit_bytes) {
        err_set(err, ERR_LIMIT, "'%s' makes the body longer than 1 TiB", path);
        return -1;
    }
    got = pread(fd, &probe, sizeof probe, 0);
    if (got < 0) {
        err_set(err, ERR_SYSTEM, "cannot read '%s': %s", path, strerror(errno));
        return -1;
    }
    /* Files of /proc say 0 and hold text: sending nothing in their place would go unnoticed. */
    if (got > 0 && info.st_size == 0) {
        err_set(err, ERR_USAGE, "'%s' does not tell its length", path);
        return -1;
    }
    *size = (uint64_t)info.st_size;
    return 0;
}

struct http_body *http_body_new(void)
{
    return x_calloc(1, sizeof(struct http_body));
}

void http_body_free(struct http_body *body)
{
    if (!body)
        return;
    for (size_t i = 0; i < body->count; i++) {
        buf_fini(&body->parts[i].bytes);
        if (body->parts[i].fd != NO_FILE)
            (void)close(body->parts[i].fd);
    }
    free(body->parts);
    free(body);
}

void http_body_add_bytes(struct http_body *body, const void *bytes, size_t len)
{
    struct part *part;

    if (len == 0)
        return;
    if (body->count > 0 && body->parts[body->count - 1].fd == NO_FILE)
        part = &body->parts[body->count - 1];
    else
        part = push_part(body, NO_FILE);
    (void)buf_append(&part->bytes, bytes, len); /* without a limit it cannot fail */
    part->end += len;
}

int http_body_add_file(struct http_body *body, const char *path, struct err *err)
{
    uint64_t length = http_body_bytes(body), size = 0;
    uint64_t limit = length < HTTP_BODY_LIMIT_BYTES ? HTTP_BODY_LIMIT_BYTES - length : 0;
    /* Without O_NONBLOCK, opening a named pipe would wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        err_set(err, ERR_SYSTEM, "cannot open '%s': %s", path, strerror(errno));
        return -1;
    }
    if (check_file(fd, path, limit, &size, err) < 0) {
        (void)close(fd);
        return -1;
    }
    if (size == 0)
        (void)close(fd);
    else
        push_part(body, fd)->end += size;
    return 0;
}

uint64_t http_body_bytes(const struct http_body *body)
{
    return part_start(body, body->count);
}

enum http_body_status http_body_read(const struct http_body *body, uint64_t *offset, uint8_t *bytes,
                                     size_t cap, size_t *len)
{
    size_t done = 0;

    assert(cap > 0 && *offset <= http_body_bytes(body));
    *len = 0;
    if (*offset == http_body_bytes(body))
        return HTTP_BODY_END;
    for (size_t i = find_part(body, *offset); i < body->count && done < cap; i++) {
        const struct part *part = &body->parts[i];
        uint64_t left = part->end - *offset;
        size_t want = left < cap - done ? (size_t)left : cap - done;
        size_t got = read_part(part, *offset - part_start(body, i), bytes + done, want);

        done += got;
        *offset += got;
        if (got < want)
            break;
    }
    *len = done;
    return done > 0 ? HTTP_BODY_OK : HTTP_BODY_CHANGED;
}
