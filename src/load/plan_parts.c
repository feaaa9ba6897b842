/*
 * load/plan_parts.c - the parts of a plan that stand in it more than once or have much to say.
 */
#include "load/plan.h"

#include "base/mem.h"
#include "wire/pack.h"

#include <stdlib.h>
#include <string.h>

enum { PLAN_LIST_LIMIT = 1000, PLAN_BODY_LIMIT_BYTES = 64 * 1024 * 1024 };

void plan_list_add(struct plan_list *list, const char *text)
{
    list->items = x_realloc(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = x_strdup(text);
}

void plan_list_fini(struct plan_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct plan_list){0};
}

void plan_list_encode(const struct plan_list *list, struct buf *out)
{
    pack_uint(out, list->count);
    for (size_t i = 0; i < list->count; i++)
        pack_text(out, list->items[i]);
}

void plan_list_decode(struct plan_list *list, struct unpack *unpack)
{
    uint64_t count = unpack_uint_max(unpack, PLAN_LIST_LIMIT);

    for (uint64_t i = 0; i < count && !unpack->failed; i++) {
        char *text = unpack_text(unpack);

        if (text)
            plan_list_add(list, text);
        else
            unpack->failed = true;
        free(text);
    }
}

void plan_pack_optional(struct buf *out, const void *bytes, size_t len)
{
    pack_bool(out, bytes != NULL);
    if (bytes)
        pack_bytes(out, bytes, len);
}

char *plan_unpack_optional(struct unpack *unpack, size_t limit_bytes, size_t *len)
{
    const uint8_t *bytes;

    *len = 0;
    if (!unpack_bool(unpack))
        return NULL;
    bytes = unpack_bytes(unpack, len);
    if (*len > limit_bytes)
        unpack->failed = true;
    if (unpack->failed) {
        *len = 0;
        return NULL;
    }
    return x_strndup(*len > 0 ? (const char *)bytes : "", *len);
}

void plan_message_fini(struct plan_message *message)
{
    free(message->method);
    plan_list_fini(&message->headers);
    free(message->body);
    free(message->content_type);
    free(message->body_path);
    plan_list_fini(&message->forms);
    free(message->auth);
    *message = (struct plan_message){0};
}

void plan_message_encode(const struct plan_message *message, struct buf *out)
{
    pack_text(out, message->method);
    plan_list_encode(&message->headers, out);
    plan_pack_optional(out, message->body, message->body_bytes);
    pack_text(out, message->content_type);
    pack_text(out, message->body_path);
    plan_list_encode(&message->forms, out);
    pack_text(out, message->auth);
    pack_uint(out, message->scheme);
    pack_bool(out, message->wants_compressed);
}

void plan_message_decode(struct plan_message *message, struct unpack *unpack)
{
    plan_message_fini(message);
    message->method = unpack_text(unpack);
    if (!message->method)
        unpack->failed = true;
    plan_list_decode(&message->headers, unpack);
    message->body =
        (uint8_t *)plan_unpack_optional(unpack, PLAN_BODY_LIMIT_BYTES, &message->body_bytes);
    message->content_type = unpack_text(unpack);
    message->body_path = unpack_text(unpack);
    plan_list_decode(&message->forms, unpack);
    message->auth = unpack_text(unpack);
    message->scheme = (enum auth_scheme)unpack_uint_max(unpack, AUTH_ANY);
    message->wants_compressed = unpack_bool(unpack);
}

void plan_network_fini(struct plan_network *network)
{
    free(network->unix_socket);
    free(network->local_addresses);
    plan_list_fini(&network->resolves);
    plan_list_fini(&network->connects);
    free(network->ca_pem);
    free(network->cert_pem);
    free(network->key_pem);
    *network = (struct plan_network){0};
}

void plan_network_encode(const struct plan_network *network, struct buf *out)
{
    pack_text(out, network->unix_socket);
    pack_text(out, network->local_addresses);
    plan_list_encode(&network->resolves, out);
    plan_list_encode(&network->connects, out);
    pack_text(out, network->ca_pem);
    pack_text(out, network->cert_pem);
    pack_text(out, network->key_pem);
    pack_bool(out, network->is_insecure);
    pack_bool(out, network->never_resumes);
    pack_bool(out, network->wants_kernel_times);
    pack_uint(out, network->connect_timeout_ns);
    pack_uint(out, network->headers_timeout_ns);
    pack_uint(out, network->read_timeout_ns);
}

void plan_network_decode(struct plan_network *network, struct unpack *unpack)
{
    plan_network_fini(network);
    network->unix_socket = unpack_text(unpack);
    network->local_addresses = unpack_text(unpack);
    plan_list_decode(&network->resolves, unpack);
    plan_list_decode(&network->connects, unpack);
    network->ca_pem = unpack_text(unpack);
    network->cert_pem = unpack_text(unpack);
    network->key_pem = unpack_text(unpack);
    network->is_insecure = unpack_bool(unpack);
    network->never_resumes = unpack_bool(unpack);
    network->wants_kernel_times = unpack_bool(unpack);
    network->connect_timeout_ns = unpack_uint(unpack);
    network->headers_timeout_ns = unpack_uint(unpack);
    network->read_timeout_ns = unpack_uint(unpack);
}
