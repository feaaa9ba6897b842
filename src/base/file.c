#include "base/file.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { FILE_PIECE_BYTES = 64 * 1024 };

int file_read(const char *path, size_t limit_bytes, struct buf *out, struct err *err)
{
    FILE *file = fopen(path, "rbe");
    size_t total = 0, len;
    int result = -1;

    if (!file) {
        err_set(err, ERR_USAGE, "cannot read '%.200s': %s", path, strerror(errno));
        return -1;
    }
    do {
        uint8_t *room = buf_reserve(out, FILE_PIECE_BYTES);

        if (!room) {
            err_set(err, ERR_LIMIT, "cannot read '%.200s': it is too large", path);
            goto out;
        }
        errno = 0;
        len = fread(room, 1, FILE_PIECE_BYTES, file);
        buf_grew(out, len);
        total += len;
        if (total > limit_bytes) {
            err_set(err, ERR_LIMIT, "cannot read '%.200s': it is larger than %zu bytes", path,
                    limit_bytes);
            goto out;
        }
    } while (len > 0);
    if (ferror(file)) {
        err_set(err, ERR_USAGE, "cannot read '%.200s': %s", path, strerror(errno ? errno : EIO));
        goto out;
    }
    result = 0;
out:
    (void)fclose(file);
    return result;
}
