#include "load/request.h"

#include "base/mem.h"
#include "http/body.h"
#include "load/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int make_file(void **state)
{
    int fd;

    (void)state;
    (void)snprintf(path, sizeof path, "%s", "/tmp/cicada-body-XXXXXX");
    fd = mkstemp(path);
    if (fd < 0 || write(fd, "from a file", 11) != 11)
        return -1;
    return close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

/* All of it, as text; the caller frees it. */
static char *read_all(const struct http_body *body)
{
    size_t cap = (size_t)http_body_bytes(body), len = 0, got;
    char *text = x_calloc(1, cap + 1);
    uint64_t offset = 0;

    while (http_body_read(body, &offset, (uint8_t *)text + len, cap + 1 - len, &got) ==
           HTTP_BODY_OK)
        len += got;
    assert_int_equal(len, cap);
    return text;
}

static void a_message_without_one_has_no_body(void **state)
{
    struct plan_message message = {.body = (uint8_t *)(uintptr_t) "text", .body_bytes = 4};
    struct request_body body;
    struct err err = {0};

    (void)state;
    assert_int_equal(request_body_init(&body, &message, 1, &err), 0);
    assert_null(body.body);
    assert_null(body.content_type);
    request_body_fini(&body);
}

static void a_file_is_the_body_and_its_type_the_messages_own(void **state)
{
    struct plan_message message = {.body_path = path};
    struct request_body body;
    struct err err = {0};
    char *text;

    (void)state;
    assert_int_equal(request_body_init(&body, &message, 1, &err), 0);
    assert_null(body.content_type);
    text = read_all(body.body);
    assert_string_equal(text, "from a file");
    free(text);
    request_body_fini(&body);
    assert_null(body.body);
}

static void a_form_has_the_boundary_of_its_seed(void **state)
{
    struct plan_message message = {0};
    struct request_body body, same, other;
    struct err err = {0};
    const char *boundary;
    char *text;

    (void)state;
    plan_list_add(&message.forms, "name=value");
    assert_int_equal(request_body_init(&body, &message, 1, &err), 0);
    assert_int_equal(request_body_init(&same, &message, 1, &err), 0);
    assert_int_equal(request_body_init(&other, &message, 2, &err), 0);
    assert_string_equal(body.content_type, same.content_type);
    assert_string_not_equal(body.content_type, other.content_type);
    boundary = strstr(body.content_type, "boundary=");
    assert_int_equal(strncmp(body.content_type, "multipart/form-data; ", 21), 0);
    assert_non_null(boundary);
    text = read_all(body.body);
    assert_int_equal(strncmp(text, "--", 2), 0);
    assert_int_equal(strncmp(text + 2, boundary + 9, strlen(boundary + 9)), 0);
    assert_non_null(strstr(text, "name=\"name\"\r\n\r\nvalue\r\n--"));
    free(text);
    request_body_fini(&body);
    request_body_fini(&same);
    request_body_fini(&other);
    free(message.forms.items[0]);
    free(message.forms.items);
}

static void a_form_takes_files_in(void **state)
{
    struct plan_message message = {0};
    struct request_body body;
    struct err err = {0};
    char *part = x_asprintf("upload=@%s;type=text/plain", path), *text;

    (void)state;
    plan_list_add(&message.forms, part);
    assert_int_equal(request_body_init(&body, &message, 1, &err), 0);
    text = read_all(body.body);
    assert_non_null(strstr(text, "Content-Type: text/plain\r\n\r\nfrom a file\r\n--"));
    free(text);
    free(part);
    request_body_fini(&body);
    free(message.forms.items[0]);
    free(message.forms.items);
}

static void a_file_that_is_missing_is_named(void **state)
{
    char missing[] = "/nonexistent/body", form[] = "a=@/nonexistent/part";
    char *forms[] = {form};
    struct plan_message messages[] = {{.body_path = missing}, {.forms = {forms, 1}}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct request_body body;
        struct err err = {0};

        assert_int_equal(request_body_init(&body, &messages[i], 1, &err), -1);
        assert_non_null(strstr(err.text, i == 0 ? "/nonexistent/body" : "/nonexistent/part"));
        request_body_fini(&body);
    }
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, make_file, remove_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_without_one_has_no_body),
        WITH_FILE(a_file_is_the_body_and_its_type_the_messages_own),
        cmocka_unit_test(a_form_has_the_boundary_of_its_seed),
        WITH_FILE(a_form_takes_files_in),
        cmocka_unit_test(a_file_that_is_missing_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
