#include "http/fetch.h"

#include "base/clock.h"
#include "base/mem.h"
#include "fetch_fixture.h"
#include "http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WHOLE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* More than both sockets hold, and no multiple of a piece. */
enum { LARGE_BYTES = 24 * 1024 * 1024 + 7 };

static char path[64];
static struct http_body *body;

/* Different at each offset, as far as a shift by a piece goes. */
static uint8_t byte_at(size_t offset)
{
    return (uint8_t)(offset * 2654435761u >> 13);
}

/* `body` becomes a text in front of a file of `len` bytes. */
static void make_body(size_t len)
{
    uint8_t *bytes = x_calloc(1, len);
    struct err err = {0};
    int fd;

    (void)snprintf(path, sizeof path, "%s", "/tmp/cicada-body-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < len; i++)
        bytes[i] = byte_at(i);
    assert_int_equal(write(fd, bytes, len), len);
    free(bytes);
    (void)close(fd);
    body = http_body_new();
    http_body_add_bytes(body, "front:", 6);
    assert_int_equal(http_body_add_file(body, path, &err), 0);
}

static void drop_body(void)
{
    http_body_free(body);
    body = NULL;
    (void)unlink(path);
}

static void post(struct asker *asker)
{
    asker_init(asker, "/a");
    asker->order.method = "POST";
    asker->body = body;
}

static void check_arrived(int index, size_t file_bytes)
{
    size_t len;
    const uint8_t *bytes = request_body_at(index, &len);

    assert_int_equal(len, 6 + file_bytes);
    assert_memory_equal(bytes, "front:", 6);
    for (size_t i = 0; i < file_bytes; i++) {
        if (bytes[6 + i] != byte_at(i))
            fail_msg("byte %zu is wrong", i);
    }
}

static void all_of_a_large_file_arrives(void **state)
{
    static const struct step steps[] = {{.text = WHOLE}, {.text = WHOLE}};
    struct asker asker;

    (void)state;
    make_body(LARGE_BYTES);
    SCRIPT(steps);
    post(&asker);
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    check_arrived(0, LARGE_BYTES);
    asker_start(&asker); /* the same body again, on the same connection */
    asker_wait(&asker, 2);
    check_arrived(1, LARGE_BYTES);
    assert_int_equal(server.connection_count, 1);
    asker_fini(&asker);
    drop_body();
}

static void a_body_goes_along_with_a_307_and_stays_behind_with_a_303(void **state)
{
    static const struct step steps[] = {
        {.text = "HTTP/1.1 307 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"},
        {.text = "HTTP/1.1 303 Moved\r\nLocation: /c\r\nContent-Length: 0\r\n\r\n"},
        {.text = WHOLE}};
    struct asker asker;
    size_t len;

    (void)state;
    make_body(1000);
    SCRIPT(steps);
    post(&asker);
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    check_arrived(0, 1000);
    check_arrived(1, 1000);
    assert_true(request_has(2, "GET /c HTTP"));
    assert_false(request_has(2, "Content-Length"));
    (void)request_body_at(2, &len);
    assert_int_equal(len, 0);
    asker_fini(&asker);
    drop_body();
}

static void an_answer_before_the_whole_body_ends_the_fetch_and_its_connection(void **state)
{
    static const struct step steps[] = {
        {.text = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", .is_early = true}};
    struct asker asker;

    (void)state;
    make_body(LARGE_BYTES);
    SCRIPT(steps);
    post(&asker);
    asker_run(&asker);
    check_whole(&asker, 413, "no");
    assert_null(server.session.idle); /* the rest of the body would be taken for a request */
    asker_fini(&asker);
    drop_body();
}

/* What the server left unread makes its close a reset, which must not hide the answer. */
static void an_answer_of_a_server_that_leaves_is_heard(void **state)
{
    static const struct step steps[] = {
        {.text = "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno",
         .then = THEN_CLOSE,
         .is_early = true}};
    struct asker asker;

    (void)state;
    make_body(LARGE_BYTES);
    for (int i = 0; i < 5; i++) {
        SCRIPT(steps);
        post(&asker);
        asker_run(&asker);
        check_whole(&asker, 413, "no");
        assert_null(server.session.idle);
        asker_fini(&asker);
    }
    drop_body();
}

static void a_redirect_before_the_whole_body_is_followed(void **state)
{
    static const struct step steps[] = {
        {.text = "HTTP/1.1 307 Moved\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
         .is_early = true},
        {.text = WHOLE}};
    struct asker asker;

    (void)state;
    make_body(LARGE_BYTES);
    SCRIPT(steps);
    post(&asker);
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    check_arrived(1, LARGE_BYTES);
    assert_int_equal(server.connection_count, 2);
    asker_fini(&asker);
    drop_body();
}

static void a_server_that_leaves_inside_the_body_without_an_answer_is_told(void **state)
{
    static const struct {
        enum then then;
        bool has_more; /* of the body than the sockets hold */
    } table[] = {{THEN_CLOSE, true}, {THEN_RESET, true}, {THEN_RESET, false}};

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct step steps[] = {{.then = table[i].then, .is_early = true}};
        struct asker asker;

        make_body(table[i].has_more ? LARGE_BYTES : 10);
        SCRIPT(steps);
        post(&asker);
        asker_run(&asker);
        check_failed(&asker, CLASS_RESET, "");
        assert_false(asker.has_head);
        asker_fini(&asker);
        drop_body();
    }
}

/* The kernel takes the first part of it, for the reset comes only then. */
static void a_body_on_a_kept_connection_that_died_is_sent_again_whole(void **state)
{
    static const enum then ways[] = {THEN_CLOSE, THEN_RESET};
    struct asker asker;

    (void)state;
    make_body(LARGE_BYTES);
    for (int i = 0; i < 2; i++) {
        const struct step steps[] = {
            {.text = WHOLE}, {.then = ways[i], .is_early = true}, {.text = WHOLE}};

        SCRIPT(steps);
        post(&asker);
        asker.restarts_at = AT_END;
        asker_start(&asker);
        asker_wait(&asker, 2);
        if (asker.error_class != CLASS_NONE)
            fail_msg("%s: %s", error_class_name(asker.error_class), asker.message);
        check_arrived(2, LARGE_BYTES);
        assert_int_equal(asker.write_count, 3);
        http_session_close(&server.session, false);
        asker_fini(&asker);
    }
    drop_body();
}

static void a_file_that_became_shorter_is_local_limit(void **state)
{
    static const struct step steps[] = {{.is_paced = true}};
    struct asker asker;
    size_t len;

    (void)state;
    make_body(LARGE_BYTES);
    assert_int_equal(truncate(path, 1000), 0);
    SCRIPT(steps);
    post(&asker);
    asker_run(&asker);
    check_failed(&asker, CLASS_LOCAL_LIMIT, "shorter");
    assert_false(asker.has_head);
    wait_for_requests(1);
    asker_fini(&asker);
    drop_body();

    make_body(LARGE_BYTES); /* while it is on its way */
    SCRIPT(steps);
    post(&asker);
    asker_start(&asker);
    wait_for_requests(1);
    assert_int_equal(truncate(path, LARGE_BYTES / 2), 0);
    for (int i = 0; asker.end_count == 0 && i < 1000 && !server_is_left(1); i++) {
        server_read(1, 256 * 1024);
        turn_for(1);
    }
    asker_wait(&asker, 1);
    check_failed(&asker, CLASS_LOCAL_LIMIT, "shorter");
    (void)request_body_at(0, &len);
    assert_true(len <= 6 + LARGE_BYTES / 2);
    asker_fini(&asker);
    drop_body();
}

/* Slowly: each step is within the timeout, all of them are not. */
static void a_body_that_moves_puts_off_the_headers_timeout(void **state)
{
    static const struct step steps[] = {{.text = WHOLE, .is_paced = true}};
    struct asker asker;
    uint64_t began_ns = clock_now_ns();

    (void)state;
    make_body(LARGE_BYTES);
    SCRIPT(steps);
    post(&asker);
    asker_start(&asker);
    wait_for_requests(1);
    while (asker.end_count == 0 && !server_is_left(0)) {
        server_read(0, 1024 * 1024);
        turn_for(SERVER_TIMEOUT_MS / 8);
    }
    assert_true(clock_now_ns() - began_ns > 2 * SERVER_TIMEOUT_MS * CLOCK_NS_PER_MS);
    asker_wait(&asker, 1);
    check_whole(&asker, 200, "ok");
    check_arrived(0, LARGE_BYTES);
    asker_fini(&asker);
    drop_body();
}

static void a_body_that_does_not_move_is_timeout_headers(void **state)
{
    static const struct step steps[] = {{.text = WHOLE, .is_paced = true}};
    struct asker asker;
    uint64_t began_ns = clock_now_ns();

    (void)state;
    make_body(LARGE_BYTES);
    SCRIPT(steps);
    post(&asker);
    asker_run(&asker);
    check_failed(&asker, CLASS_TIMEOUT_HEADERS, "");
    assert_true(clock_now_ns() - began_ns >= SERVER_TIMEOUT_MS * CLOCK_NS_PER_MS);
    asker_fini(&asker);
    drop_body();
}

/* From its last byte on, as without a body. */
static void a_server_that_takes_the_body_and_says_nothing_is_timeout_headers(void **state)
{
    static const struct step steps[] = {{.text = NULL}};
    struct asker asker;

    (void)state;
    make_body(LARGE_BYTES);
    SCRIPT(steps);
    post(&asker);
    asker_run(&asker);
    check_failed(&asker, CLASS_TIMEOUT_HEADERS, "");
    check_arrived(0, LARGE_BYTES);
    asker_fini(&asker);
    drop_body();
}

static void a_fetch_may_be_cancelled_inside_its_body(void **state)
{
    static const struct step steps[] = {{.is_paced = true}, {.is_paced = true}, {.text = WHOLE}};
    struct asker asker;

    (void)state;
    make_body(LARGE_BYTES);
    SCRIPT(steps);
    post(&asker);
    for (int i = 1; i <= 2; i++) {
        asker_start(&asker);
        wait_for_requests(i);
        fetch_cancel(&asker.fetch, i == 1);
    }
    asker_run(&asker);
    check_whole(&asker, 200, "ok");
    check_arrived(2, LARGE_BYTES);
    asker_fini(&asker);
    drop_body();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(all_of_a_large_file_arrives),
        WITH_SERVER(a_body_goes_along_with_a_307_and_stays_behind_with_a_303),
        WITH_SERVER(an_answer_before_the_whole_body_ends_the_fetch_and_its_connection),
        WITH_SERVER(an_answer_of_a_server_that_leaves_is_heard),
        WITH_SERVER(a_redirect_before_the_whole_body_is_followed),
        WITH_SERVER(a_server_that_leaves_inside_the_body_without_an_answer_is_told),
        WITH_SERVER(a_body_on_a_kept_connection_that_died_is_sent_again_whole),
        WITH_SERVER(a_file_that_became_shorter_is_local_limit),
        WITH_SERVER(a_body_that_moves_puts_off_the_headers_timeout),
        WITH_SERVER(a_body_that_does_not_move_is_timeout_headers),
        WITH_SERVER(a_server_that_takes_the_body_and_says_nothing_is_timeout_headers),
        WITH_SERVER(a_fetch_may_be_cancelled_inside_its_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
