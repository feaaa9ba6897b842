#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY_BYTES = 200000 };

/* A file of MANY_BYTES bytes; the caller frees the path. */
static char *make_file(void)
{
    char *path = strdup("/tmp/cicada_file_XXXXXX");
    FILE *file = fdopen(mkstemp(path), "we");

    assert_non_null(file);
    for (size_t i = 0; i < MANY_BYTES; i++)
        (void)fputc((int)(i % 251), file);
    (void)fclose(file);
    return path;
}

static void a_whole_file_is_appended(void **state)
{
    char *path = make_file();
    struct buf text = {0};
    struct err err = {0};

    (void)state;
    buf_append_text(&text, "x");
    assert_int_equal(file_read(path, MANY_BYTES, &text, &err), 0);
    assert_int_equal(text.len, MANY_BYTES + 1);
    for (size_t i = 0; i < MANY_BYTES; i++)
        assert_int_equal(text.bytes[i + 1], i % 251);
    buf_fini(&text);
    (void)unlink(path);
    free(path);
}

static void limits_hold(void **state)
{
    char *path = make_file();
    struct buf text = {0}, small = {.limit_bytes = 1000};
    struct err err = {0};

    (void)state;
    assert_int_equal(file_read(path, MANY_BYTES - 1, &text, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_non_null(strstr(err.text, "larger than 199999 bytes"));
    assert_int_equal(file_read(path, MANY_BYTES, &small, &err), -1);
    assert_non_null(strstr(err.text, "too large"));
    buf_fini(&text);
    buf_fini(&small);
    (void)unlink(path);
    free(path);
}

static void what_cannot_be_read_is_named(void **state)
{
    struct buf text = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(file_read("/nowhere/at/all", 10, &text, &err), -1);
    assert_string_equal(err.text, "cannot read '/nowhere/at/all': No such file or directory");
    assert_int_equal(file_read("/tmp", 10, &text, &err), -1);
    assert_string_equal(err.text, "cannot read '/tmp': Is a directory");
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_appended),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(what_cannot_be_read_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
