#include "report/terminal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 100,
    /* A terminal or pipe that polls writable takes at least this much without blocking. */
    PIECE_BYTES = 256
};

void terminal_init(struct terminal *terminal, int fd)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");

    *terminal = (struct terminal){.fd = fd};
    terminal->can_redraw = isatty(fd) == 1 && term && *term && strcmp(term, "dumb") != 0;
    terminal->has_colour = terminal->can_redraw && !(no_colour && *no_colour);
}

size_t terminal_columns(const struct terminal *terminal)
{
    struct winsize size;

    if (ioctl(terminal->fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return TERMINAL_COLUMNS_DEFAULT;
    return size.ws_col < TERMINAL_COLUMNS_MIN ? TERMINAL_COLUMNS_MIN : size.ws_col;
}

/* True when all of it went out. */
static bool write_patiently(int fd, const char *text, size_t len)
{
    while (len > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        int count = poll(&ready, 1, PATIENCE_MS);
        ssize_t put;

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0 || !(ready.revents & POLLOUT))
            return false;
        put = write(fd, text, len < PIECE_BYTES ? len : PIECE_BYTES);
        if (put < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (put <= 0)
            return false;
        text += put;
        len -= (size_t)put;
    }
    return true;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += *text == '\n';
    return count;
}

void terminal_draw(struct terminal *terminal, const char *above, struct buf *picture)
{
    struct buf out = {0};
    const char *text = buf_text(picture);

    if (terminal->drawn_lines > 0)
        (void)buf_appendf(&out, "\r\x1b[%zuA", terminal->drawn_lines);
    (void)buf_append_text(&out, "\x1b[J");
    (void)buf_append_text(&out, above);
    (void)buf_append_text(&out, text);
    /* After a picture that did not go out whole the cursor may be anywhere: start below it. */
    terminal->drawn_lines =
        write_patiently(terminal->fd, buf_text(&out), out.len) ? count_lines(text) : 0;
    buf_fini(&out);
}

void terminal_write(const struct terminal *terminal, const char *text, size_t len)
{
    (void)write_patiently(terminal->fd, text, len);
}
