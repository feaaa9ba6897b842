#include "demo/control.h"

#include "base/json.h"
#include "demo/fault_board.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* In the same time wherever they differ. */
static bool same_token(const char *text, size_t len, const char *token)
{
    unsigned difference = len != strlen(token);

    for (size_t i = 0; i < len && token[i] != '\0'; i++)
        difference |= (unsigned char)text[i] ^ (unsigned char)token[i];
    return difference == 0;
}

int control_check(const struct http_request *request, const char *token, const char **reason)
{
    static const char SCHEME[] = "Bearer ";
    const struct http_head *head = http_request_head(request);
    size_t len = 0, scheme_len = sizeof SCHEME - 1;
    const char *text = http_head_find(head, "authorization", &len);

    if (token) {
        *reason = "the token of --control-token is needed as a bearer token";
        if (!text || len <= scheme_len || strncasecmp(text, SCHEME, scheme_len) != 0)
            return 401;
        *reason = "this is not the token of --control-token";
        return same_token(text + scheme_len, len - scheme_len, token) ? 0 : 401;
    }
    *reason = "without --control-token only clients on this machine may do this";
    if (!http_request_is_from_loopback(request))
        return 403;
    *reason = "without --control-token no page of a browser may do this";
    return http_head_find(head, "origin", &len) ? 403 : 0;
}

int control_change(const struct http_request *request, struct fault_board *board, struct err *err)
{
    size_t len;
    const uint8_t *bytes = http_request_body(request, &len);

    if (len > CONTROL_BODY_LIMIT_BYTES) {
        err_set(err, ERR_LIMIT, "the settings are longer than %d bytes", CONTROL_BODY_LIMIT_BYTES);
        return 413;
    }
    return fault_board_change(board, bytes, len, err) < 0 ? 400 : 0;
}

void control_append(struct buf *out, const struct fault_board *board)
{
    struct faults faults;
    struct json json;

    (void)fault_board_read(board, &faults);
    json_init(&json, out, 0);
    json_begin_object(&json);
    json_key(&json, "fault");
    faults_append_json(&json, &faults);
    json_end_object(&json);
    (void)buf_append_byte(out, '\n');
}
