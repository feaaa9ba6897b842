#include "wire/frame.h"

#include "wire/pack.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The first frame in `bytes`, whose length must say exactly what is there. */
static struct frame open_frame(const struct buf *bytes)
{
    struct frame frame;
    struct err err;
    size_t len = (size_t)bytes->bytes[0] << 24 | (size_t)bytes->bytes[1] << 16 |
                 (size_t)bytes->bytes[2] << 8 | bytes->bytes[3];

    assert_int_equal(len, bytes->len - FRAME_HEAD_BYTES);
    assert_int_equal(frame_open(bytes->bytes + FRAME_HEAD_BYTES, len, &frame, &err), 0);
    return frame;
}

static void orders_by_class_come_back(void **state)
{
    static struct frame_users order = {.sequence = 2, .users = 60, .class_count = 3}, got;
    struct buf out = {0};
    struct err err = {0};
    struct frame frame;

    (void)state;
    order.classes[0] = 10;
    order.classes[2] = 50;
    order.is_final = true;
    frame_put_users(&out, &order);
    frame = open_frame(&out);
    assert_int_equal(frame_get_users(&frame, &got, &err), 0);
    assert_int_equal(got.class_count, 3);
    assert_true(got.classes[0] == 10 && got.classes[1] == 0 && got.classes[2] == 50);
    assert_true(got.is_final);
    buf_clear(&out);
    order.classes[1] = 1; /* no longer the sum */
    frame_put_users(&out, &order);
    frame = open_frame(&out);
    got.users = 7;
    assert_int_equal(frame_get_users(&frame, &got, &err), -1);
    assert_int_equal(got.users, 7);
    buf_fini(&out);
}

static void too_many_classes_are_refused(void **state)
{
    static struct frame_users got;
    struct buf out = {0};
    struct err err = {0};
    struct frame frame;

    (void)state;
    pack_array(&out, 7);
    pack_uint(&out, FRAME_USERS);
    for (int i = 0; i < 3; i++)
        pack_uint(&out, 0);
    pack_array(&out, FRAME_CLASS_LIMIT + 1);
    for (int i = 0; i <= FRAME_CLASS_LIMIT; i++)
        pack_uint(&out, 0);
    pack_bool(&out, false);
    pack_uint(&out, 0);
    assert_int_equal(frame_open(out.bytes, out.len, &frame, &err), 0);
    assert_int_equal(frame_get_users(&frame, &got, &err), -1);
    buf_fini(&out);
}

static void the_end_carries_the_exit_code(void **state)
{
    static const struct {
        int put, got;
    } cases[] = {{-1, -1}, {0, 0}, {1, 1}, {255, 255}, {256, 0}, {259, 3}, {-5, -1}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct frame_done done = {0};
        struct buf out = {0};
        struct err err = {0};
        struct frame frame;

        frame_put_done(
            &out, &(struct frame_done){.exit_code = cases[i].put, .had_unhandled = i % 2 == 0});
        frame = open_frame(&out);
        assert_int_equal(frame_get_done(&frame, &done, &err), 0);
        assert_int_equal(done.exit_code, cases[i].got);
        assert_int_equal(done.had_unhandled, i % 2 == 0);
        buf_fini(&out);
    }
}

static void messages_come_back(void **state)
{
    struct frame_message message = {.type = "user_data",
                                    .type_bytes = 9,
                                    .data = (const uint8_t *)"{\"a\":1}",
                                    .data_bytes = 7,
                                    .source = FRAME_LEAD,
                                    .destination = FRAME_ALL_WORKERS};
    struct frame_message got = {0};
    struct buf out = {0};
    struct err err = {0};
    struct frame frame;

    (void)state;
    frame_put_message(&out, &message);
    frame = open_frame(&out);
    assert_int_equal(frame_get_message(&frame, &got, &err), 0);
    assert_int_equal(got.type_bytes, 9);
    assert_memory_equal(got.type, "user_data", 9);
    assert_int_equal(got.data_bytes, 7);
    assert_memory_equal(got.data, "{\"a\":1}", 7);
    assert_true(got.source == FRAME_LEAD && got.destination == FRAME_ALL_WORKERS);
    buf_fini(&out);
}

static void oversized_messages_are_refused(void **state)
{
    static char type[FRAME_TYPE_LIMIT_BYTES + 1];
    uint8_t *data = calloc(1, FRAME_MESSAGE_LIMIT_BYTES + 1);
    struct frame_message message = {.type = type, .type_bytes = sizeof type, .data = data}, got;
    struct buf out = {0};
    struct err err = {0};
    struct frame frame;

    (void)state;
    assert_non_null(data);
    memset(type, 'x', sizeof type);
    frame_put_message(&out, &message);
    frame = open_frame(&out);
    assert_int_equal(frame_get_message(&frame, &got, &err), -1);
    buf_clear(&out);
    message.type_bytes--;
    message.data_bytes = FRAME_MESSAGE_LIMIT_BYTES;
    frame_put_message(&out, &message);
    frame = open_frame(&out);
    assert_int_equal(frame_get_message(&frame, &got, &err), 0);
    buf_clear(&out);
    message.data_bytes++;
    frame_put_message(&out, &message);
    frame = open_frame(&out);
    assert_int_equal(frame_get_message(&frame, &got, &err), -1);
    buf_fini(&out);
    free(data);
}

static void targets_come_back(void **state)
{
    char *names[] = {(char[]){"Ana"}, (char[]){"Bo"}};
    struct frame_target target = {
        .users = 40, .spawn_rate_per_s = 2.5, .classes = names, .class_count = 2};
    struct frame_target got = {0};
    struct buf out = {0};
    struct err err = {0};
    struct frame frame;

    (void)state;
    frame_put_target(&out, &target);
    frame = open_frame(&out);
    assert_int_equal(frame_get_target(&frame, &got, &err), 0);
    assert_true(got.users == 40 && got.spawn_rate_per_s == 2.5);
    assert_int_equal(got.class_count, 2);
    assert_string_equal(got.classes[1], "Bo");
    frame_target_fini(&got);
    buf_clear(&out);
    target.class_count = 0;
    frame_put_target(&out, &target);
    frame = open_frame(&out);
    assert_int_equal(frame_get_target(&frame, &got, &err), 0);
    assert_null(got.classes);
    buf_clear(&out);
    target.spawn_rate_per_s = -1;
    frame_put_target(&out, &target);
    frame = open_frame(&out);
    assert_int_equal(frame_get_target(&frame, &got, &err), -1);
    target.spawn_rate_per_s = NAN;
    buf_clear(&out);
    frame_put_target(&out, &target);
    frame = open_frame(&out);
    assert_int_equal(frame_get_target(&frame, &got, &err), -1);
    buf_fini(&out);
}

static void a_failed_start_and_a_scripts_line_come_back(void **state)
{
    struct frame_log log = {0};
    struct buf out = {0};
    struct err err = {0};
    struct frame frame;
    char *sentence = NULL;

    (void)state;
    frame_put_fail(&out, "it does not load");
    frame = open_frame(&out);
    assert_int_equal(frame_get_fail(&frame, &sentence, &err), 0);
    assert_string_equal(sentence, "it does not load");
    free(sentence);
    buf_clear(&out);
    frame_put_fail(&out, NULL);
    frame = open_frame(&out);
    assert_int_equal(frame_get_fail(&frame, &sentence, &err), -1);
    buf_clear(&out);
    frame_put_log(&out, LOG_NONE, "as it is");
    frame = open_frame(&out);
    assert_int_equal(frame_get_log(&frame, &log, &err), 0);
    assert_int_equal(log.level, LOG_NONE);
    buf_fini(&out);
}

/* Each frame that a script brings, cut at every byte. */
static void cut_frames_give_nothing(void **state)
{
    char *names[] = {(char[]){"Ana"}, (char[]){"Bo"}};
    static struct frame_users users = {.users = 3, .class_count = 2, .classes = {1, 2}};
    struct buf frames[5] = {{0}};

    (void)state;
    frame_put_users(&frames[0], &users);
    frame_put_done(&frames[1], &(struct frame_done){.exit_code = 3});
    frame_put_message(&frames[2], &(struct frame_message){.type = "t",
                                                          .type_bytes = 1,
                                                          .data = (const uint8_t *)"1",
                                                          .data_bytes = 1});
    frame_put_target(&frames[3], &(struct frame_target){.classes = names, .class_count = 2});
    frame_put_fail(&frames[4], "sentence");
    for (size_t i = 0; i < 5; i++) {
        for (size_t len = 0; len + FRAME_HEAD_BYTES < frames[i].len; len++) {
            uint8_t *exact = malloc(len > 0 ? len : 1);
            struct frame frame;
            struct err err;
            int result = -1;

            assert_non_null(exact);
            memcpy(exact, frames[i].bytes + FRAME_HEAD_BYTES, len);
            if (frame_open(exact, len, &frame, &err) < 0)
                frame.kind = FRAME_NONE;
            else if (frame.kind == FRAME_USERS)
                result = frame_get_users(&frame, &users, &err);
            else if (frame.kind == FRAME_DONE)
                result = frame_get_done(&frame, &(struct frame_done){0}, &err);
            else if (frame.kind == FRAME_MESSAGE)
                result = frame_get_message(&frame, &(struct frame_message){0}, &err);
            else if (frame.kind == FRAME_TARGET)
                result = frame_get_target(&frame, &(struct frame_target){0}, &err);
            else
                result = frame_get_fail(&frame, &(char *){NULL}, &err);
            assert_int_equal(result, -1);
            free(exact);
        }
        buf_fini(&frames[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_by_class_come_back),
        cmocka_unit_test(too_many_classes_are_refused),
        cmocka_unit_test(the_end_carries_the_exit_code),
        cmocka_unit_test(messages_come_back),
        cmocka_unit_test(oversized_messages_are_refused),
        cmocka_unit_test(targets_come_back),
        cmocka_unit_test(a_failed_start_and_a_scripts_line_come_back),
        cmocka_unit_test(cut_frames_give_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
