#include "net/stamp.h"

#include "base/clock.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

void stamp_ask(int fd)
{
    int on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

static uint64_t find_stamp(struct msghdr *message)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
        struct timespec time;

        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        (void)memcpy(&time, CMSG_DATA(at), sizeof time);
        return (uint64_t)time.tv_sec * CLOCK_NS_PER_S + (uint64_t)time.tv_nsec;
    }
    return 0;
}

ssize_t stamp_receive(int fd, void *bytes, size_t cap, uint64_t *unix_ns)
{
    union {
        struct cmsghdr head; /* for its alignment */
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = cap};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(fd, &message, 0);

    *unix_ns = got > 0 ? find_stamp(&message) : 0;
    return got;
}
