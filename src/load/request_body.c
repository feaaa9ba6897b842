/*
 * load/request_body.c - bodies that are not held as text: files, and forms with files in them.
 */
#include "load/request.h"

#include "base/mem.h"
#include "base/rng.h"
#include "http/body.h"
#include "http/multipart.h"
#include "load/plan.h"

#include <stdlib.h>

static int make_form(struct request_body *body, const struct plan_list *forms, uint64_t seed,
                     struct err *err)
{
    struct multipart *multipart;
    char boundary[MULTIPART_BOUNDARY_BYTES];
    struct rng rng;
    int result = 0;

    rng_init(&rng, seed);
    multipart_boundary(&rng, boundary);
    multipart = multipart_new(boundary);
    for (size_t i = 0; i < forms->count && result == 0; i++)
        result = multipart_add(multipart, forms->items[i], err);
    if (result == 0) {
        body->content_type = x_strdup(multipart_content_type(multipart));
        body->body = multipart_take_body(multipart);
    }
    multipart_free(multipart);
    return result;
}

int request_body_init(struct request_body *body, const struct plan_message *message, uint64_t seed,
                      struct err *err)
{
    *body = (struct request_body){0};
    if (message->forms.count > 0)
        return make_form(body, &message->forms, seed, err);
    if (!message->body_path)
        return 0;
    body->body = http_body_new();
    return http_body_add_file(body->body, message->body_path, err);
}

void request_body_fini(struct request_body *body)
{
    http_body_free(body->body);
    free(body->content_type);
    *body = (struct request_body){0};
}
