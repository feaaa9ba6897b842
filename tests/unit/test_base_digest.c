#include "base/digest.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 1321, appendix A.5; the examples that NIST publishes beside FIPS 180-4. */
static void published_vectors_come_out(void **state)
{
    static const struct {
        enum digest_kind kind;
        const char *text, *hex;
    } vectors[] = {
        {DIGEST_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
        {DIGEST_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
        {DIGEST_MD5, "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {DIGEST_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {DIGEST_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {DIGEST_SHA512_256, "abc",
         "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
        {DIGEST_SHA512_256,
         "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
         "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
         "3928e184fb8690f840da3988121d31be65cb9d3ef83ee6146feac861e19b563a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char hex[DIGEST_HEX_BYTES];

        assert_int_equal(digest_hex(vectors[i].kind, vectors[i].text, strlen(vectors[i].text), hex),
                         0);
        assert_string_equal(hex, vectors[i].hex);
    }
}

static void zero_bytes_count(void **state)
{
    char hex[DIGEST_HEX_BYTES];

    (void)state;
    assert_int_equal(digest_hex(DIGEST_MD5, "\0", 1, hex), 0);
    assert_string_equal(hex, "93b885adfe0da089cdf634904fd59f71");
}

/* A property that no provider has stands for FIPS mode, which needs a provider of its own. */
static void refused_hash_is_reported_and_leaves_no_error_behind(void **state)
{
    char hex[DIGEST_HEX_BYTES] = "left from before";

    (void)state;
    assert_int_equal(EVP_set_default_properties(NULL, "nobody=offers"), 1);
    assert_int_equal(digest_hex(DIGEST_MD5, "abc", 3, hex), -1);
    assert_string_equal(hex, "");
    assert_int_equal(ERR_peek_error(), 0);
    assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
    assert_int_equal(digest_hex(DIGEST_MD5, "abc", 3, hex), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_come_out),
        cmocka_unit_test(zero_bytes_count),
        cmocka_unit_test(refused_hash_is_reported_and_leaves_no_error_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
