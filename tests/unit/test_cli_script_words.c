#include "cli/locust.h"
#include "cli/options.h"
#include "cli/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

/* A command line (up to NULL) and what the table makes of it. */
struct parsed {
    char *argv[WORDS_MAX];
    struct words words;
    struct err err;
    int result;
};

static void split(struct parsed *parsed, enum words_mode mode, const char *const *line)
{
    int argc = 0;

    *parsed = (struct parsed){.result = -1};
    for (; line[argc]; argc++)
        parsed->argv[argc] = strdup(line[argc]);
    parsed->result =
        words_split(&parsed->words, run_table, mode, NULL, argc, parsed->argv, &parsed->err);
}

static void finish(struct parsed *parsed)
{
    words_fini(&parsed->words);
    for (size_t i = 0; i < WORDS_MAX; i++)
        free(parsed->argv[i]);
}

#define LINE(...) ((const char *const[]){__VA_ARGS__, NULL})

/* `expected` ends in NULL. */
static void check_operands(const struct words *words, const char *const *expected)
{
    size_t count = 0;

    for (; expected[count]; count++) {
        assert_true(count < words->operand_count);
        assert_string_equal(words->operands[count], expected[count]);
    }
    assert_int_equal(words->operand_count, count);
}

static void a_locust_file_is_known_by_its_name(void **state)
{
    (void)state;
    assert_true(words_is_script("tests/load.py"));
    assert_false(words_is_script(".py"));
    assert_false(words_is_script("load.pyc"));
    assert_false(words_is_script("http://h/load.py"));
}

static void a_locust_file_is_found_among_words_nobody_knows(void **state)
{
    struct parsed parsed;

    (void)state;
    split(&parsed, WORDS_DETECT, LINE("--tenant", "acme", "load.py", "-u", "3"));
    assert_int_equal(parsed.result, 0);
    assert_string_equal(parsed.words.script, "load.py");
    finish(&parsed);
    split(&parsed, WORDS_DETECT, LINE("http://h/", "--feed", "load.py"));
    assert_null(parsed.words.script); /* the feed's value */
    finish(&parsed);
}

static void a_value_of_the_scripts_option_is_not_taken_for_the_file(void **state)
{
    static const struct {
        const char *line[WORDS_MAX];
        const char *script; /* NULL: none */
        enum words_mode mode;
    } cases[] = {
        {{"-f", "lf.py", "--payload", "tool.py"}, NULL, WORDS_SCRIPT},
        {{"--payload", "tool.py", "-f", "lf.py"}, NULL, WORDS_SCRIPT},
        {{"--payload", "a.py", "b.py", "-f", "lf.py"}, NULL, WORDS_SCRIPT},
        {{"--payload", "tool.py", "lf.py"}, "lf.py", WORDS_SCRIPT},
        {{"--deep", "--payload", "tool.py", "lf.py"}, "lf.py", WORDS_SCRIPT},
        {{"--payload", "tool.py", "lf.py"}, "lf.py", WORDS_DETECT},
        {{"-z", "tool.py", "lf.py"}, "lf.py", WORDS_SCRIPT},
        {{"--payload=tool.py", "lf.py", "b.py"}, "lf.py", WORDS_SCRIPT},
        {{"--deep", "lf.py"}, "lf.py", WORDS_SCRIPT},
        {{"lf.py", "-f", "other.py"}, "lf.py", WORDS_SCRIPT},
        {{"lf.py", "-T", "a", "b.py"}, NULL, WORDS_LOCUST},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct parsed parsed;

        split(&parsed, cases[i].mode, cases[i].line);
        assert_int_equal(parsed.result, 0);
        if (cases[i].script)
            assert_string_equal(parsed.words.script, cases[i].script);
        else
            assert_null(parsed.words.script);
        finish(&parsed);
    }
}

static void words_of_the_script_keep_their_order(void **state)
{
    struct parsed parsed;

    (void)state;
    split(&parsed, WORDS_SCRIPT,
          LINE("Ana", "-u", "3", "--tenant", "acme", "load.py", "--token=x", "-z", "Bo", "-q"));
    assert_int_equal(parsed.result, 0);
    assert_string_equal(parsed.words.script, "load.py");
    check_operands(&parsed.words, LINE("Ana", "--tenant", "acme", "--token=x", "-z", "Bo"));
    assert_int_equal(parsed.words.assignment_count, 2);
    finish(&parsed);
    split(&parsed, WORDS_SCRIPT, LINE("Ana", "--payload", "tool.py", "lf.py", "--x", "1"));
    check_operands(&parsed.words, LINE("Ana", "--payload", "tool.py", "--x", "1"));
    finish(&parsed);
}

static void options_of_urls_are_left_to_the_script(void **state)
{
    struct parsed parsed;

    (void)state;
    split(&parsed, WORDS_SCRIPT, LINE("load.py", "--events", "3"));
    assert_int_equal(parsed.result, 0);
    check_operands(&parsed.words, LINE("--events", "3"));
    finish(&parsed);
    split(&parsed, WORDS_STRICT, LINE("http://h/", "--events", "3"));
    assert_int_equal(parsed.words.assignment_count, 1);
    finish(&parsed);
}

static void tags_take_every_word_up_to_the_next_option(void **state)
{
    struct parsed parsed;

    (void)state;
    split(&parsed, WORDS_SCRIPT, LINE("-T", "a", "b", "-E", "c", "load.py", "Ana"));
    assert_int_equal(parsed.result, 0);
    assert_int_equal(parsed.words.assignment_count, 3);
    assert_string_equal(parsed.words.assignments[1].text, "b");
    assert_string_equal(parsed.words.script, "load.py");
    check_operands(&parsed.words, LINE("Ana"));
    finish(&parsed);
    split(&parsed, WORDS_SCRIPT, LINE("load.py", "-T", "-u", "5", "--exclude-tags"));
    assert_int_equal(parsed.result, 0);
    assert_int_equal(parsed.words.assignment_count, 3);
    assert_string_equal(words_last(&parsed.words, "tags"), "");
    assert_string_equal(words_last(&parsed.words, "exclude-tags"), "");
    finish(&parsed);
}

static void options_of_locust_may_be_written_shorter(void **state)
{
    static const char *const line[] = {"--run-tim", "3s", "--headl", "--s", "1", "--locustf=lf.py"};
    enum { WORDS = sizeof line / sizeof line[0] };
    char *argv[WORDS];
    struct text_list shortened = {0};
    struct words words;
    struct err err;

    (void)state;
    for (size_t i = 0; i < WORDS; i++)
        argv[i] = strdup(line[i]);
    text_list_add(&shortened, "run-tim");
    text_list_add(&shortened, "s");
    assert_int_equal(words_split(&words, locust_table, WORDS_LOCUST, &shortened, WORDS, argv, &err),
                     0);
    assert_int_equal(words.assignment_count, 2);
    assert_string_equal(words.assignments[0].option->name, "run-time");
    assert_string_equal(words.assignments[0].text, "3s");
    assert_string_equal(words_last(&words, "locustfile"), "lf.py");
    check_operands(&words, LINE("--headl", "--s", "1")); /* not asked for, and of two meanings */
    words_fini(&words);
    text_list_clear(&shortened);
    for (size_t i = 0; i < WORDS; i++)
        free(argv[i]);
}

static void a_stronger_source_stays(void **state)
{
    struct run_settings settings = {0};
    struct options options;
    const struct option *users = options_find(run_table, "users", 5);
    const struct option *tags = options_find(run_table, "tags", 4);
    struct err err = {0};

    (void)state;
    options_init(&options, run_table, &settings);
    assert_int_equal(options_offer(&options, users, "3", SOURCE_LOCUST_FILE, &err), 0);
    assert_int_equal(options_offer(&options, users, "4", SOURCE_LOCUST_FILE, &err), 0);
    assert_int_equal(settings.users, 4);
    assert_int_equal(options_offer(&options, users, "5", SOURCE_COMMAND_LINE, &err), 0);
    assert_int_equal(options_offer(&options, users, "6", SOURCE_LOCUST_ENVIRONMENT, &err), 0);
    assert_int_equal(options_offer(&options, users, "many", SOURCE_LOCUST_ENVIRONMENT, &err), 0);
    assert_int_equal(settings.users, 5);
    assert_int_equal(options_offer(&options, tags, "a", SOURCE_LOCUST_FILE, &err), 0);
    assert_int_equal(options_offer(&options, tags, "b", SOURCE_LOCUST_ENVIRONMENT, &err), 0);
    assert_int_equal(settings.script.tags.count, 1);
    assert_string_equal(settings.script.tags.items[0], "b");
    assert_int_equal(options_set(&options, tags, "", SOURCE_COMMAND_LINE, &err), 0);
    assert_int_equal(options_offer(&options, tags, "b", SOURCE_LOCUST_ENVIRONMENT, &err), 0);
    assert_int_equal(settings.script.tags.count, 0);
    options_fini(&options);
}

static void options_of_the_other_kind_are_named(void **state)
{
    struct run_settings settings = {0};
    struct options options;
    struct err err = {0};

    (void)state;
    options_init(&options, run_table, &settings);
    assert_int_equal(options_check_scope(&options, SCOPE_URL, &err), 0);
    assert_int_equal(options_check_scope(&options, SCOPE_SCRIPT, &err), 0);
    (void)options_set(&options, options_find(run_table, "events", 6), "3", SOURCE_FILE, &err);
    assert_int_equal(options_check_scope(&options, SCOPE_URL, &err), 0);
    assert_int_equal(options_check_scope(&options, SCOPE_SCRIPT, &err), -1);
    assert_non_null(strstr(err.text, "'--events' is for URLs"));
    options_fini(&options);
}

/* What a run of a Locust file reads of its settings is in both tables. */
static void both_tables_share_what_locust_has(void **state)
{
    (void)state;
    for (const struct option *option = run_table; option->name; option++) {
        const struct option *other = options_find(locust_table, option->name, strlen(option->name));

        if (!option->is_locust)
            continue;
        assert_non_null(other);
        assert_true(other->is_locust);
        assert_int_equal(other->short_name, option->short_name);
        assert_int_equal(other->value_name == NULL, option->value_name == NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_locust_file_is_known_by_its_name),
        cmocka_unit_test(a_locust_file_is_found_among_words_nobody_knows),
        cmocka_unit_test(a_value_of_the_scripts_option_is_not_taken_for_the_file),
        cmocka_unit_test(words_of_the_script_keep_their_order),
        cmocka_unit_test(options_of_urls_are_left_to_the_script),
        cmocka_unit_test(tags_take_every_word_up_to_the_next_option),
        cmocka_unit_test(options_of_locust_may_be_written_shorter),
        cmocka_unit_test(a_stronger_source_stays),
        cmocka_unit_test(options_of_the_other_kind_are_named),
        cmocka_unit_test(both_tables_share_what_locust_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
