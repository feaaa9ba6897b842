#include "net/transport.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

uint64_t transport_received_ns(const struct transport *transport, uint64_t now_ns)
{
    uint64_t unix_ns =
        transport->ops->received_unix_ns ? transport->ops->received_unix_ns(transport) : 0;
    uint64_t age_ns = unix_ns > 0 ? clock_wall_age_ns(unix_ns) : 0;

    return age_ns < now_ns ? now_ns - age_ns : 0;
}

enum error_class transport_describe(const struct transport *transport,
                                    char text[static TRANSPORT_TEXT_BYTES])
{
    int error_number = transport->error_number;

    if (error_number == 0 && transport->ops->describe) {
        transport->ops->describe(transport, text, TRANSPORT_TEXT_BYTES);
        return CLASS_TLS;
    }
    (void)snprintf(text, TRANSPORT_TEXT_BYTES, "%s", strerror(error_number));
    return error_number == ECONNRESET || error_number == EPIPE ? CLASS_RESET : CLASS_UNREACHABLE;
}
