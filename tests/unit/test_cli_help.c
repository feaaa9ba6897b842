#include "cli/help_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void check_width(const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        if (len > HELP_COLUMNS || (len > 0 && text[len - 1] == ' '))
            fail_msg("too wide, or blanks at the end: %.*s", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void help_fits_and_names_every_option(void **state)
{
    (void)state;
    for (size_t i = 0; command_at(i); i++) {
        const struct command *command = command_at(i);
        struct buf text = {0};

        help_text_command(&text, command);
        check_width(buf_text(&text));
        for (const struct option *option = command->table; option->name; option++) {
            char name[64];

            (void)snprintf(name, sizeof name, "--%s", option->name);
            if (option->help)
                assert_non_null(strstr(buf_text(&text), name));
        }
        buf_fini(&text);
    }
}

static void hidden_commands_are_in_no_text(void **state)
{
    static void (*const writers[])(struct buf *) = {help_text_overview, help_text_manual,
                                                    help_text_completion};

    (void)state;
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++) {
        struct buf text = {0};

        writers[i](&text);
        assert_non_null(strstr(buf_text(&text), "serve"));
        assert_null(strstr(buf_text(&text), "worker FD"));
        assert_null(strstr(buf_text(&text), command_worker.summary));
        buf_fini(&text);
    }
}

static void tables_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; command_at(i); i++) {
        const struct option *table = command_at(i)->table;
        bool used[128] = {false};

        assert_true(options_count(table) <= OPTIONS_MAX);
        assert_true(options_count(table) == 0 || table[0].group != NULL);
        for (const struct option *option = table; option->name; option++) {
            assert_ptr_equal(options_find(table, option->name, strlen(option->name)), option);
            assert_non_null(option->parse);
            assert_int_equal(option->value_name == NULL, option->parse == option_parse_switch);
            assert_int_equal(option->choices != NULL, option->parse == option_parse_choice);
            /* A list may have a parser of its own, which looks at each text first. */
            assert_true(option->is_list || option->parse != option_parse_list);
            if (!option->short_name)
                continue;
            assert_false(used[(unsigned char)option->short_name]);
            used[(unsigned char)option->short_name] = true;
        }
    }
}

static void unknown_commands_get_a_hint(void **state)
{
    struct err err = {0};

    (void)state;
    assert_ptr_equal(command_require("tap", &err), &command_tap);
    assert_null(command_require("rnu", &err));
    assert_non_null(strstr(err.text, "did you mean 'run'?"));
    assert_null(command_require("frobnicate", &err));
    assert_non_null(strstr(err.text, "'cicada help' lists them"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_fits_and_names_every_option),
        cmocka_unit_test(hidden_commands_are_in_no_text),
        cmocka_unit_test(tables_are_sound),
        cmocka_unit_test(unknown_commands_get_a_hint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
