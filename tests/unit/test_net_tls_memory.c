/* net/tls_memory: what OpenSSL gets when it asks for memory. */
#include "net/tls.h"
#include "net/tls_internal.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Around every border: grains of 16 to 512 bytes, blocks of 8 to 24 KiB, the heap between and
 * above. */
static const size_t sizes[] = {1,    15,   16,   17,    496,       511,           512,     513,
                               4096, 8191, 8192, 16584, 24 * 1024, 24 * 1024 + 1, 1u << 20};

enum { SIZE_COUNT = sizeof sizes / sizeof sizes[0], PIECE_COUNT = 3000 };

static uint8_t *take_filled(size_t size, int value)
{
    uint8_t *memory = OPENSSL_malloc(size);

    assert_non_null(memory);
    return memset(memory, value, size);
}

static void expect_filled(const uint8_t *memory, size_t size, int value)
{
    for (size_t i = 0; i < size; i++) {
        if (memory[i] != value)
            fail_msg("byte %zu of %zu is %d, not %d", i, size, memory[i], value);
    }
}

static int use_once(void **state)
{
    (void)state;
    tls_memory_use();
    tls_memory_use(); /* once is enough */
    return 0;
}

static void pieces_of_every_size_are_aligned_and_apart(void **state)
{
    uint8_t *pieces[SIZE_COUNT][4];

    (void)state;
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        for (int j = 0; j < 4; j++) {
            pieces[i][j] = take_filled(sizes[i], (int)i * 4 + j);
            assert_int_equal((uintptr_t)pieces[i][j] % 16, 0);
        }
    }
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        for (int j = 0; j < 4; j++) {
            expect_filled(pieces[i][j], sizes[i], (int)i * 4 + j);
            OPENSSL_free(pieces[i][j]);
        }
    }
    OPENSSL_free(NULL);
    OPENSSL_free(OPENSSL_malloc(0));
}

static void a_piece_keeps_its_content_when_it_changes_its_size(void **state)
{
    (void)state;
    for (size_t from = 0; from < SIZE_COUNT; from++) {
        for (size_t to = 0; to < SIZE_COUNT; to++) {
            size_t less = sizes[from] < sizes[to] ? sizes[from] : sizes[to];
            uint8_t *memory = take_filled(sizes[from], 0x5a);

            memory = OPENSSL_realloc(memory, sizes[to]);
            assert_non_null(memory);
            expect_filled(memory, less, 0x5a);
            (void)memset(memory, 1, sizes[to]);
            OPENSSL_free(memory);
        }
    }
    OPENSSL_free(OPENSSL_realloc(NULL, 100));
}

static void what_was_given_back_is_taken_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        void *first = OPENSSL_malloc(sizes[i]), *second;

        if (sizes[i] > 512 && (sizes[i] < 8192 || sizes[i] > 24 * 1024)) {
            OPENSSL_free(first); /* the heap's affair */
            continue;
        }
        OPENSSL_free(first);
        second = OPENSSL_malloc(sizes[i]);
        assert_ptr_equal(first, second);
        OPENSSL_free(second);
    }
}

/* Thousands of handshakes at once, trimmed in between as by a worker's tick. */
static void trimming_touches_nothing_that_is_in_use(void **state)
{
    static uint8_t *pieces[PIECE_COUNT];

    (void)state;
    for (int i = 0; i < PIECE_COUNT; i++)
        pieces[i] = take_filled(16584, i % 251);
    for (int i = 0; i < PIECE_COUNT; i += 2)
        OPENSSL_free(pieces[i]);
    tls_trim_memory();
    tls_trim_memory();
    for (int i = 1; i < PIECE_COUNT; i += 2)
        expect_filled(pieces[i], 16584, i % 251);
    for (int i = 0; i < PIECE_COUNT; i += 2)
        pieces[i] = take_filled(16584, i % 251);
    tls_trim_memory();
    for (int i = 0; i < PIECE_COUNT; i++) {
        expect_filled(pieces[i], 16584, i % 251);
        OPENSSL_free(pieces[i]);
    }
    tls_trim_memory();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_every_size_are_aligned_and_apart),
        cmocka_unit_test(a_piece_keeps_its_content_when_it_changes_its_size),
        cmocka_unit_test(what_was_given_back_is_taken_again),
        cmocka_unit_test(trimming_touches_nothing_that_is_in_use),
    };

    return cmocka_run_group_tests(tests, use_once, NULL);
}
