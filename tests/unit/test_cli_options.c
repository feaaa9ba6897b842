#include "cli/options.h"

#include "base/clock.h"
#include "cli/run.h"
#include "cli/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { WORDS_MAX = 16 };

/* What a command line (up to NULL) and a file make of the table of `run`. */
struct parsed {
    struct run_settings settings;
    struct options options;
    struct words words;
    struct err err;
    int result;
};

static void parse(struct parsed *parsed, const char *file, const char *const *line)
{
    char *argv[WORDS_MAX] = {NULL};
    int argc = 0;

    for (; line[argc]; argc++)
        argv[argc] = strdup(line[argc]);
    *parsed = (struct parsed){.result = -1};
    options_init(&parsed->options, run_table, &parsed->settings);
    if (words_split(&parsed->words, run_table, WORDS_STRICT, NULL, argc, argv, &parsed->err) == 0 &&
        (!file ||
         sources_apply_text(&parsed->options, "my.conf", file, strlen(file), &parsed->err) == 0) &&
        sources_apply_environment(&parsed->options, &parsed->err) == 0)
        parsed->result = options_apply_words(&parsed->options, &parsed->words, &parsed->err);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
}

static void finish(struct parsed *parsed)
{
    options_fini(&parsed->options);
    words_fini(&parsed->words);
}

#define LINE(...) ((const char *const[]){__VA_ARGS__, NULL})

static void defaults_come_from_the_table(void **state)
{
    struct parsed parsed;

    (void)state;
    parse(&parsed, NULL, LINE("http://h/"));
    assert_int_equal(parsed.result, 0);
    assert_int_equal(parsed.settings.users, 1);
    assert_int_equal(parsed.settings.stop_timeout_ns, 2 * CLOCK_NS_PER_S);
    assert_true(parsed.settings.run_time_ns == CLOCK_NEVER_NS);
    assert_int_equal(parsed.settings.exit_code_on_error, 1);
    assert_false(options_given(&parsed.options, "users"));
    finish(&parsed);
}

static void every_way_to_write_an_option_works(void **state)
{
    static const char *const lines[][5] = {{"-u", "50", "-q"},
                                           {"-u50", "-q"},
                                           {"-qu50"},
                                           {"-qu", "50"},
                                           {"--users", "50", "-q"},
                                           {"--users=50", "--quiet"},
                                           {"-u", "1", "-u50", "-q"}};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct parsed parsed;

        parse(&parsed, NULL, lines[i]);
        assert_int_equal(parsed.result, 0);
        assert_int_equal(parsed.settings.users, 50);
        assert_true(parsed.settings.is_quiet);
        assert_int_equal(parsed.words.operand_count, 0);
        finish(&parsed);
    }
}

static void operands_stand_anywhere_and_behind_two_dashes(void **state)
{
    struct parsed parsed;

    (void)state;
    parse(&parsed, NULL, LINE("a", "-q", "-", "--", "--users", "-u"));
    assert_int_equal(parsed.result, 0);
    assert_int_equal(parsed.words.operand_count, 4);
    finish(&parsed);
}

static void values_of_every_kind_are_read(void **state)
{
    struct parsed parsed;

    (void)state;
    parse(&parsed, NULL,
          LINE("--wait=1s-3s", "--jitter", "20%", "--reconnect=never", "--processes", "-1", "-r2.5",
               "--header", "A: b", "--header=C: d", "-L", "INFO"));
    assert_int_equal(parsed.result, 0);
    assert_int_equal(parsed.settings.wait.max_ns, 3 * CLOCK_NS_PER_S);
    assert_true(parsed.settings.jitter_ratio == 0.2);
    assert_string_equal(run_reconnect_choices[parsed.settings.reconnect], "never");
    assert_true(parsed.settings.process_count == RUN_PROCESS_A_CORE);
    assert_true(parsed.settings.spawn_rate_per_s == 2.5);
    assert_int_equal(parsed.settings.request.headers.count, 2);
    assert_string_equal(parsed.settings.request.headers.items[1], "C: d");
    assert_string_equal(run_log_choices[parsed.settings.log_level], "info");
    finish(&parsed);
}

static void wrong_lines_get_one_sentence(void **state)
{
    static const struct {
        const char *line[4];
        const char *message;
    } cases[] = {
        {{"--user", "5"}, "there is no option '--user'; did you mean '--users'?"},
        {{"--xyzzy"}, "there is no option '--xyzzy'"},
        {{"--retry=1s"}, "there is no option '--retry'"},
        {{"-qz"}, "there is no option '-z' (in '-qz')"},
        {{"-u"}, "option '-u' (--users) needs a value (N)"},
        {{"--users"}, "option '--users' needs a value (N)"},
        {{"--quiet=yes"}, "option '--quiet' takes no value"},
        {{"-u", "-3"}, "option '--users': '-3' is not a whole number"},
        {{"-u0"}, "option '--users': '0' is out of range"},
        {{"-r0"}, "option '--spawn-rate': '0' is not a plain number above 0"},
        {{"-r1e9"}, "option '--spawn-rate': '1e9' is not a plain number above 0"},
        {{"-t0"}, "option '--run-time': '0' is no time at all"},
        {{"--stop-timeout=none"}, "option '--stop-timeout': 'none' is not possible here"},
        {{"--reconnect", "maybe"}, "'maybe' is not one of auto, always or never"},
        {{"--wait", "3s-1s"}, "option '--wait': '3s-1s' starts later than it ends"},
        {{"--wait", "3s-"}, "'3s-' is not a span of times"},
        {{"--wait", "none"}, "'none' is not a span of times"},
        {{"--json="}, "option '--json': the value is empty"},
        {{"--processes=0"}, "option '--processes': '0' is out of range"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct parsed parsed;

        parse(&parsed, NULL, cases[i].line);
        assert_int_equal(parsed.result, -1);
        if (!strstr(parsed.err.text, cases[i].message))
            fail_msg("%s\nexpected: %s", parsed.err.text, cases[i].message);
        finish(&parsed);
    }
}

static void later_sources_win(void **state)
{
    static const char file[] = "# comment\n; another = one\n\n users = 3 \r\nheader = A: file\n"
                               "header=B: x = y\nquiet = yes\nwait=1s";
    struct parsed parsed;

    (void)state;
    parse(&parsed, file, LINE("http://h/"));
    assert_int_equal(parsed.settings.users, 3);
    assert_int_equal(parsed.settings.request.headers.count, 2);
    assert_string_equal(parsed.settings.request.headers.items[1], "B: x = y");
    assert_true(parsed.settings.is_quiet);
    finish(&parsed);

    (void)setenv("CICADA_USERS", "4", 1);
    (void)setenv("CICADA_STOP_TIMEOUT", "5s", 1);
    parse(&parsed, file, LINE("http://h/"));
    assert_int_equal(parsed.settings.users, 4);
    assert_int_equal(parsed.settings.stop_timeout_ns, 5 * CLOCK_NS_PER_S);
    finish(&parsed);
    parse(&parsed, file, LINE("-u5", "--header", "C: line"));
    assert_int_equal(parsed.settings.users, 5);
    assert_int_equal(parsed.settings.request.headers.count, 1);
    assert_string_equal(parsed.settings.request.headers.items[0], "C: line");
    finish(&parsed);
    (void)unsetenv("CICADA_USERS");
    (void)unsetenv("CICADA_STOP_TIMEOUT");
}

static void a_wrong_line_of_a_file_is_named(void **state)
{
    static const char *const cases[][2] = {
        {"users = 3\nuser-count = 9\n", "my.conf line 2: there is no setting 'user-count'"},
        {"user = 3\n", "did you mean 'users'?"},
        {"\n\nusers\n", "my.conf line 3: 'users' is not of the form 'name = value'"},
        {" = 3", "is not of the form"},
        {"users =", "my.conf line 1: users: '' is not a whole number"},
        {"config = x", "must not stand in a configuration file"},
        {"quiet = maybe", "my.conf line 1: quiet: 'maybe' is neither true nor false"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct parsed parsed;

        parse(&parsed, cases[i][0], LINE("http://h/"));
        assert_int_equal(parsed.result, -1);
        if (!strstr(parsed.err.text, cases[i][1]))
            fail_msg("%s\nexpected: %s", parsed.err.text, cases[i][1]);
        finish(&parsed);
    }
}

static void a_wrong_variable_is_named(void **state)
{
    struct parsed parsed;

    (void)state;
    (void)setenv("CICADA_RUN_TIME", "soon", 1);
    parse(&parsed, NULL, LINE("http://h/"));
    (void)unsetenv("CICADA_RUN_TIME");
    assert_int_equal(parsed.result, -1);
    assert_non_null(strstr(parsed.err.text, "CICADA_RUN_TIME: 'soon' is not a duration"));
    finish(&parsed);
}

static char warnings[200];

static void collect_warning(const char *name, size_t len, const char *meant)
{
    size_t used = strlen(warnings);

    (void)snprintf(warnings + used, sizeof warnings - used, "%.*s:%s ", (int)len, name, meant);
}

static void misspelt_variables_get_a_hint_and_foreign_ones_none(void **state)
{
    static const char *const variables[] = {"CICADA_USERS=5",
                                            "CICADA_USER=5",
                                            "CICADA_RUNTIME=1s",
                                            "CICADA_run_time=",
                                            "CICADA_GOLDEN=1",
                                            "CICADA_SAMPLE_RESULT=x",
                                            "CICADA_=x",
                                            "CICADA=x",
                                            "USER=x",
                                            "CICADA_USRES",
                                            NULL};

    (void)state;
    sources_check_environment(run_table, variables, collect_warning);
    assert_string_equal(warnings, "CICADA_USER:CICADA_USERS CICADA_RUNTIME:CICADA_RUN_TIME "
                                  "CICADA_run_time:CICADA_RUN_TIME CICADA_USRES:CICADA_USERS ");
}

static void help_wins_over_mistakes_behind_it(void **state)
{
    struct parsed parsed;

    (void)state;
    parse(&parsed, NULL, LINE("-qh", "--nonsense"));
    assert_true(parsed.words.wants_help);
    assert_int_equal(parsed.result, 0);
    finish(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_come_from_the_table),
        cmocka_unit_test(every_way_to_write_an_option_works),
        cmocka_unit_test(operands_stand_anywhere_and_behind_two_dashes),
        cmocka_unit_test(values_of_every_kind_are_read),
        cmocka_unit_test(wrong_lines_get_one_sentence),
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(a_wrong_line_of_a_file_is_named),
        cmocka_unit_test(a_wrong_variable_is_named),
        cmocka_unit_test(misspelt_variables_get_a_hint_and_foreign_ones_none),
        cmocka_unit_test(help_wins_over_mistakes_behind_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
