#include "http/multipart.h"

#include "base/buf.h"
#include "base/rng.h"
#include "http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Files of a folder that is the working directory; each holds its own name. */
static const char *const NAMES[] = {"a.txt",  "a.json",       "a.html", "a.JPG",   "a.xml",
                                    "a.bin",  "noext",        "a;b",    "a,b.png", "q\"q",
                                    "sp ace", "\xc3\xbc.txt", "x.t.gz", ".txt",    "back\\s",
                                    "empty",  "sub.png/f",    "l\r\nf"};

static int make_folder(void **state)
{
    char *folder = strdup("/tmp/cicada-unit-XXXXXX");

    *state = folder;
    if (!folder || !mkdtemp(folder) || chdir(folder) < 0 || mkdir("sub.png", 0700) < 0)
        return -1;
    for (size_t i = 0; i < COUNT_OF(NAMES); i++) {
        FILE *file = fopen(NAMES[i], "we");

        if (!file)
            return -1;
        if (strcmp(NAMES[i], "empty") != 0)
            (void)fputs(NAMES[i], file);
        if (fclose(file) != 0)
            return -1;
    }
    return 0;
}

static int drop_folder(void **state)
{
    int status;

    for (size_t i = 0; i < COUNT_OF(NAMES); i++)
        (void)unlink(NAMES[i]);
    (void)rmdir("sub.png");
    status = chdir("/") < 0 ? -1 : rmdir(*state);
    free(*state);
    return status;
}

static void read_all(const struct http_body *body, struct buf *out)
{
    uint64_t offset = 0;
    uint8_t bytes[64];
    size_t len = 0;

    while (http_body_read(body, &offset, bytes, sizeof bytes, &len) == HTTP_BODY_OK)
        assert_int_equal(buf_append(out, bytes, len), 0);
    assert_int_equal(out->len, http_body_bytes(body));
}

static void expect_body(struct multipart *multipart, const char *expected)
{
    struct http_body *body = multipart_take_body(multipart);
    struct buf out = {0};

    read_all(body, &out);
    assert_string_equal(buf_text(&out), expected);
    assert_int_equal(out.len, strlen(expected));
    buf_fini(&out);
    http_body_free(body);
}

static void add(struct multipart *multipart, const char *text)
{
    struct err err = {0};

    if (multipart_add(multipart, text, &err) < 0)
        fail_msg("%s", err.text);
}

/* What stands between the boundaries of a form of one part; as curl 7.88.1 sends it. */
static void single_parts_are_written_as_curl_writes_them(void **state)
{
    static const struct {
        const char *text;
        const char *disposition; /* behind form-data */
        const char *type;        /* NULL: no such field */
        const char *content;
    } cases[] = {
        {"a=b", "; name=\"a\"", NULL, "b"},
        {"a=", "; name=\"a\"", NULL, ""},
        {"a=\"x;y\"", "; name=\"a\"", NULL, "x;y"},
        {"a=b\nc", "; name=\"a\"", NULL, "b\nc"},
        {"a=b;type=text/plain", "; name=\"a\"", "text/plain", "b"},
        {"a=b;type=text/html; charset=utf-8", "; name=\"a\"", "text/html; charset=utf-8", "b"},
        {"a=b;type=text/ht ml", "; name=\"a\"", "text/ht ml", "b"},
        {"a=b;filename=x.html", "; name=\"a\"; filename=\"x.html\"", "text/html", "b"},
        {"a=b;filename=x.txt", "; name=\"a\"; filename=\"x.txt\"", "text/plain", "b"},
        {"a=b;filename=x.bin", "; name=\"a\"; filename=\"x.bin\"", NULL, "b"},
        {"a=b;filename=", "; name=\"a\"; filename=\"\"", NULL, "b"},
        {"n\"a\r\nm=b", "; name=\"n%22a%0D%0Am\"", NULL, "b"},
        {"n%22\\;=b", "; name=\"n%22\\;\"", NULL, "b"},
        {"\xc3\xbc=\xc3\xbc", "; name=\"\xc3\xbc\"", NULL, "\xc3\xbc"},
        {"f=@a.txt", "; name=\"f\"; filename=\"a.txt\"", "text/plain", "a.txt"},
        {"f=@a.json", "; name=\"f\"; filename=\"a.json\"", "application/octet-stream", "a.json"},
        {"f=@a.html", "; name=\"f\"; filename=\"a.html\"", "text/html", "a.html"},
        {"f=@a.JPG", "; name=\"f\"; filename=\"a.JPG\"", "image/jpeg", "a.JPG"},
        {"f=@a.xml", "; name=\"f\"; filename=\"a.xml\"", "application/xml", "a.xml"},
        {"f=@noext", "; name=\"f\"; filename=\"noext\"", "application/octet-stream", "noext"},
        {"f=@x.t.gz", "; name=\"f\"; filename=\"x.t.gz\"", "application/octet-stream", "x.t.gz"},
        {"f=@.txt", "; name=\"f\"; filename=\".txt\"", "text/plain", ".txt"},
        {"f=@\"a;b\"", "; name=\"f\"; filename=\"a;b\"", "application/octet-stream", "a;b"},
        {"f=@\"a,b.png\"", "; name=\"f\"; filename=\"a,b.png\"", "image/png", "a,b.png"},
        {"f=@q\"q", "; name=\"f\"; filename=\"q%22q\"", "application/octet-stream", "q\"q"},
        {"f=@back\\s", "; name=\"f\"; filename=\"back\\s\"", "application/octet-stream", "back\\s"},
        {"f=@l\r\nf", "; name=\"f\"; filename=\"l%0D%0Af\"", "application/octet-stream", "l\r\nf"},
        {"f=@sp ace", "; name=\"f\"; filename=\"sp ace\"", "application/octet-stream", "sp ace"},
        {"f=@\xc3\xbc.txt", "; name=\"f\"; filename=\"\xc3\xbc.txt\"", "text/plain",
         "\xc3\xbc.txt"},
        {"f=@./a.txt", "; name=\"f\"; filename=\"a.txt\"", "text/plain", "a.txt"},
        {"f=@sub.png/f", "; name=\"f\"; filename=\"f\"", "application/octet-stream", "sub.png/f"},
        {"f=@empty", "; name=\"f\"; filename=\"empty\"", "application/octet-stream", ""},
        {"f=@a.txt;type=a/b", "; name=\"f\"; filename=\"a.txt\"", "a/b", "a.txt"},
        {"f=@a.txt;filename=b.JPEG", "; name=\"f\"; filename=\"b.JPEG\"", "image/jpeg", "a.txt"},
        {"f=@a.txt;filename=d/b", "; name=\"f\"; filename=\"d/b\"", "text/plain", "a.txt"},
        {"f=@a.bin;filename=b.svg", "; name=\"f\"; filename=\"b.svg\"", "image/svg+xml", "a.bin"},
        {"f=@a.txt;filename=", "; name=\"f\"; filename=\"\"", "text/plain", "a.txt"},
        {"f=<a.txt", "; name=\"f\"", NULL, "a.txt"},
        {"f=<a.bin", "; name=\"f\"", NULL, "a.bin"},
        {"f=<a.html", "; name=\"f\"", "text/html", "a.html"},
        {"f=<a.txt;type=text/plain", "; name=\"f\"", "text/plain", "a.txt"},
        {"f=<empty", "; name=\"f\"", NULL, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct multipart *multipart = multipart_new("Xy-1_");
        char expected[400];

        (void)snprintf(
            expected, sizeof expected,
            "--Xy-1_\r\nContent-Disposition: form-data%s\r\n%s%s%s\r\n%s\r\n--Xy-1_--\r\n",
            cases[i].disposition, cases[i].type ? "Content-Type: " : "",
            cases[i].type ? cases[i].type : "", cases[i].type ? "\r\n" : "", cases[i].content);
        add(multipart, cases[i].text);
        expect_body(multipart, expected);
        multipart_free(multipart);
    }
}

static void parts_follow_each_other(void **state)
{
    struct multipart *multipart = multipart_new("B");

    (void)state;
    add(multipart, "a=1");
    add(multipart, "f=@empty");
    add(multipart, "a=2");
    add(multipart, "g=<a.bin");
    assert_string_equal(multipart_content_type(multipart), "multipart/form-data; boundary=B");
    expect_body(multipart, "--B\r\n"
                           "Content-Disposition: form-data; name=\"a\"\r\n\r\n"
                           "1\r\n--B\r\n"
                           "Content-Disposition: form-data; name=\"f\"; filename=\"empty\"\r\n"
                           "Content-Type: application/octet-stream\r\n\r\n"
                           "\r\n--B\r\n"
                           "Content-Disposition: form-data; name=\"a\"\r\n\r\n"
                           "2\r\n--B\r\n"
                           "Content-Disposition: form-data; name=\"g\"\r\n\r\n"
                           "a.bin\r\n--B--\r\n");
    assert_string_equal(multipart_content_type(multipart), "multipart/form-data; boundary=B");
    multipart_free(multipart);
}

static void a_form_without_parts_is_only_its_end(void **state)
{
    struct multipart *multipart = multipart_new("B");

    (void)state;
    expect_body(multipart, "--B--\r\n");
    multipart_free(multipart);
    multipart_free(NULL);
}

static void scripts_add_values_of_any_bytes(void **state)
{
    static const char expected[] = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"
                                   "\0@;\r\n\r\n--B--\r\n";
    struct multipart *multipart = multipart_new("B");
    struct http_body *body;
    struct err err = {0};
    struct buf out = {0};

    (void)state;
    assert_int_equal(
        multipart_add_field(multipart, &(struct multipart_part){.name = "a"}, "\0@;\r\n", 5, &err),
        0);
    body = multipart_take_body(multipart);
    read_all(body, &out);
    assert_int_equal(out.len, sizeof expected - 1);
    assert_memory_equal(out.bytes, expected, out.len);
    buf_fini(&out);
    http_body_free(body);
    multipart_free(multipart);
}

static void scripts_add_files_under_names_of_their_own(void **state)
{
    const struct multipart_part plain = {.name = "f"};
    const struct multipart_part named = {.name = "@", .filename = "n;", .type = "a/b"};
    struct multipart *multipart = multipart_new("B");
    struct err err = {0};

    (void)state;
    assert_int_equal(multipart_add_file(multipart, &plain, "./a,b.png", &err), 0);
    assert_int_equal(multipart_add_file(multipart, &named, "a;b", &err), 0);
    expect_body(multipart, "--B\r\n"
                           "Content-Disposition: form-data; name=\"f\"; filename=\"a,b.png\"\r\n"
                           "Content-Type: image/png\r\n\r\n"
                           "a,b.png\r\n--B\r\n"
                           "Content-Disposition: form-data; name=\"@\"; filename=\"n;\"\r\n"
                           "Content-Type: a/b\r\n\r\n"
                           "a;b\r\n--B--\r\n");
    multipart_free(multipart);
}

static void mistakes_get_a_sentence_that_names_the_part(void **state)
{
    static const char no_type[] = "part 'a': its type is no media type such as text/plain";
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"a", "part 'a' has no '=' behind its name"},
        {"a=@none", "part 'a': cannot open 'none': No such file or directory"},
        {"a=<none", "part 'a': cannot open 'none': No such file or directory"},
        {"a=@sub.png", "part 'a': 'sub.png' is a directory"},
        {"a=@/dev/null", "part 'a': '/dev/null' is not a regular file"},
        {"a=b;type=text", no_type},
        {"a=b;type=", no_type},
        {"a=b;type=/x", no_type},
        {"a=b;type=x/", no_type},
        {"a=b;type=x/;y", no_type},
        {"a=b;type=te xt/x", no_type},
        {"a=b;type=x/y/z", no_type},
        {"a=b;type=x/y\r\nX: z", no_type},
        {"a=b;type=x/y;z=\r\nX: z", no_type},
        {"a=b;type=x/y;z=\x7f", no_type},
        {"a=@a.txt;type=\xc3\xbc/x", no_type},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct multipart *multipart = multipart_new("B");
        struct err err = {0};

        add(multipart, "x=y");
        assert_int_equal(multipart_add(multipart, cases[i].text, &err), -1);
        assert_string_equal(err.text, cases[i].sentence);
        multipart_free(multipart);
    }
}

static void a_part_without_name_is_refused(void **state)
{
    struct multipart *multipart = multipart_new("B");
    struct err err = {0};

    (void)state;
    assert_int_equal(
        multipart_add_field(multipart, &(struct multipart_part){.name = ""}, "x", 1, &err), -1);
    assert_string_equal(err.text, "part '': it has no name");
    multipart_free(multipart);
}

static void a_form_has_at_most_1000_parts(void **state)
{
    struct multipart *multipart = multipart_new("B");
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < MULTIPART_PART_COUNT_LIMIT; i++)
        add(multipart, "a=b");
    assert_int_equal(multipart_add(multipart, "last=b", &err), -1);
    assert_string_equal(err.text, "part 'last': a form has at most 1000 parts");
    assert_int_equal(err.kind, ERR_LIMIT);
    multipart_free(multipart);
}

static void a_head_over_16_kib_is_refused(void **state)
{
    static const char around[] = "--B\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n";
    char name[MULTIPART_HEAD_LIMIT_BYTES];
    const size_t fits = MULTIPART_HEAD_LIMIT_BYTES - (sizeof around - 1);
    struct err err = {0};

    (void)state;
    (void)memset(name, 'n', sizeof name);
    for (size_t more = 0; more < 2; more++) {
        struct multipart *multipart = multipart_new("B");

        name[fits + more] = '\0';
        assert_int_equal(
            multipart_add_field(multipart, &(struct multipart_part){.name = name}, "x", 1, &err),
            more == 0 ? 0 : -1);
        name[fits + more] = 'n';
        multipart_free(multipart);
    }
    assert_int_equal(err.kind, ERR_LIMIT);
}

static void what_is_held_has_a_limit(void **state)
{
    const struct multipart_part part = {.name = "a"};
    const size_t half = MULTIPART_HELD_LIMIT_BYTES / 2;
    struct multipart *multipart = multipart_new("B");
    char *value = calloc(1, half);
    struct err err = {0};

    (void)state;
    assert_non_null(value);
    assert_int_equal(multipart_add_field(multipart, &part, value, half, &err), 0);
    assert_int_equal(multipart_add_field(multipart, &part, value, half, &err), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(err.text, "part 'a': the form is longer than 64 MiB without its files");
    multipart_free(multipart);
    multipart = multipart_new("B");
    assert_int_equal(multipart_add_field(multipart, &part, value, SIZE_MAX, &err), -1);
    multipart_free(multipart);
    free(value);
}

static void boundaries_are_random_and_fit(void **state)
{
    char first[MULTIPART_BOUNDARY_BYTES], second[MULTIPART_BOUNDARY_BYTES];
    struct multipart *multipart;
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    multipart_boundary(&rng, first);
    multipart_boundary(&rng, second);
    assert_int_equal(strlen(first), MULTIPART_BOUNDARY_BYTES - 1);
    assert_int_equal(strspn(first, "-"), 24);
    assert_int_equal(strspn(first + 24, "0123456789abcdef"), 16);
    assert_string_not_equal(first, second);
    multipart = multipart_new(first);
    assert_non_null(strstr(multipart_content_type(multipart), first));
    multipart_free(multipart);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, drop_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(single_parts_are_written_as_curl_writes_them),
        IN_FOLDER(parts_follow_each_other),
        cmocka_unit_test(a_form_without_parts_is_only_its_end),
        cmocka_unit_test(scripts_add_values_of_any_bytes),
        IN_FOLDER(scripts_add_files_under_names_of_their_own),
        IN_FOLDER(mistakes_get_a_sentence_that_names_the_part),
        cmocka_unit_test(a_part_without_name_is_refused),
        cmocka_unit_test(a_form_has_at_most_1000_parts),
        cmocka_unit_test(a_head_over_16_kib_is_refused),
        cmocka_unit_test(what_is_held_has_a_limit),
        cmocka_unit_test(boundaries_are_random_and_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
