#include "net/transport.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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
