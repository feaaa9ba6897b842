#include "http/body.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { BIG_BYTES = 100000 };

/* A folder of its own that is the working directory; files in it have the names below. */
static const char *const NAMES[] = {"one", "two", "empty", "big", "pipe", "huge"};

static int make_folder(void **state)
{
    char *folder = strdup("/tmp/cicada-unit-XXXXXX");

    *state = folder;
    return folder && mkdtemp(folder) ? chdir(folder) : -1;
}

static int drop_folder(void **state)
{
    int status;

    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        (void)unlink(NAMES[i]);
    (void)rmdir("folder");
    status = chdir("/") < 0 ? -1 : rmdir(*state);
    free(*state);
    return status;
}

static void write_file(const char *name, const void *bytes, size_t len)
{
    FILE *file = fopen(name, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void add_file(struct http_body *body, const char *name)
{
    struct err err = {0};

    if (http_body_add_file(body, name, &err) < 0)
        fail_msg("%s", err.text);
}

/* Reads from `offset` on, `step` bytes a call, and compares. */
static void expect_rest(const struct http_body *body, uint64_t offset, size_t step,
                        const void *bytes, size_t len)
{
    uint8_t *all = malloc(len + step);
    size_t done = 0, got = 0;

    assert_non_null(all);
    while (http_body_read(body, &offset, all + done, step, &got) == HTTP_BODY_OK) {
        assert_in_range(got, 1, step);
        done += got;
        assert_true(done <= len);
        assert_true(got == step || done == len);
    }
    assert_int_equal(got, 0);
    assert_int_equal(done, len);
    assert_int_equal(offset, http_body_bytes(body));
    assert_memory_equal(all, bytes, len);
    free(all);
}

static void expect_text(const struct http_body *body, const char *text)
{
    size_t len = strlen(text);

    assert_int_equal(http_body_bytes(body), len);
    for (size_t step = 1; step <= len + 1; step++) {
        for (size_t offset = 0; offset <= len; offset++)
            expect_rest(body, offset, step, text + offset, len - offset);
    }
}

static size_t open_descriptors(void)
{
    size_t count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void an_empty_body_ends_at_once(void **state)
{
    struct http_body *body = http_body_new();

    (void)state;
    expect_text(body, "");
    http_body_add_bytes(body, NULL, 0);
    http_body_add_bytes(body, "x", 0);
    expect_text(body, "");
    http_body_free(body);
    http_body_free(NULL);
}

static void bytes_are_copied_and_kept_in_order(void **state)
{
    struct http_body *body = http_body_new();
    char text[] = "ab";

    (void)state;
    http_body_add_bytes(body, text, 2);
    text[0] = 'x';
    http_body_add_bytes(body, "cde", 3);
    expect_text(body, "abcde");
    http_body_free(body);
}

static void files_and_bytes_read_as_one_from_any_offset(void **state)
{
    struct http_body *body = http_body_new();

    (void)state;
    write_file("one", "111", 3);
    write_file("two", "2", 1);
    write_file("empty", "", 0);
    add_file(body, "one");
    http_body_add_bytes(body, "abc", 3);
    add_file(body, "two");
    add_file(body, "empty");
    add_file(body, "one");
    add_file(body, "empty");
    http_body_add_bytes(body, "d", 1);
    http_body_add_bytes(body, "e", 1);
    add_file(body, "two");
    expect_text(body, "111abc2111de2");
    http_body_free(body);
}

static void many_parts_are_found(void **state)
{
    struct http_body *body = http_body_new();
    char text[3 * 60 + 1];

    (void)state;
    write_file("one", "#", 1);
    for (size_t i = 0; i < 60; i++) {
        char number[3];

        (void)snprintf(number, sizeof number, "%02zu", i);
        http_body_add_bytes(body, number, 2);
        add_file(body, "one");
        (void)snprintf(text + 3 * i, 4, "%s#", number);
    }
    expect_text(body, text);
    http_body_free(body);
}

static void a_large_file_comes_whole_in_any_pieces(void **state)
{
    static const size_t steps[] = {1, 7, 4096, 65536, BIG_BYTES, 2 * BIG_BYTES};
    struct http_body *body = http_body_new();
    uint8_t *bytes = malloc(BIG_BYTES);

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < BIG_BYTES; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    write_file("big", bytes, BIG_BYTES);
    add_file(body, "big");
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        expect_rest(body, 0, steps[i], bytes, BIG_BYTES);
    expect_rest(body, 12345, 1000, bytes + 12345, BIG_BYTES - 12345);
    free(bytes);
    http_body_free(body);
}

static void readers_do_not_disturb_each_other(void **state)
{
    struct http_body *body = http_body_new();
    uint64_t first = 0, second = 0;
    uint8_t bytes[2];
    size_t len;

    (void)state;
    write_file("one", "abcd", 4);
    add_file(body, "one");
    assert_int_equal(http_body_read(body, &first, bytes, 2, &len), HTTP_BODY_OK);
    assert_int_equal(http_body_read(body, &second, bytes, 1, &len), HTTP_BODY_OK);
    assert_int_equal(http_body_read(body, &first, bytes, 2, &len), HTTP_BODY_OK);
    assert_memory_equal(bytes, "cd", 2);
    assert_int_equal(http_body_read(body, &second, bytes, 2, &len), HTTP_BODY_OK);
    assert_memory_equal(bytes, "bc", 2);
    http_body_free(body);
}

static void what_a_file_grows_by_is_not_sent(void **state)
{
    struct http_body *body = http_body_new();

    (void)state;
    write_file("one", "12", 2);
    write_file("empty", "", 0);
    add_file(body, "one");
    add_file(body, "empty");
    http_body_add_bytes(body, "x", 1);
    write_file("one", "1234", 4);
    write_file("empty", "5", 1);
    expect_text(body, "12x");
    http_body_free(body);
}

static void a_file_that_was_replaced_is_sent_as_it_was(void **state)
{
    struct http_body *body = http_body_new();

    (void)state;
    write_file("one", "old", 3);
    add_file(body, "one");
    assert_int_equal(unlink("one"), 0);
    write_file("one", "newer", 5);
    expect_text(body, "old");
    http_body_free(body);
}

static void a_file_cut_short_is_noticed_behind_what_is_left(void **state)
{
    struct http_body *body = http_body_new();
    uint64_t offset = 0;
    uint8_t bytes[16];
    size_t len;

    (void)state;
    write_file("one", "1234", 4);
    http_body_add_bytes(body, "ab", 2);
    add_file(body, "one");
    http_body_add_bytes(body, "cd", 2);
    assert_int_equal(truncate("one", 1), 0);
    assert_int_equal(http_body_bytes(body), 8);
    assert_int_equal(http_body_read(body, &offset, bytes, sizeof bytes, &len), HTTP_BODY_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "ab1", 3);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(http_body_read(body, &offset, bytes, sizeof bytes, &len),
                         HTTP_BODY_CHANGED);
        assert_int_equal(len, 0);
        assert_int_equal(offset, 3);
    }
    offset = 6;
    assert_int_equal(http_body_read(body, &offset, bytes, sizeof bytes, &len), HTTP_BODY_OK);
    assert_memory_equal(bytes, "cd", 2);
    http_body_free(body);
}

static void expect_refusal(const char *path, const char *sentence)
{
    struct http_body *body = http_body_new();
    size_t descriptors = open_descriptors();
    struct err err = {0};

    http_body_add_bytes(body, "a", 1);
    assert_int_equal(http_body_add_file(body, path, &err), -1);
    assert_string_equal(err.text, sentence);
    assert_int_equal(open_descriptors(), descriptors);
    http_body_add_bytes(body, "b", 1);
    expect_text(body, "ab");
    http_body_free(body);
}

static void what_cannot_be_sent_is_refused_with_its_name(void **state)
{
    (void)state;
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    expect_refusal("none", "cannot open 'none': No such file or directory");
    expect_refusal("", "cannot open '': No such file or directory");
    expect_refusal("folder", "'folder' is a directory");
    expect_refusal("pipe", "'pipe' is not a regular file");
    expect_refusal("/dev/null", "'/dev/null' is not a regular file");
    expect_refusal("/proc/self/status", "'/proc/self/status' does not tell its length");
}

static void an_unreadable_file_is_refused(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip(); /* root may read everything */
    write_file("one", "1", 1);
    assert_int_equal(chmod("one", 0), 0);
    expect_refusal("one", "cannot open 'one': Permission denied");
}

static void files_beyond_the_limit_are_refused(void **state)
{
    struct http_body *body = http_body_new();
    struct err err = {0};

    (void)state;
    write_file("huge", "", 0);
    write_file("one", "1", 1);
    if (truncate("huge", (off_t)HTTP_BODY_LIMIT_BYTES + 1) < 0 && errno == EFBIG)
        skip(); /* this file system has smaller ones only */
    assert_int_equal(http_body_add_file(body, "huge", &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(err.text, "'huge' makes the body longer than 1 TiB");
    assert_int_equal(truncate("huge", (off_t)HTTP_BODY_LIMIT_BYTES - 1), 0);
    add_file(body, "huge");
    add_file(body, "one");
    assert_int_equal(http_body_bytes(body), HTTP_BODY_LIMIT_BYTES);
    assert_int_equal(http_body_add_file(body, "one", &err), -1);
    expect_rest(body, HTTP_BODY_LIMIT_BYTES - 3, 2, "\0\0001", 3);
    http_body_add_bytes(body, "x", 1);
    assert_int_equal(http_body_add_file(body, "one", &err), -1);
    http_body_free(body);
}

static void descriptors_close_on_exec_and_with_the_body(void **state)
{
    size_t before = open_descriptors();
    struct http_body *body = http_body_new();

    (void)state;
    write_file("one", "1", 1);
    write_file("empty", "", 0);
    add_file(body, "empty");
    assert_int_equal(open_descriptors(), before);
    add_file(body, "one");
    assert_int_equal(open_descriptors(), before + 1);
    for (int fd = 3; fd < 256; fd++) {
        struct stat mine, other;

        if (fstat(fd, &other) == 0 && stat("one", &mine) == 0 && mine.st_ino == other.st_ino &&
            mine.st_dev == other.st_dev)
            assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    }
    http_body_free(body);
    assert_int_equal(open_descriptors(), before);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, drop_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_body_ends_at_once),
        cmocka_unit_test(bytes_are_copied_and_kept_in_order),
        IN_FOLDER(files_and_bytes_read_as_one_from_any_offset),
        IN_FOLDER(many_parts_are_found),
        IN_FOLDER(a_large_file_comes_whole_in_any_pieces),
        IN_FOLDER(readers_do_not_disturb_each_other),
        IN_FOLDER(what_a_file_grows_by_is_not_sent),
        IN_FOLDER(a_file_that_was_replaced_is_sent_as_it_was),
        IN_FOLDER(a_file_cut_short_is_noticed_behind_what_is_left),
        IN_FOLDER(what_cannot_be_sent_is_refused_with_its_name),
        IN_FOLDER(an_unreadable_file_is_refused),
        IN_FOLDER(files_beyond_the_limit_are_refused),
        IN_FOLDER(descriptors_close_on_exec_and_with_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
